"""Names of data sets: the published ones, and what a name may be."""

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
