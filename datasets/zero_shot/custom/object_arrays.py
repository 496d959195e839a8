"""Texts and numbers in an array of Python objects, which is never unpickled.

`numpy.save` writes such an array (as `Series.to_numpy()` of pandas gives it) as
a pickle: a program that can call anything. Here its steps are followed without
calling: what would be called becomes an inert `_Call`, and the result counts
only if it is the array of plain values that NumPy itself would have written.
"""

import math
import pickletools
from typing import BinaryIO, NamedTuple

import numpy as np

_PUSHES = {
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("SHORT_BINBYTES", "BINBYTES", "SHORT_BINSTRING", "BINSTRING"),
    *("BININT", "BININT1", "BININT2", "INT", "LONG1"),
}
_CONSTANTS = {"NONE": None, "NEWFALSE": False, "NEWTRUE": True}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_RECONSTRUCT = {
    f"numpy{a}.multiarray _reconstruct" for a in (".core", "._core")
}
_MARK = object()


class _Name(NamedTuple):
    """A name that a pickle would have imported."""

    text: str


class _Call(NamedTuple):
    """What a pickle would have called, and what it would have set then."""

    function: object
    arguments: object
    state: list


def read(stream: BinaryIO) -> np.ndarray:
    """The texts, or the whole numbers, of a .npy file of Python objects.

    Raises:
        ValueError: for a file of anything else.
    """
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(stream)
        else:
            header = np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # a damaged one makes Python's parser fail
        raise ValueError("no header of an array") from error
    shape, _, kind = header
    if kind.kind != "O":
        raise ValueError("no array of Python objects")
    values = _values(_followed(stream.read()))
    for one_of in (str, int):
        if values and all(type(value) is one_of for value in values):
            break
    else:
        raise ValueError("an array of other objects than texts")
    if len(values) != math.prod(shape) or len(values) != max(shape):
        raise ValueError("an array of another size than it says")
    return np.array(values)


def _values(found) -> list:
    """The values of the array that was pickled."""
    if (
        not isinstance(found, _Call)
        or not isinstance(found.function, _Name)
        or found.function.text not in _RECONSTRUCT
        or len(found.state) != 1
        or not isinstance(found.state[0], tuple)
        or len(found.state[0]) != 5
        or not isinstance(found.state[0][4], list)
    ):
        raise ValueError("a pickle of something else than an array")
    values = found.state[0][4]
    return [v.decode() if isinstance(v, bytes) else v for v in values]


def _followed(content: bytes):
    """What the steps of a pickle put together, without a call."""
    stack, memo = [], {}
    for step, argument, _ in pickletools.genops(content):
        name = step.name
        try:
            if name == "STOP":
                return stack.pop()
            _follow(name, argument, stack, memo)
        except (IndexError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a pickle that is damaged at {name}") from error
    raise ValueError("a pickle without an end")


def _follow(name: str, argument, stack: list, memo: dict) -> None:
    """One step of a pickle."""
    if name in _PUSHES:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name == "EMPTY_LIST":
        stack.append([])
    elif name == "MARK":
        stack.append(_MARK)
    elif name in _TUPLES or name == "TUPLE":
        count = _TUPLES.get(name)
        parts = _above_mark(stack) if count is None else _top(stack, count)
        stack.append(tuple(parts))
    elif name in ("APPEND", "APPENDS"):
        parts = _top(stack, 1) if name == "APPEND" else _above_mark(stack)
        stack[-1].extend(parts)
    elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
        memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name == "GLOBAL":
        stack.append(_Name(argument))
    elif name == "STACK_GLOBAL":
        stack.append(_Name(" ".join(_top(stack, 2))))
    elif name == "REDUCE":
        stack.append(_Call(*_top(stack, 2), []))
    elif name == "BUILD":
        (state,) = _top(stack, 1)
        stack[-1].state.append(state)
    elif name not in ("PROTO", "FRAME"):
        raise ValueError(f"a step of a pickle that arrays do not need: {name}")


def _top(stack: list, count: int) -> list:
    """The last `count` things, which are taken off."""
    if len(stack) < count:
        raise IndexError("too few")
    parts = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return parts


def _above_mark(stack: list) -> list:
    """All things after the last mark, which are taken off with it."""
    place = max((n for n, one in enumerate(stack) if one is _MARK), default=-1)
    if place < 0:
        raise IndexError("no mark")
    parts = stack[place + 1 :]
    del stack[place:]
    return parts
