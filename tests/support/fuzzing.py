"""Ways to spoil input, each decided by a random number generator.

`bytes_of` damages a file as a bad disk or a broken download does. `tree`
changes the content of a JSON file, `variables` of a .mat file, and `table` of a
.csv file.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import signal

import h5py
import numpy as np
import scipy.io
import scipy.sparse

from gmn_tf.utils.errors import InputError

SECONDS = 60  # more than that is a hang
# What stands where something else belongs. 10**400 is too large for a float,
# and Python refuses to read a number of more than 4300 digits.
JUNK = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    10**400,
    0.5,
    1e308,
    -0.0,
    float("nan"),
    float("inf"),
    "",
    " ",
    "nan",
    "1e3",
    "1.5",
    "-1",
    "test",
    "real_only",
    "../../outside",
    "/",
    "a\0b",
    "\ud800",
    "ä" * 300,
    "x" * 5000,
    [],
    [0],
    [1, "2", None],
    [[1], [2]],
    {},
    {"": 1},
    {"mean": 1},
)
RAW_JSON = ("", "{", "[" * 100_000, "1" * 5000, "\xff", "null", '"a"', "[1]")


def numbers(cases: int) -> range:
    """Numbers of the cases to try; the environment can give others."""
    first = int(os.environ.get("GMN_TF_FUZZ_FIRST", "0"))
    cases = int(os.environ.get("GMN_TF_FUZZ_CASES", str(cases)))
    return range(first, first + cases)


@contextlib.contextmanager
def right_or_clear():
    """Fails on any exception but a whole InputError, and on a hang."""

    def late(number, frame):
        raise TimeoutError(f"no end after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    except InputError as error:
        for part in ("expected:", "received:", "what to do:"):
            assert part in str(error)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pick(rng: np.random.Generator, choices):
    """One of the choices, unchanged by NumPy."""
    return choices[int(rng.integers(len(choices)))]


def bytes_of(rng: np.random.Generator, content: bytes, first: int = 0) -> bytes:
    """The content with damage somewhere from byte `first` on."""
    start = int(rng.integers(first, max(first + 1, len(content))))
    stop = start + int(rng.integers(1, 64))
    noise = rng.bytes(int(rng.integers(1, 16)))
    spoilt = bytearray(content)

    def flip():
        for _ in range(int(rng.integers(1, 9))):
            place = int(rng.integers(first, max(first + 1, len(content))))
            spoilt[place : place + 1] = rng.bytes(1)

    ways = {
        "flip": flip,
        "cut": lambda: spoilt.__delitem__(slice(start, None)),
        "remove": lambda: spoilt.__delitem__(slice(start, stop)),
        "insert": lambda: spoilt.__setitem__(slice(start, start), noise),
        "zero": lambda: spoilt.__setitem__(
            slice(start, stop), bytes(len(spoilt[start:stop]))
        ),
        "repeat": lambda: spoilt.__setitem__(
            slice(start, start), spoilt[start:stop]
        ),
        "append": lambda: spoilt.extend(noise),
    }
    ways[pick(rng, ("flip", "flip", *ways))]()
    return bytes(spoilt)


def file(rng: np.random.Generator, path: pathlib.Path, first: int = 0) -> None:
    """Damages a file, or now and then removes it or puts a folder there."""
    content = path.read_bytes()
    if rng.random() < 0.04:
        path.unlink()
    elif rng.random() < 0.04:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(bytes_of(rng, content, first))


def tree(rng: np.random.Generator, content):
    """A JSON value with one or two things in it changed."""
    content = json.loads(json.dumps(content))
    for _ in range(int(rng.integers(1, 3))):
        content = _tree_once(rng, content)
    return content


def _tree_once(rng, content):
    inner = content
    while isinstance(inner, dict | list) and inner:
        key = pick(rng, _keys(inner))
        if not isinstance(inner[key], dict | list) or rng.random() < 0.3:
            _change(rng, inner, key)
            return content
        inner = inner[key]
    return pick(rng, JUNK)


def _keys(inner: dict | list):
    return list(inner) if isinstance(inner, dict) else range(len(inner))


def _change(rng, inner, key) -> None:
    how = pick(rng, ("junk", "junk", "near", "near", "remove", "swap"))
    value = inner[key]
    if how == "remove":
        del inner[key]
    elif how == "swap":
        other = pick(rng, _keys(inner))
        inner[key], inner[other] = inner[other], inner[key]
    elif how == "near" and isinstance(value, int | float):
        inner[key] = value + pick(rng, (-1, 1, 0.5, 10**6, -(10**6)))
    elif how == "near" and isinstance(value, str):
        letters = bytes_of(rng, value.encode("utf-8", "replace"))
        inner[key] = letters.decode("utf-8", "replace")
    elif how == "near" and isinstance(value, list):
        inner[key] = pick(rng, (value[:-1], value + value, value[::-1]))
    else:
        inner[key] = pick(rng, JUNK)


def json_text(rng: np.random.Generator, text: str) -> bytes:
    """The text of a JSON file, spoilt in its bytes or in its content."""
    how = rng.random()
    if how < 0.2:
        return bytes_of(rng, text.encode())
    if how < 0.3:
        return pick(rng, RAW_JSON).encode("latin-1")
    return json.dumps(tree(rng, json.loads(text))).encode()


CELLS = (
    *("", " ", "nan", "inf", "-Infinity", "1e39", "1e-60", "0x10", "1_0"),
    *(
        "1,5",
        "1.5.2",
        "\uff11\uff12",
        "0",
        "-0",
        "-1",
        "7",
        "true",
        "None",
        "x" * 5000,
    ),
    *("seen", "unseen", "SEEN ", "validation", "test", "class", "file"),
    *("ä", "a\u2028b", "a\nb", "a\0b", "=1+2", "\ufeffwren", "'wren'"),
)
ENCODINGS = ("utf-8-sig", "utf-16", "latin-1", "utf-32", "cp037")


def table(rng: np.random.Generator, text: str) -> bytes:
    """The text of a .csv file, spoilt in its bytes or in its cells."""
    if rng.random() < 0.25:
        return bytes_of(rng, text.encode())
    rows = list(csv.reader(io.StringIO(text)))
    for _ in range(int(rng.integers(1, 3))):
        _spoil_rows(rng, rows)
    file = io.StringIO()
    delimiter = pick(rng, (*"," * 12, ";", "\t"))
    end = pick(rng, ("\n", "\n", "\n", "\r\n", "\r", "\n\n", " \n"))
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    encoding = pick(rng, (*["utf-8"] * 12, *ENCODINGS))
    return file.getvalue().encode(encoding, "replace")


def _spoil_rows(rng, rows: list) -> None:
    """Changes cells, lines, or columns, in place."""
    if not rows or not rows[0]:
        return
    line, other = (int(rng.integers(len(rows))) for _ in range(2))
    column = int(rng.integers(len(rows[0])))
    cell = pick(rng, rows[other] or CELLS)

    def each(change):
        for row in rows:
            change(row)

    def put(value):
        if rows[line]:
            rows[line][column % len(rows[line])] = value

    ways = (
        *[lambda: put(pick(rng, CELLS))] * 5,
        *[lambda: put(cell)] * 3,
        lambda: put(cell + pick(rng, " ,\"'\n0")),
        lambda: rows[line].append("1"),
        lambda: rows[line].pop(),
        lambda: rows.pop(line),
        lambda: rows.insert(line, list(rows[other])),
        lambda: rows.insert(line, []),
        lambda: rows.insert(line, [""] * len(rows[0])),
        lambda: rows.__setitem__(slice(1, None), rows[:0:-1]),
        lambda: rows.__delitem__(slice(1, None)),
        lambda: each(lambda row: row.__delitem__(slice(column, column + 1))),
        lambda: each(lambda row: row.insert(0, row[column % len(row)])),
        lambda: each(lambda row: row.reverse()),
    )
    with contextlib.suppress(IndexError, ZeroDivisionError):
        pick(rng, ways)()


def matrix(rng: np.random.Generator, values: np.ndarray):
    """A matrix of numbers with something wrong, or only unusual, in it."""
    places = rng.integers(0, values.size, int(rng.integers(1, 4)))
    numbers = values.astype(np.float64)

    def put(*choices):
        numbers.flat[places] = pick(rng, choices)
        return numbers

    def shuffled():
        numbers.flat[:] = rng.permutation(numbers.ravel())
        return numbers

    ways = (
        lambda: put(np.nan, np.inf, -np.inf),
        lambda: put(0.0, -1.0, 0.5, 1e10, 1e39, -1e300, 2.0**63, 2.0**64 + 5),
        lambda: put(*numbers.ravel()),  # a value from elsewhere in it
        lambda: numbers - 1,  # counted from 0
        lambda: numbers.T,
        lambda: numbers.reshape(1, -1),
        lambda: numbers[:-1],
        lambda: numbers[:, :-1],
        lambda: np.concatenate([numbers, numbers[-1:]]),
        lambda: np.concatenate([numbers[:1], numbers]),
        lambda: np.zeros_like(numbers),
        lambda: np.zeros((0, 1)),
        lambda: np.zeros((0, 0)),
        lambda: numbers[..., np.newaxis].repeat(2, axis=2),
        lambda: numbers.astype(pick(rng, INTEGERS)),
        lambda: numbers.astype(np.float32),
        lambda: numbers.astype(np.complex128) + 1j,
        lambda: numbers > numbers.mean(),
        lambda: numbers.astype(str),
        lambda: np.array(["a", "bc"], object),
        lambda: np.array([[numbers, "a"]], object),
        lambda: np.array([(1.0, "a")], [("x", "f8"), ("y", "O")]),
        lambda: "text",
        lambda: scipy.sparse.csc_matrix(numbers.reshape(-1, 1)),
        lambda: put(np.round(numbers.mean()), numbers.max() + 1),
        shuffled,
    )
    return pick(rng, ways)()


INTEGERS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def names(rng: np.random.Generator, values: np.ndarray):
    """Names of classes with something wrong, or only unusual, in them."""
    spoilt = values.copy()
    strange = ("", " ", "a\nb", "ä\u2028ö", "x" * 3000, 5, np.ones(2), "a_bird")
    spoilt.flat[int(rng.integers(spoilt.size))] = pick(rng, strange)
    ways = (
        lambda: spoilt,
        lambda: spoilt,
        lambda: values[::-1],
        lambda: values[:-1],
        lambda: values.ravel(),
        lambda: np.arange(values.size, dtype=float),
        lambda: np.array([str(name) for name in values.ravel()]),
        lambda: np.array([(1.0, "a")], [("x", "f8"), ("y", "O")]),
        lambda: scipy.sparse.csc_matrix(np.eye(values.size)),
        lambda: np.zeros((0, 1), object),
    )
    return pick(rng, ways)()


def variables(rng: np.random.Generator, content: dict, only=None) -> dict:
    """Variables of a .mat file, one or two of them spoilt or left out."""
    content = dict(content)
    for _ in range(int(rng.integers(1, 3))):
        name = pick(rng, only or list(content))
        if name not in content:
            continue
        value = content[name]
        if not isinstance(value, np.ndarray) or not value.size:
            continue
        if rng.random() < 0.1:
            del content[name]
        elif value.dtype == object:
            content[name] = names(rng, value)
        elif value.dtype.kind in "iuf":
            content[name] = matrix(rng, value)
    return content


def save_mat(path: pathlib.Path, content: dict, version: str) -> None:
    """Writes a .mat file of version 5, compressed or plain, or of 7.3."""
    if version != "7.3":
        scipy.io.savemat(path, content, do_compression=version == "5")
        return
    with h5py.File(path, "w", userblock_size=512) as hdf5:
        for name, value in content.items():
            _save_hdf5(hdf5, name, value)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def _save_hdf5(hdf5, name: str, value) -> None:
    if scipy.sparse.issparse(value):
        group = hdf5.create_group(name)
        for part, numbers in (
            ("data", value.data),
            ("ir", value.indices.astype("u8")),
            ("jc", value.indptr.astype("u8")),
        ):
            group[part] = numbers
        group.attrs["MATLAB_sparse"] = value.shape[0]
        return
    value = np.asarray(value)
    if value.dtype.names:
        hdf5.create_group(name).attrs["MATLAB_class"] = b"struct"
    elif not value.size:  # as MATLAB does: the sizes instead of the content
        hdf5[name] = np.array(value.shape, np.uint64)
        hdf5[name].attrs["MATLAB_empty"] = 1
    elif value.dtype == object:
        cells = np.empty(value.shape, h5py.ref_dtype)
        for number, cell in enumerate(value.ravel()):
            hdf5[f"#refs#/{name}/{number}"] = _characters(str(cell))
            cells.flat[number] = hdf5[f"#refs#/{name}/{number}"].ref
        hdf5[name] = cells.T
    elif value.dtype.kind == "U":
        hdf5[name] = _characters("".join(value.ravel().tolist()))
        hdf5[name].attrs["MATLAB_class"] = b"char"
    else:
        hdf5[name] = value.T


def _characters(text: str) -> np.ndarray:
    codes = text.encode("utf-16-le")
    return np.frombuffer(codes, "<u2").reshape(-1, 1)
