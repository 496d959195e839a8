"""Preparing data: what is written, under which name, and when again."""

import contextlib
import json
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import (
    source,
    synthetic,
    zero_shot_dataset_builder,
)
from gmn_tf_datasets.zero_shot.prepare import check, prepare
from gmn_tf_datasets.zero_shot.splits import NAMES
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import Builder
from tests.support import make_dummy_data

TINY = synthetic.SyntheticParameters(
    num_classes=8,
    num_unseen=2,
    num_groups=3,
    embedding_dim=5,
    feature_dim=7,
    min_samples=6,
    max_samples=9,
)


@pytest.fixture(name="folder")
def _folder(tmp_path) -> pathlib.Path:
    make_dummy_data.write(tmp_path / "source" / "BIRDS")
    return tmp_path / "source" / "BIRDS"


@pytest.fixture(name="data_dir")
def _data_dir(tmp_path) -> pathlib.Path:
    return tmp_path / "data"


def _prepared(data_dir: pathlib.Path) -> list[str]:
    return sorted(
        path.parent.parent.name
        for path in data_dir.glob("zero_shot/*/2.0.0/dataset_info.json")
    )


def _read_rows(name: str, data_dir, split: str):
    (found,) = _read_splits(name, data_dir, [split])
    return found


def _read_splits(name: str, data_dir, splits=NAMES) -> list[tuple]:
    """Features and labels of each split."""
    found = []
    for data in tfds.load(name, data_dir=data_dir, split=list(splits)):
        rows = list(data.as_numpy_iterator())
        features = np.stack([row["features"] for row in rows])
        found.append((features, np.array([row["label"] for row in rows])))
    return found


def _assert_same_rows(name: str, data_dir, other_dir) -> None:
    found = _read_splits(name, data_dir)
    expected = _read_splits(name, other_dir)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_rows_come_back_as_they_were(folder, data_dir):
    name = prepare("birds", data_dir=data_dir, manual_dir=folder)
    variables = make_dummy_data.features_variables()
    rows = make_dummy_data.splits_variables()
    for split, key in (
        ("train", "trainval_loc"),
        ("test_seen", "test_seen_loc"),
        ("test_unseen", "test_unseen_loc"),
    ):
        features, labels = _read_rows(name, data_dir, split)
        index = rows[key].ravel().astype(int) - 1
        np.testing.assert_array_equal(
            features, variables["features"].T[index].astype(np.float32)
        )
        np.testing.assert_array_equal(
            labels, variables["labels"].ravel()[index] - 1
        )


@pytest.mark.parametrize("workers", ["in_memory", "multi_processing"])
def test_beam_writes_the_same_records(folder, tmp_path, workers):
    pytest.importorskip("apache_beam", reason="needs pip install .[beam]")
    expected, found = (tmp_path / "here", tmp_path / "beam")
    name = prepare("birds", data_dir=expected, manual_dir=folder)
    options = [f"--direct_running_mode={workers}", "--direct_num_workers=2"]
    assert name == prepare(
        "birds", data_dir=found, manual_dir=folder, beam_options=options
    )
    _assert_same_rows(name, found, expected)


def test_failure_of_beam_is_reported(folder, tmp_path):
    pytest.importorskip("apache_beam", reason="needs pip install .[beam]")
    with pytest.raises(InputError, match="could not prepare") as caught:
        prepare(
            "birds",
            data_dir=tmp_path / "data",
            manual_dir=folder,
            beam_options=["--runner=NoSuchRunner"],
        )
    assert "NoSuchRunner" in str(caught.value)
    assert not _prepared(tmp_path / "data")


def test_features_too_large_for_beam_are_refused(folder, tmp_path, monkeypatch):
    pytest.importorskip("apache_beam", reason="needs pip install .[beam]")
    monkeypatch.setattr(zero_shot_dataset_builder, "MOST_TO_SEND", 100)
    with pytest.raises(InputError, match="too large to be sent"):
        prepare(
            "birds",
            data_dir=tmp_path / "data",
            manual_dir=folder,
            beam_options=[],
        )
    assert not _prepared(tmp_path / "data")


def test_missing_beam_is_reported(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.setitem(
        sys.modules, "apache_beam.options.pipeline_options", None
    )
    with pytest.raises(InputError, match="Apache Beam is not installed"):
        prepare("birds", data_dir=tmp_path, manual_dir=folder, beam_options=[])
    assert not _prepared(tmp_path)


def test_what_exceeds_memory_is_sorted_in_parts(folder, tmp_path, monkeypatch):
    part_of, parts = shuffle.get_bucket_number, []

    def recorded(**arguments):
        parts.append(part_of(**arguments))
        return parts[-1]

    expected, found = (tmp_path / "memory", tmp_path / "parts")
    name = prepare("birds", data_dir=expected, manual_dir=folder)
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 0)
    monkeypatch.setattr(shuffle, "BUCKETS_NUMBER", 100)
    monkeypatch.setattr(shuffle, "get_bucket_number", recorded)
    prepare("birds", data_dir=found, manual_dir=folder)

    _assert_same_rows(name, found, expected)
    # As evenly as can be: no two rows of a split in one part of a hundred.
    rows = len(_read_rows(name, found, "train")[0])
    assert len(set(parts[:rows])) == rows


@pytest.mark.parametrize(("dataset", "notes"), [("cub", 1), ("birds", 0)])
def test_a_known_set_with_other_classes_is_noted(
    dataset, notes, folder, data_dir
):
    name = prepare(dataset, data_dir=data_dir, manual_dir=folder)
    metadata = tfds.builder(name, data_dir=data_dir).info.metadata

    assert len(metadata["notes"]) == notes
    for note in metadata["notes"]:
        assert "150 seen and 50 unseen classes; these files have 6" in note


READER = """
import json, sys
import numpy as np
import tensorflow_datasets as tfds
builder = tfds.builder(sys.argv[1], data_dir=sys.argv[2])
rows = list(builder.as_dataset(split="tune_seen").as_numpy_iterator())
assert not any(m.startswith(("gmn_tf", "zero_shot")) for m in sys.modules)
print(json.dumps({
    "embeddings": np.load(builder.data_path / "embeddings.npy").tolist(),
    "metadata": dict(builder.info.metadata),
    "names": builder.info.features["label"].names,
    "shape": list(rows[0]["features"].shape),
}))
"""


def test_metadata_is_read_without_the_builder(folder, data_dir):
    name = prepare(
        "birds", data_dir=data_dir, manual_dir=folder, embedding="att+sent"
    )
    answer = subprocess.run(
        [sys.executable, "-c", READER, name, str(data_dir)],
        check=True,
        capture_output=True,
        text=True,
        cwd=data_dir,
    )
    read = json.loads(answer.stdout)
    metadata = read["metadata"]
    assert read["shape"] == [make_dummy_data.FEATURE_DIM]
    assert read["names"] == list(make_dummy_data.CLASS_NAMES)
    assert metadata["class_names"] == read["names"]
    assert metadata["seen_classes"] == [0, 1, 2, 3, 4, 5]
    assert metadata["unseen_classes"] == [6, 7, 8]
    assert metadata["validation_classes"] == [4, 5]
    assert metadata["split_version"] == "v2"
    assert metadata["feature_dim"] == 7
    assert metadata["num_samples"]["tune_unseen"] == 8
    assert [file["name"] for file in metadata["source_files"]] == [
        "res101.mat",
        "att_splits.mat",
        "sent_splits.mat",
    ]
    parts = {part["name"]: part["dim"] for part in metadata["embeddings"]}
    assert parts == make_dummy_data.EMBEDDING_DIMS
    np.testing.assert_array_equal(
        np.array(read["embeddings"], np.float32),
        np.concatenate(
            [
                make_dummy_data.splits_variables(part)["att"].T.astype("f4")
                for part in parts
            ],
            axis=1,
        ),
    )


def test_name_depends_on_what_was_asked_and_on_content(folder, data_dir):
    def prepared_name(**choice):
        return prepare("birds", data_dir=data_dir, manual_dir=folder, **choice)

    names = [prepared_name(), prepared_name(embedding="sent")]
    names.append(prepared_name(embedding="att+sent"))
    (folder / "mobilenet.mat").write_bytes((folder / "res101.mat").read_bytes())
    names.append(prepared_name(features_file="mobilenet.mat"))
    variables = make_dummy_data.features_variables()
    variables["features"][0, 0] += 1
    make_dummy_data.save(folder / "res101.mat", variables)
    names.append(prepared_name())
    assert len(set(names)) == 5
    assert len(_prepared(data_dir)) == 5
    assert names[2].startswith("zero_shot/birds-res101-att_and_sent-")


def test_prepares_once(folder, data_dir):
    name = prepare("birds", data_dir=data_dir, manual_dir=folder)
    info = data_dir / name / "2.0.0" / "dataset_info.json"
    written = info.stat().st_mtime_ns
    assert prepare("birds", data_dir=data_dir, manual_dir=folder) == name
    assert info.stat().st_mtime_ns == written


def test_large_files_are_not_read_more_often_than_needed(
    folder, data_dir, monkeypatch
):
    describe, read = source.describe, []

    def described(path):
        read.append(path.name)
        return describe(path)

    monkeypatch.setattr(source, "describe", described)
    check("birds", data_dir=data_dir, manual_dir=folder)
    assert not read
    for _ in range(2):  # first to write the data, then to compare them
        prepare("birds", data_dir=data_dir, manual_dir=folder)
        assert sorted(read) == ["att_splits.mat", "res101.mat"]
        read.clear()


@pytest.mark.parametrize("above", ["", "data", "xlsa17/data"])
def test_finds_the_folder_in_the_tree(tmp_path, data_dir, above):
    make_dummy_data.write(tmp_path / "tree" / above / "AWA1")
    name = prepare("awa", data_dir=data_dir, manual_dir=tmp_path / "tree")
    assert name.startswith("zero_shot/awa-res101-att-")


def test_uses_the_only_preparation_when_the_files_are_gone(
    folder, data_dir, capsys
):
    name = prepare("birds", data_dir=data_dir, manual_dir=folder)
    assert prepare("birds", data_dir=data_dir) == name
    assert "prepared earlier" in capsys.readouterr().err
    with pytest.raises(InputError, match="/gone does not exist"):
        prepare("birds", data_dir=data_dir, manual_dir="/gone")


def test_asks_which_of_two_preparations_is_meant(folder, data_dir):
    prepare("birds", data_dir=data_dir, manual_dir=folder)
    variables = make_dummy_data.features_variables()
    variables["features"][0, 0] += 1
    make_dummy_data.save(folder / "res101.mat", variables)
    prepare("birds", data_dir=data_dir, manual_dir=folder)
    with pytest.raises(InputError, match="2 preparations"):
        prepare("birds", data_dir=data_dir)


def test_quiet_prints_nothing(folder, data_dir, capfd, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_IN_A_FILE", 0.0)
    prepare("birds", data_dir=data_dir, manual_dir=folder)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Preparing zero_shot/birds" in printed.err
    assert "/61 [" in printed.err  # The rows of all splits.
    (folder / "valclasses1.txt").write_text("b_bird\n")
    prepare("birds", data_dir=data_dir, manual_dir=folder, quiet=True)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == ""


def test_synthetic_is_drawn_once_and_reproducibly(tmp_path):
    names = [
        prepare(
            "synthetic", data_dir=tmp_path / copy, synthetic_parameters=TINY
        )
        for copy in ("one", "other", "one")
    ]
    assert len(set(names)) == 1
    one, other = (
        _read_rows(names[0], tmp_path / copy, "train")[0]
        for copy in ("one", "other")
    )
    np.testing.assert_array_equal(one, other)
    assert one.min() == 0 < one.max()


@contextlib.contextmanager
def _in_other_processes(count: int, function, *arguments):
    """Copies of this process that call a function; TensorFlow is loaded."""
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=function, args=arguments) for _ in range(count)
    ]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def test_killed_while_writing_leaves_nothing_usable(
    folder, data_dir, monkeypatch
):
    writing = multiprocessing.Event()

    def slow(self, source, rows):
        writing.set()
        time.sleep(60)
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Builder, "_generate_examples", slow)
        with _in_other_processes(1, _prepare, data_dir, folder) as (process,):
            assert writing.wait(60)
            os.kill(process.pid, signal.SIGKILL)
    remains = list(data_dir.glob("zero_shot/*/incomplete.*"))
    assert remains and not _prepared(data_dir)
    name = prepare("birds", data_dir=data_dir, manual_dir=folder)
    assert _read_rows(name, data_dir, "train")[0].shape == (24, 7)
    assert not list(data_dir.glob("zero_shot/*/incomplete.*"))


def test_two_processes_prepare_the_same_data(folder, data_dir):
    with _in_other_processes(2, _prepare, data_dir, folder) as processes:
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0]
    assert len(_prepared(data_dir)) == 1


def _prepare(data_dir, folder) -> None:
    prepare("birds", data_dir=data_dir, manual_dir=folder, quiet=True)
