"""What the leaderboard measures: the choice sees the tune splits alone."""

import dataclasses
import shutil
import types

import numpy as np
import pytest

from gmn_tf.data import zero_shot_data
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import calibration
from gmn_tf.runs.entries import ENTRIES, TRIALS
from gmn_tf.runs.workdir import Workdir
from gmn_tf.search import classifier_search, comparison, space
from gmn_tf.training import final_classifiers
from gmn_tf.utils.errors import InputError

REAL = {"discriminant": ENTRIES["discriminant"]}
GAN = {"cwgan_gm": ENTRIES["cwgan_gm"]}
LONG = 60.0


@pytest.fixture(scope="module", name="splits")
def _splits(tiny_name, tiny_dir):
    """The tiny set's tune and test splits."""
    return {
        split: zero_shot_data.load(tiny_name, tiny_dir, split)
        for split in ("tune", "test")
    }


@pytest.fixture(name="config")
def _config(tiny_config):
    """The settings of the generator, by the split."""
    sizes = {"matching_classes": 2, "classifier_epochs": 1}
    return {
        split: tiny_config.replace({**sizes, "split": split})
        for split in ("tune", "test")
    }


def real_only(config):
    return config.replace({"variant": "real_only"})


def generators(data, folder):
    return comparison.Generators(data, folder / data.split)


@pytest.fixture(name="chosen")
def _chosen(splits, config, tmp_path):
    """What the tune splits decide for the entry without a generator."""
    side = generators(splits["tune"], tmp_path)
    return comparison.choose(REAL, real_only(config["tune"]), side, LONG)


def test_the_choice_is_that_of_the_search_on_the_tune_splits(
    chosen, splits, config
):
    entry, found = REAL["discriminant"], chosen["discriminant"]
    begun = real_only(config["tune"]).replace(entry.classifier_settings())
    settled = begun.replace({**found["settings"], "seen_penalty": 0.0})
    (model, *_) = final_classifiers.fit(settled, splits["tune"], None)
    best = calibration.largest(calibration.curve([model], splits["tune"]))

    assert found["trials"] == len(found["tried"]) == TRIALS
    assert found["h"] == pytest.approx(best["h"]["mean"])
    assert found["settings"]["seen_penalty"] == best["penalty"]
    assert found["config"] == begun.to_dict()
    tried = [one["h"] for one in found["tried"]]
    assert found["h"] >= max(tried) - space.MARGIN


def test_the_choice_needs_no_test_record(
    chosen, config, tiny_name, tiny_dir, tmp_path
):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_dir, copy)
    removed = list(copy.rglob("*test_*seen*"))
    assert removed
    for path in removed:
        path.unlink()
    without = zero_shot_data.load(tiny_name, copy, "tune")

    side = generators(without, tmp_path / "other")
    again = comparison.choose(REAL, real_only(config["tune"]), side, LONG)

    for one in (again, chosen):
        one["discriminant"].pop("minutes")
    assert again == chosen


def test_what_is_scored_was_chosen_before(chosen, splits, config, tmp_path):
    """Whatever the test labels say, the settings are those of the choice."""
    test = splits["test"]
    rng = np.random.default_rng(1)
    mixed = {
        part: Samples(one.features, rng.permutation(one.labels))
        for part, one in (("seen", test.seen), ("unseen", test.unseen))
    }
    found = [
        comparison.score(
            REAL,
            real_only(config["test"]),
            generators(data, tmp_path),
            chosen,
        )["discriminant"]
        for data in (test, dataclasses.replace(test, **mixed))
    ]

    assert found[0]["config"] == found[1]["config"]
    assert found[0]["h"] != found[1]["h"]
    used = found[0]["config"]
    for name, value in chosen["discriminant"]["settings"].items():
        assert used[name] == value
    assert found[0]["parameters"] > 0


def test_the_other_split_is_refused(splits, config, tmp_path):
    for measure, split, last in (
        (comparison.choose, "test", LONG),
        (comparison.score, "tune", {}),
        (comparison.peek, "tune", {}),
    ):
        side = generators(splits[split], tmp_path)
        with pytest.raises(InputError, match="other splits"):
            measure(REAL, real_only(config[split]), side, last)


def test_peeking_is_no_worse_and_changes_nothing(
    chosen, splits, config, tmp_path
):
    test, before = splits["test"], repr(chosen)
    arguments = real_only(config["test"]), generators(test, tmp_path), chosen

    scored = comparison.score(REAL, *arguments)["discriminant"]
    peeked = comparison.peek(REAL, *arguments)["discriminant"]

    assert peeked["peeked_h"] >= scored["h"]
    assert repr(chosen) == before
    assert (
        comparison.score(REAL, *arguments)["discriminant"]["h"] == (scored["h"])
    )


def test_without_unseen_samples_there_is_nothing_to_peek_at(
    chosen, splits, config, tmp_path
):
    test = splits["test"]
    nothing = Samples(test.unseen.features[:0], test.unseen.labels[:0])
    side = generators(dataclasses.replace(test, unseen=nothing), tmp_path)
    given = REAL, real_only(config["test"]), side, chosen

    found = comparison.score(*given)["discriminant"]
    assert found["s"] > 0.0 and found["h"] is None
    assert comparison.peek(*given)["discriminant"] == {
        "reason": "no unseen class has a sample to score"
    }


def test_entries_share_a_generator_that_is_trained_once(
    splits, config, tmp_path, monkeypatch
):
    trained = []
    train = comparison.fit.train

    def counted(config, *arguments, **options):
        trained.append(config.matching_weight)
        return train(config, *arguments, **options)

    monkeypatch.setattr(comparison.fit, "train", counted)
    two = {**GAN, "again": ENTRIES["cwgan_gm"]}
    side = generators(splits["tune"], tmp_path)
    chosen = comparison.choose(two, config["tune"], side, LONG)
    assert trained == [500.0, 100.0]
    for found in chosen.values():
        assert found["trials"] == TRIALS and "reason" not in found
        assert found["tried"][-1]["generator"] == {"matching_weight": 100.0}

    side = generators(splits["test"], tmp_path)
    arguments = config["test"], side, chosen
    scored = comparison.score(two, *arguments)
    weights = {"cwgan_gm": 100.0 if chosen["again"]["second"] else 500.0}
    assert trained[2:] == list(weights.values())
    peeked = comparison.peek(two, *arguments)
    assert trained[2:] == list(weights.values())
    assert scored["cwgan_gm"]["h"] == scored["again"]["h"]
    assert peeked["cwgan_gm"]["peeked_h"] >= scored["cwgan_gm"]["h"] - 1e-6
    record, _ = side.trained(
        "-".join(
            ["cwgan_gm", *(("matching_weight",) * chosen["again"]["second"])]
        ),
        config["test"].replace({"matching_weight": weights["cwgan_gm"]}),
    )
    assert record["steps"] == [1, 2, 3]


def test_a_kept_generator_is_that_of_a_plain_training(splits, config, tmp_path):
    one = config["test"]
    _, load = generators(splits["test"], tmp_path).trained("g", one)
    plain = comparison.fit.train(
        one, splits["test"], comparison.fit.make_strategy("one")
    ).synthesiser

    for kept, expected in zip(load(3).get_weights(), plain.get_weights()):
        np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize("killed_after", [None, 3, 4])
def test_steps_before_an_interruption_count_in_full(
    killed_after, splits, config, tmp_path, monkeypatch
):
    """Each step takes ten seconds, those that were lost not counted."""
    clock = types.SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    after_step = comparison.Snapshots.after_step
    write_json = Workdir.write_json

    def ten_seconds(self, logs):
        clock.now += 10.0
        after_step(self, logs)
        if self.step == killed_after == 3:
            raise KeyboardInterrupt

    def killed(self, name, content):
        if name == comparison.TRAINED:
            raise KeyboardInterrupt
        write_json(self, name, content)

    monkeypatch.setattr(comparison, "time", clock)
    monkeypatch.setattr(comparison, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(comparison.Snapshots, "after_step", ten_seconds)
    one = config["test"].replace({"steps": 4})
    side = generators(splits["test"], tmp_path)
    if killed_after:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Workdir, "write_json", killed)
            side.trained("g", one)
        killed_after = None
    record, _ = side.trained("g", one)

    assert record["seconds"] == 40.0


def test_other_settings_are_not_taken_for_those_of_a_generator(
    splits, config, tmp_path
):
    side = generators(splits["test"], tmp_path)
    side.trained("g", config["test"])
    with pytest.raises(InputError, match="other settings"):
        side.trained("g", config["test"].replace({"steps": 2}))


def test_a_search_ends_with_its_minutes(splits, config, tmp_path):
    side = generators(splits["tune"], tmp_path)
    found = comparison.choose(GAN, config["tune"], side, 0.0)["cwgan_gm"]

    assert found["trials"] == 1 and not found["second"]
    reasons = {one["reason"] for one in found["tried"][1:]}
    late = classifier_search.NO_TIME
    assert all(reason.startswith(late) for reason in reasons)
    assert len(found["tried"]) == TRIALS


def test_an_entry_that_fails_leaves_the_others(splits, config, tmp_path):
    broken = dataclasses.replace(
        ENTRIES["bilinear"], fixed={"classifier_momentum": 1e20}
    )
    entries = {"broken": broken, **REAL}
    side = generators(splits["tune"], tmp_path)
    chosen = comparison.choose(entries, real_only(config["tune"]), side, LONG)

    assert "diverged" in chosen["broken"]["reason"]
    assert chosen["discriminant"]["trials"] == TRIALS
    arguments = real_only(config["test"]), generators(splits["test"], tmp_path)
    for measure in (comparison.score, comparison.peek):
        found = measure(entries, *arguments, chosen)
        assert found["broken"]["reason"].startswith("no settings: ")
        assert "reason" not in found["discriminant"]


def test_where_the_first_generator_fails_the_second_is_searched(
    splits, config, tmp_path
):
    class Failing(comparison.Generators):
        def trained(self, name, config):
            if config.learning_rate != 7.0:
                raise InputError("Training diverged.", "", "", "")
            return super().trained(name, config)

    tried = {"discriminant_shrinkage": (3.0, 1.0, 10.0, 0.3, 30.0)}
    entry = dataclasses.replace(
        REAL["discriminant"], tried=tried, second={"learning_rate": 7.0}
    )
    found = comparison.choose(
        {"one": entry},
        real_only(config["tune"]),
        Failing(splits["tune"], tmp_path),
        LONG,
    )["one"]

    assert found["second"] and found["h"] > 0.0
    assert found["trials"] == len(found["tried"]) == TRIALS
    assert found["tried"][0] == {
        "reason": "Training diverged.",
        "generator": {},
    }
    assert {
        one["generator"]["learning_rate"] for one in found["tried"][1:]
    } == {7.0}


@pytest.mark.parametrize("in_classifier", [False, True])
def test_a_second_generator_that_fails_leaves_the_first(
    in_classifier, splits, config, tmp_path, monkeypatch
):
    class Failing(comparison.Generators):
        def trained(self, name, config):
            if config.learning_rate == 7.0 and not in_classifier:
                raise InputError("Training diverged.", "", "", "")
            return super().trained(name, config)

    tried = {"discriminant_shrinkage": (3.0, 1.0, 10.0, 0.3, 30.0)}
    entry = dataclasses.replace(
        REAL["discriminant"], tried=tried, second={"learning_rate": 7.0}
    )
    fit = final_classifiers.fit

    def failing(config, *arguments):
        if config.learning_rate == 7.0 and in_classifier:
            raise InputError("Training the classifier diverged.", "", "", "")
        return fit(config, *arguments)

    monkeypatch.setattr(final_classifiers, "fit", failing)
    side = Failing(splits["tune"], tmp_path)
    found = comparison.choose(
        {"one": entry}, real_only(config["tune"]), side, LONG
    )["one"]

    assert not found["second"] and found["h"] > 0.0
    assert found["trials"] == len(found["tried"]) == TRIALS
    assert "diverged" in found["tried"][-1]["reason"]
    assert found["tried"][-1]["generator"] == {"learning_rate": 7.0}
