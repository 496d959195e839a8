"""Class embeddings: read, and scaled as --embedding_norm says."""

import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Sequence

import numpy as np

from gmn_tf.utils.dimensions import statistics
from gmn_tf.utils.errors import InputError, counted, hint, listed

L2, MATRIX, NONE = "l2", "matrix", "none"
STANDARD, STANDARD_L2 = STANDARDS = ("standard", "standard_l2")
EMBEDDING_NORMS = (L2, MATRIX, NONE, *STANDARDS)


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How one part of the embedding is scaled, for known and for new classes.

    Attributes:
        name: of the part, as in `att`.
        dim: how many numbers it has.
        norm: `l2` divides each row by its length, `matrix` and `none` by
            `divisor`; `standard` subtracts `offset` and multiplies by `factor`;
            `standard_l2` then divides each row by its length.
        divisor: length of the whole matrix with `matrix`, else 1.
        columns: names of the numbers; empty if they are not known.
        offset: with these two, the mean of each number over the seen classes.
        factor: with these two, 1 / (standard deviation sqrt(k)) if k numbers
            vary over the seen classes, so that a row has a length of about 1;
            0 for the others.
        encoder: how the part was made from words; None for other numbers.
        weight: that the part is multiplied by in the end.
    """

    name: str
    dim: int
    norm: str
    divisor: float
    columns: tuple[str, ...] = ()
    offset: tuple[float, ...] = ()
    factor: tuple[float, ...] = ()
    encoder: dict | None = None
    weight: float = 1.0

    def __post_init__(self):
        size = self.dim if self.norm in STANDARDS else 0
        if not (
            isinstance(self.name, str)
            and type(self.dim) is int
            and self.dim > 0
            and self.norm in EMBEDDING_NORMS
            and isinstance(self.divisor, float)
            and 0.0 < self.divisor < np.inf
            and len(self.columns) in (0, self.dim)
            and all(isinstance(column, str) for column in self.columns)
            and len(self.offset) == len(self.factor) == size
            and all(isinstance(one, float) for one in self.offset + self.factor)
            and np.isfinite(self.offset + self.factor).all()
            and isinstance(self.encoder, dict | None)
            and isinstance(self.weight, float)
            and 0.0 < self.weight < np.inf
        ):
            raise ValueError(f"part {self.name!r} of the embedding is damaged")

    @classmethod
    def from_dict(cls, content: dict) -> "Scaling":
        """The scaling that `to_dict` was called on.

        Raises:
            KeyError, TypeError, ValueError: for any other content.
        """
        lists = {
            name: content[name] for name in ("columns", "offset", "factor")
        }
        if not all(isinstance(one, list) for one in lists.values()):
            raise TypeError("columns, offset or factor is not a list")
        return cls(**content | {n: tuple(one) for n, one in lists.items()})

    def to_dict(self) -> dict:
        """Plain values, as written to JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def read(
    path: pathlib.Path, parts: Sequence[dict], sha256: str
) -> tuple[np.ndarray, ...]:
    """The raw embeddings `[C, dim]` float64 of each part.

    Args:
        path: the builder's embeddings.npy, `[C, da]`, the parts side by side.
        parts: the `embeddings` of the builder's metadata.
        sha256: of the file, as recorded there.

    Raises:
        LookupError, OSError, TypeError, ValueError: for a damaged file, or
            metadata that do not fit it.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path.name} is damaged")
    values = np.load(io.BytesIO(content), allow_pickle=False)
    ends = np.cumsum([part["dim"] for part in parts])
    if not len(ends) or values.ndim != 2 or values.shape[1] != ends[-1]:
        raise ValueError(f"{path.name} has the shape {values.shape}")
    return tuple(np.split(values.astype(np.float64), ends[:-1], axis=1))


def parse_norms(text: str) -> list[tuple[str, float]]:
    """Norms and weights of an --embedding_norm such as `l2,0.2*standard`.

    Raises:
        InputError: for an unknown norm, or a weight that is not above 0.
    """
    found = []
    for one in text.split(","):
        weight, is_weighted, norm = one.rpartition("*")
        try:
            number = float(weight) if is_weighted else 1.0
        except ValueError:
            number = 0.0
        if norm not in EMBEDDING_NORMS or not 0.0 < number < np.inf:
            raise InputError(
                "Unknown value for --embedding_norm.",
                f"one of {', '.join(EMBEDDING_NORMS)}, perhaps with a weight "
                "above 0, as in 0.2*l2; or several with commas",
                repr(text),
                hint(
                    "Correct --embedding_norm.", norm.strip(), EMBEDDING_NORMS
                ),
            )
        found.append((norm, number))
    return found


def scalings(
    parts: Sequence[dict],
    raw: Sequence[np.ndarray],
    norm: str,
    seen: Sequence[int],
) -> tuple[Scaling, ...]:
    """How each part is scaled.

    Args:
        parts: the `embeddings` of the builder's metadata.
        raw: of each part, as `read` returns it.
        norm: one of `EMBEDDING_NORMS`, or one per part (`l2,0.2*matrix`).
        seen: the rows of the seen classes, whose statistics `standard` takes.

    Raises:
        InputError: for an unknown norm, or if `standard` is asked for and the
            seen classes do not differ.
    """
    norms = parse_norms(norm)
    if len(norms) == 1:
        norms *= len(parts)
    if len(norms) != len(parts):
        raise InputError(
            "--embedding_norm does not fit the parts of --embedding.",
            f"one value, or {len(parts)} with commas",
            repr(norm),
            f"Give one value, or one for each of the {len(parts)} parts: "
            f"{listed(part['name'] for part in parts)}.",
        )
    return tuple(
        Scaling(
            part["name"],
            part["dim"],
            one,
            # `scaled` has a message for a matrix that is zero.
            float(np.linalg.norm(values) or 1.0) if one == MATRIX else 1.0,
            tuple(part.get("columns", ())),
            *(
                _standard(values[seen], part, one)
                if one in STANDARDS
                else ((), ())
            ),
            part.get("encoder"),
            weight,
        )
        for part, values, (one, weight) in zip(parts, raw, norms)
    )


def _standard(rows: np.ndarray, part: dict, norm: str) -> tuple[tuple, tuple]:
    """Offset and factor of the numbers of a part, from the seen classes."""
    found = statistics(rows)
    varying = np.count_nonzero(found.varies)
    if not varying:
        raise InputError(
            f"--embedding_norm={norm} is not possible: embedding "
            f"{part['name']!r} is the same for all seen classes.",
            "at least one number that differs between seen classes",
            counted(len(found.varies), "constant number"),
            "Describe the classes by numbers that differ.",
        )
    factor = found.inverse(found.std) / np.sqrt(varying)
    return tuple(found.mean.tolist()), tuple(factor.tolist())


def scaled(
    raw: Sequence[np.ndarray],
    scalings: Sequence[Scaling],
    class_names: Sequence[str],
) -> np.ndarray:
    """The embeddings that a run learns from: `[n, da]` float32.

    Args:
        raw: of each part, `[n, dim]` raw embeddings.
        scalings: of each part.
        class_names: `n` names, for messages.

    Raises:
        InputError: if a row is zero and has to be divided by its length.
    """
    parts = []
    for values, part in zip(raw, scalings):
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        zero = np.flatnonzero(lengths == 0.0)
        if len(zero) and part.norm in (L2, MATRIX):
            raise InputError(
                f"Embedding {part.name!r} has rows that are zero.",
                "at least one number other than zero for every class",
                f"zeros for {listed(class_names[c] for c in zero)}",
                "Complete the embedding, or use --embedding_norm=none.",
            )
        if part.norm in STANDARDS:
            values = (values - part.offset) * part.factor
            if part.norm == STANDARD_L2:
                lengths = np.linalg.norm(values, axis=1, keepdims=True)
                # A class at the mean of all stays there.
                values = values / np.where(lengths > 0.0, lengths, 1.0)
            parts.append(values)
        else:
            parts.append(
                values / (lengths if part.norm == L2 else part.divisor)
            )
    weighted = [part.weight * one for part, one in zip(scalings, parts)]
    return np.concatenate(weighted, axis=1).astype(np.float32)
