"""Formats by the first bytes of a file: what each is called, what to do."""

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

START = 4096  # bytes that tell what a file is
# What a file should be, where something else is found.
MAT, NPY, NPZ, TABLE, ANY = "mat", "npy", "npz", "table", ""


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        words: what it is, for a message.
        actions: what to do, by what the file should be; `ANY` for the others.
            `{path}` stands for its path, `{octave}` for a line of Octave.
    """

    words: str
    actions: dict[str, str]


_AGAIN = "Get the file again."
_TABLES = (
    "Tables and arrays of your own are prepared by bin/prepare_data; "
    "docs/custom_data.md says how to name them."
)
_OCTAVE = "Save it again as version 7: octave --eval {octave}"
_CONVERT = (
    "Convert it: mv {path} {path}.old && python -c 'import sys, numpy, "
    "scipy.io as s; s.savemat(sys.argv[2], CODE)' {path}.old {path}"
)
_TO_ARRAYS = (
    "Save the variable that is meant as an array: python -c 'import sys, "
    'numpy, scipy.io as s; numpy.save("features.npy", '
    's.loadmat(sys.argv[1])["features"].T)\' {path}'
)
_TO_TABLE = (
    "Save it as CSV UTF-8: python -c 'import sys, pandas; "
    'pandas.READER(sys.argv[1]).to_csv("table.csv", index=False)\' {path}'
)
_PICKLE = (
    "A pickle can run code, and is never loaded here. If you trust it, save "
    "its arrays with numpy.save, or its table as CSV."
)


def _unpack(words: str, command: str) -> FileKind:
    advice = f"Unpack it, and name what is in it: {command}"
    return FileKind(words, {ANY: advice})


def _table_of(words: str, reader: str) -> FileKind:
    return FileKind(words, {ANY: _TO_TABLE.replace("READER", reader)})


def _pointer(words: str, command: str) -> FileKind:
    advice = f"Fetch the file with `{command}` in the clone."
    return FileKind(f"a pointer of {words}, not the file", {ANY: advice})


def _pattern(pattern: bytes) -> Callable[[bytes], bool]:
    return lambda start: bool(re.match(pattern, start))


def is_version_4(start: bytes) -> bool:
    """Whether a file starts as a matrix of MATLAB 4 does.

    Five numbers of 32 bits (type, rows, columns, whether complex, length of
    the name), then the name and a zero.
    """
    for order in "<>" if len(start) > 20 else "":
        kind, rows, columns, imaginary, size = struct.unpack_from(
            order + "5i", start
        )
        # Decimal digits: machine, a zero, precision, form.
        digits = [*map(int, f"{kind:04d}")] if 0 <= kind < 5000 else [9] * 4
        if (
            all(a <= b for a, b in zip(digits, (4, 0, 5, 2)))
            and min(rows, columns) >= 0
            and imaginary in (0, 1)
            and 2 <= size <= 64
            and re.fullmatch(rb"[A-Za-z]\w*\0", start[20 : 20 + size])
        ):
            return True
    return False


def is_hdf5(start: bytes) -> bool:
    """Whether a file starts as HDF5, perhaps after what MATLAB puts before."""
    places = (0, 512, 1024, 2048)
    return any(start[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in places)


def is_version_5(start: bytes) -> bool:
    """Whether a file starts as MATLAB's of version 5 to 7."""
    return start[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def _is_page(start: bytes) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return bool(re.match(rb"<(!doctype|!--|html|head|body|script|\?xml)", text))


def _is_text(start: bytes) -> bool:
    """Whether nearly all bytes are letters of UTF-8, or of a code page."""
    text = start.decode("utf-8", "ignore")
    letters = sum(c.isprintable() or c in "\t\r\n\f" for c in text)
    return b"\0" not in start and letters > 0.9 * len(start.decode("latin-1"))


def _is_table(start: bytes) -> bool:
    first = start.split(b"\n")[0]
    return _is_text(start) and any(mark in first for mark in b",;\t|")


_OCTAVE_KIND = {ANY: _OCTAVE}
ZIP = _unpack("a zip archive", "unzip {path}")
DAMAGED_ZIP = FileKind("a damaged zip archive", {ANY: _AGAIN})
# What tells a kind, its first bytes or a test of them; the first one counts.
KINDS = (
    (
        lambda s: not s,
        FileKind(
            "an empty file (0 bytes)", dict.fromkeys((MAT, NPY, NPZ), _AGAIN)
        ),
    ),
    (
        lambda s: not s.strip(b"\0"),
        FileKind("zeros, as an unfinished download leaves them", {ANY: _AGAIN}),
    ),
    (b"version https://git-lfs", _pointer("Git LFS", "git lfs pull")),
    (
        _pattern(rb"(\.\./)*(\.git)?/?annex/objects/"),
        _pointer("git-annex", "git annex get ."),
    ),
    (
        _pattern(rb"(wdir: \S+\s+)?(md5: \w+\s+)?outs:\s"),
        _pointer("DVC", "dvc pull"),
    ),
    (
        _is_page,
        FileKind(
            "a web page (HTML or XML)",
            {
                ANY: "Download the file itself: the address gave a page, such "
                "as a login or an error. A browser shows what it says."
            },
        ),
    ),
    (
        _pattern(rb"# Created by Octave|# name: "),
        FileKind("a text file of Octave's `save`", _OCTAVE_KIND),
    ),
    (
        b"Octave-1-",
        FileKind("a binary file of Octave's `save -binary`", _OCTAVE_KIND),
    ),
    (
        is_version_4,
        FileKind(
            "a file of MATLAB 4",
            {
                MAT: _CONVERT.replace("CODE", "s.loadmat(sys.argv[1])"),
                ANY: _TO_ARRAYS,
            },
        ),
    ),
    (is_version_5, FileKind("a MATLAB file", {ANY: _TO_ARRAYS})),
    (
        is_hdf5,
        FileKind(
            "an HDF5 file, as of MATLAB 7.3 or h5py",
            {ANY: "Save the data set that is meant with numpy.save."},
        ),
    ),
    (
        b"\x93NUMPY",
        FileKind(
            "a NumPy array (.npy)",
            {
                MAT: "Save it with the name of its variable: python -c 'import "
                'numpy, scipy.io as s; s.savemat("res101.mat", dict(features='
                'numpy.load("features.npy"), labels=numpy.load("labels.npy")))'
                f"'. {_TABLES}",
                TABLE: "Name it with the ending .npy.",
                NPZ: "Name it with the ending .npy.",
            },
        ),
    ),
    (_pattern(rb"PK[\3\5]"), ZIP),
    # By name, these programs would refuse an ending that is not theirs.
    (b"\x1f\x8b", _unpack("a gzip archive", "gunzip < {path} > NEW")),
    (
        _pattern(rb"BZh[1-9]1AY"),
        _unpack("a bzip2 archive", "bunzip2 < {path} > NEW"),
    ),
    (b"\xfd7zXZ\0", _unpack("an xz archive", "xz -dc < {path} > NEW")),
    (
        b"\x28\xb5\x2f\xfd",
        _unpack("a Zstandard archive", "zstd -dc < {path} > NEW"),
    ),
    (b"7z\xbc\xaf\x27\x1c", _unpack("a 7-Zip archive", "7z x {path}")),
    (b"Rar!\x1a\x07", _unpack("a RAR archive", "unrar x {path}")),
    (
        lambda s: s[257:262] == b"ustar",
        _unpack("a tar archive", "tar -xf {path}"),
    ),
    (b"PAR1\x15", _table_of("a Parquet file", "read_parquet")),
    (b"ARROW1\0", _table_of("an Arrow file", "read_feather")),
    (b"FEA1", _table_of("a Feather file", "read_feather")),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        _table_of("an Excel file (.xls)", "read_excel"),
    ),
    (
        _pattern(rb"RDX[23]\n"),
        FileKind(
            "a file of R's `save`",
            {ANY: "In R: write.csv(TABLE, 'table.csv', row.names = FALSE)"},
        ),
    ),
    (
        _pattern(
            rb"%PDF-|\xff\xd8\xff|\x89PNG|GIF8[79]a|RIFF....WEBP"
            rb"|SQLite format 3|CDF[\1\2\5]"
        ),
        FileKind("an image, a document or a database", {ANY: _AGAIN}),
    ),
    (
        _pattern(rb"\x80[\2-\5]"),
        FileKind("a pickle of Python", {ANY: _PICKLE}),
    ),
    (
        _pattern(rb"\s*(\{\s*[\"}]|\[\s*[\[{\"\d\-\]])"),
        FileKind(
            "a JSON file",
            {ANY: f"Save what it says as a table or an array. {_TABLES}"},
        ),
    ),
    (
        _is_table,
        FileKind(
            "a table of text (CSV)",
            dict.fromkeys((NPY, NPZ), "Name it with the ending .csv.")
            | {MAT: _TABLES},
        ),
    ),
    (
        _is_text,
        FileKind(
            "a text",
            {
                MAT: f"{_AGAIN} An editor shows what it says. {_TABLES}",
                **dict.fromkeys(
                    (NPY, NPZ),
                    "Save it as a .csv file with the names of the columns in "
                    "its first line.",
                ),
            },
        ),
    ),
)
# The same by the end of a name in a zip archive.
ZIPS = (
    (
        ".npy",
        FileKind(
            "a NumPy archive (.npz)",
            {
                MAT: _CONVERT.replace("CODE", "dict(numpy.load(sys.argv[1]))"),
                TABLE: "Name it with the ending .npz.",
                NPY: "Name it with the ending .npz.",
            },
        ),
    ),
    ("xl/workbook.xml", _table_of("an Excel file (.xlsx)", "read_excel")),
    ("xl/workbook.bin", _table_of("an Excel file (.xlsb)", "read_excel")),
    ("content.xml", _table_of("a spreadsheet (.ods)", "read_excel")),
    ("data.pkl", FileKind("a file of PyTorch (.pt)", {ANY: _PICKLE})),
)
