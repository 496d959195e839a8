"""Which files make up a data set, and in which folder they lie."""

from typing import NamedTuple

from etils import epath

from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot import names, source

FEATURES_FILE = "res101.mat"  # That of xlsa17.zip.
EMBEDDING = "att"
_SPLITS = "_splits.mat"


class Request(NamedTuple):
    """What a user asked for, as `prepare.prepare` explains it."""

    dataset: str
    features_file: str = FEATURES_FILE
    embedding: str = EMBEDDING

    @property
    def file_names(self) -> tuple[str, ...]:
        """The file of features, and one for each part of the embedding."""
        parts = self.embedding.split("+")
        return (self.features_file, *(f"{part}{_SPLITS}" for part in parts))


def find(request: Request, root: epath.Path) -> epath.Path:
    """The folder with the .mat files: inside `root`, or `root` itself.

    Raises:
        InputError: if none of the files is there.
    """
    dataset, wanted = request.dataset, request.file_names
    known = names.PUBLISHED.get(dataset)
    folders = (dataset, dataset.upper(), dataset.lower())
    folders = (known.folder,) if known else folders
    places = [
        root / above / folder
        for folder in folders
        for above in ("xlsa17/data", "data", "")
    ]
    # Some folders hold attributes without features, so more files win.
    found = {
        place: sum((place / name).exists() for name in wanted)
        for place in (*places, root)
    }
    if any(found.values()):
        return max(found, key=found.get)
    raise InputError(
        f"{root} does not hold the data set {dataset}.",
        f"{' and '.join(wanted)}, there or in {folders[0]}/ or "
        f"xlsa17/data/{folders[0]}/",
        "none of these files" if root.is_dir() else "no such folder",
        "Name the unpacked xlsa17 folder, or the one with the .mat files. A "
        "folder with classes.csv is prepared by bin/prepare_data first.",
    )


def list_files(
    request: Request, folder: epath.Path
) -> tuple[source.SourceFile, ...]:
    """Names, sizes and digests of the files that make up the data set.

    Raises:
        InputError: if one is missing, or cannot be read.
    """
    paths = [folder / name for name in request.file_names]
    for path in paths:
        if not path.exists():
            found = sorted(one.name for one in folder.glob("*.mat"))
            described = [name for name in found if name.endswith(_SPLITS)]
            embeddings = [name.removesuffix(_SPLITS) for name in described]
            others = [name for name in found if name not in described]
            raise InputError(
                f"{folder} has no {path.name}.",
                f"the file {path.name}",
                f"--embedding could be {listed(embeddings)}; "
                f"--features_file could be {listed(others)}",
                "Name one of these, put the missing file there, or name the "
                "folder that contains it with --manual_dir.",
            )
    optional = folder / source.VALIDATION_CLASSES_FILE
    paths += [optional] if optional.exists() else []
    return tuple(map(source.describe, paths))
