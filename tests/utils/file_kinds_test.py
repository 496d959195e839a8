"""A file that is something else is named, with what makes it readable."""

import bz2
import gzip
import io
import lzma
import pickle
import shlex
import shutil
import struct
import subprocess
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
from etils import epath

from gmn_tf.utils import file_kinds
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom import classes, features
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file
from tests.support import make_dummy_data


def _saved(save, *arguments, **options) -> bytes:
    stream = io.BytesIO()
    save(stream, *arguments, **options)
    return stream.getvalue()


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("res101.mat"))
    return stream.getvalue()


ARRAY = np.arange(6.0).reshape(2, 3)
OCTAVE = b"# Created by Octave 8.4.0\n# name: features\n# type: matrix\n"
# Content, what it is called, and a part of the cure where a .mat file belongs.
KINDS = {
    "MATLAB 4": (
        _saved(scipy.io.savemat, {"features": ARRAY}, format="4"),
        "a file of MATLAB 4",
        "s.loadmat(sys.argv[1])",
    ),
    "MATLAB 4, big-endian": (
        struct.pack(">5i", 1000, 1, 1, 0, 2) + b"a\0" + bytes(8),
        "a file of MATLAB 4",
        "s.loadmat(sys.argv[1])",
    ),
    "Octave text": (OCTAVE, "a text file of Octave", 'octave --eval "load('),
    "Octave text without its first line": (
        OCTAVE.split(b"\n", 1)[1],
        "a text file of Octave",
        "save('-v7'",
    ),
    "Octave binary": (b"Octave-1-L\0\1", "a binary file of Octave", "'-v7'"),
    "Octave packed": (
        gzip.compress(OCTAVE),
        "a gzip archive of a text file of Octave",
        "gunzip",
    ),
    "npz": (
        _saved(np.savez, features=ARRAY),
        "a NumPy archive (.npz)",
        "dict(numpy.load(sys.argv[1]))",
    ),
    "npy": (_saved(np.save, ARRAY), "a NumPy array", "features="),
    "csv": (b"class,x\nant,1\n", "a table of text", "bin/prepare_data"),
    "text": (b"0.1 0.2\n0.3 0.4\n", "a text", "bin/prepare_data"),
    "page": (b"\n<!DOCTYPE html><html>", "a web page", "the file itself"),
    "XML": (b"<?xml version='1.0'?><Error>", "a web page", "the file itself"),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n",
        "a pointer of Git LFS",
        "git lfs pull",
    ),
    "git-annex": (b"/annex/objects/SHA256E-s1--a.mat\n", "git-annex", "annex"),
    "DVC": (b"outs:\n- md5: ab\n  path: a.mat\n", "pointer of DVC", "dvc pull"),
    "zip": (_zip("xlsa17/res101.mat"), "a zip archive", "unzip"),
    "tar": (_tar(), "a tar archive", "tar -xf"),
    "gzip": (gzip.compress(bytes(9)), "a gzip archive", "gunzip"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive", "7z x"),
    "rar": (b"Rar!\x1a\x07\x01\0", "a RAR archive", "unrar x"),
    "xz": (b"\xfd7zXZ\0\0\4", "an xz archive", "xz -dc"),
    "xlsx": (_zip("xl/workbook.xml"), "an Excel file (.xlsx)", "read_excel"),
    "ods": (_zip("content.xml"), "a spreadsheet (.ods)", "read_excel"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel", "read_excel"),
    "Parquet": (b"PAR1\x15\4", "a Parquet file", "read_parquet"),
    "PyTorch": (_zip("a/data.pkl"), "a file of PyTorch", "can run code"),
    "pickle": (pickle.dumps({"a": 1}), "a pickle of Python", "can run code"),
    "JSON": (b'{"features": [[1, 2]]}', "a JSON file", "a table or an array"),
    "image": (b"\xff\xd8\xff\xe0", "an image", "again"),
    "empty": (b"", "an empty file", "again"),
    "zeros": (bytes(5000), "zeros", "again"),
    "unknown": (b"\1\xff\2\xfe" * 40, "unknown kind", "again"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_a_mat_file(kind, tmp_path):
    content, words, cure = KINDS[kind]
    path = epath.Path(tmp_path) / "res101.mat"
    path.write_bytes(content)

    with pytest.raises(InputError, match="Cannot read") as error:
        mat_file.read(path, ("features",))

    received, action = str(error.value).splitlines()[2:]
    assert words in received
    assert cure in action
    assert "{" not in action.replace("{**", "")


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"npy", "empty", "unknown"}))
def test_in_place_of_an_array(kind, tmp_path):
    content, words, _ = KINDS[kind]
    (tmp_path / "features.npy").write_bytes(content)

    with pytest.raises(InputError, match="Cannot read") as error:
        features.read(tmp_path)

    assert words in str(error.value)


@pytest.mark.parametrize(
    "kind",
    sorted({*KINDS} - {"csv", "text", "empty", "zeros", "unknown", "gzip"}),
)
def test_in_place_of_a_table(kind, tmp_path):
    content, words, _ = KINDS[kind]
    (tmp_path / "classes.csv").write_bytes(content)

    with pytest.raises(InputError, match="Cannot read") as error:
        classes.read(epath.Path(tmp_path))

    assert words in str(error.value)


def test_a_mat_file_in_place_of_another(tmp_path):
    make_dummy_data.write(tmp_path)
    for name in ("features.npy", "features.csv"):
        path = tmp_path / name
        path.write_bytes((tmp_path / "res101.mat").read_bytes())
        with pytest.raises(InputError, match="a MATLAB file") as error:
            features.read(path)
        assert 's.loadmat(sys.argv[1])["features"].T' in str(error.value)
        with h5py.File(path, "w") as file:
            file["features"] = ARRAY
        with pytest.raises(InputError, match="an HDF5 file"):
            features.read(path)


def test_sound_files_are_of_no_other_kind(tmp_path):
    """Tables whose first letters are those of other formats."""
    for start in (b"PK,a\n1,2", b"CDF,a\n1,2", b"BZh,b\n1,2", b"RDX\n1"):
        assert file_kinds.recognise(start).actions.keys() & {"table", ""} == (
            set()
        )


def _zstd(content: bytes) -> bytes:
    done = subprocess.run(
        ["zstd", "-c"], input=content, capture_output=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("program", "pack"),
    [
        ("gunzip", gzip.compress),
        ("bunzip2", bz2.compress),
        ("xz", lzma.compress),
        ("zstd", _zstd),
    ],
)
def test_packed_files_are_unpacked_whatever_their_name(program, pack, tmp_path):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    path = epath.Path(tmp_path) / "it's here.mat"
    path.write_bytes(pack(OCTAVE))
    with pytest.raises(InputError) as error:
        mat_file.read(path, ("features",))

    command = str(error.value).partition("name what is in it: ")[2]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, timeout=60)

    assert command.startswith(program)
    assert (tmp_path / "NEW").read_bytes() == OCTAVE


def _command(error, program: str) -> list[str]:
    """The words of a command in a message, as a shell reads them."""
    return shlex.split(program + str(error.value).partition(program)[2])


def test_commands_quote_the_path(tmp_path):
    folder = epath.Path(tmp_path) / "it's here"
    folder.mkdir()
    path = folder / "a.mat"
    path.write_bytes(OCTAVE)
    with pytest.raises(InputError) as error:
        mat_file.read(path, ("features",))
    # Octave writes an apostrophe in a text twice.
    name = str(path).replace("'", "''")
    *_, code = _command(error, "octave --eval")
    assert code == f"load('{name}'); save('-v7', '{name}')"

    path = folder / "features.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError) as error:
        features.read(path)
    assert _command(error, "python -c")[-1] == str(path)

    path = folder / "classes.csv"
    path.write_bytes(b"class,seen\nM\xfcller,1\n")
    with pytest.raises(InputError) as error:
        classes.read(folder)
    assert _command(error, "iconv")[-3:] == [str(path), ">", "new.csv"]
