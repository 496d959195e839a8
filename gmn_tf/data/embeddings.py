"""Class embeddings: decoded, and scaled as --embedding_norm asks for."""

import base64
import dataclasses
from collections.abc import Sequence

import numpy as np

from gmn_tf.utils.errors import InputError

EMBEDDING_NORMS = ("l2", "matrix", "none")


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How one part of the embedding is scaled, for classes known or new.

    Attributes:
        name: of the part, as in `att`.
        dim: how many numbers it has.
        norm: `l2` divides each row by its length; the others by `divisor`.
        divisor: length of the whole matrix with `matrix`, 1 with `none`.
        columns: what each number is called; none if nobody has said.
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
        ):
            raise ValueError(f"part {self.name!r} of the embedding is damaged")


def decode(part: dict) -> np.ndarray:
    """One raw embedding `[C, dim]` from the builder's metadata."""
    values = np.frombuffer(base64.b64decode(part["values"]), "<f4")
    return values.reshape(-1, part["dim"]).astype(np.float64)


def scalings(parts: Sequence[dict], norm: str) -> tuple[Scaling, ...]:
    """How each part is scaled.

    Args:
        parts: the `embeddings` of the builder's metadata.
        norm: `l2`, `matrix` or `none`, or one of them per part (`l2,matrix`).

    Raises:
        InputError: for an unknown norm.
    """
    norms = norm.split(",")
    if len(norms) == 1:
        norms *= len(parts)
    if len(norms) != len(parts) or set(norms) - set(EMBEDDING_NORMS):
        raise InputError(
            "Bad value for --embedding_norm.",
            f"l2, matrix or none, or {len(parts)} of them with commas",
            repr(norm),
            f"the embedding has {len(parts)} part(s): "
            + ", ".join(part["name"] for part in parts),
        )
    return tuple(
        Scaling(
            part["name"],
            part["dim"],
            one,
            float(np.linalg.norm(decode(part))) if one == "matrix" else 1.0,
            tuple(part.get("columns", ())),
        )
        for part, one in zip(parts, norms)
    )


def scaled(
    values: np.ndarray,
    scalings: Sequence[Scaling],
    class_names: Sequence[str],
) -> np.ndarray:
    """Raw embeddings `[n, da]` -> what a run learns from, float32.

    Args:
        values: all parts side by side.
        scalings: of each part.
        class_names: `n` names, for messages.

    Raises:
        InputError: for a part of a row that is zero and has to have a length.
    """
    ends = np.cumsum([part.dim for part in scalings])
    blocks = np.split(values.astype(np.float64), ends[:-1], axis=1)
    return np.concatenate(
        [
            _scaled_part(block, part, class_names)
            for block, part in zip(blocks, scalings)
        ],
        axis=1,
    ).astype(np.float32)


def normalised(
    parts: Sequence[dict], norm: str, class_names: Sequence[str]
) -> np.ndarray:
    """`[C, da]` float32 from the builder's metadata; see `scalings`."""
    how = scalings(parts, norm)
    values = np.concatenate([decode(part) for part in parts], axis=1)
    return scaled(values, how, class_names)


def _scaled_part(
    block: np.ndarray, part: Scaling, class_names: Sequence[str]
) -> np.ndarray:
    lengths = np.linalg.norm(block, axis=1, keepdims=True)
    zero = np.flatnonzero(lengths == 0.0)
    if len(zero) and part.norm != "none":
        raise InputError(
            f"Embedding {part.name!r} has rows that are zero.",
            "a description with at least one number that is not zero for "
            "every class",
            "zeros for " + ", ".join(class_names[c] for c in zero[:5]),
            "complete the embedding, or use --embedding_norm=none",
        )
    return block / (lengths if part.norm == "l2" else part.divisor)
