"""Downloading xlsa17.zip, resumed where it stopped, and unpacking one folder.

The download manager of TFDS says where downloads go; its own download starts
over after an interruption, and with 880 MB it is worth resuming.
"""

import dataclasses
import errno
import http.client
import lzma
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib

from etils import epath

from gmn_tf.utils import files, locks
from gmn_tf.utils.dataset_names import DOWNLOADABLE, PUBLISHED
from gmn_tf.utils.errors import InputError, first_line
from gmn_tf.utils.progress import logger, progress
from gmn_tf_datasets.zero_shot import source

ARCHIVE = "xlsa17.zip"
URL = "https://datasets.d2.mpi-inf.mpg.de/xian/xlsa17.zip"
_BLOCK = 1 << 20  # Bytes.
_TIMEOUT_SECONDS = 30
_ATTEMPTS = 3
_WAIT_SECONDS = 2.0  # Before the second attempt; doubled for each more.
_INTERRUPTIONS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)
# What zipfile raises for files that are not archives; RuntimeError if it takes
# a member for an encrypted or unknown one, ValueError for a wrong place in it.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
)


def unpacked_dir(folder: epath.Path) -> epath.Path:
    """Where the folders of the data sets are unpacked to."""
    return folder / "xlsa17"


def is_unpacked(folder: epath.Path, dataset: str) -> bool:
    """Whether the data set has been downloaded and unpacked before."""
    known = PUBLISHED.get(dataset)
    return known is not None and (
        (unpacked_dir(folder) / "data" / known.folder).exists()
    )


def remove(dataset: str, folder: epath.Path, quiet: bool = False) -> None:
    """Removes the archive and a data set unpacked from it, if there are any.

    Nothing is removed for a data set that the archive does not contain.
    """
    if dataset not in DOWNLOADABLE or not folder.exists():
        return
    with locks.exclusive(folder, logger(quiet)):
        if is_unpacked(folder, dataset):
            unpacked = unpacked_dir(folder) / "data" / PUBLISHED[dataset].folder
            unpacked.rmtree()
        (folder / ARCHIVE).unlink(missing_ok=True)


def fetch(
    dataset: str,
    folder: epath.Path,
    *,
    url: str = URL,
    sha256: str = "",
    quiet: bool = False,
) -> source.SourceFile | None:
    """Downloads xlsa17.zip, unless it is there, and unpacks one data set.

    Beside it, a file `xlsa17.zip.json` records its address, size and SHA-256.

    Args:
        dataset: one of `dataset_names.DOWNLOADABLE`.
        folder: of downloads, such as `data_dir / "downloads"`.
        url: the address.
        sha256: of the archive, if it is known.
        quiet: whether to show no progress, nor who is waited for.

    Returns:
        What was downloaded; None if it was there.

    Raises:
        InputError: if the archive cannot be downloaded, stored or unpacked, or
            is not the one that is known.
    """
    if not url.startswith(("http://", "https://")):
        raise _failed(url, "no address that starts with http:// or https://")
    archive, downloaded = folder / ARCHIVE, None
    try:
        with locks.exclusive(folder, logger(quiet)):
            if is_unpacked(folder, dataset):
                return None  # By another process, while this one waited.
            if not archive.exists():
                downloaded = _download(url, archive, sha256, quiet)
            unpack_folder(
                archive,
                PUBLISHED[dataset].folder,
                unpacked_dir(folder) / "data",
            )
            return downloaded
    except OSError as error:
        raise InputError(
            f"Cannot write the download to {folder}.",
            "a folder with write permission and free space (2 GB)",
            first_line(error),
            "Choose another folder with --data_dir, or make room.",
        ) from error


def _download(
    url: str, archive: epath.Path, sha256: str, quiet: bool
) -> source.SourceFile:
    """Downloads the archive in a few attempts, each resuming the last."""
    part = archive.parent / f"{archive.name}.part"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _resume(url, part, quiet)
            break
        except urllib.error.HTTPError as error:
            # The server has answered: asking again will not help.
            raise _failed(url, f"{error.code} {error.reason}") from error
        except _INTERRUPTIONS as error:
            if attempt == _ATTEMPTS:
                raise _failed(url, first_line(error)) from error
            time.sleep(_WAIT_SECONDS * 2 ** (attempt - 1))
    found = source.describe(part)
    if sha256 and found.sha256 != sha256:
        part.unlink()
        raise _failed(url, f"another file, with the SHA-256 {found.sha256}")
    record = {"url": url, "bytes": found.bytes, "sha256": found.sha256}
    files.write_json(archive.parent / f"{archive.name}.json", record)
    part.rename(archive)
    return dataclasses.replace(found, name=ARCHIVE)


def _resume(url: str, part: epath.Path, quiet: bool) -> None:
    """Downloads the rest of a file, or all of it if it has changed.

    `part` holds what earlier attempts have downloaded. Beside it, a file with
    the ending `.tag` holds the tag that the server gives to this version.
    """
    tag_file = part.parent / f"{part.name}.tag"
    request = urllib.request.Request(url)
    have = part.stat().length if part.exists() else 0
    if have and tag_file.exists():
        # With If-Range the server sends all of a file that has changed.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag_file.read_text())
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # The part is not a beginning of the file: start over.
        response = urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS)
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0
        elif not (sent := response.headers.get("Content-Range", "")).startswith(
            f"bytes {have}-"
        ):
            raise http.client.HTTPException(
                f"the server sent {sent!r} instead of all from {have}"
            )
        tag = response.headers.get("ETag", "")
        if not tag or tag.startswith("W/"):  # weak tags: not with If-Range
            tag = response.headers.get("Last-Modified")
        tag_file.unlink(missing_ok=True)
        if tag:
            tag_file.write_text(tag)
        length = response.headers.get("Content-Length")
        size = None if length is None else have + int(length)
        with (
            part.open("ab" if have else "wb") as file,
            progress("xlsa17.zip", size, quiet, "B", start=have) as advance,
        ):
            while block := response.read(_BLOCK):
                file.write(block)
                advance(len(block))
    received = part.stat().length
    if size is not None and received != size:
        raise http.client.HTTPException(
            f"the connection ended after {received} of {size} bytes"
        )
    tag_file.unlink(missing_ok=True)


def _failed(url: str, reason: str) -> InputError:
    return InputError(
        f"{url} cannot be downloaded.",
        "the archive xlsa17.zip (about 880 MB)",
        reason,
        "Run the command again: it resumes where it stopped. Or get the "
        "archive by other means, unpack it, and name the folder with "
        "--manual_dir.",
    )


def unpack_folder(archive: epath.Path, folder: str, target: epath.Path) -> None:
    """Unpacks the files of `.../data/FOLDER/` into `target / folder`.

    All of them are unpacked or none. A damaged archive is removed, because it
    would be in the way of a new download.

    Raises:
        InputError: if the archive is damaged, or lacks the folder.
    """
    target.mkdir(parents=True, exist_ok=True)
    for remains in target.glob("incomplete.*"):
        remains.rmtree()  # Of a process that was killed while unpacking.
    try:
        with (
            archive.open("rb") as stream,
            zipfile.ZipFile(stream) as content,
            tempfile.TemporaryDirectory(
                prefix=f"incomplete.{folder}.", dir=target
            ) as temporary,
        ):
            whole = epath.Path(temporary) / folder
            whole.mkdir()
            members = [
                member
                for member in content.infolist()
                if member.filename.split("/")[-3:-1] == ["data", folder]
                and not member.is_dir()
            ]
            for member in members:
                name = member.filename.split("/")[-1]
                # The name is all that is kept of the path, so that no member
                # can end up outside; a backslash is a separator on Windows.
                if name in (".", "..") or "\\" in name or ":" in name:
                    raise zipfile.BadZipFile(f"unsafe name {member.filename!r}")
                with (
                    content.open(member) as packed,
                    (whole / name).open("wb") as file,
                ):
                    shutil.copyfileobj(packed, file, _BLOCK)
            if members:
                whole.rename(target / folder)
    except (OSError, *_DAMAGED) as error:
        # EINVAL is a place before the file's start; other errors of the
        # system, such as that of a full disk, are not damage to the archive.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        archive.unlink()
        raise InputError(
            f"{archive} is damaged and has been removed.",
            "a complete zip archive",
            first_line(error),
            "Run the command again to download it again, or get it by other "
            "means and name the unpacked folder with --manual_dir.",
        ) from error
    if not members:
        raise InputError(
            f"{archive} has no folder data/{folder}.",
            "xlsa17.zip, which has one folder per data set",
            "another archive",
            "Remove it and run the command again, or name the folder of the "
            "data with --manual_dir.",
        )
