"""Class embeddings and class names, agreed between the parts."""

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.source import Embedding
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file
from gmn_tf_datasets.zero_shot.xlsa17.mat_file import some


def read(
    paths: list[epath.Path], contents: list[dict]
) -> tuple[tuple[Embedding, ...], tuple[str, ...]]:
    """Reads the parts of an embedding, which have to agree on the classes.

    Args:
      paths: the file of each part, `NAME_splits.mat`.
      contents: the variables of each file.

    Returns:
      One embedding per part, and the names of the classes.
    """
    embeddings, names = [], None
    for path, content in zip(paths, contents, strict=True):
        values = _read_values(path, content)
        part = path.name.removesuffix("_splits.mat")
        embeddings.append(Embedding(part, values))
        names = _agreed_names(path, names, content, embeddings)
    if names is None:
        count = len(embeddings[0].values)
        names = tuple(f"class_{number:03d}" for number in range(1, count + 1))
    return tuple(embeddings), names


def _read_values(path: epath.Path, content: dict) -> np.ndarray:
    """The embedding as `[num_classes, da]`: in the file it lies da x C."""
    mat_file.require(path, content, ("att",))
    values = mat_file.numbers(path, "att", content["att"]).T
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32)
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise InputError(
            f"att in {path} has values that are not finite.",
            "finite numbers for every class",
            f"NaN or infinity for {len(wrong)} classes, counted from 1: "
            f"{some(wrong + 1)}",
            "Describe these classes completely.",
        )
    return values


def _agreed_names(path: epath.Path, names, content: dict, embeddings):
    """The names of the classes, if this part and those before it agree."""
    count = len(embeddings[-1].values)
    if count != len(embeddings[0].values):
        raise _classes_differ(
            path, f"{len(embeddings[0].values)} classes", f"{count} classes"
        )
    if "allclasses_names" not in content:
        return names
    found = _read_names(path, content["allclasses_names"])
    if len(found) != count:
        raise InputError(
            f"att and allclasses_names in {path} do not fit.",
            f"one column of att for each of {len(found)} names",
            f"att of shape {embeddings[-1].values.T.shape}",
            "Store att with one column per class, in the order of the names.",
        )
    if names is None:
        _check_names(found, path)
    elif found != names:
        first = next(i for i in range(count) if found[i] != names[i])
        raise _classes_differ(
            path,
            f"class {first + 1} to be {names[first]}",
            f"{found[first]}",
        )
    return found


def _read_names(path: epath.Path, cells) -> tuple[str, ...]:
    if isinstance(cells, str) or cells.dtype != object:
        raise InputError(
            f"allclasses_names in {path} are no names.",
            "a cell array of texts, one for each class",
            cells if isinstance(cells, str) else f"type {cells.dtype}",
            "Store the names as texts, or leave the variable out: then "
            "classes are numbered.",
        )
    return tuple(name.strip() for name in cells)


def _classes_differ(path: epath.Path, expected: str, received: str):
    return InputError(
        f"{path} does not describe the classes of the other embeddings.",
        expected,
        received,
        "Only join embeddings that list the same classes in the same order.",
    )


def _check_names(names: tuple[str, ...], path: epath.Path) -> None:
    """Names have to be usable as lines of a file, and unique."""
    seen = set()
    for number, name in enumerate(names, start=1):
        if not name or name in seen or "\n" in name:
            raise InputError(
                f"allclasses_names in {path} has an unusable name.",
                "one line of text per class, each different",
                f"{name!r} for class {number}",
                "Give each class its own name.",
            )
        seen.add(name)
