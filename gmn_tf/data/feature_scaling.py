"""Features, scaled as --feature_scaling says by the training rows alone.

    y = (x - offset) * factor
    y = arcsinh(y)         with `arcsinh`: y near 0, and log(2 |y|) far from it
    y = root(y) - centre   with `root`: root(y) = sign(y) sqrt(|y|)
    y = y sqrt(k) / |y|    with `unit`, `arcsinh` and `root`

for each dimension, of which k vary. Computed in float64, so that neither
large numbers nor a large offset cost digits or overflow.
"""

import base64
import dataclasses

import numpy as np

from gmn_tf.utils.dimensions import (
    NEARLY,
    Statistics,
    same_features,
    statistics,
)
from gmn_tf.utils.errors import check_choice, counted

NONE, RMS, STANDARD = "none", "rms", "standard"
MINMAX, CENTRED, UNIT, ARCSINH = "minmax", "centred", "unit", "arcsinh"
ROOT = "root"
FEATURE_SCALINGS = (NONE, RMS, STANDARD, MINMAX, CENTRED, UNIT, ARCSINH, ROOT)
SIGNED = (STANDARD, CENTRED, UNIT, ARCSINH, ROOT)  # around 0
MEDIAN_ROWS = 20_000  # spread evenly, that medians are taken of
MEDIAN_COLUMNS = 256  # at once


@dataclasses.dataclass(frozen=True)
class FeatureScaling:
    """How features are scaled: those of the data, and those predicted on.

    Attributes:
        kind: one of `FEATURE_SCALINGS`.
        offset: `dx` numbers that are subtracted; none with the kind `none`.
        factor: `dx` numbers that the rest is multiplied by, 0 for a constant
            dimension; none with the kind `none`.
        centre: `dx` means of roots; none but with the kind `root`.
    """

    kind: str = NONE
    offset: tuple[float, ...] = ()
    factor: tuple[float, ...] = ()
    centre: tuple[float, ...] = ()

    def __post_init__(self):
        size = len(self.offset)
        if not (
            self.kind in FEATURE_SCALINGS
            and len(self.factor) == size
            and any(self.factor) == (size > 0) == (self.kind != NONE)
            and len(self.centre) == size * (self.kind == ROOT)
            and np.isfinite([*self.offset, *self.factor, *self.centre]).all()
        ):
            raise ValueError("the scaling of features is damaged")

    @classmethod
    def fit(cls, kind: str, features) -> "FeatureScaling":
        """The scaling of a kind by the statistics of training rows.

        Args:
            kind: `none`: as they are. `rms`: all divided by their root mean
                square. `standard`: each dimension minus its mean, divided by
                its standard deviation. `minmax`: each dimension from 0 to 1.
                `centred`: each dimension minus its mean, and all divided by
                the root mean square of what is left. `unit`: centred, and
                each row then divided by its own root mean square. `arcsinh`:
                each dimension minus its median, divided by the median absolute
                deviation from it, the inverse hyperbolic sine of that, and
                each row then divided by its root mean square. `root`: of each
                dimension the distance from its least number, or from its
                largest if that is nearer to its mean, the square root of that,
                `centred`, and each row then divided by its root mean square.
                Except with `none` and `rms`, a constant dimension becomes 0.
            features: `[n, dx]`, an array or an `on_disk.OnDisk`.

        Raises:
            InputError: for another kind, or if no dimension varies (with
                `rms`: if all is 0), so that there is nothing to divide by.
        """
        check_choice("feature_scaling", kind, FEATURE_SCALINGS)
        if kind == NONE:
            return UNSCALED
        found = statistics(features)
        usable = found.largest > 0.0 if kind == RMS else found.varies
        if not usable.any():
            raise same_features(
                f"--feature_scaling={kind} is not possible: all training "
                "samples have the same features.",
                found,
            )
        if kind == ARCSINH:
            offset, deviation = _medians(features)
            factor = found.inverse(np.where(deviation, deviation, found.std))
        else:
            offset, factor = OFFSETS_AND_FACTORS[kind](found)
        centre = np.zeros(0)
        if kind == ROOT:
            roots = _Roots(features, offset, factor)
            centre = np.where(found.varies, statistics(roots).mean, 0.0)
        return cls(kind, *(tuple(n.tolist()) for n in (offset, factor, centre)))

    @classmethod
    def from_dict(cls, content: dict) -> "FeatureScaling":
        """The scaling that `to_dict` was called on.

        Raises:
            KeyError, TypeError, ValueError: for any other content.
        """
        found = cls(
            content["kind"],
            _decoded(content["offset"]),
            _decoded(content["factor"]),
            _decoded(content.get("centre", "")),
        )
        if found.to_dict() != content:
            raise ValueError("the scaling of features is damaged")
        return found

    def to_dict(self) -> dict:
        """Plain values, as written to JSON."""
        return {
            "kind": self.kind,
            "offset": _encoded(self.offset),
            "factor": _encoded(self.factor),
            **({"centre": _encoded(self.centre)} if self.centre else {}),
        }

    def __str__(self) -> str:
        """The kind, and how many dimensions became 0."""
        lost = counted(self.constant, "constant dimension")
        return self.kind + f" ({lost} set to 0)" * bool(self.constant)

    @property
    def unit_length(self) -> bool:
        """Whether each row is brought to the root mean square 1 at last."""
        return self.kind in (UNIT, ARCSINH, ROOT)

    @property
    def constant(self) -> int:
        """How many dimensions became 0, because they do not vary."""
        return self.factor.count(0.0)

    def __call__(self, features, precision: str = "float64"):
        """Features `[..., dx]`, an array or a tensor -> the scaled ones.

        These are a float32 tensor; with `none` they are what was given.

        Args:
            features: as they were extracted.
            precision: what is computed in. `float32` is for runtimes that have
                no more, nor an inverse hyperbolic sine.
        """
        if self.kind == NONE:
            return features
        import tensorflow as tf

        offset, factor = np.asarray(self.offset), np.asarray(self.factor)
        near = offset.astype(precision)
        scaled = tf.cast(features, precision) - near
        scaled *= factor.astype(precision)
        if np.any(offset != near):
            # A large offset has more digits than float32 holds. Subtracted
            # before, converters would add both parts up to a rounded one.
            scaled -= ((offset - near) * factor).astype(precision)
        if self.kind == ARCSINH:
            # That of a large negative number loses digits.
            sizes = tf.abs(scaled)
            scaled = tf.sign(scaled) * (
                tf.asinh(sizes)
                if precision == "float64"
                else _arcsinh_by_logarithms(sizes)
            )
        if self.kind == ROOT:
            scaled = tf.sign(scaled) * tf.sqrt(tf.abs(scaled))
            scaled -= np.asarray(self.centre, precision)
        if self.unit_length:
            varying = len(self.factor) - self.constant
            squares = tf.reduce_sum(tf.square(scaled), axis=-1, keepdims=True)
            # A row that is the mean itself stays at 0.
            scaled /= tf.maximum(tf.sqrt(squares / varying), NEARLY)
        return tf.cast(scaled, tf.float32)


def _arcsinh_by_logarithms(sizes):
    """log(x + sqrt(x^2 + 1)) of x >= 0, whose squares may overflow."""
    import tensorflow as tf

    # With m = max(x, 1): log m + log(x / m + sqrt((x / m)^2 + (1 / m)^2)).
    largest = tf.maximum(sizes, 1.0)
    part, one = sizes / largest, 1.0 / largest
    root = tf.sqrt(part * part + one * one)
    return tf.math.log(largest) + tf.math.log(part + root)


def _rms(found: Statistics):
    square = np.mean(np.square(found.mean) + np.square(found.std))
    return np.zeros_like(found.mean), np.full_like(found.mean, square**-0.5)


def _standard(found: Statistics):
    return found.mean, found.inverse(found.std)


def _minmax(found: Statistics):
    return found.least, found.inverse(found.most - found.least)


def _centred(found: Statistics):
    square = np.mean(np.square(found.std[found.varies]))
    return found.mean, found.inverse(np.full_like(found.mean, square**0.5))


def _ends(found: Statistics):
    """Of each dimension the end nearer to its mean; one factor for all."""
    nearer = found.mean - found.least <= found.most - found.mean
    ends = np.where(nearer, found.least, found.most)
    squares = np.square(found.std) + np.square(found.mean - ends)
    size = np.mean(squares[found.varies]) ** 0.5
    return ends, found.inverse(np.full_like(ends, size))


class _Roots:
    """Rows of features as `root` scales them, before they are centred."""

    def __init__(self, features, offset, factor):
        self.features, self.offset, self.factor = features, offset, factor

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows) -> np.ndarray:
        found = (self.features[rows] - self.offset) * self.factor
        return np.sign(found) * np.sqrt(np.abs(found))


def _medians(features) -> tuple[np.ndarray, np.ndarray]:
    """Median of each dimension, and of the absolute deviations from it.

    Where most rows have the same number, so that the second is 0, it is the
    mean of these deviations.
    """
    count = len(features)
    spread = np.linspace(0, count - 1, min(count, MEDIAN_ROWS))
    rows = features[spread.round().astype(int)]
    found = np.zeros((2, rows.shape[1]))
    for start in range(0, rows.shape[1], MEDIAN_COLUMNS):
        columns = slice(start, start + MEDIAN_COLUMNS)
        block = rows[:, columns].astype(np.float64)
        middle = np.median(block, axis=0)
        away = np.abs(block - middle)
        deviation = np.median(away, axis=0)
        deviation = np.where(deviation > 0.0, deviation, away.mean(axis=0))
        found[:, columns] = middle, deviation
    return tuple(found)


# Of other kinds, the offsets and the factors `[dx]`.
OFFSETS_AND_FACTORS = {
    RMS: _rms,
    STANDARD: _standard,
    MINMAX: _minmax,
    CENTRED: _centred,
    UNIT: _centred,
    ROOT: _ends,
}


UNSCALED = FeatureScaling()


def _encoded(numbers: tuple[float, ...]) -> str:
    return base64.b64encode(np.asarray(numbers, "<f8").tobytes()).decode()


def _decoded(text: str) -> tuple[float, ...]:
    return tuple(np.frombuffer(base64.b64decode(text), "<f8").tolist())
