"""Which way round a matrix of a .mat file lies, where its shape does not tell.

Features lie `[dx, N]` in the files of the field, embeddings `[da, C]`; copies
are transposed. Lengths of labels and names tell, for a matrix that is not
square; else the numbers themselves may tell; else a variable in the file has
to: `features_rows` or `att_rows`, with the text `dimensions` (as in the field),
`samples` or `classes`.
"""

import os
import shlex

import numpy as np

from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import evidence
from gmn_tf_datasets.zero_shot.xlsa17.folders import Request
from gmn_tf_datasets.zero_shot.xlsa17.mat_file import MatFile

_DIMENSIONS, _SAMPLES, _CLASSES = "dimensions", "samples", "classes"


def samples_first(file: MatFile, labels: np.ndarray):
    """The features `[N, dx]` of a file, and what told where shapes do not."""
    features = file.numbers("features")
    said = _said(file, "features_rows", _SAMPLES)
    if said:
        return (features if said == _SAMPLES else features.T), ()
    if features.shape != (len(labels), len(labels)):
        turned = features.shape[1] == len(labels)
        return (features.T if turned else features), ()
    way, why = evidence.rows_that_agree(features, labels)
    if way:
        rows, result = (
            (_SAMPLES, features) if way == "rows" else (_DIMENSIONS, features.T)
        )
        return result, (
            f"features in {file.path.name} are square; rows are taken for "
            f"{rows}, because {why}.",
        )
    raise _refusal(
        file,
        "features",
        f"{features.shape}, as many samples as dimensions; samples of a class "
        "agree neither way more than by chance",
        _SAMPLES,
    )


def num_classes(file: MatFile, earlier: list, request: Request) -> int:
    """How many classes a file has by anything but its labels; 0 if unknown.

    Args:
        file: with `att` and perhaps names.
        earlier: embeddings of the same classes.
        request: for the published number of a known data set.
    """
    if "allclasses_names" in file.variables:
        return len(file.texts("allclasses_names"))
    if earlier:
        return len(earlier[0].values)
    known = dataset_names.PUBLISHED.get(request.dataset)
    published = known.seen + known.unseen if known else 0
    return published if published in file.numbers("att").shape else 0


def classes_first(file: MatFile, count: int, labels: np.ndarray):
    """The embedding `[C, da]` of a file, and what told which way it lies.

    Args:
        file: with `att`.
        count: the number of classes; 0 if only labels tell it.
        labels: `[N]` from 1; if they wrongly count from 0, as many classes
            are needed as if they did not.
    """
    values = file.numbers("att")[:]
    said = _said(file, "att_rows", _CLASSES)
    if said:
        return (values if said == _CLASSES else values.T), ()
    most = int(labels.max(initial=1)) + int(labels.min(initial=1) == 0)
    as_field, turned = (
        size == count if count else size >= most for size in values.shape[::-1]
    )
    name = f"att in {file.path.name}"
    if as_field and turned and not np.array_equal(values, values.T):
        columns, rows = (
            evidence.of_one_length(one) for one in (values.T, values)
        )
        if columns != rows:
            way, result = ("columns", values.T) if columns else ("rows", values)
            return result, (
                f"{way} of {name} {values.shape} are taken for classes, "
                "because they all have the same length.",
            )
        # Without names, every class of the field's order has a sample.
        if count or values.shape[1] != most or values.shape[0] == most:
            raise _refusal(
                file,
                "att",
                f"{values.shape}, either of which may be the number of classes",
                _CLASSES,
            )
    if turned and not as_field:
        why = f"there are {count} classes" if count else f"labels go to {most}"
        return values, (
            f"rows of {name} {values.shape} are taken for classes, because "
            f"{why}.",
        )
    return values.T, ()


def _said(file: MatFile, name: str, other: str) -> str:
    """What the file says of the rows of a matrix; empty if it says nothing."""
    if name not in file.variables:
        return ""
    said = "".join(file.texts(name)).strip().lower()
    if said not in (_DIMENSIONS, other):
        raise InputError(
            f"{name} in {file.path} does not say what rows are.",
            f"{_DIMENSIONS} or {other}",
            repr(said),
            "Correct it, or leave it out.",
        )
    return said


def _refusal(file: MatFile, name: str, shape: str, other: str) -> InputError:
    path = file.path
    quoted = shlex.quote(os.fspath(path))
    return InputError(
        f"It is not clear which way {name} in {path} lies.",
        f"rows that are either {_DIMENSIONS}, as in the files of the field, or "
        + other,
        shape,
        f"Say it by a further text in the file, {name}_rows = '{_DIMENSIONS}' "
        f"or '{other}': python -c 'import sys, scipy.io as s; "
        f'p = sys.argv[1]; s.savemat(p, {{**s.loadmat(p), "{name}_rows": '
        f'"{other}"}})\' {quoted} (h5py for version 7.3).',
    )
