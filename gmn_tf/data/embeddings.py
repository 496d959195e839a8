"""Class embeddings: decoded, and scaled as --embedding_norm says."""

import base64
import dataclasses
from collections.abc import Sequence

import numpy as np

from gmn_tf.utils.errors import InputError, listed

EMBEDDING_NORMS = ("l2", "matrix", "none")


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How one part of the embedding is scaled, for known and for new classes.

    Attributes:
        name: of the part, as in `att`.
        dim: how many numbers it has.
        norm: `l2` divides each row by its length; the others by `divisor`.
        divisor: length of the whole matrix with `matrix`, 1 with `none`.
        columns: names of the numbers; empty if they are not known.
    """

    name: str
    dim: int
    norm: str
    divisor: float
    columns: tuple[str, ...] = ()

    def __post_init__(self):
        if not (
            isinstance(self.name, str)
            and type(self.dim) is int
            and self.dim > 0
            and self.norm in EMBEDDING_NORMS
            and isinstance(self.divisor, float)
            and 0.0 < self.divisor < np.inf
            and len(self.columns) in (0, self.dim)
            and all(isinstance(column, str) for column in self.columns)
        ):
            raise ValueError(f"part {self.name!r} of the embedding is damaged")


def decode(part: dict) -> np.ndarray:
    """One raw embedding `[C, dim]` from the builder's metadata."""
    values = np.frombuffer(base64.b64decode(part["values"]), "<f4")
    return values.reshape(-1, part["dim"]).astype(np.float64)


def scalings(
    parts: Sequence[dict], raw: Sequence[np.ndarray], norm: str
) -> tuple[Scaling, ...]:
    """How each part is scaled.

    Args:
        parts: the `embeddings` of the builder's metadata.
        raw: of each part, what `decode` gives.
        norm: `l2`, `matrix` or `none`, or one of them per part (`l2,matrix`).

    Raises:
        InputError: for an unknown norm.
    """
    norms = norm.split(",")
    if len(norms) == 1:
        norms *= len(parts)
    if len(norms) != len(parts) or set(norms) - set(EMBEDDING_NORMS):
        raise InputError(
            "Unknown value for --embedding_norm.",
            f"l2, matrix or none, or {len(parts)} of them with commas",
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
            float(np.linalg.norm(values) or 1.0) if one == "matrix" else 1.0,
            tuple(part.get("columns", ())),
        )
        for part, values, one in zip(parts, raw, norms)
    )


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
        if len(zero) and part.norm != "none":
            raise InputError(
                f"Embedding {part.name!r} has rows that are zero.",
                "at least one number other than zero for every class",
                f"zeros for {listed(class_names[c] for c in zero)}",
                "Complete the embedding, or use --embedding_norm=none.",
            )
        parts.append(values / (lengths if part.norm == "l2" else part.divisor))
    return np.concatenate(parts, axis=1).astype(np.float32)
