"""The samples of a user's data: features, labels, and what made them.

A further format of features needs a function and a line in `_READERS`.
"""

import collections
import dataclasses
import os
import shlex

import numpy as np
from etils import epath

from gmn_tf.utils import file_kinds, files, tables, texts
from gmn_tf.utils.errors import InputError, counted, listed
from gmn_tf.utils.file_signatures import NPY
from gmn_tf_datasets.zero_shot import counters, evidence, source
from gmn_tf_datasets.zero_shot.custom import arrays
from gmn_tf_datasets.zero_shot.custom import labels as custom_labels
from gmn_tf_datasets.zero_shot.custom.classes import CLASSES_FILE, Classes

FEATURE_FILES = ("features.npz", "features.npy", "features.csv")
LABEL_FILES = ("labels.csv", "labels.npy")
EXTRACTION_FILE = "extraction.json"
# Columns of features to predict on that are not numbers; those to learn from
# may have the first two.
TEXT_COLUMNS = ("class", "file", "label", "sample", "split")
# How names of images end, in lower case.
IMAGES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo"),
    *(".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".jxl", ".jp2"),
    *(".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".ppm", ".pgm"),
)
_MOST = 3  # classes that a remark names


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of samples in the order of the file.

    Attributes:
        values: `[n, dx]` finite numbers; those of a .npy file stay on disk.
        labels: `[n]` numbers of classes; None if no classes were given.
        names: `n` names, such as the files of images; none if unknown.
        lowest: the lowest of all values.
        backbone: what made the features, if that is known.
        paths: the files that were read, that of the features first.
        notes: what was understood of their form.
    """

    values: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...]
    lowest: float
    backbone: dict | None
    paths: tuple[epath.Path, ...]
    notes: tuple[str, ...] = ()


def read(
    path: str | os.PathLike, classes: Classes | None = None, quiet: bool = True
) -> Features:
    """Reads features, and the labels and the extraction.json beside them.

    Args:
        path: a .npy, .npz or .csv file, or a folder that has one of
            `FEATURE_FILES`, such as that of bin/extract_features.
        classes: those that labels may name; None if no labels are needed.
        quiet: whether to show no progress.

    Raises:
        InputError: if there are no features, or they do not fit the labels or
            the classes.
    """
    path = epath.Path(path).expanduser()
    if path.is_dir():
        folder, path = path, arrays.only(path, FEATURE_FILES)
        if not path:
            images = classes and find_images(folder, classes)
            other, advice = file_kinds.instead(folder, "features", NPY)
            if classes and not images and not other:
                _check_folder_names(folder, classes)
            raise InputError(
                f"{folder} has {'images and ' if images else ''}no features.",
                f"one of {', '.join(FEATURE_FILES)}, there or in --features; "
                "or a folder of images per class",
                f"images in {images}"
                if images
                else other
                or listed(sorted(one.name for one in folder.iterdir()), 8),
                "Run bin/extract_features "
                f"{shlex.quote(f'--images={images}')} --out=FEATURES, "
                "and give --features=FEATURES."
                if images
                else advice
                or "Put the features there, or name their folder with "
                "--features.",
            )
    if path.suffix not in _READERS or not path.exists():
        raise InputError(
            f"Cannot read {path} as features.",
            f"a folder with one of {', '.join(FEATURE_FILES)}; or a file that "
            f"ends in {', '.join(_READERS)}",
            f"the ending {path.suffix!r}" if path.exists() else "nothing there",
            "Correct the path.",
        )
    read_file = _READERS[path.suffix]
    values, labels, names, paths, notes = read_file(path, classes, quiet)
    values = source.as_matrix(values)
    source.check_matrix(values, f"{path}", "a matrix with a row per sample")
    if labels is not None:
        if path.suffix != ".csv":
            values, more_notes = _samples_first(values, labels, path)
            notes = [*notes, *more_notes]
        source.check_lengths(values, labels, path.parent)
    lowest = source.check_finite(
        values, f"{path}", "samples", "Compute the features of these again.", 0
    )
    extraction, backbone = path.parent / EXTRACTION_FILE, None
    if extraction.exists():
        backbone = _read_backbone(extraction)
        paths = (*paths, extraction)
    labels = labels if classes else None
    if classes and path.suffix != ".csv":  # a table has names to tell
        counters.check(values, path, labels)
    return Features(
        values, labels, tuple(names), lowest, backbone, paths, tuple(notes)
    )


def _samples_first(values, labels: np.ndarray, path: epath.Path):
    """The features with a row per sample, and a sentence if they were turned.

    Raises:
        InputError: for a square matrix, if columns are samples by all evidence.
    """
    count = len(labels)
    if values.shape[1] == count != len(values):
        return values.T, [
            f"{path.name}: columns are taken for samples, because there are "
            f"{count} labels."
        ]
    if values.shape != (count, count) or len(np.unique(labels)) < 2:
        return values, []
    way, why = evidence.rows_that_agree(values, labels)
    if way == "columns":
        raise InputError(
            f"{path} has samples in columns.",
            "a row per sample, [n, dx]",
            f"shape {values.shape}; {why}",
            "Save the array turned: numpy.save(FILE, array.T).",
        )
    return values, [
        f"{path.name} has as many columns as rows; rows are taken for samples, "
        + (f"because {why}." if way else f"as documented: {why}.")
    ]


def find_images(folder: epath.Path, classes: Classes) -> epath.Path | None:
    """The folder with a folder of images for each class, if there is one."""
    names = texts.Names(classes.names)
    for images in (folder / "images", folder):
        for one in _content(images):
            if names.find(one.name) is None or not one.is_dir():
                continue
            if _holds_images(one):
                return images
    return None


def _content(folder: epath.Path) -> list[epath.Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _holds_images(folder: epath.Path) -> bool:
    return any(path.suffix.lower() in IMAGES for path in folder.iterdir())


def _check_folder_names(folder: epath.Path, classes: Classes) -> None:
    """Raises InputError for folders of images of which none names a class."""
    for images in (folder / "images", folder):
        # Not folders as lost+found, which cannot be looked into.
        found = [
            one.name
            for one in _content(images)
            if one.is_dir() and os.access(one, os.R_OK) and _holds_images(one)
        ]
        if found:
            raise InputError(
                f"{folder} has no features, and no folder of images in "
                f"{images} has the name of a class.",
                "a folder of images per class, called as in "
                f"{CLASSES_FILE}: {listed(classes.names)}",
                f"{counted(len(found), 'folder')} of images: {listed(found)}",
                "Give each folder the name of its class, or each class in "
                f"{CLASSES_FILE} that of its folder. If there are features, "
                "name their folder with --features.",
            )


def _read_npy(path: epath.Path, classes: Classes | None, quiet: bool):
    values, beside = arrays.load_array(path), None
    if path.name in FEATURE_FILES:
        beside = arrays.only(path.parent, LABEL_FILES)
    if classes and not beside:
        raise InputError(
            f"{path} has no labels beside it.",
            f"{' or '.join(LABEL_FILES)}: the class of each row",
            "neither",
            "Add labels.csv with the column class.",
        )
    labels, names, notes = None, (), []
    if beside and beside.suffix == ".csv":
        _, labels, names, _, notes = _read_csv(beside, classes, quiet, False)
    elif classes:
        found = arrays.load_array(beside, objects=True)
        labels = custom_labels.numbered(beside, found, classes)
    paths = (path, beside) if beside else (path,)
    return values, labels, names, paths, notes


def _read_npz(path: epath.Path, classes: Classes | None, quiet: bool):
    wanted = ("features", "labels") if classes else ("features",)
    found = arrays.load_arrays(path, wanted)
    labels = (
        custom_labels.numbered(path, found["labels"], classes)
        if classes
        else None
    )
    return found["features"], labels, (), (path,), []


def _read_csv(
    path: epath.Path,
    classes: Classes | None,
    quiet: bool,
    has_features: bool = True,
):
    """The same of a table, which may have labels only."""
    features, labels, names, notes = [], [], [], []
    written = collections.defaultdict(collections.Counter)
    others = TEXT_COLUMNS[:2] if classes else TEXT_COLUMNS
    required = ("class",) if classes or not has_features else ()
    rows, columns = tables.Table(path, required, others, quiet), ()
    for row in rows:
        labels.append(
            classes.number(row.cells["class"], row.place) if classes else -1
        )
        if classes:
            written[classes.names[labels[-1]]][row.cells["class"]] += 1
        if has_features and not features:
            columns = row.columns_except(*others)
            columns, notes = counters.without(columns, path)
        if has_features:
            features.append(row.numbers(columns))
        named = [
            c for c in ("sample", "file") if c in others and c in row.cells
        ]
        names += [row.cells[column] for column in named[:1]]
    values = np.stack(features) if features else np.zeros((0, 0), np.float32)
    labels = np.array(labels, np.int64)
    if classes:
        counters.check(values, path, labels, columns)
    notes = [*rows.notes, *notes, *_on_joined(path, written)]
    return values, labels, names, (path,), notes


def _on_joined(path: epath.Path, written: dict[str, dict]) -> list[str]:
    """A remark on classes that go by several names, as those of two folders.

    Args:
        path: of the table.
        written: how often each name of a class is there, by class.
    """
    joined = {
        name: " and ".join(
            f"{form!a} ({counted(count, 'sample')})"
            for form, count in forms.items()
        )
        for name, forms in written.items()
        if len(forms) > 1
    }
    if not joined:
        return []
    some = [f"{name} as {forms}" for name, forms in joined.items()]
    return [
        f"{path.name}: {counted(len(joined), 'class', 'classes')} with samples "
        "under several names, of folders or labels, which are read as one: "
        + "; ".join(some[:_MOST])
        + ("; ..." if len(some) > _MOST else ".")
        + " Rename what is another class."
    ]


# Each gives features, labels, names of samples, the files read, and notes.
_READERS = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv}


def _read_backbone(path: epath.Path) -> dict:
    """What extraction.json says of the backbone."""
    expected = "what bin/extract_features has written"
    action = (
        "Extract the features again, or remove the file: then the backbone is "
        "taken as unknown."
    )
    backbone = files.read_json(path, expected, action).get("backbone")
    if not isinstance(backbone, dict):
        raise InputError(
            f"{path} does not say what backbone made the features.",
            expected,
            "no object called backbone",
            action,
        )
    return backbone
