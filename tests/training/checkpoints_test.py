"""Interrupted runs: they go on as if nothing had happened."""

import contextlib
import functools
import os
import pathlib
import shutil
import signal
import warnings

import keras
import numpy as np
import pytest

from gmn_tf.config import Config
from gmn_tf.data import zero_shot_data
from gmn_tf.runs import experiment
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils.errors import StoppedError
from tests.method import plain_step_test
from tests.support import quick, toys
from tests.support.runs import SOURCE

ONE = fit.make_strategy("one")
STEPS = 7
# Without gradient matching, the dearest part of a step.
SMALL = {
    **plain_step_test.TINY,
    "variant": "cwgan",
    "critic_steps": 1,
    "steps": STEPS,
}


class StopAfter(keras.callbacks.Callback):
    """Ends training like a crash, or sends a signal."""

    def __init__(self, step: int, number: int | None = None):
        super().__init__()
        self.step, self.number = step, number

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.step:
            if self.number is None:
                raise RuntimeError("crashed")
            os.kill(os.getpid(), self.number)


def train(
    folder=None,
    every=2,
    callbacks=lambda first: (),
    traced=False,
    **settings,
):
    """What a run comes to; `traced` or not, its numbers differ by rounding."""
    config = Config(**{**SMALL, **settings})
    with contextlib.nullcontext() if traced else quick.training():
        return fit.train(
            config,
            toys.zero_shot_data(),
            ONE,
            callbacks,
            checkpoints=folder and Checkpoints(folder, every),
        )


def everything(model):
    """All that a step depends on, beside its batch."""
    variables = [v for o in model.optimizers for v in o.variables]
    return [np.array(v) for v in (*model.variables, *variables)]


@functools.cache
def uninterrupted(steps=STEPS, **settings):
    """All that a run ends with if nothing happens to it."""
    return everything(train(steps=steps, **settings))


def assert_same(model, expected):
    for mine, theirs in zip(everything(model), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def crash(folder, step, **settings):
    with pytest.raises(RuntimeError, match="crashed"):
        train(folder, callbacks=lambda first: [StopAfter(step)], **settings)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """The folder of a run that crashed in step 7, after saving 2, 4 and 6."""
    folder = tmp_path_factory.mktemp("crashed")
    crash(folder, 7)
    return folder


@pytest.fixture
def copy_of_crashed(crashed, tmp_path):
    """A copy that a test may damage, and continue from."""
    return pathlib.Path(shutil.copytree(crashed, tmp_path / "copy"))


def test_no_step_is_taken_beyond_the_last(tmp_path):
    """A checkpoint is of an odd step, and executions are of two now."""
    crash(tmp_path, 4, every=3, steps=6)

    with quick.training():
        model = fit.train(
            Config(**SMALL).replace({"steps": 6}),
            toys.zero_shot_data(),
            ONE,
            execution=fit.Execution(steps=2),
            checkpoints=Checkpoints(tmp_path, 3),
        )
    assert_same(model, uninterrupted(6))


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "cwgan_gm", "traced": True},
        {"variant": "gm", "theta_reset_steps": 3},
        {"variant": "cwgan_cls_cycle", "sampling": "uniform"},
        {"variant": "wgan_gm_transductive", "beta_1": 0.5},
        {
            "variant": "tfvaegan",
            "condition_noise": 0.1,
            "regressor_feedback": 0.5,
        },
        {"variant": "cadavae_gm", "noise_units": 5},
    ],
)
def test_an_interrupted_run_ends_like_one_that_was_not(settings, tmp_path):
    firsts = []

    def note(first):
        firsts.append(first)
        return []

    crash(tmp_path, 5, **settings)
    model = train(tmp_path, callbacks=note, **settings)

    assert firsts == [4]  # the last multiple of 2 before the crash
    assert_same(model, uninterrupted(**settings))
    # The end is saved too: once more, there is nothing left to do.
    again = train(tmp_path, callbacks=note, **settings)
    assert_same(again, uninterrupted(**settings))
    assert firsts == [4]


def test_the_last_two_are_kept(crashed):
    kept = {path.name for path in crashed.glob("ckpt-*.index")}
    assert kept == {"ckpt-4.index", "ckpt-6.index"}


def damage(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), 5):
        content[place] ^= 255
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("part", "how"),
    [
        ("index", "damaged"),
        ("index", "lost"),
        ("data-00000-of-00001", "damaged"),
        ("data-00000-of-00001", "cut"),
    ],
)
def test_a_damaged_one_falls_back_to_the_one_before(part, how, copy_of_crashed):
    newest = copy_of_crashed / f"ckpt-6.{part}"
    if how == "damaged":
        damage(newest)
    elif how == "cut":
        newest.write_bytes(newest.read_bytes()[:40])
    else:
        newest.unlink()
    firsts = []

    message = "ckpt-6 is damaged, and the one before it is used"
    with pytest.warns(UserWarning, match=message):
        model = train(
            copy_of_crashed, callbacks=lambda f: firsts.append(f) or []
        )

    assert firsts == [4]
    assert_same(model, uninterrupted())


def test_without_a_readable_one_it_starts_again(copy_of_crashed):
    for path in copy_of_crashed.glob("ckpt-*.data*"):
        damage(path)

    message = "ckpt-4 is damaged, and training starts from the beginning"
    with pytest.warns(UserWarning, match=message):
        model = train(copy_of_crashed)

    assert_same(model, uninterrupted())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(number, tmp_path):
    before = signal.getsignal(number)

    with pytest.raises(StoppedError) as stopped:
        train(
            tmp_path,
            every=100,
            callbacks=lambda first: [StopAfter(3, number)],
        )

    assert (stopped.value.step, stopped.value.signal) == (3, number)
    assert signal.getsignal(number) == before
    assert_same(train(tmp_path, every=100), uninterrupted())
    assert signal.getsignal(number) == before


def test_several_steps_per_execution_are_saved_between(tmp_path):
    config = Config(**{**SMALL, "steps": 6})
    execution = fit.Execution(steps=3)
    firsts = []
    for callbacks in (
        lambda first: [StopAfter(6)],
        lambda first: firsts.append(first) or [],
    ):
        try:
            model = fit.train(
                config,
                toys.zero_shot_data(),
                ONE,
                callbacks,
                execution,
                Checkpoints(tmp_path, 2),
            )
        except RuntimeError:
            continue
    assert firsts == [3]
    assert_same(model, uninterrupted(steps=6, traced=True))


@quick.training()
def test_a_run_keeps_what_it_has_watched(
    tiny_config, tiny_name, tiny_dir, tmp_path, monkeypatch
):
    config = tiny_config.replace({"split": "tune", "steps": 4})
    loaded = zero_shot_data.load(tiny_name, tiny_dir, "tune")
    monitoring_options = experiment.MonitoringOptions(
        quiet=True, validate_every=1, checkpoint_every=2
    )

    def run(name):
        workdir = Workdir(tmp_path / name)
        workdir.start(config, SOURCE)
        return workdir, experiment.run(
            config,
            loaded,
            workdir,
            ONE,
            monitoring_options,
            with_baseline=False,
        )

    whole, expected = run("whole")
    with monkeypatch.context() as patch:
        callbacks = experiment._callbacks
        patch.setattr(
            experiment,
            "_callbacks",
            lambda *given: (*callbacks(*given), StopAfter(3)),
        )
        with pytest.raises(RuntimeError, match="crashed"):
            run("interrupted")  # it has scored step 3, and saved step 2
    workdir, metrics = run("interrupted")

    assert metrics == expected
    for name in ("validation.csv", "class_accuracy.csv", "metrics.json"):
        assert (workdir.path / name).read_text() == (
            whole.path / name
        ).read_text()
    assert not pathlib.Path(workdir.checkpoints).exists()
    # What was logged before is still there, beside what came after.
    assert len(list(pathlib.Path(workdir.logs).glob("*tfevents*"))) > len(
        list(pathlib.Path(whole.logs).glob("*tfevents*"))
    )


def test_no_checkpoints_if_none_are_wanted(tiny_config, tiny_data, tmp_path):
    workdir = Workdir(tmp_path)
    workdir.start(tiny_config, SOURCE)
    monitoring_options = experiment.MonitoringOptions(
        quiet=True, checkpoint_every=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        experiment.run(tiny_config, tiny_data, workdir, ONE, monitoring_options)
    assert not pathlib.Path(workdir.checkpoints).exists()
