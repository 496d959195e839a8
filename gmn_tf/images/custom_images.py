"""Features of somebody's own data that has images alone."""

import os
from collections.abc import Callable

from etils import epath

from gmn_tf.images import backbones, extraction, extraction_summary
from gmn_tf.images.image_folder import scan
from gmn_tf.utils.errors import InputError


def features_folder(
    source: str | os.PathLike,
    dataset: str,
    data_dir: str,
    backbone: str,
    weights: str,
    unreadable: str,
    quiet: bool,
    log: Callable[[str], object],
) -> str | None:
    """Makes features of a data set's images, unless it has features.

    Args:
        source: folder of the data.
        dataset: name of the data.
        data_dir: gets the features, in a folder of their own.
        backbone: see `gmn_tf.extract_features`.
        weights: see `gmn_tf.extract_features`.
        unreadable: see `gmn_tf.extract_features`.
        quiet: whether to show no progress.
        log: is told what is done.

    Returns:
        The folder of the features; None if the data has some, or no images.

    Raises:
        InputError: for classes, images or weights that cannot be used.
    """
    from gmn_tf_datasets.zero_shot.custom import classes as custom_classes
    from gmn_tf_datasets.zero_shot.custom import features as custom_features

    folder = epath.Path(source).expanduser()
    names = custom_features.FEATURE_FILES
    if not folder.is_dir() or any((folder / name).exists() for name in names):
        return None
    classes = custom_classes.read(folder)
    images = custom_features.find_images(folder, classes)
    if images is None:
        return None
    _check_folders_known(images, classes)
    network = backbones.load(backbone, weights)
    digest = network.description["weights_sha256"][:8]
    out = f"{data_dir}/features/{dataset}-{backbone}-{digest}"
    log(f"There are images and no features; these go to {out}")
    summary = extraction.run(images, out, network, unreadable, quiet=quiet)
    log(extraction_summary.text(summary).rpartition("\n")[0] + "\n")
    return out


def _check_folders_known(images: epath.Path, classes) -> None:
    """Refuses folders and classes that do not belong together, in time."""
    listing = scan(images)
    for name in listing.classes:
        classes.number(name, f"The folder {images / name}")
    full = {class_name for class_name, _ in listing.images}
    unseen = {classes.names[label] for label in classes.unseen}
    empty = [n for n in classes.names if n not in full and n not in unseen]
    if empty:
        raise InputError(
            f"The seen class {empty[0]} has no image.",
            f"images in {images / empty[0]}",
            f"{len(empty)} seen classes without any",
            "add images, or say in classes.csv that it is unseen",
        )
