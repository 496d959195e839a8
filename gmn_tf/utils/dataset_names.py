"""Names of data sets: the published ones, prepared ones, and what is a name.

Nothing here imports TensorFlow Datasets, so that a misspelt name is found at
once.
"""

import pathlib
import re
from collections.abc import Collection
from typing import NamedTuple

from gmn_tf.utils.errors import InputError, hint


class Published(NamedTuple):
    """A data set of the field, as it was published.

    Attributes:
        folder: name of its folder in the layout of xlsa17.
        seen: number of its seen classes; another number means other files.
        unseen: number of its unseen classes.
        title: its full name.
    """

    folder: str
    seen: int
    unseen: int
    title: str


PUBLISHED = {
    "cub": Published("CUB", 150, 50, "Caltech-UCSD Birds-200-2011"),
    "sun": Published("SUN", 645, 72, "SUN Attribute Database"),
    "awa": Published("AWA1", 40, 10, "Animals with Attributes"),
    "awa2": Published("AWA2", 40, 10, "Animals with Attributes 2"),
    "apy": Published("APY", 20, 12, "Attribute Pascal and Yahoo"),
    "flo": Published("FLO", 82, 20, "Oxford Flowers 102"),
}
# Those in xlsa17.zip; FLO is distributed in the same layout.
DOWNLOADABLE = ("cub", "sun", "awa", "awa2", "apy")
SYNTHETIC = "synthetic"
DATASETS = (*PUBLISHED, SYNTHETIC)
BUILDER = "zero_shot"  # its folder in that of prepared data
CUSTOM = "custom-data"  # no features file can have such a name
# What to do about prepared data that are damaged or gone; bin/train could make
# only those that are downloaded or drawn.
PREPARE_AGAIN = (
    "prepare the data again with bin/prepare (custom data with "
    "bin/prepare_data)"
)
_LONGEST = 64  # Bytes of a name.


def check_names(dataset: str, features_file: str, embedding: str) -> None:
    """Raises InputError for names that no file can have, or misspelt ones."""
    for known, published in PUBLISHED.items():
        spellings = (known, published.folder.lower())
        if dataset not in PUBLISHED and dataset.lower() in spellings:
            raise unknown_dataset(dataset)
    for name, value, pattern, example in (
        ("dataset", dataset, r"\w+", "cub, or a folder's name"),
        ("features_file", features_file, r"[\w.+-]+", "res101.mat"),
        ("embedding", embedding, r"[\w.-]+(\+[\w.-]+)*", "att+sent"),
    ):
        # A file system takes 255 bytes; the prepared data's name joins all
        # three.
        if not re.fullmatch(pattern, value) or len(value.encode()) > _LONGEST:
            raise InputError(
                f"{name} {value!r} is not a usable name.",
                f"a plain name without folders, of at most {_LONGEST} bytes, "
                f"as in {example}",
                repr(value),
                "Name the folder by manual_dir and the file by its name only; "
                "join the parts of an embedding with a plus sign.",
            )
    parts = embedding.split("+")
    if len(set(parts)) < len(parts):
        raise InputError(
            f"embedding {embedding!r} joins a part with itself.",
            "different parts, as in att+sent",
            embedding,
            "Name each part once.",
        )


def unknown_dataset(dataset: str, custom: Collection[str] = ()) -> InputError:
    """The error for a name that neither known nor `custom` data has."""
    known = [*custom, *DATASETS]
    return InputError(
        f"There is no data set {dataset!r}.",
        ", ".join(known),
        dataset,
        hint("Choose one of these.", dataset.lower(), known)
        + " For your own data, prepare its folder with bin/prepare_data, or "
        "name the folder of two .mat files with --manual_dir.",
    )


def prepared(data_dir: pathlib.Path) -> list[str]:
    """Names of the folders of all that was prepared."""
    folder = data_dir / BUILDER
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def custom_names(data_dir: pathlib.Path) -> list[str]:
    """Names of the custom data sets that have been prepared."""
    pattern = re.compile(rf"(\w+)-{CUSTOM}-\w+-\w+")
    matches = map(pattern.fullmatch, prepared(data_dir))
    return sorted({match[1] for match in matches if match})


def check_known(dataset: str, data_dir: pathlib.Path) -> None:
    """Raises InputError for a name that no data can have.

    Whether the data are whole, and what was asked for, is not looked at.
    """
    if dataset in DATASETS or (data_dir / "downloads" / "manual").exists():
        return
    if not any(name.startswith(f"{dataset}-") for name in prepared(data_dir)):
        raise unknown_dataset(dataset, custom_names(data_dir))


def check_manual_dir(folder: pathlib.Path) -> None:
    """Raises InputError if the folder of a user's files does not exist."""
    if not folder.exists():
        raise InputError(
            f"manual_dir {folder} does not exist.",
            "the unpacked xlsa17 folder, or one with the data set's files",
            "no such folder",
            "Correct the path, or leave it out to use prepared data or to "
            "download it.",
        )
