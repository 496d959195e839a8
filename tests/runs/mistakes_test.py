"""What the answers of a run are worth: its files, and its temperature."""

import contextlib
import csv
import dataclasses
import io
import json
import types

import numpy as np
import pytest

from gmn_tf import commands
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.inference import prediction, prediction_files, serving
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method import metrics
from gmn_tf.runs import finished, mistake_plots, mistakes
from gmn_tf.runs import temperature as temperatures
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import final_classifiers
from gmn_tf.utils import figures, progress
from gmn_tf_datasets.zero_shot import splits
from tests.support import runs, toys
from tests.support.in_process import call, fail


@pytest.fixture(scope="module")
def run(tiny_config, tiny_data, tmp_path_factory):
    """A run without a generator, which finds its temperature by itself."""
    config = tiny_config.replace({"variant": "real_only", "steps": 1})
    folder = tmp_path_factory.mktemp("runs") / "run"
    return runs.finished_run(config, tiny_data, folder)


def rows_of(run, name):
    with open(run.workdir.path / name, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_training_samples_are_left_out_like_the_tune_splits(tiny_data):
    inner = temperatures.left_out(tiny_data)
    train = tiny_data.train
    held = {tiny_data.class_names[c] for c in tiny_data.validation_classes}

    assert {*inner.class_names[inner.num_seen :]} == held
    assert {*inner.class_names} == {
        *tiny_data.class_names[: tiny_data.num_seen]
    }
    rows = [(part.features, part.labels) for part in (inner.train, inner.seen)]
    rows.append((inner.unseen.features, inner.unseen.labels))
    assert sum(len(labels) for _, labels in rows) == len(train)
    # Each row is there once, with the name that it had.
    names = {
        row.tobytes(): tiny_data.class_names[label]
        for row, label in zip(train.features, train.labels)
    }
    for features, labels in rows:
        for row, label in zip(features, labels):
            assert names.pop(row.tobytes()) == inner.class_names[label]
    for label, name in enumerate(inner.class_names):
        place = tiny_data.class_names.index(name)
        np.testing.assert_array_equal(
            inner.embeddings[label], tiny_data.embeddings[place]
        )
    assert (inner.seen.labels < inner.num_seen).all()
    assert (inner.unseen.labels >= inner.num_seen).all()
    none = dataclasses.replace(tiny_data, validation_classes=np.array([], int))
    assert temperatures.left_out(none) is None


def test_of_few_rows_one_is_left_out_too(tiny_data):
    few = np.flatnonzero(
        splits.numbers_within_class(tiny_data.train.labels) < 3
    )
    train = Samples(tiny_data.train.features[few], tiny_data.train.labels[few])
    inner = temperatures.left_out(dataclasses.replace(tiny_data, train=train))
    assert np.bincount(inner.seen.labels).tolist() == [1] * inner.num_seen


def test_rows_on_disk_stay_there(tiny_name, tiny_dir, tiny_data):
    from gmn_tf.data import zero_shot_data

    there = zero_shot_data.load(tiny_name, tiny_dir, memory=0)
    inner = temperatures.left_out(there)
    assert isinstance(inner.train.features, on_disk.OnDisk)
    expected = temperatures.left_out(tiny_data).train.features
    np.testing.assert_array_equal(inner.train.features[1:4], expected[1:4])


def test_a_run_without_a_generator_calibrates_itself(run):
    record = run.scores["calibration"]
    models = run.load_classifiers()

    assert record["fitted_on"] == temperatures.LEFT_OUT
    assert record["temperature"] != 1.0
    assert {one.temperature for one in models} == {record["temperature"]}
    inner = temperatures.left_out(run.data)
    again = final_classifiers.fit(run.config, inner, None)
    fitted = temperatures.fitted(again, inner)
    assert fitted == (record["temperature"], "")
    assert finished.evaluate(run) == run.scores
    # The answers are those without a temperature.
    (plain,) = final_classifiers.fit(
        run.config.replace({"classifier_seeds": 1}), run.data, None
    )
    features = run.data.unseen.features
    np.testing.assert_allclose(
        plain(features),
        record["temperature"] * models[0](features),
        rtol=1e-4,
        atol=1e-5,
    )


def test_scoring_shows_how_far_it_is(run, monkeypatch):
    bars, done = [], []

    def bar(*given, **options):
        bars.append(given)
        return contextlib.nullcontext(lambda: done.append(1))

    monkeypatch.setattr(progress, "progress", bar)
    finished.evaluate(run, quiet=False)
    assert bars == [("scores", len(done), False)]


def test_confusions_of_too_many_classes_are_left_out(monkeypatch, tmp_path):
    data = toys.zero_shot_data()
    scores = [toys.normal(len(p), 6) for p in (data.seen, data.unseen)]
    arguments = [metrics.Predictions(*scores)], data, 1.0, None
    assert mistakes.measure(*arguments).confusions.shape == (6, 6)
    monkeypatch.setattr(mistakes, "MOST_CLASSES", 5)
    found = mistakes.measure(*arguments)

    assert found.confusions is None
    mistakes.write(Workdir(str(tmp_path)), data, found, "toy")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"reject_curve.csv", "reject_curve.png"}


def test_other_ways_to_predict_are_at_the_same_temperature(run):
    predictor = Predictor.load(run.workdir)
    features = run.data.seen.features[:6]
    heat = run.scores["calibration"]["temperature"]
    raw = run.data.raw_embeddings[0][:1]

    scores = [model(features) for model in run.load_classifiers()]
    odds = np.exp(np.array(scores))
    shares = odds / odds.sum(axis=2, keepdims=True)
    expected = shares.mean(axis=0)
    np.testing.assert_allclose(
        predictor.probabilities(features), expected, rtol=1e-4
    )
    answer = serving.ServingModel(predictor, top_k=1).classify(features)
    np.testing.assert_allclose(
        answer["scores"][:, 0], expected.max(axis=1), rtol=1e-4
    )
    larger = predictor.with_classes(["new"], raw)
    assert {one.temperature for one in larger.classifiers} == {heat}


def test_a_setting_wins_and_a_generator_needs_one(run, tiny_config, tiny_data):
    models = run.load_classifiers()
    chosen = tiny_config.replace({"temperature": 0.3})
    choose = temperatures.choose
    assert choose(chosen, tiny_data, models, None) == (
        *(0.3, temperatures.SETTING, ""),
    )
    assert choose(tiny_config, tiny_data, models, None) == (1.0, None, "")
    few = dataclasses.replace(tiny_data, validation_classes=np.array([2]))
    for fit in (None, lambda inner: models):
        *found, reason = choose(tiny_config, few, models, fit)
        assert found == [1.0, None] and "2 unseen classes" in reason
    for record, words in (
        (run.scores["calibration"], "from: left-out classes and rows."),
        (
            {"fitted_on": None, "ece": 12.34},
            "not calibrated: expected calibration error 12.3 %",
        ),
        ({"fitted_on": None, "ece": None}, "--workdir=FOLDER --calibrate"),
        (
            {"fitted_on": None, "ece": 1.0, "reason": reason},
            "No temperature is applied: it takes 2 seen and 2 unseen",
        ),
    ):
        assert words in mistakes.sentence(record)


def test_confusions_agree_with_the_accuracies(run):
    accuracies = {
        row["class"]: row["accuracy_percent"]
        for row in rows_of(run, "class_accuracy.csv")
    }
    totals = dict.fromkeys(accuracies, 0.0)
    for row in rows_of(run, "confusions.csv"):
        totals[row["class"]] += float(row["percent"])
        unseen = run.data.class_names.index(row["taken_for"]) >= 6
        assert row["taken_for_seen"] == ("no" if unseen else "yes")
        if row["class"] == row["taken_for"]:
            assert row["percent"] == accuracies.pop(row["class"])
    assert all(float(value) == 0.0 for value in accuracies.values())
    assert list(totals.values()) == pytest.approx([100.0] * 9, abs=0.01)


def test_the_reject_curve_is_what_predicting_gives(run):
    rows = rows_of(run, "reject_curve.csv")
    assert float(rows[0]["answered_percent"]) == pytest.approx(100.0)
    predictor = Predictor.load(run.workdir)
    data = run.data
    least = float(rows[len(rows) // 2]["min_probability"])
    shares = []
    for part in (data.seen, data.unseen):
        sure = predictor.probabilities(part.features).max(axis=1) >= least
        each = [sure[part.labels == label].mean() for label in set(part.labels)]
        shares.append(100.0 * np.mean(each))
    row = rows[len(rows) // 2]
    assert float(row["answered_seen_percent"]) == pytest.approx(shares[0], 1e-3)
    assert float(row["answered_percent"]) == pytest.approx(
        np.mean(shares), 1e-3
    )


def test_files_that_an_older_run_lacks_are_written(run):
    path = run.workdir.path / "confusions.png"
    before = path.read_bytes()
    path.unlink()
    finished.evaluate(run)
    assert path.read_bytes() == before


def test_unlikely_answers_are_left_out(run, tmp_path):
    features = run.data.unseen.features
    np.save(tmp_path / "some.npy", features)
    tops = Predictor.load(run.workdir).top(features, 2)
    least = float(np.median([top[0][1] for top in tops]))
    words = f"--workdir={run.workdir}", f"--features={tmp_path / 'some.npy'}"
    words = *words, "--top_k=2", f"--min_probability={least}"
    printed = call(commands.predict, *words)

    lines = list(csv.DictReader(printed.stdout.splitlines()))
    without = [line for line in lines if not line["class"]]
    assert len(lines) == 2 * (len(features) - len(without)) + len(without)
    expected = [str(n) for n, top in enumerate(tops) if top[0][1] < least]
    assert [line["sample"] for line in without] == expected and expected
    assert {(line["rank"], line["kind"]) for line in without} == {("1", "")}
    assert f"{len(expected)} of {len(features)} samples" in printed.stderr
    assert "not calibrated" not in printed.stderr
    out = f"--out={tmp_path / 'out.json'}"
    assert call(commands.predict, *words, out, "--quiet").stderr == ""
    found = json.loads((tmp_path / "out.json").read_text())
    assert found[int(expected[0])]["classes"][0]["class"] is None
    assert "min_probability" in fail(
        commands.predict, *words[:2], "--min_probability=2"
    )


def test_json_has_names_and_answers_as_they_are():
    names = ["a\u2028b", 'c"d\n', "e\x85"]
    tops = [[("f\u2029", 0.5), ("g", 0.25)], [(None, 0.125)], [("g", 1.0)]]
    classes = types.SimpleNamespace(names=("f\u2029", "g"), kinds=("seen", "x"))
    file = io.StringIO()
    prediction_files.write_json(file, names, iter(tops), classes)

    found = json.loads(file.getvalue())
    assert [one["sample"] for one in found] == names
    assert [
        [(c["class"], c["probability"]) for c in one["classes"]]
        for one in found
    ] == tops
    assert (
        file.getvalue()
        == json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    )
    empty = io.StringIO()
    prediction_files.write_json(empty, [], [], classes)
    assert json.loads(empty.getvalue()) == []


def test_the_progress_ends_with_the_last_sample(run, tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(
        progress,
        "progress",
        lambda *_: contextlib.nullcontext(done.append),
    )
    features = run.data.unseen.features
    np.save(tmp_path / "some.npy", features)
    words = f"--workdir={run.workdir}", f"--features={tmp_path / 'some.npy'}"
    call(commands.predict, *words, f"--out={tmp_path / 'out.csv'}")
    assert sum(done) == len(features)


def test_all_stay_without_a_least_probability():
    tops = [[("a", 0.6), ("b", 0.3)], [("b", 0.5)]]
    assert [*prediction_files.without_unlikely(tops, 0.0)] == tops
    _, other = prediction_files.without_unlikely(tops, 0.55)
    assert other == [(None, 0.5)]


def test_synthesised_classes_keep_the_temperature(finished_run_with_heat):
    run, heat = finished_run_with_heat
    raw = run.data.raw_embeddings[0][:1]
    larger = prediction.synthesised(run, ["new"], raw)
    assert {one.temperature for one in larger.classifiers} == {heat}


@pytest.fixture
def finished_run_with_heat(run, monkeypatch, tiny_config):
    """The run with a generator that is not trained."""
    from gmn_tf.training import parts

    generator = parts.build_generator(tiny_config, run.data)
    monkeypatch.setattr(
        FinishedRun, "require_generator", lambda self, action: generator
    )
    return run, run.scores["calibration"]["temperature"]


@pytest.mark.parametrize("count", [9, 200])
def test_the_picture_of_confusions_groups_and_lists(count):
    rng = np.random.default_rng(0)
    num_seen = 2 * count // 3
    shares = rng.dirichlet(np.full(count, 0.05), count)
    # The last class is always taken for the first, and one has no sample.
    shares[-1] = np.eye(count)[0]
    shares[1] = np.nan
    names = [f"$class_{number}$" for number in range(count)]
    figure = mistake_plots.confusions(names, num_seen, shares, "toy")
    matrix, bars = figure.axes[:2]

    assert matrix.images[0].get_array().shape == (count - 1, count)
    order = mistake_plots.order(shares, num_seen)
    assert sorted(order) == [*range(count)]
    assert set(order[: count - num_seen]) == {*range(num_seen, count)}
    labels = [text.get_text() for text in matrix.get_yticklabels()]
    named = count <= mistake_plots.MAX_NAMES
    assert len(labels) == (count - 1 if named else 2)
    first = bars.get_yticklabels()[0].get_text()
    assert first.startswith(rf"\$class_{count - 1}\$ for \$class_0\$")
    assert len(bars.get_yticklabels()) <= mistake_plots.MOST_PAIRS
    assert mistake_plots.kind_of(count - 1, 0, num_seen) == "unseen for seen"
    assert figures.to_png(figure)


def test_pictures_of_nothing():
    nothing = np.full((3, 3), np.nan)
    assert figures.to_png(mistake_plots.confusions("abc", 2, nothing))
    row = dict.fromkeys(
        f"{what}{kind}"
        for what in ("answered", "accuracy")
        for kind in ("", "_seen", "_unseen")
    )
    row["min_probability"] = 0.0
    assert figures.to_png(mistake_plots.reject_curve([row]))
    assert metrics.mean_over_classes(np.array([np.nan])) != 0.0
