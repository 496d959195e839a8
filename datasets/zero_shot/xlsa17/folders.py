"""Known data sets, and where their files lie in what a user has."""

import re
from collections.abc import Collection

from etils import epath

from gmn_tf.utils.errors import InputError, nearest
from gmn_tf_datasets.zero_shot.source import splits_file

SYNTHETIC = "synthetic"
# Folder of each data set in xlsa17. `flo` is not part of it, but goes round
# in the same layout.
FOLDERS = {
    "cub": "CUB",
    "sun": "SUN",
    "awa": "AWA1",
    "awa2": "AWA2",
    "apy": "APY",
    "flo": "FLO",
}
# Seen and unseen classes as published: another number means other files.
CLASSES = {
    "cub": (150, 50),
    "sun": (645, 72),
    "awa": (40, 10),
    "awa2": (40, 10),
    "apy": (20, 12),
    "flo": (82, 20),
}
DOWNLOADABLE = ("cub", "sun", "awa", "awa2", "apy")
_LONGEST = 64  # Bytes of a name.
DATASETS = (*FOLDERS, SYNTHETIC)


def check_names(dataset: str, features_file: str, embedding: str) -> None:
    """Refuses names that no file could have, and known ones misspelt."""
    for known, folder in FOLDERS.items():
        if dataset not in FOLDERS and dataset.lower() in (
            known,
            folder.lower(),
        ):
            raise unknown_dataset(dataset)
    _check_name("dataset", dataset, r"\w+", "cub, or a folder's name")
    _check_name("features_file", features_file, r"[\w.+-]+", "res101.mat")
    _check_name("embedding", embedding, r"[\w.-]+(\+[\w.-]+)*", "att+sent")
    parts = embedding.split("+")
    if len(set(parts)) < len(parts):
        raise InputError(
            f"embedding {embedding!r} joins a part with itself.",
            "different parts, as in att+sent",
            embedding,
            "Name each part once.",
        )


def _check_name(name: str, value: str, pattern: str, example: str) -> None:
    # A file system takes 255 bytes; the prepared data's name joins all three.
    if not re.fullmatch(pattern, value) or len(value.encode()) > _LONGEST:
        raise InputError(
            f"{name} {value!r} is not a usable name.",
            f"a plain name without folders, of at most {_LONGEST} bytes, as in "
            f"{example}",
            repr(value),
            "Name the folder by manual_dir and the file by its name only; join "
            "the parts of an embedding with a plus sign.",
        )


def unknown_dataset(dataset: str, own: Collection[str] = ()) -> InputError:
    """The error for a name that is no known data set.

    Args:
        dataset: the name.
        own: names of a user's own data that have been prepared.
    """
    known = [*own, *DATASETS]
    return InputError(
        f"There is no data set {dataset!r}.",
        ", ".join(known),
        dataset,
        f"Did you mean {nearest(dataset.lower(), known)}? For data of your "
        "own, prepare its folder with bin/prepare_data, or name the folder of "
        "two .mat files with --manual_dir.",
    )


def size_notes(dataset: str, seen: int, unseen: int) -> list[str]:
    """What to say if a known data set has not the classes it should have."""
    published = CLASSES.get(dataset, (seen, unseen))
    if (seen, unseen) == published:
        return []
    return [
        f"{dataset} is published with {published[0]} seen and {published[1]} "
        f"unseen classes; these files have {seen} and {unseen}. Is this "
        "another data set?"
    ]


def find(
    dataset: str, manual_dir: epath.Path, features_file: str, embedding: str
) -> epath.Path:
    """The folder with the .mat files: inside `manual_dir`, or itself."""
    folders = [
        folder for folder in _candidates(dataset, manual_dir) if _is_dir(folder)
    ]
    wanted = [features_file, *map(splits_file, embedding.split("+"))]
    # Attributes often lie about without features, so more files win.
    found = {
        folder: sum((folder / name).exists() for name in wanted)
        for folder in folders
    }
    if any(found.values()):
        return max(found, key=found.get)
    raise InputError(
        f"{manual_dir} does not hold the data set {dataset}.",
        f"{' and '.join(wanted)}, there or in {_folder_names(dataset)[0]}/ or "
        f"xlsa17/data/{_folder_names(dataset)[0]}/",
        "none of these files" if _is_dir(manual_dir) else "no such folder",
        "Name the unpacked xlsa17 folder, or the one with the .mat files. A "
        "folder with classes.csv is prepared by bin/prepare_data first.",
    )


def _candidates(dataset: str, manual_dir: epath.Path) -> list[epath.Path]:
    return [
        manual_dir / above / name
        for name in _folder_names(dataset)
        for above in ("xlsa17/data", "data", "")
    ] + [manual_dir]


def _folder_names(dataset: str) -> list[str]:
    known = FOLDERS.get(dataset)
    return [known] if known else [dataset, dataset.upper(), dataset.lower()]


def _is_dir(folder: epath.Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # Such as a file in the middle of the path.
        return False
