"""Downloading from a server on this machine, with its accidents."""

import contextlib
import functools
import hashlib
import http.server
import io
import json
import re
import shutil
import threading
import zipfile

import pytest
import tensorflow_datasets as tfds
from etils import epath

from gmn_tf.utils import locks, waiting
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import reading
from gmn_tf_datasets.zero_shot.prepare import check, prepare
from gmn_tf_datasets.zero_shot.xlsa17 import download
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    Builder,
    ZeroShotConfig,
)
from tests.support import make_dummy_data


class _Server(http.server.ThreadingHTTPServer):
    """Serves one archive; the attributes say how it misbehaves."""

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.tag = '"first"'
        self.knows_ranges = True
        # How many bytes the next answers send before they break off.
        self.break_after: list[int] = []
        self.asked_ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/xlsa17.zip"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        asked = self.headers["Range"]
        server.asked_ranges.append(asked)
        if self.path != "/xlsa17.zip":
            return self.send_error(404)
        fresh = self.headers["If-Range"] == server.tag
        start = 0
        if asked and fresh and server.knows_ranges:
            start = int(re.match(r"bytes=(\d+)-", asked)[1])
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header(
                "Content-Range", f"bytes {start}-{last}/{last + 1}"
            )
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.tag)
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *arguments):
        del arguments


@pytest.fixture(name="archive")
def _archive(tmp_path) -> bytes:
    make_dummy_data.write(tmp_path / "dummy")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as content:
        for folder in ("CUB", "SUN"):
            for path in sorted((tmp_path / "dummy").iterdir()):
                content.write(path, f"xlsa17/data/{folder}/{path.name}")
        content.writestr("xlsa17/code/README", "not needed")
    return packed.getvalue()


@pytest.fixture(name="server")
def _server(archive, monkeypatch):
    monkeypatch.setattr(download, "_WAIT_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = _Server(archive)
    thread = threading.Thread(
        target=functools.partial(server.serve_forever, poll_interval=0.01)
    )
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _fetch(server: _Server, data_dir, url: str | None = None) -> None:
    download.fetch(
        "cub",
        epath.Path(data_dir) / "downloads",
        url=url or server.url,
        quiet=True,
    )


def _unpacked(data_dir) -> list[str]:
    return sorted(
        str(path.relative_to(data_dir / "downloads" / "xlsa17"))
        for path in (data_dir / "downloads" / "xlsa17").rglob("*.mat")
    )


CUB_FILES = [
    f"data/CUB/{name}"
    for name in ("att_splits.mat", "res101.mat", "sent_splits.mat")
]


def test_downloads_unpacks_and_records(server, tmp_path):
    _fetch(server, tmp_path)
    assert _unpacked(tmp_path) == CUB_FILES
    record = tmp_path / "downloads" / "xlsa17.zip.json"
    assert json.loads(record.read_text()) == {
        "url": server.url,
        "bytes": len(server.content),
        "sha256": hashlib.sha256(server.content).hexdigest(),
    }
    left = {path.name for path in (tmp_path / "downloads").iterdir()}
    assert left == {".lock", "xlsa17", "xlsa17.zip", "xlsa17.zip.json"}


def test_prepare_downloads_once_for_all_data_sets(server, tmp_path):
    for dataset in ("cub", "cub", "sun"):
        name = prepare(dataset, data_dir=tmp_path, url=server.url, quiet=True)
        assert name.startswith(f"zero_shot/{dataset}-res101-att-")
    assert server.asked_ranges == [None]


def _load(server, data_dir, **options):
    """The data set as a user of TFDS gets it."""
    config = ZeroShotConfig(
        name="near", dataset="cub", url=server.url, quiet=True
    )
    builder = Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(**options)
    )
    return builder


def test_the_builder_downloads_resumes_and_records(
    server, tmp_path, monkeypatch
):
    path = epath.Path(tmp_path / "checksums.tsv")
    monkeypatch.setattr(Builder, "_checksums_path", path)
    monkeypatch.setattr(reading, "CHECKSUMS", path)
    server.break_after = [100, 100, 100]
    with pytest.raises(InputError, match="ended after 300 of"):
        _load(server, tmp_path)
    assert not list(tmp_path.rglob("metadata.json"))

    builder = _load(server, tmp_path, register_checksums=True)

    assert server.asked_ranges[-1] == "bytes=300-"
    assert builder.info.splits["train"].num_examples == 24
    assert builder.info.metadata["source"] == server.url
    (url, size, sha256, name) = path.read_text().split("\t")
    assert (url, int(size)) == (server.url, len(server.content))
    assert sha256 == hashlib.sha256(server.content).hexdigest()
    assert name.strip() == "xlsa17.zip"
    # Nothing is downloaded again, unless it is asked for.
    asked = len(server.asked_ranges)
    _load(server, tmp_path)
    assert len(server.asked_ranges) == asked
    _load(
        server,
        tmp_path,
        download_mode=tfds.GenerateMode.FORCE_REDOWNLOAD,
    )
    assert len(server.asked_ranges) == asked + 1


def _prepare(server, data_dir) -> str:
    """The data set as commands get it."""
    return prepare("cub", data_dir=data_dir, url=server.url, quiet=True)


@pytest.mark.parametrize("call", [_load, _prepare])
def test_an_archive_that_is_not_the_registered_one(
    call, server, tmp_path, monkeypatch
):
    path = epath.Path(tmp_path / "checksums.tsv")
    path.write_text(f"{server.url}\t3\t{'0' * 64}\txlsa17.zip\n")
    monkeypatch.setattr(reading, "CHECKSUMS", path)
    with pytest.raises(InputError, match="another file, with the SHA-256"):
        call(server, tmp_path)
    assert not list((tmp_path / "downloads").glob("xlsa17*"))


def test_checksums_lie_where_tfds_looks_for_them():
    assert Builder._checksums_path == reading.CHECKSUMS


@pytest.mark.parametrize("mode", ["REUSE_CACHE_IF_EXISTS", "FORCE_REDOWNLOAD"])
def test_what_replaces_data_is_downloaded_before(mode, server, tmp_path):
    kept = _load(server, tmp_path).data_path
    shutil.rmtree(tmp_path / "downloads")
    server.content = b"<html>moved</html>"
    with pytest.raises(InputError, match="damaged"):
        _load(server, tmp_path, download_mode=tfds.GenerateMode[mode])
    builder = tfds.builder_from_directory(kept)
    assert builder.info.splits["train"].num_examples == 24


def test_what_replaces_data_is_checked_before(archive, server, tmp_path):
    kept = _load(server, tmp_path).data_path
    shutil.rmtree(tmp_path / "downloads")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as content:
        for name in ("res101.mat", "att_splits.mat"):
            content.writestr(f"xlsa17/data/CUB/{name}", "damaged")
    server.content = packed.getvalue()
    with pytest.raises(InputError, match="Cannot read"):
        _load(
            server,
            tmp_path,
            download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS,
        )
    assert tfds.builder_from_directory(kept).info.metadata["digest"]


def test_an_emptied_download_does_not_matter_to_prepared_data(server, tmp_path):
    name = _prepare(server, tmp_path)
    built = _load(server, tmp_path)
    for path in (tmp_path / "downloads" / "xlsa17" / "data" / "CUB").iterdir():
        path.unlink()

    check("cub", data_dir=tmp_path)
    assert _prepare(server, tmp_path) == name
    assert _load(server, tmp_path).info.metadata == built.info.metadata
    with pytest.raises(InputError, match="does not hold the data set cub"):
        prepare("cub", data_dir=tmp_path, embedding="sent")


def test_who_forces_a_download_gets_one(server, tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.0)
    _fetch(server, tmp_path)
    folder = epath.Path(tmp_path / "downloads")
    with contextlib.ExitStack() as other:
        other.enter_context(locks.exclusive(folder))

        def log(line):
            assert (folder / "xlsa17.zip").exists()  # Another one works there.
            other.close()

        monkeypatch.setattr(download, "logger", lambda quiet: log)
        download.remove("sun", folder)  # which is not unpacked
    assert not (folder / "xlsa17.zip").exists()
    assert _unpacked(tmp_path) == CUB_FILES


def test_shows_progress(server, tmp_path, capfd):
    download.fetch("cub", epath.Path(tmp_path), url=server.url)
    assert "xlsa17.zip: 100%" in capfd.readouterr().err


def test_continues_within_one_call(server, tmp_path):
    server.break_after = [1000, 500]
    _fetch(server, tmp_path)
    assert server.asked_ranges == [None, "bytes=1000-", "bytes=1500-"]
    assert _unpacked(tmp_path) == CUB_FILES


def test_continues_in_the_next_call(server, tmp_path):
    server.break_after = [100, 100, 100]
    with pytest.raises(InputError, match="ended after 300 of"):
        _fetch(server, tmp_path)
    assert not (tmp_path / "downloads" / "xlsa17.zip").exists()
    _fetch(server, tmp_path)
    assert server.asked_ranges[-1] == "bytes=300-"
    assert _unpacked(tmp_path) == CUB_FILES


@pytest.mark.parametrize("why", ["no ranges", "file changed"])
def test_starts_over_if_it_cannot_continue(server, tmp_path, why):
    server.break_after = [100, 100, 100]
    if why == "no ranges":
        server.knows_ranges = False
    with pytest.raises(InputError):
        _fetch(server, tmp_path)
    server.tag = '"second"' if why == "file changed" else server.tag
    _fetch(server, tmp_path)
    assert _unpacked(tmp_path) == CUB_FILES


def test_missing_file_is_reported_at_once(server, tmp_path):
    with pytest.raises(InputError, match="404") as caught:
        _fetch(server, tmp_path, url=server.url + ".gone")
    assert "--manual_dir" in str(caught.value)
    assert len(server.asked_ranges) == 1


def test_no_server(server, tmp_path):
    del server
    with pytest.raises(InputError, match="cannot be downloaded"):
        _fetch(None, tmp_path, url="http://127.0.0.1:9/xlsa17.zip")


@pytest.mark.parametrize("damage", ["no zip", "flipped", "cut"])
def test_damaged_archive_is_removed(server, tmp_path, damage):
    whole = server.content
    middle = whole.index(b"res101.mat") + 300
    server.content = {
        "no zip": b"<html>moved</html>",
        "flipped": whole[:middle] + b"\xff\x00\xff" + whole[middle + 3 :],
        "cut": whole[: len(whole) // 2],
    }[damage]
    with pytest.raises(InputError, match="damaged"):
        _fetch(server, tmp_path)
    assert not download.is_unpacked(epath.Path(tmp_path) / "downloads", "cub")
    assert not _unpacked(tmp_path)
    server.content = whole
    _fetch(server, tmp_path)
    assert _unpacked(tmp_path) == CUB_FILES


def test_archive_of_something_else(server, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as content:
        content.writestr("other/CUB/a.mat", "")
    server.content = packed.getvalue()
    with pytest.raises(InputError, match="has no folder data/CUB"):
        _fetch(server, tmp_path)


@pytest.mark.parametrize(
    "name", ["data/CUB/..", "data/CUB/a\\b", "data/CUB/C:x"]
)
def test_members_stay_inside_the_folder(tmp_path, name):
    archive = epath.Path(tmp_path / "xlsa17.zip")
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(name, "evil")
    with pytest.raises(InputError, match="unsafe name"):
        download.unpack_folder(archive, "CUB", epath.Path(tmp_path / "target"))
    assert not list((tmp_path / "target").iterdir())


def test_path_above_the_folder_is_not_followed(tmp_path):
    archive = epath.Path(tmp_path / "xlsa17.zip")
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("../../data/CUB/a.mat", "kept by its name")
    download.unpack_folder(archive, "CUB", epath.Path(tmp_path / "target"))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path)) for path in files) == [
        "target/CUB/a.mat",
        "xlsa17.zip",
    ]
