"""Values of settings in the type of their default, from texts or JSON."""

import math

KINDS = {  # what a setting of this type is given as
    int: "a whole number, as in 100",
    float: "a number, as in 0.001",
    str: "a text",
    tuple: "whole numbers with commas, as in 2048,1024",
}


def single(kind: type, value):
    """A text or a finite number; ValueError for another type or a fraction."""
    converted = kind(value)
    if (
        isinstance(value, bool)
        or (kind is str and not isinstance(value, str))
        or (kind is float and not math.isfinite(converted))
        or (isinstance(value, float) and converted != value)  # as in int(1.5)
    ):
        raise ValueError
    return converted


def converted(kind: type, value):
    """A value of a setting: as `single`, or whole numbers for a `tuple`.

    Args:
        kind: int, float, str or tuple.
        value: of this type or as a text, as in `256,128`.

    Raises:
        ValueError, TypeError, OverflowError: for any other value.
    """
    if kind is not tuple:
        return single(kind, value)
    items = value.split(",") if isinstance(value, str) else list(value)
    return tuple(single(int, item) for item in items)
