"""Full disks, read-only folders, vanished files and two runs at once."""

import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.commands import command_line
from gmn_tf.config import Config
from gmn_tf.data import on_disk as records
from gmn_tf.data import zero_shot_data
from gmn_tf.method import synthesis
from gmn_tf.runs import experiment, finished
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit, workers
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.prepare import prepare
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file
from tests.method import plain_step_test
from tests.support import make_dummy_data, toys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f"}
WATCHING = experiment.MonitoringOptions(
    quiet=True, log_every=1, checkpoint_every=1
)


@contextlib.contextmanager
def no_file_above(size: int):
    """Lets writes fail as on a full disk: no file grows above so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def command(name: str, *arguments, **options):
    return subprocess.run(
        [sys.executable, ROOT / "bin" / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def assert_clear(told: subprocess.CompletedProcess) -> None:
    assert told.returncode == 1
    assert "Error: " in told.stderr
    assert "Traceback" not in told.stderr


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
        no_file_above(size),
        pytest.raises(InputError, match=r"data_dir .* cannot be written"),
    ):
        prepare("birds", quiet=True, **choice)
    assert not files(tmp_path / "data")
    # With room, the same call ends well.
    name = prepare("birds", quiet=True, **choice)
    assert len(zero_shot_data.load(name, str(tmp_path / "data")).train) == 24


def test_a_source_that_vanishes_while_it_is_prepared(tmp_path, monkeypatch):
    make_dummy_data.write(tmp_path / "source")
    reads = mat_file.OnDiskMatrix.__getitem__

    def broken(self, rows):
        if len(np.arange(len(self))[rows]) < 20:  # the split test_seen
            raise mat_file._unreadable(self._arguments[0], OSError("gone"))
        return reads(self, rows)

    variables = make_dummy_data.features_variables()
    with h5py.File(
        tmp_path / "source" / "res101.mat", "w", userblock_size=512
    ) as hdf5:
        for name, values in variables.items():
            hdf5[name] = values.T
    monkeypatch.setattr(mat_file, "IN_MEMORY", 0)
    monkeypatch.setattr(mat_file.OnDiskMatrix, "__getitem__", broken)
    with pytest.raises(InputError, match="cannot be read"):
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
        "from gmn_tf_datasets.zero_shot import mat_file\n"
        "matrix = mat_file.OnDiskMatrix(epath.Path(sys.argv[1]), 'features')\n"
        "print(matrix[:1])\n"
        "import ctypes  # as if something else held it for ever\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(matrix))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.mat"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "[[1. 0. 0.]]\n")


@pytest.mark.parametrize("size", [0, 2000, 9000, 20_000])
def test_a_disk_that_is_full_in_mid_run(
    size, tiny_config, tiny_data, tmp_path, monkeypatch
):
    workdir = Workdir(tmp_path / "run")
    workdir.start(tiny_config, SOURCE)

    def run(monitoring_options):
        strategy = tf.distribute.get_strategy()
        return experiment.run(
            tiny_config, tiny_data, workdir, strategy, monitoring_options
        )

    # Files of TensorBoard are written by a thread that waits for room.
    monkeypatch.setattr(experiment, "_callbacks", lambda *given: ())
    with (
        no_file_above(size),
        pytest.raises((InputError, OSError)) as caught,
    ):
        run(WATCHING)
    if isinstance(caught.value, InputError):
        text = str(caught.value)
        assert "checkpoint" in text or "Cannot write" in text
    assert not workdir.finished()
    assert not list(workdir.path.glob("**/.tmp-*"))
    for path in workdir.path.glob("*.keras"):
        workdir.load_model(path.stem)  # what is there, is whole
    monkeypatch.undo()
    assert run(WATCHING) == workdir.read_json("metrics.json")


def test_a_full_disk_ends_a_command_in_a_clear_error(tmp_path):
    told = command(
        "train",
        "--dataset=synthetic",
        "--generator_units=2048,1024",
        "--steps=2",
        "--quiet",
        "--checkpoint_every=1",
        f"--data_dir={tmp_path / 'data'}",
        f"--workdir={tmp_path / 'run'}",
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (6_000_000, 6_000_000)
        ),
    )
    assert_clear(told)
    assert "Cannot save a checkpoint" in told.stderr
    assert "metrics.json" not in files(tmp_path / "run")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "OOM\nwhen allocating"),
    ],
)
def test_a_command_tells_that_memory_does_not_suffice(error):
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


@pytest.mark.parametrize("name", ["train", "tune"])
def test_the_second_run_of_two_is_refused(name, tmp_path):
    flags = (
        "--dataset=synthetic",
        "--preset=cpu",
        "--steps=2",
        "--quiet",
        f"--data_dir={tmp_path / 'data'}",
        f"--workdir={tmp_path / 'run'}",
    )
    with Workdir(tmp_path / "run").exclusive():
        told = command(name, *flags)
    assert_clear(told)
    assert "Another process works in" in told.stderr
    # A search tells others beforehand what it is, so that they can join it.
    left = {"config.json", "search.json"} if name == "tune" else set()
    assert files(tmp_path / "run") == left


@pytest.fixture
def on_disk(tiny_dir, tiny_name, tmp_path):
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
def test_a_data_file_that_is_cut_in_mid_run(
    several, on_disk, tiny_config, tmp_path, monkeypatch
):
    path, loaded = on_disk
    monkeypatch.setattr(workers, "several", lambda strategy: several)
    monkeypatch.setattr(
        experiment, "_callbacks", lambda *given: (_cut_after(path, 2),)
    )
    config = tiny_config.replace({"steps": 50})
    workdir = Workdir(tmp_path / "run")
    workdir.start(config, SOURCE)
    with pytest.raises(InputError, match="has changed since") as caught:
        experiment.run(
            config, loaded, workdir, tf.distribute.get_strategy(), WATCHING
        )
    assert str(path) in str(caught.value)
    assert not workdir.finished()


def test_a_data_file_that_is_removed_in_mid_run_is_still_read(
    on_disk, tiny_config, tiny_data, tmp_path
):
    path, loaded = on_disk
    path.unlink()
    results = []
    for number, one in enumerate((loaded, tiny_data)):
        workdir = Workdir(tmp_path / str(number))
        workdir.start(tiny_config, SOURCE)
        strategy = tf.distribute.get_strategy()
        results.append(
            experiment.run(tiny_config, one, workdir, strategy, WATCHING)
        )
    assert results[0] == results[1]


def test_a_data_file_that_changes_before_a_run_is_scored_again(
    on_disk, tiny_config, tiny_data, tmp_path
):
    _, loaded = on_disk
    workdir = Workdir(tmp_path / "run")
    workdir.start(tiny_config, SOURCE)
    experiment.run(
        tiny_config,
        tiny_data,
        workdir,
        tf.distribute.get_strategy(),
        WATCHING,
    )
    (path,) = (tmp_path / "data").rglob("*-test_unseen.tfrecord*")
    os.truncate(path, 100)
    with pytest.raises(InputError, match="has changed since"):
        finished.evaluate(finished.FinishedRun(workdir, tiny_config, loaded))


def test_other_errors_of_tensorflow_stay_what_they_are():
    with pytest.raises(tf.errors.NotFoundError), records.reporting_data_loss():
        tf.io.read_file("/nowhere")


def test_more_synthetic_features_than_memory_holds():
    embeddings = toys.normal(toys.NUM_CLASSES, toys.DA).astype(np.float32)
    counts = np.full(toys.NUM_CLASSES, 2**46)
    with pytest.raises(InputError, match="--synthetic_per_class"):
        synthesis.synthesise(toys.generator(), embeddings, counts, seed=1)


@pytest.mark.parametrize("number", [2**31, 10**30])
def test_numbers_that_cannot_be_counted_are_refused(number):
    for name in ("steps", "synthetic_per_class", "noise_dim"):
        with pytest.raises(InputError, match="too large"):
            Config().replace({name: number})


def test_a_list_of_checkpoints_that_is_damaged(tmp_path):
    config = Config(**{**plain_step_test.TINY, "steps": 2})

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
