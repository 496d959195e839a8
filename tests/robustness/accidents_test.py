"""Full disks, read-only folders, vanished files and two runs at once."""

import os
import pathlib
import shutil
import subprocess
import sys
from unittest import mock

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import commands
from gmn_tf.commands import command_line
from gmn_tf.config import Config
from gmn_tf.data import on_disk, zero_shot_data
from gmn_tf.method import synthesis
from gmn_tf.runs import experiment, finished
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit, workers
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.prepare import prepare
from gmn_tf_datasets.zero_shot.xlsa17 import mat73, on_disk_matrix
from tests.method import plain_step_test
from tests.support import (
    full_disk,
    in_process,
    make_dummy_data,
    quick,
    toys,
)
from tests.support.runs import SOURCE, rounded

ROOT = pathlib.Path(__file__).resolve().parents[2]
WATCHING = experiment.MonitoringOptions(
    quiet=True, log_every=1, checkpoint_every=1
)


@pytest.fixture(scope="module")
def config(tiny_config):
    """Settings of a run for which neither method nor scores are the point."""
    return tiny_config.replace(
        {"variant": "wgan", "classifier_seeds": 1, "classifier_epochs": 1}
    )


def run(config, data, workdir: Workdir, *callbacks) -> dict:
    """A run with these callbacks alone.

    Files of TensorBoard are written by a thread that waits for room.
    """
    strategy = tf.distribute.get_strategy()
    with mock.patch.object(experiment, "_callbacks", lambda *given: callbacks):
        return experiment.run(config, data, workdir, strategy, WATCHING)


@pytest.fixture(scope="module")
def finished_run(config, tiny_data, tmp_path_factory):
    """The folder of a run that met with no accident."""
    workdir = Workdir(tmp_path_factory.mktemp("finished") / "run")
    workdir.start(config, SOURCE)
    with quick.training():
        run(config, tiny_data, workdir)
    return workdir


@pytest.fixture(scope="module")
def synthetic_flags(tmp_path_factory):
    """Flags of data that is prepared already."""
    data_dir = tmp_path_factory.mktemp("synthetic")
    prepare("synthetic", data_dir=data_dir, quiet=True)
    return "--dataset=synthetic", "--quiet", f"--data_dir={data_dir}"


def files(folder: pathlib.Path) -> set[str]:
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("size", [0, 100, 700, 2500])
def test_a_disk_that_is_full_leaves_nothing_prepared(size, tmp_path):
    make_dummy_data.write(tmp_path / "source")
    choice = {"data_dir": tmp_path / "data", "manual_dir": tmp_path / "source"}
    with (
        full_disk.no_file_above(size),
        pytest.raises(InputError, match="Cannot write data_dir"),
    ):
        prepare("birds", quiet=True, **choice)
    assert not files(tmp_path / "data")
    # With room, the same call ends well.
    name = prepare("birds", quiet=True, **choice)
    assert len(zero_shot_data.load(name, str(tmp_path / "data")).train) == 24


def test_a_source_that_vanishes_while_it_is_prepared(tmp_path, monkeypatch):
    make_dummy_data.write(tmp_path / "source")
    reads = on_disk_matrix.OnDiskMatrix.__getitem__

    def broken(self, rows):
        if len(np.arange(len(self))[rows]) < 20:  # the split test_seen
            with on_disk_matrix.reporting_damage(self._arguments[0], OSError):
                raise OSError("gone")
        return reads(self, rows)

    variables = make_dummy_data.features_variables()
    with h5py.File(
        tmp_path / "source" / "res101.mat", "w", userblock_size=512
    ) as hdf5:
        for name, values in variables.items():
            hdf5[name] = values.T
    monkeypatch.setattr(mat73, "IN_MEMORY", 0)
    monkeypatch.setattr(on_disk_matrix.OnDiskMatrix, "__getitem__", broken)
    with pytest.raises(InputError, match="Cannot read"):
        prepare(
            "birds",
            data_dir=tmp_path / "data",
            manual_dir=tmp_path / "source",
            quiet=True,
        )
    assert not files(tmp_path / "data")


def test_a_source_that_is_still_open_at_the_end_does_no_harm(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as hdf5:
        hdf5["features"] = np.eye(3)
    code = (
        "import sys; from etils import epath\n"
        "from gmn_tf_datasets.zero_shot.xlsa17.on_disk_matrix import *\n"
        "matrix = OnDiskMatrix(epath.Path(sys.argv[1]), 'features')\n"
        "print(matrix[:1])\n"
        "import ctypes  # as if something else held it for ever\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(matrix))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.mat"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "[[1. 0. 0.]]\n")


@quick.training()
def test_a_disk_that_is_full_during_a_run(
    config, tiny_data, finished_run, tmp_path
):
    workdir = Workdir(tmp_path / "run")
    workdir.start(config, SOURCE)
    problems = []
    for size in (0, 2000, 9000, 20_000):
        with (
            full_disk.no_file_above(size),
            pytest.raises((InputError, OSError)) as caught,
        ):
            run(config, tiny_data, workdir)
        problems.append(str(caught.value))
        assert not workdir.finished()
        assert not list(workdir.path.glob("**/.tmp-*"))
        for path in workdir.path.glob("*.keras"):
            workdir.load_model(path.stem)  # what is there, is whole
    # No checkpoint fits at first, and at last no other file.
    assert ["checkpoint" in one for one in problems] == [True] * 3 + [False]
    # With room, the same call ends well.
    assert run(config, tiny_data, workdir) == workdir.read_json("metrics.json")
    expected = finished_run.read_json("metrics.json")
    assert workdir.read_json("metrics.json") == expected


@quick.training()
def test_a_full_disk_ends_a_command_in_a_clear_error(synthetic_flags, tmp_path):
    flags = ("--variant=wgan", "--steps=2", "--checkpoint_every=1")
    workdir = f"--workdir={tmp_path / 'run'}"
    with full_disk.no_file_above(100_000):
        message = in_process.fail(
            commands.train, *synthetic_flags, *flags, workdir
        )
    assert "Cannot save a checkpoint" in message
    assert "metrics.json" not in files(tmp_path / "run")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "OOM\nwhen allocating"),
    ],
)
def test_a_lack_of_memory_is_recognised(error):
    assert command_line._lacks_room(error)
    assert not command_line._lacks_room(ValueError("memory"))


def test_folders_below_a_file_cannot_be_written(tiny_config, tmp_path):
    (tmp_path / "file").touch()
    workdir = Workdir(tmp_path / "file" / "run")
    with pytest.raises(InputError, match="Cannot write"):
        workdir.start(tiny_config, SOURCE)
    with pytest.raises(InputError, match="Cannot write"), workdir.exclusive():
        pass


def test_a_finished_run_is_shown_from_a_read_only_folder(
    tiny_config, tmp_path, monkeypatch
):
    workdir = Workdir(tmp_path)
    workdir.start(tiny_config, SOURCE)
    workdir.write_json("metrics.json", {})
    before = files(tmp_path)

    def refuse(*given, **named):
        raise PermissionError("read-only")

    monkeypatch.setattr(pathlib.Path, "mkdir", refuse)
    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with workdir.exclusive():
        pass
    assert files(tmp_path) == before


def test_two_runs_in_one_folder(tmp_path):
    workdir = Workdir(tmp_path / "run")
    with workdir.exclusive():
        with (
            pytest.raises(InputError, match="Another process works in"),
            Workdir(tmp_path / "run").exclusive(),
        ):
            pass
        with Workdir(tmp_path / "other").exclusive():
            pass
    with workdir.exclusive():
        pass


@pytest.mark.parametrize("command", [commands.train, commands.tune])
def test_the_second_run_of_two_is_refused(command, synthetic_flags, tmp_path):
    flags = ("--preset=cpu", "--steps=2", f"--workdir={tmp_path / 'run'}")
    with Workdir(tmp_path / "run").exclusive():
        message = in_process.fail(command, *synthetic_flags, *flags)
    assert "Another process works in" in message
    assert files(tmp_path / "run") == set()


@pytest.fixture
def data_on_disk(tiny_dir, tiny_name, tmp_path):
    """The tiny set in a folder of its own, its features left on disk."""
    shutil.copytree(tiny_dir, tmp_path / "data")
    (path,) = (tmp_path / "data").rglob("*-train.tfrecord*")
    loaded = zero_shot_data.load(tiny_name, str(tmp_path / "data"), memory=0)
    return path, loaded


def _cut_after(path: pathlib.Path, step: int):
    """A callback that cuts the file short in the middle of a run."""

    class Cut(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch + 1 == step:
                os.truncate(path, 100)

    return Cut()


@pytest.mark.parametrize("several", [False, True])
def test_a_data_file_that_is_cut_during_a_run(
    several, data_on_disk, config, tmp_path, monkeypatch
):
    path, loaded = data_on_disk
    monkeypatch.setattr(workers, "several", lambda strategy: several)
    config = config.replace({"steps": 50})
    workdir = Workdir(tmp_path / "run")
    workdir.start(config, SOURCE)
    with pytest.raises(InputError, match="has changed since") as caught:
        run(config, loaded, workdir, _cut_after(path, 2))
    assert str(path) in str(caught.value)
    assert not workdir.finished()


def test_a_data_file_that_is_removed_during_a_run_is_still_read(
    data_on_disk, config, finished_run, tmp_path
):
    path, loaded = data_on_disk
    path.unlink()
    workdir = Workdir(tmp_path / "run")
    workdir.start(config, SOURCE)
    run(config, loaded, workdir)
    found, expected = (
        rounded(one.path / "metrics.json") for one in (workdir, finished_run)
    )
    assert found == expected


def test_a_data_file_that_changes_before_a_run_is_scored_again(
    data_on_disk, config, finished_run, tmp_path
):
    _, loaded = data_on_disk
    again = finished.FinishedRun(finished_run, config, loaded)
    expected = finished_run.read_json("metrics.json")
    assert finished.evaluate(again) == expected
    (path,) = (tmp_path / "data").rglob("*-test_unseen.tfrecord*")
    os.truncate(path, 100)
    with pytest.raises(InputError, match="has changed since"):
        finished.evaluate(again)


def test_other_errors_of_tensorflow_stay_what_they_are():
    with pytest.raises(tf.errors.NotFoundError), on_disk.reporting_data_loss():
        tf.io.read_file("/nowhere")


def test_more_synthetic_features_than_can_be_counted():
    embeddings = toys.normal(toys.NUM_CLASSES, toys.DA).astype(np.float32)
    counts = np.full(toys.NUM_CLASSES, 2**46)
    with pytest.raises(InputError, match="--synthetic_per_class"):
        synthesis.synthesise(toys.generator(), embeddings, counts, seed=1)


@pytest.mark.parametrize("number", [2**31, 10**30])
def test_numbers_that_cannot_be_counted_are_refused(number):
    for name in ("steps", "synthetic_per_class", "noise_dim"):
        with pytest.raises(InputError, match="expected: below 2147483648"):
            Config().replace({name: number})


@quick.training()
def test_a_list_of_checkpoints_that_is_damaged(tmp_path):
    settings = {**plain_step_test.TINY, "variant": "wgan", "steps": 2}
    config = Config(**settings)

    def train():
        return fit.train(
            config,
            toys.zero_shot_data(),
            tf.distribute.get_strategy(),
            checkpoints=Checkpoints(tmp_path, 1),
        ).generator.get_weights()

    expected = train()
    (tmp_path / "checkpoint").write_bytes(b"\xff\xfe")
    with pytest.warns(UserWarning, match="list of checkpoints"):
        found = train()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
