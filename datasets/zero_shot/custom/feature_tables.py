"""The samples of a user's own data: features, labels, what made them."""

import dataclasses
import json

import numpy as np
from etils import epath

from gmn_tf.utils import files, strict_tables
from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot.custom import arrays as array_files
from gmn_tf_datasets.zero_shot.custom import sample_labels
from gmn_tf_datasets.zero_shot.custom.class_table import Classes

FEATURE_FILES = ("features.npz", "features.npy", "features.csv")
EXTRACTION_FILE = "extraction.json"
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
_BLOCK = 1024  # Rows looked at in one go: bounds the memory of the checks.


@dataclasses.dataclass(frozen=True)
class CustomSamples:
    """All samples in the order of the file.

    Attributes:
        features: `[n, dx]`; those of a .npy file stay on disk.
        labels: `[n]` numbers of classes.
        names: `n` files that the samples were made of; none if unknown.
        lowest: the least of all features.
        backbone: what made the features, if that is known.
        paths: the files that were read, that of the features first.
    """

    features: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    lowest: float
    backbone: dict | None
    paths: tuple[epath.Path, ...]


def read(
    folder: epath.Path, classes: Classes, quiet: bool = True
) -> CustomSamples:
    """Reads the features and labels that lie in a folder.

    Args:
        folder: where they are.
        classes: those that labels may name.
        quiet: whether to show no progress.

    Raises:
        InputError: if there are none, or they do not fit each other or the
            classes.
    """
    path = _only(folder, FEATURE_FILES) or _check_present(folder, classes)
    if path.suffix == ".csv":
        features, labels, names = _read_csv(path, classes, quiet)
        paths = [path]
    elif path.suffix == ".npz":
        arrays = array_files.load_arrays(path, ("features", "labels"))
        features, names, paths = arrays["features"], (), [path]
        labels = sample_labels.numbered(path, arrays["labels"], classes)
    else:
        features = array_files.load_array(path)
        label_path = _only(folder, sample_labels.FILES) or _check_has_labels(
            folder
        )
        labels, names = sample_labels.read(label_path, classes)
        paths = [path, label_path]
    array_files.check_numbers(path, "features", features, "sample")
    if len(features) != len(labels):
        raise InputError(
            f"Features and labels in {folder} do not fit.",
            f"one row of features for each of {len(labels)} labels",
            f"features of shape {features.shape}",
            "Check that both were written from the same list of images.",
        )
    backbone, extraction = _read_backbone(path.parent)
    lowest = _checked_lowest(path, features)
    return CustomSamples(
        features, labels, names, lowest, backbone, (*paths, *extraction)
    )


def _only(folder: epath.Path, names: tuple[str, ...]) -> epath.Path | None:
    """The one of these files that is there, or None."""
    found = [name for name in names if (folder / name).exists()]
    if len(found) > 1:
        raise InputError(
            f"{folder} has {' and '.join(found)}.",
            f"one of {', '.join(names)}",
            f"{len(found)} of them",
            "Move the others elsewhere.",
        )
    return folder / found[0] if found else None


def _check_present(folder: epath.Path, classes: Classes):
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no folder.",
            f"a folder with one of {', '.join(FEATURE_FILES)}",
            "a file" if folder.exists() else "nothing there",
            "Correct the path.",
        )
    images = find_images(folder, classes)
    if images:
        raise InputError(
            f"{folder} has images and no features.",
            f"one of {', '.join(FEATURE_FILES)}, there or in --features",
            f"images in {images}",
            f"Run bin/extract_features --images={images} --out=FEATURES, and "
            "give --features=FEATURES.",
        )
    raise InputError(
        f"{folder} has no features.",
        f"one of {', '.join(FEATURE_FILES)}, or a folder of images per class",
        ", ".join(sorted(one.name for one in folder.iterdir())[:8])
        or "an empty folder",
        "Put the features there, or name their folder with --features.",
    )


def find_images(folder: epath.Path, classes: Classes) -> epath.Path | None:
    """The folder with a folder of images for each class, if there is one.

    Args:
        folder: of the user's data.
        classes: the classes whose folders are looked for.
    """
    for images in (folder / "images", folder):
        for name in classes.names:
            one = images / name
            # A name with a slash is none of a folder.
            if "/" in name or not one.is_dir():
                continue
            if any(path.suffix.lower() in IMAGES for path in one.iterdir()):
                return images
    return None


def _check_has_labels(folder: epath.Path):
    raise InputError(
        f"{folder} has features.npy and no labels.",
        f"{' or '.join(sample_labels.FILES)}: the class of each row",
        "neither",
        "Add labels.csv with the column class.",
    )


def _read_csv(path: epath.Path, classes: Classes, quiet: bool):
    """Features, labels and files of features.csv, a row at a time."""
    features, labels, names = [], [], []
    for row in strict_tables.read_rows(path, ("class",), quiet):
        columns = [c for c in row.cells if c not in ("class", "file")]
        place = f"Line {row.line} of {path}"
        labels.append(classes.number(row.cells["class"], place))
        features.append(strict_tables.numbers(path, row, columns))
        names += [row.cells["file"]] if "file" in row.cells else []
    matrix = np.stack(features) if features else np.zeros((0, 0), np.float32)
    return matrix, np.array(labels, np.int64), tuple(names)


def _checked_lowest(path: epath.Path, features: np.ndarray) -> float:
    """The least feature; refuses rows that are not finite."""
    wrong, lowest = [], np.inf
    for start in range(0, len(features), _BLOCK):
        # As float32, because that is how they will be written.
        with np.errstate(over="ignore"):
            block = features[start : start + _BLOCK].astype(np.float32)
        finite = np.isfinite(block).all(axis=1)
        wrong.extend(np.flatnonzero(~finite) + start)
        lowest = min(lowest, block.min())
    if wrong:
        raise InputError(
            f"features in {path} has values that are not finite.",
            "finite numbers (as float32) for every sample",
            f"NaN or infinity for {len(wrong)} samples, counted from 0: "
            f"{listed(wrong)}",
            "Compute the features of these again.",
        )
    return float(lowest)


def _read_backbone(folder: epath.Path):
    """What extraction.json says of the backbone, and its path."""
    path = folder / EXTRACTION_FILE
    if not path.exists():
        return None, ()
    try:
        backbone = files.parse_json(path.read_text(encoding="utf-8"))[
            "backbone"
        ]
        if not isinstance(backbone, dict):
            raise TypeError("backbone is no object")
        json.dumps(backbone, allow_nan=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} does not say what made the features.",
            "what bin/extract_features has written",
            f"{type(error).__name__}: {error}",
            "Extract the features again, or remove the file: then the backbone "
            "is taken as unknown.",
        ) from error
    return backbone, (path,)
