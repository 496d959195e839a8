"""Features on disk are the same as features in memory."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data import on_disk, zero_shot_data
from gmn_tf.method import sampling
from gmn_tf.utils.errors import InputError
from tests.support import toys

ROWS = np.array([[3, 0, 7], [7, 1, 2]])


def write(path, features, labels):
    """A TFRecord file as the builder writes it."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row, label in zip(features, labels):
            example = tf.train.Example()
            values = example.features.feature
            values["features"].bytes_list.value.append(row.tobytes())
            values["label"].int64_list.value.append(label)
            writer.write(example.SerializeToString())


@pytest.fixture
def files(tmp_path):
    """Three files, one of them empty, and what is in them."""
    features = toys.normal(9, toys.DX).astype(np.float32)
    # Of one, two and three bytes in a record, so that lengths differ.
    labels = np.array([0, 1, 300, 2, 70_000, 3, 128, 5, 127])
    paths = [tmp_path / f"{number}.tfrecord" for number in range(3)]
    for path, part in zip(paths, (slice(0, 4), slice(4, 4), slice(4, 9))):
        write(path, features[part], labels[part])
    return [str(path) for path in paths], features, labels


def test_records_are_read_as_an_array(files):
    paths, features, labels = files
    stored, read_labels = on_disk.open_records(paths, toys.DX)

    np.testing.assert_array_equal(read_labels, labels)
    assert stored.shape == features.shape
    assert len(stored) == 9
    for rows in (ROWS, slice(2, 8), slice(None), np.array([], int), 5):
        np.testing.assert_array_equal(stored[rows], features[rows])


def test_records_are_read_into_memory(files):
    paths, features, labels = files
    read, read_labels = on_disk.read_records(paths, 9, toys.DX)

    np.testing.assert_array_equal(read, features)
    np.testing.assert_array_equal(read_labels, labels)
    assert (read.dtype, read_labels.dtype) == (np.float32, int)
    assert [len(part) for part in on_disk.read_records(paths, 11, toys.DX)] == [
        9,
        9,
    ]
    with pytest.raises(ValueError, match="broadcast"):
        on_disk.read_records(paths, 7, toys.DX)


def test_records_are_read_inside_a_graph(files):
    paths, features, _ = files
    stored, _ = on_disk.open_records(paths, toys.DX)

    gather = tf.function(lambda rows: on_disk.gather(stored, rows))
    result = gather(tf.constant(ROWS))

    assert result.shape == (2, 3, toys.DX)
    np.testing.assert_array_equal(result, features[ROWS])
    traced = gather.get_concrete_function(tf.TensorSpec([2, 3], tf.int64))
    assert traced.structured_outputs.shape == (2, 3, toys.DX)
    # As in the last batch of an epoch.
    some = tf.function(
        lambda rows: on_disk.gather(stored, rows),
        input_signature=[tf.TensorSpec([None], tf.int64)],
    )
    rows = np.array([8, 1])
    np.testing.assert_array_equal(some(rows), features[rows])


def test_disk_and_memory_joined(files):
    paths, features, _ = files
    stored, _ = on_disk.open_records(paths, toys.DX)
    more = toys.normal(4, toys.DX).astype(np.float32)
    expected = np.concatenate([features, more])

    joined = on_disk.join(stored, more)

    assert joined.shape == expected.shape
    rows = np.array([[12, 0], [8, 9], [3, 3]])
    np.testing.assert_array_equal(joined[rows], expected[rows])
    np.testing.assert_array_equal(joined[7:11], expected[7:11])
    assert isinstance(on_disk.join(features, more), np.ndarray)


@pytest.mark.parametrize(
    "read",
    [on_disk.open_records, lambda *of: on_disk.read_records(of[0], 4, of[1])],
)
def test_a_damaged_file_is_refused(read, files):
    path = files[0][0]
    with open(path, "r+b") as file:
        file.seek(60)
        file.write(b"damaged")

    with pytest.raises(tf.errors.DataLossError):
        read([path], toys.DX)
    with pytest.raises(ValueError, match="records not of"):
        read(files[0][2:], toys.DX + 1)


@pytest.mark.parametrize(
    ("place", "name", "memory"),
    [
        (zero_shot_data.data_checks, "check_files", 0),
        (on_disk, "_parsed", float("inf")),
        (on_disk, "Records", 0),
    ],
)
def test_an_error_of_the_program_is_not_called_damage(
    place, name, memory, tiny_dir, tiny_name, monkeypatch
):
    monkeypatch.setattr(place, name, lambda *_: place.no_such_attribute)
    with pytest.raises(AttributeError, match="no_such_attribute"):
        zero_shot_data.load(tiny_name, tiny_dir, memory=memory)


def test_a_data_set_is_the_same_on_disk(tiny_dir, tiny_name):
    in_memory = zero_shot_data.load(tiny_name, tiny_dir)
    stored = zero_shot_data.load(tiny_name, tiny_dir, memory=1000)

    for part in ("train", "seen", "unseen"):
        expected, found = getattr(in_memory, part), getattr(stored, part)
        assert isinstance(expected.features, np.ndarray)
        assert isinstance(found.features, on_disk.Records)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.features[:], expected.features)


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize("how", ["balanced", "uniform"])
def test_a_stream_draws_the_same_from_disk(
    tiny_dir, tiny_name, how, transductive
):
    drawn = []
    for memory in (float("inf"), 0):
        loaded = zero_shot_data.load(tiny_name, tiny_dir, memory=memory)
        stream = sampling.SampleSource(
            loaded.train,
            loaded.num_seen,
            how,
            loaded.unseen.features if transductive else None,
            loaded.num_classes - loaded.num_seen,
        )
        rows, _ = stream.samples(0, 40, tf.constant([1, 2], tf.int64))
        drawn.append(stream.features(rows))

    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("memory", [0, float("inf")])
def test_files_of_another_kind_are_refused(
    memory, tiny_dir, tiny_name, tmp_path
):
    shutil.copytree(tiny_dir, tmp_path, dirs_exist_ok=True)
    (path,) = tmp_path.rglob("dataset_info.json")
    text = path.read_text("utf-8")
    kind = '"fileFormat": "tfrecord"'
    assert kind in text
    path.write_text(text.replace(kind, '"fileFormat": "riegeli"'), "utf-8")

    with pytest.raises(InputError, match="riegeli instead of tfrecord"):
        zero_shot_data.load(tiny_name, str(tmp_path), memory=memory)
