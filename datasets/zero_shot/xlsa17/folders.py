"""Which files make up a data set, and in which folder they lie."""

from typing import NamedTuple

from etils import epath

from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot import source

FEATURES_FILE = "res101.mat"  # That of xlsa17.zip.
EMBEDDING = "att"
_SPLITS = "_splits.mat"


class Request(NamedTuple):
    """What a user asked for, as `configs.ZeroShotConfig` explains it.

    Without a `features_file`, `chosen` finds it.
    """

    dataset: str
    features_file: str = FEATURES_FILE
    embedding: str = EMBEDDING

    @property
    def file_names(self) -> tuple[str, ...]:
        """The file of features, and one for each part of the embedding."""
        parts = self.embedding.split("+")
        return (
            self.features_file or FEATURES_FILE,
            *(f"{part}{_SPLITS}" for part in parts),
        )


def holds(request: Request, root: epath.Path) -> bool:
    """Whether one of the files is in `root`, or where `find` looks in it."""
    return any(_counted(request, root).values())


def find(request: Request, root: epath.Path) -> epath.Path:
    """The folder with the .mat files: inside `root`, or `root` itself.

    Raises:
        InputError: if none of the files is there.
    """
    found = _counted(request, root)
    if any(found.values()):
        return max(found, key=found.get)
    folder = next(iter(found)).name
    raise InputError(
        f"{root} does not hold the data set {request.dataset}.",
        f"{' and '.join(request.file_names)}, there or in {folder}/ or "
        f"xlsa17/data/{folder}/",
        "none of these files" if root.is_dir() else "no such folder",
        "Name the unpacked xlsa17 folder, or the one with the .mat files. A "
        "folder with classes.csv is prepared by bin/prepare_data first.",
    )


def _counted(request: Request, root: epath.Path) -> dict[epath.Path, int]:
    """How many of the files are in each folder where they may be."""
    dataset, wanted = request.dataset, request.file_names
    known = dataset_names.PUBLISHED.get(dataset)
    folders = (dataset, dataset.upper(), dataset.lower())
    folders = (known.folder,) if known else folders
    places = [
        root / above / folder
        for folder in folders
        for above in ("xlsa17/data", "data", "")
    ]
    # Some folders hold attributes without features, so more files win.
    return {
        place: sum((place / name).exists() for name in wanted)
        for place in (*places, root)
    }


def chosen(
    request: Request, folder: epath.Path
) -> tuple[Request, tuple[str, ...]]:
    """The request with its file of features, and notes on how it was found."""
    if request.features_file or (folder / FEATURES_FILE).exists():
        return request._replace(features_file=request.file_names[0]), ()
    others = _other_files(folder)
    if len(others) != 1:
        # The error of `find_files` has the choices.
        return request._replace(features_file=FEATURES_FILE), ()
    note = (
        f"{FEATURES_FILE} is not in {folder.name}; the features are those of "
        f"{others[0]}, the only other file with features there."
    )
    return request._replace(features_file=others[0]), (note,)


def _other_files(folder: epath.Path) -> list[str]:
    """Names of the .mat files that do not describe classes."""
    return [
        one.name
        for one in sorted(folder.glob("*.mat"))
        if not one.name.endswith(_SPLITS)
    ]


def list_files(
    request: Request, folder: epath.Path
) -> tuple[source.SourceFile, ...]:
    """Names, sizes and digests of the files, which are read completely.

    Raises:
        InputError: if one is missing, or cannot be read.
    """
    return tuple(map(source.describe, find_files(request, folder)))


def find_files(request: Request, folder: epath.Path) -> list[epath.Path]:
    """The files that make up the data set; their content is not read.

    Raises:
        InputError: if one is missing, or cannot be read.
    """
    paths = [folder / name for name in request.file_names]
    for path in paths:
        if not path.exists():
            embeddings = [
                one.name.removesuffix(_SPLITS)
                for one in sorted(folder.glob(f"*{_SPLITS}"))
            ]
            raise InputError(
                f"{folder} has no {path.name}.",
                f"the file {path.name}",
                f"--embedding could be {listed(embeddings)}; "
                f"--features_file could be {listed(_other_files(folder))}",
                "Name one of these, put the missing file there, or name the "
                "folder that contains it with --manual_dir.",
            )
    optional = folder / source.VALIDATION_CLASSES_FILE
    paths += [optional] if optional.exists() else []
    for path in paths:
        source.check_readable(path)
    return paths
