"""Unpacking one folder of xlsa17.zip: all of it or nothing."""

import errno
import lzma
import tempfile
import zipfile
import zlib

from etils import epath

from gmn_tf.utils.errors import InputError

# What zipfile raises for archives that are none; RuntimeError if it takes a
# member for an encrypted or unknown one, ValueError for a wrong place in it.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
)


def unpack_folder(archive: epath.Path, folder: str, target: epath.Path) -> None:
    """Unpacks the files of `.../data/FOLDER/` into `target / folder`.

    Args:
      archive: xlsa17.zip; removed if it is damaged, because it would be in
        the way of a new download.
      folder: name of the folder.
      target: where the folder appears when all its files are complete.
    """
    target.mkdir(parents=True, exist_ok=True)
    for remains in target.glob("incomplete.*"):
        remains.rmtree()  # Of a process that was killed while unpacking.
    try:
        with archive.open("rb") as stream, zipfile.ZipFile(stream) as content:
            members = _members(content, folder)
            if not members:
                raise _lacks(archive, folder)
            with tempfile.TemporaryDirectory(
                prefix=f"incomplete.{folder}.", dir=target
            ) as temporary:
                whole = epath.Path(temporary) / folder
                whole.mkdir()
                for member in members:
                    _unpack(content, member, whole)
                whole.rename(target / folder)
    except (OSError, *_DAMAGED) as error:
        if not _is_damage(error):
            raise
        archive.unlink()
        raise InputError(
            f"{archive} is damaged and has been removed.",
            "a complete zip archive",
            str(error),
            "Run the command again to download it anew, or get it by other "
            "means and name the unpacked folder with --manual_dir.",
        ) from error


def _is_damage(error: Exception) -> bool:
    if isinstance(error, OSError):  # not that of a full disk
        return error.errno == errno.EINVAL  # a place before the file's start
    return not isinstance(error, InputError)


def _members(content: zipfile.ZipFile, folder: str) -> list[zipfile.ZipInfo]:
    """The files directly in the folder, wherever that is in the archive."""
    return [
        member
        for member in content.infolist()
        if member.filename.split("/")[-3:-1] == ["data", folder]
        and not member.is_dir()
    ]


def _unpack(
    content: zipfile.ZipFile, member: zipfile.ZipInfo, whole: epath.Path
) -> None:
    name = member.filename.split("/")[-1]
    # The name is all that is kept of the path, so that no member can end up
    # outside; a backslash is a separator on Windows.
    if name in (".", "..") or "\\" in name or ":" in name:
        raise zipfile.BadZipFile(f"unsafe name {member.filename!r}")
    with content.open(member) as packed, (whole / name).open("wb") as file:
        while block := packed.read(1 << 20):
            file.write(block)


def _lacks(archive: epath.Path, folder: str) -> InputError:
    return InputError(
        f"{archive} has no folder data/{folder}.",
        "xlsa17.zip, which has one folder per data set",
        "another archive",
        "Remove it and run the command again, or name the folder of the data "
        "with --manual_dir.",
    )
