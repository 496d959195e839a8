"""The features of a user's own data, if it has images and no features."""

import hashlib
import json
import os
import re
from collections.abc import Callable

from etils import epath

from gmn_tf.images import backbone_records, backbones, extraction
from gmn_tf.images.image_folder import by_reason, scan
from gmn_tf.utils.errors import InputError, counted
from gmn_tf_datasets.zero_shot.custom import classes as custom_classes
from gmn_tf_datasets.zero_shot.custom import features as custom_features
from gmn_tf_datasets.zero_shot.custom import folder_names


def features_folder(
    source: str | os.PathLike,
    dataset: str,
    data_dir: str,
    backbone: str,
    weights: str,
    unreadable: str,
    embedding: str,
    quiet: bool,
    log: Callable[[str], object],
) -> str | None:
    """Extracts the features of a data set's images, unless it has features.

    They go into a folder of their own in `data_dir`.

    Args: those of `gmn_tf.prepare_data`.

    Returns:
        The folder of the features; None if the data has some, or no images.

    Raises:
        InputError: for classes, images or weights that cannot be used.
    """
    folder = epath.Path(source).expanduser()
    names = custom_features.FEATURE_FILES
    if not folder.is_dir() or any((folder / name).exists() for name in names):
        return None
    classes = custom_classes.read(folder, embedding)
    images = custom_features.find_images(folder, classes)
    if images is None:
        return None
    # Folders and classes have to fit before features are computed.
    for name, kind in zip(classes.names, classes.kinds):
        if kind == "unseen" or not folder_names.obstacle(name):
            continue
        raise InputError(
            f"No folder of images can have the name of the seen class {name}.",
            "names that folders can have, for seen classes",
            f"{name!r}: {folder_names.obstacle(name)}",
            "Give the class and its folder another name, such as "
            f"{folder_names.possible(name)!r}. Or give features with labels, "
            "which may have any name.",
        )
    listing = scan(images)
    numbers = {
        name: classes.number(name, f"The folder {images / name}")
        for name in listing.classes
    }
    known = {numbers[class_name] for class_name, _ in listing.images}
    known.update(classes.unseen.tolist())
    empty = [c for c in range(len(classes.names)) if c not in known]
    if empty:
        name = classes.names[empty[0]]
        reasons = by_reason(
            {
                file: reason
                for file, reason in listing.left_out.items()
                if numbers.get(file.partition("/")[0]) == empty[0]
            }
        )
        raise InputError(
            f"The seen class {name} has no image.",
            f"images in {images / name}",
            f"{counted(len(empty), 'seen class', 'seen classes')} without any"
            + ("; left out there: " + "; ".join(reasons)) * bool(reasons),
            "Add images, or say in classes.csv that the class is unseen.",
        )
    network = backbones.load(backbone, weights)
    # Features that are not alike do not share a folder.
    identity = json.dumps(backbone_records.identity(network.description))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    # That of a preset has other signs.
    name = re.sub(r"[^\w.-]+", "-", network.description["name"])
    out = f"{data_dir}/features/{dataset}-{name}-{digest}"
    log(f"There are images and no features; these go to {out}")
    summary = extraction.run(images, out, network, unreadable, quiet=quiet)
    log(f"{summary}\n")
    return out
