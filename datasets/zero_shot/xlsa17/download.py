"""Fetching xlsa17.zip and unpacking the one folder that is needed.

TFDS's own download manager starts over after an interruption; with 880 MB it
is worth going on where it stopped.
"""

import hashlib
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request

from etils import epath
from tqdm import tqdm

from gmn_tf.utils import locks
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.xlsa17 import unpack
from gmn_tf_datasets.zero_shot.xlsa17.folders import FOLDERS

URL = "https://datasets.d2.mpi-inf.mpg.de/xian/xlsa17.zip"
_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 30
_ATTEMPTS = 3


def unpacked_dir(data_dir: epath.Path) -> epath.Path:
    """Where the folders of the data sets are unpacked to."""
    return data_dir / "downloads" / "xlsa17"


def is_unpacked(data_dir: epath.Path, dataset: str) -> bool:
    """Whether the data set has been downloaded and unpacked before."""
    folder = FOLDERS.get(dataset)
    if folder is None:
        return False
    try:
        return (unpacked_dir(data_dir) / "data" / folder).exists()
    except OSError:  # Such as a file in the middle of the path.
        return False


def fetch(
    dataset: str,
    data_dir: epath.Path,
    *,
    url: str = URL,
    quiet: bool = False,
    wait_seconds: float = 2.0,
) -> None:
    """Downloads xlsa17.zip, unless it is there, and unpacks one data set.

    Beside the archive, a file `xlsa17.zip.json` records its address, size and
    SHA-256.

    Args:
      dataset: a name in `FOLDERS`.
      data_dir: the archive goes to its folder `downloads`.
      url: address of the archive.
      quiet: whether to hide the progress.
      wait_seconds: pause before the second attempt; doubled for each more.
    """
    if not url.startswith(("http://", "https://")):
        raise _failed(url, "no address that starts with http:// or https://")
    archive = data_dir / "downloads" / "xlsa17.zip"
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        with locks.exclusive(archive.parent, wait=True):
            if is_unpacked(data_dir, dataset):
                return  # By another process, while this one waited.
            if not archive.exists():
                _download(url, archive, quiet, wait_seconds)
            unpack.unpack_folder(
                archive, FOLDERS[dataset], unpacked_dir(data_dir) / "data"
            )
    except OSError as error:
        raise InputError(
            f"The download to {archive.parent} cannot be stored.",
            "a folder with write permission and free space (2 GB)",
            error.strerror or str(error),
            "Choose another folder with --data_dir, or make room.",
        ) from error


def _download(
    url: str, archive: epath.Path, quiet: bool, wait_seconds: float
) -> None:
    part = archive.parent / f"{archive.name}.part"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            size = _continue(url, part, quiet)
            break
        except urllib.error.HTTPError as error:
            # The server has answered: asking again will not help.
            raise _failed(url, f"{error.code} {error.reason}") from error
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
            ssl.SSLError,
        ) as error:
            if attempt == _ATTEMPTS:
                raise _failed(url, str(error)) from error
            time.sleep(wait_seconds * 2 ** (attempt - 1))
    record = {"url": url, "bytes": size, "sha256": _digest(part)}
    (archive.parent / f"{archive.name}.json").write_text(json.dumps(record))
    part.rename(archive)


def _continue(url: str, part: epath.Path, quiet: bool) -> int:
    """Downloads what is missing of the file; returns its size."""
    tag_file = part.parent / f"{part.name}.tag"
    request = urllib.request.Request(url)
    have = part.stat().length if part.exists() else 0
    if have and tag_file.exists():
        # With If-Range the server sends all of a file that has changed.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag_file.read_text())
    with _open(request) as response:
        have = have if _resumes_at(have, response) else 0
        tag = _tag(response)
        tag_file.unlink(missing_ok=True)
        if tag:
            tag_file.write_text(tag)
        size = _total_size(response, have)
        _store(response, part, have, size, quiet)
    received = part.stat().length
    if size is not None and received != size:
        raise http.client.HTTPException(
            f"the connection ended after {received} of {size} bytes"
        )
    tag_file.unlink(missing_ok=True)
    return received


def _resumes_at(have: int, response) -> bool:
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    content_range = response.headers.get("Content-Range", "")
    if not content_range.startswith(f"bytes {have}-"):
        raise http.client.HTTPException(
            f"the server sent {content_range!r} instead of all from {have}"
        )
    return True


def _open(request: urllib.request.Request):
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
    # What is there is no beginning of the file: start over.
    return urllib.request.urlopen(request.full_url, timeout=_TIMEOUT_SECONDS)


def _tag(response) -> str | None:
    """What tells this version of the file from another, if anything."""
    tag = response.headers.get("ETag")
    # Weak tags must not be used with If-Range.
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _total_size(response, have: int) -> int | None:
    length = response.headers.get("Content-Length")
    return None if length is None else have + int(length)


def _store(
    response, part: epath.Path, have: int, size: int | None, quiet: bool
) -> None:
    with (
        part.open("ab" if have else "wb") as file,
        tqdm(
            desc="xlsa17.zip",
            total=size,
            initial=have,
            unit="B",
            unit_scale=True,
            disable=quiet,
        ) as progress,
    ):
        while block := response.read(_BLOCK):
            file.write(block)
            progress.update(len(block))


def _digest(path: epath.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _failed(url: str, reason: str) -> InputError:
    return InputError(
        f"{url} cannot be downloaded.",
        "the archive xlsa17.zip (about 880 MB)",
        reason,
        "Run the command again: it goes on where it stopped. Or get the "
        "archive by other means, unpack it, and name the folder with "
        "--manual_dir.",
    )
