"""A data set as it was found, before any split: the plain data.

Every file format ends here: what reads one (`xlsa17/`, `custom/`, `synthetic`)
returns a `Source`, and the builder writes it. A further format is one more such
reader, and one more branch in `reading`; what readers check alike is below.
"""

import contextlib
import dataclasses
import hashlib
import json
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any

import numpy as np
from etils import epath

from gmn_tf.utils import texts
from gmn_tf.utils.errors import InputError, first_line, listed

VALIDATION_CLASSES_FILE = "valclasses1.txt"
# A note on features that the generators of the paper cannot make.
NEGATIVE = (
    "Some features are negative, which the generator does not make by default: "
    "train with --preset=auto or cpu, or with --generator_output=linear."
)
_BLOCK = 1024  # Rows checked at once: bounds the memory of the checks.


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One file that the data was read from."""

    name: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Embedding:
    """One description of all classes.

    Attributes:
        name: of the description.
        values: `[num_classes, dim]` float32, raw (not normalised).
        columns: the name of each of the `dim` numbers; empty if unknown.
        file: name of the file that it was read from.
        encoder: how it was made from words, as bin/describe recorded it; None
            for numbers of another origin.
    """

    name: str
    values: np.ndarray
    columns: tuple[str, ...] = ()
    file: str = ""
    encoder: dict | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set as it was found, checked but not yet split.

    Attributes:
        dataset: name of the data set.
        features: `[num_rows, dx]`, of the type that the file has; an array, or
            an object that returns rows as arrays when it is indexed by slices
            or row numbers.
        labels: `[num_rows]` int64, a row of each embedding.
        class_names: one per class, in the order of the labels.
        embeddings: one per part of the embedding.
        rows: indices by split: `trainval`, `test_seen`, `test_unseen`, and
            `train`, `val` where the file has them.
        validation_names: names in `validation_file`, none without that file.
        feature_file: name of the file of features.
        files: the files that were read.
        origin: `manual`, an address, `synthetic`, or `custom`.
        validation_file: the file that may name validation classes.
        split_source: how custom data were split; empty where the files of the
            field contain the splits.
        backbone: the network that made the features from images, if known.
        notes: sentences to read before trusting a number.
        digest: differs whenever the content does, or what was asked for; see
            `digest_of`. Without one, what is prepared is never used again.
    """

    dataset: str
    features: Any
    labels: np.ndarray
    class_names: tuple[str, ...]
    embeddings: tuple[Embedding, ...]
    rows: dict[str, np.ndarray]
    validation_names: tuple[str, ...]
    feature_file: str
    files: tuple[SourceFile, ...]
    origin: str
    validation_file: str = VALIDATION_CLASSES_FILE
    split_source: str = ""
    backbone: dict | None = None
    notes: tuple[str, ...] = ()
    digest: str = ""


def digest_of(*content) -> str:
    """SHA-256 of what data were asked for and made of, values for JSON."""
    # The first number is that of the digest's own form.
    text = json.dumps([1, *content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def describe(path: epath.Path) -> SourceFile:
    """Name, size and digest of a file; InputError if it cannot be read."""
    digest, size = hashlib.sha256(), 0
    with _reading(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
    return SourceFile(path.name, size, digest.hexdigest())


def check_readable(path: epath.Path) -> None:
    """Raises InputError for a file that cannot be opened."""
    with _reading(path):
        pass


@contextlib.contextmanager
def _reading(path: epath.Path) -> Iterator[IO[bytes]]:
    """The open file; InputError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(
            f"Cannot read {path}.",
            "a file with read permission",
            first_line(error),
            "Change its permissions, or copy it to where it can be read.",
        ) from error


def as_matrix(values: np.ndarray) -> np.ndarray:
    """An array without the axes of length 1 that a matrix has no use for.

    Logical values become numbers.
    """
    if values.ndim > 2:
        kept = [size for size in values.shape if size != 1]
        # [n, dx, 1, 1], as pooled features come, is the matrix [n, dx].
        if len(kept) == 2:
            values = values.reshape(kept)
    return values.astype(np.uint8) if values.dtype.kind == "b" else values


def check_matrix(values, name: str, expected: str) -> None:
    """Raises InputError unless it is a matrix of real numbers, not words."""
    received = values
    if not isinstance(values, str):
        if values.dtype.kind in "fiu" and values.ndim == 2 and values.size:
            return
        received = f"shape {values.shape}, type {values.dtype}"
    raise InputError(
        f"{name} is not a matrix of numbers.",
        f"{expected}, not empty",
        received,
        "Save it as a matrix of numbers with two dimensions.",
    )


def check_finite(
    matrix, name: str, rows: str, action: str, first: int = 1
) -> float:
    """The lowest of `[num_rows, dim]` values, which are read block by block.

    Raises:
        InputError: for NaN and infinity; it counts `rows` from `first`.
    """
    wrong, lowest, are_numbers = [], np.inf, True
    for start in range(0, len(matrix), _BLOCK):
        stored = matrix[start : start + _BLOCK]
        # As float32, because that is how they will be written.
        with np.errstate(over="ignore"):
            block = stored.astype(np.float32)
        finite = np.isfinite(block).all(axis=1)
        are_numbers &= bool(np.isfinite(stored[~finite]).all())
        wrong.extend(np.flatnonzero(~finite) + start + first)
        lowest = min(lowest, block.min())
    if wrong:
        raise InputError(
            f"{name} has values that are not finite as float32.",
            f"numbers up to {np.finfo(np.float32).max:.1e} for all {rows}",
            f"{'larger ones' if are_numbers else 'NaN, infinity or more'} for "
            f"{len(wrong)} {rows}, counted from {first}: {listed(wrong)}",
            "Divide all numbers by one constant, the same for training and "
            "prediction."
            if are_numbers
            else action,
        )
    return float(lowest)


def check_class_name(name: object, place: str, others: Collection[str]) -> None:
    """Raises InputError unless it is a line of text that no other class has."""
    is_text = isinstance(name, str) and bool(texts.plain(name))
    # Letters that nobody sees, and spaces of any width, are part of a line.
    is_text = is_text and all(
        letter.isprintable() or unicodedata.category(letter) in ("Cf", "Zs")
        for letter in texts.visible(name)
    )
    if not is_text or name in others:
        raise InputError(
            f"{place} has a class name that cannot be used.",
            "one line of text that names no other class",
            repr(name)[:100] + (" again" if is_text else ""),
            "Give each class its own name.",
        )


def check_different(class_names: Sequence[str], place: str) -> None:
    """Raises InputError for names that look the same to people."""
    by_form = {}
    for name in class_names:
        other = by_form.setdefault(texts.plain(name), name)
        if other != name:
            raise InputError(
                f"{place} has two class names that look the same.",
                "names that differ in more than spaces, composed letters (NFC "
                "and NFD) and letters that nobody sees",
                f"{other!a} and {name!a}",
                "Give each class its own name, or remove one of them.",
            )


def check_lengths(features, labels: np.ndarray, place: object) -> None:
    """Raises InputError unless there is one label for each row of features."""
    if len(features) != len(labels):
        raise InputError(
            f"Features and labels in {place} do not fit.",
            f"one row of features for each of {len(labels)} labels",
            f"features of shape {features.shape}",
            "Check that both were written from the same list of images.",
        )
