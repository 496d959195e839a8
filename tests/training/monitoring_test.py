"""What is written for TensorBoard is read back; nothing else changes."""

import inspect
import re
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import gmn, guidance, wgan_gp
from gmn_tf.training import callbacks, figures, monitoring
from gmn_tf.training.monitored_samples import (
    class_groups,
    moment_differences,
    monitored_samples,
    take,
)
from gmn_tf.utils.figures import to_png
from gmn_tf.utils.progress import progress

NUM_SEEN, NUM_CLASSES = 5, 7
PROJECTION = figures.feature_projection  # which most tests leave out


class Untouchable:
    """Stands for samples that must not be looked at."""

    def __getattr__(self, name):
        raise AssertionError(f"looked at .{name} of samples held back")

    def __len__(self):
        raise AssertionError("counted samples held back")


def make_samples(labels, rows: int) -> Samples:
    """`rows` samples of each class; class c has the features c, 2c, 0."""
    labels = np.repeat(np.asarray(labels, np.int32), rows)
    features = labels[:, np.newaxis] * np.array([1.0, 2.0, 0.0])
    return Samples(features.astype(np.float32), labels)


def make_data(validation, unseen=None) -> ZeroShotData:
    return ZeroShotData(
        class_names=tuple("abcdefg"),
        num_seen=NUM_SEEN,
        embeddings=np.eye(NUM_CLASSES, 5, dtype=np.float32),
        validation_classes=np.asarray(validation),
        train=make_samples(range(NUM_SEEN), 7),
        seen=Untouchable(),
        unseen=unseen or Untouchable(),
        metadata={},
    )


class Toy(keras.Model):
    """Its critic_loss is the step's number; its features are known."""

    def __init__(self, offset: float = 0.0):
        super().__init__()
        self.generator = keras.layers.Layer()
        self.generator.noise_dim = 2
        self.offset = offset
        self.steps_done = tf.Variable(0.0)
        self.built = True

    def train_step(self, batch):
        self.steps_done.assign_add(1.0)
        return {
            "critic_loss": self.steps_done.read_value(),
            "cosine_weights": tf.constant([0.5]),  # as with several workers
            "new_part": tf.constant(2.0),
        }

    def synthesise(self, noise, labels):
        scale = tf.constant([1.0, 2.0, 0.0])
        return tf.cast(labels, tf.float32)[:, tf.newaxis] * scale + self.offset


def fit(callback, steps: int = 5, offset: float = 0.0, **kwargs) -> None:
    model = Toy(offset)
    model.compile(optimizer="sgd", **{"run_eagerly": True, **kwargs})
    model.fit(
        tf.data.Dataset.range(1).repeat(),
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[callback],
    )


@pytest.fixture(autouse=True)
def fast_drawing(monkeypatch):
    """Pictures are blank, and may take all the time: steps take none."""
    monkeypatch.setattr(monitoring, "PICTURE_SHARE", float("inf"))
    monkeypatch.setattr(
        figures, "feature_projection", lambda *args: Figure((0.2, 0.2))
    )


def watched(log_dir, offset=0.0, data=None, real=None, **kwargs):
    """Everything written during five steps, by tag."""
    data = data or make_data([3, 4])
    real = real or monitored_samples(data, "test")
    settings = {"every": 2, "picture_every": 3, **kwargs}
    monitor = monitoring.TrainingMonitor(log_dir, data, real, **settings)
    fit(monitor, offset=offset)
    return read(log_dir)


def read(log_dir):
    """`tag -> {step: value}`; a picture's value is its PNG."""
    events = EventAccumulator(str(log_dir), size_guidance={"tensors": 0})
    events.Reload()
    content = {}
    for tag in events.Tags()["tensors"]:
        content[tag] = {
            event.step: tf.make_ndarray(event.tensor_proto)
            for event in events.Tensors(tag)
        }
    return content


def test_losses_are_means_since_the_last_entry(tmp_path):
    content = watched(tmp_path)

    assert content["critic/loss"] == {2: 1.5, 4: 3.5, 5: 5.0}
    assert content["matching/cosine_weights"] == {2: 0.5, 4: 0.5, 5: 0.5}
    assert content["training/new_part"][5] == 2.0
    assert set(content["speed/step_ms"]) == {2, 4, 5}
    assert all(0.0 < ms < 1e4 for ms in content["speed/step_ms"].values())


def test_steps_continue_after_an_earlier_fit(tmp_path):
    content = watched(tmp_path, first_step=10)

    assert content["critic/loss"] == {12: 1.5, 14: 3.5, 15: 5.0}
    assert set(content["features/seen"]) == {12, 15}


def test_an_entry_is_not_lost_when_keras_takes_several_steps(tmp_path):
    data = make_data([3, 4])
    monitor = monitoring.TrainingMonitor(tmp_path, data, data.train, 3, 100)
    fit(monitor, steps=8, steps_per_execution=2, run_eagerly=False)

    assert set(read(tmp_path)["critic/loss"]) == {4, 6, 8}


def test_every_entry_of_a_step_has_a_group():
    code = "".join(map(inspect.getsource, (gmn, wgan_gp, guidance)))
    parts = set(re.findall(r'"(\w+_(?:loss|penalty|score|norm))"', code))

    assert len(parts) > 6
    assert parts <= set(callbacks.TAGS)
    assert set(callbacks.BESIDE) <= set(callbacks.TAGS)


@pytest.mark.parametrize("offset", [0.0, 0.25])
def test_moments_of_both_groups(tmp_path, offset):
    content = watched(tmp_path, offset=offset)

    for group in ("seen", "validation"):
        moments = {
            name: content[f"moments_{group}/{name}"][5]
            for name in ("mean_difference", "std_difference", "fake_zeros")
        }
        assert moments["mean_difference"] == pytest.approx(offset)
        assert moments["std_difference"] == pytest.approx(0.0, abs=1e-6)
        zeros = content[f"moments_{group}/real_zeros"][5]
        assert moments["fake_zeros"] == (0.0 if offset else zeros)
    # Classes 0, 1, 2 have 3 + 1 + 1 zeros in 9 numbers, the others 1 in 3.
    assert content["moments_seen/real_zeros"][2] == pytest.approx(5 / 9)
    assert content["moments_validation/real_zeros"][2] == pytest.approx(1 / 3)


def test_pictures_come_at_their_steps_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "feature_projection", PROJECTION)
    content = watched(tmp_path)

    for group in ("seen", "validation"):
        images = content[f"features/{group}"]
        assert set(images) == {3, 5}
        assert images[5][2].startswith(b"\x89PNG")


def test_a_picture_shows_few_classes_and_its_own_group(tmp_path, monkeypatch):
    shown = []

    def spy(real, fake, class_names, title):
        shown.append((title, set(real.labels), len(real), len(fake)))
        return PROJECTION(real, fake, class_names, title)

    monkeypatch.setattr(figures, "feature_projection", spy)
    monkeypatch.setattr(monitoring, "PICTURE_CLASSES", 2)
    monkeypatch.setattr(monitoring, "PER_CLASS", 4)
    watched(tmp_path)

    assert shown[-2:] == [
        ("Seen classes, step 5", {0, 1}, 8, 8),
        ("Validation classes, step 5", {3, 4}, 8, 8),
    ]


def test_pictures_take_a_hundredth_of_the_time(tmp_path, monkeypatch):
    now = [0.0]

    def draw(tag, figure):
        now[0] += 0.5  # for each of two groups

    monkeypatch.setattr(monitoring, "PICTURE_SHARE", 0.01)
    monkeypatch.setattr(monitoring, "_write_picture", draw)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    data = make_data([3, 4])
    monitor = monitoring.TrainingMonitor(tmp_path, data, data.train, 500, 10)
    monitor.set_model(Toy())
    monitor.on_train_begin()
    drawn = []
    for batch in range(300):
        now[0] += 1.0
        before = now[0]
        monitor.on_train_batch_end(batch)
        if now[0] > before:
            drawn.append(batch + 1)

    # One second of drawing, then a hundred of training, at steps due.
    assert drawn == [10, 110, 210]


def test_a_diverged_generator_is_no_end_of_watching(tmp_path):
    content = watched(tmp_path, offset=np.nan)

    assert np.isnan(content["moments_seen/mean_difference"][5])
    assert "features/seen" not in content


def test_a_set_without_validation_classes_has_one_group(tmp_path):
    content = watched(tmp_path, data=make_data([]))

    assert "moments_seen/mean_difference" in content
    assert "moments_validation/mean_difference" not in content


def test_the_test_split_shows_training_samples_alone():
    data = make_data([3, 4])

    assert monitored_samples(data, "test") is data.train


def test_the_tune_split_adds_the_validation_classes(tmp_path):
    data = make_data([5, 6], unseen=make_samples([5, 6], 3))
    real = monitored_samples(data, "tune")

    np.testing.assert_array_equal(
        np.bincount(real.labels), [7, 7, 7, 7, 7, 3, 3]
    )
    np.testing.assert_array_equal(real.features[-1], [6.0, 12.0, 0.0])
    groups = class_groups(data, real)
    np.testing.assert_array_equal(groups["validation"], [5, 6])
    np.testing.assert_array_equal(groups["seen"], range(5))
    content = watched(tmp_path, data=data, real=real)
    assert "features/validation" in content


def test_watching_leaves_random_state_alone(tmp_path):
    drawn = []
    for watch in (True, False):
        keras.utils.set_random_seed(3)
        if watch:
            watched(tmp_path)
        else:
            fit(keras.callbacks.Callback())
        drawn.append((np.random.random(), float(tf.random.uniform([]))))

    assert drawn[0] == drawn[1]


def test_another_worker_than_the_chief_writes_nothing(tmp_path, monkeypatch):
    extended = tf.distribute.get_strategy().extended
    monkeypatch.setattr(
        type(extended), "should_save_summary", property(lambda self: False)
    )

    assert watched(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_moments_by_hand():
    # Means 1, 2 and 4, 2; standard deviations 1, 0 and 0, 2.
    real = np.array([[0.0, 2.0], [2.0, 2.0]], np.float32)
    fake = np.array([[4.0, 0.0], [4.0, 4.0]], np.float32)

    assert moment_differences(real, fake) == {
        "mean_difference": 1.5,
        "std_difference": 1.5,
        "total_variance_difference": 3.0,
        "real_zeros": 0.25,
        "fake_zeros": 0.25,
    }


def test_samples_are_taken_evenly():
    samples = Samples(np.arange(9.0)[:, np.newaxis], np.repeat([0, 1], [5, 4]))
    taken = take(samples, [0, 1], 2)

    np.testing.assert_array_equal(taken.features[:, 0], [0, 2, 5, 7])
    np.testing.assert_array_equal(taken.labels, [0, 0, 1, 1])


@pytest.mark.parametrize("terminal", [True, False])
def test_losses_stand_beside_the_bar(terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with progress("generator", 6, False, "step") as advance:
        fit(callbacks.ProgressBar(advance), steps=6)
    *_, last = capsys.readouterr().err.strip().splitlines()

    assert "generator: 100%" in last and "6/6" in last
    assert "critic 6, cosine 0.5" in last
    assert "new_part" not in last


def test_a_bar_goes_on_where_keras_takes_several_steps_at_once():
    moved = []
    bar = callbacks.ProgressBar(lambda *given: moved.append(given), 10)
    for batch in (6, 13, 19):
        bar.on_train_batch_end(batch, {"critic_loss": 1.0})

    assert moved == [(steps, "critic 1") for steps in (7, 7, 6)]


METRICS = {
    "variant": "cwgan_gm",
    "steps": 40,
    **{
        key: {"mean": mean, "std": 0.5}
        for key, mean in {"t1": 60.0, "u": 30.0, "s": 70.0, "h": 42.0}.items()
    },
    "baseline": {
        key: {"mean": mean, "std": 0.5}
        for key, mean in {"t1": 61.0, "u": 20.0, "s": 75.0, "h": 31.6}.items()
    },
}


def test_scores_are_scalars_and_a_picture(tmp_path):
    calibration = {"temperature": 0.5, "fitted_on": "x", "ece": None}
    monitoring.write_result(
        tmp_path,
        {},
        {**METRICS, "calibration": calibration},
        {"class_accuracy": to_png(Figure())},
    )
    content = read(tmp_path)

    assert content["scores/h"] == {40: 42.0}
    assert content["scores_real_only/t1"] == {40: 61.0}
    assert content["scores/class_accuracy"][40][2].startswith(b"\x89PNG")
    assert content["calibration/temperature"] == {40: 0.5}
    assert "calibration/ece" not in content


def test_limits_are_scalars_and_advice_is_text(tmp_path):
    limits = {"linear_probe": 93.9, "left_out": None, "advice": ["Try --a."]}
    monitoring.write_result(tmp_path, {}, {**METRICS, "limits": limits})
    found = {k: v for k, v in read(tmp_path).items() if "limits" in k}

    assert found.keys() == {"limits/linear_probe", "limits/advice_0"}
    assert found["limits/linear_probe"] == {40: np.float32(93.9)}
    assert found["limits/advice_0"] == {40: b"Try --a."}


def test_hparams_hold_settings_and_name_the_scores(tmp_path):
    settings = {"units": [8, 9], "steps": 40, "rate": 0.5, "noise": "latent"}
    monitoring.write_result(tmp_path, settings, METRICS)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    stored = {
        tag: plugin_data_pb2.HParamsPluginData.FromString(content)
        for tag, content in events.PluginTagToContent("hparams").items()
    }
    session = stored["_hparams_/session_start_info"].session_start_info
    experiment = stored["_hparams_/experiment"].experiment
    ended = stored["_hparams_/session_end_info"].session_end_info

    assert ended.status == api_pb2.STATUS_SUCCESS
    assert ended.end_time_secs >= session.start_time_secs
    assert session.hparams["units"].string_value == "8,9"
    assert session.hparams["steps"].number_value == 40.0
    assert session.hparams["noise"].string_value == "latent"
    assert {info.name for info in experiment.hparam_infos} == set(settings)
    tags = {info.name.tag for info in experiment.metric_infos}
    assert tags == {
        f"{group}/{key}"
        for group in ("scores", "scores_real_only")
        for key in ("t1", "u", "s", "h")
    }
