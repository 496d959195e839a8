"""The separate protocol: settings for T-1, u and s chosen separately."""

import dataclasses
import functools

import numpy as np
import pytest

from gmn_tf.data import zero_shot_data
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import metrics as scoring
from gmn_tf.runs import experiment, separate
from gmn_tf.runs.candidates import candidates
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import final_classifiers
from gmn_tf.utils.errors import InputError
from tests.support.runs import SOURCE, finished_run

QUIET = experiment.MonitoringOptions(quiet=True)
pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def runs(quick_training, tiny_config, tiny_name, tiny_dir, tmp_path_factory):
    """A finished run for each split, of a variant, and their separate.json."""

    @functools.cache
    def make(variant):
        made = []
        for split in ("test", "tune"):
            config = tiny_config.replace({"variant": variant, "split": split})
            loaded = zero_shot_data.load(tiny_name, tiny_dir, split)
            folder = tmp_path_factory.mktemp(variant) / split
            made.append(
                finished_run(config, loaded, folder, with_baseline=False)
            )
        return *made, separate.run(*made, quiet=True)

    return make


def scores_of(config, loaded, generator, settings):
    models = final_classifiers.fit(config.replace(settings), loaded, generator)
    return [scoring.score(model, loaded) for model in models]


@pytest.mark.parametrize("variant", ["cwgan_gm", "real_only"])
def test_each_score_is_of_the_settings_chosen_for_it(variant, runs):
    test, tune, metrics = runs(variant)

    assert test.workdir.read_json("separate.json") == metrics
    assert metrics["protocol"] == "separate"
    assert len(metrics["tried"]) == (8 if variant == "cwgan_gm" else 2)
    for one in metrics["tried"][::3]:
        settings = {k: v for k, v in one.items() if k not in separate.TASKS}
        (scores,) = scores_of(
            tune.config.replace({"classifier_seeds": 1}),
            tune.data,
            tune.load_generator(),
            settings,
        )
        for task in separate.TASKS:
            assert one[task] == getattr(scores, task)
    by_task = {}
    for task, chosen in metrics["chosen"].items():
        best = max(one[task] for one in metrics["tried"])
        assert {**chosen, task: best}.items() <= next(
            one for one in metrics["tried"] if one[task] == best
        ).items()
        by_task[task] = [
            getattr(one, task)
            for one in scores_of(
                test.config, test.data, test.load_generator(), chosen
            )
        ]
        assert metrics[task]["mean"] == np.mean(by_task[task])
    harmonic = [
        2 * u * s / (u + s) if u + s else 0.0
        for u, s in zip(by_task["u"], by_task["s"])
    ]
    assert metrics["h"]["mean"] == pytest.approx(np.mean(harmonic))


def test_the_test_samples_do_not_matter_to_the_choice(runs):
    test, tune, metrics = runs("cwgan_gm")
    rng = np.random.default_rng(0)
    others = {
        part: Samples(
            rng.permutation(samples.features), rng.permutation(samples.labels)
        )
        for part, samples in (
            ("seen", test.data.seen),
            ("unseen", test.data.unseen),
        )
    }
    altered = dataclasses.replace(
        test, data=dataclasses.replace(test.data, **others)
    )

    again = separate.run(altered, tune, quiet=True)

    assert [again[key] for key in ("chosen", "tried")] == [
        metrics[key] for key in ("chosen", "tried")
    ]
    assert again["t1"] != metrics["t1"]


def test_runs_on_other_data_are_refused(runs, tmp_path):
    test, tune, _ = runs("real_only")
    other = Workdir(tmp_path / "other")
    other.start(tune.config, {**SOURCE, "split_fingerprint": "g"})

    with pytest.raises(InputError, match="split_fingerprint='g'"):
        separate.run(test, dataclasses.replace(tune, workdir=other), quiet=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"test": {"split": "tune"}},
        {"tune": {"split": "test"}},
        {"tune": {"split": "tune", "seed": 2}},
    ],
)
def test_other_runs_are_refused(changes, tiny_config):
    test = tiny_config.replace(changes.get("test", {}))
    tune = tiny_config.replace(changes.get("tune", {"split": "tune"}))
    with pytest.raises(InputError, match="differ only in their split"):
        separate.check_same_runs(test.to_dict(), tune.to_dict())


def test_candidates_are_multiples_of_the_run(tiny_config):
    tried = candidates(tiny_config, has_generator=True)

    assert {one["synthetic_per_class"] for one in tried} == {1, 2, 5, 10}
    still = tiny_config.replace({"classifier_learning_rate": 0})
    assert {
        one["classifier_learning_rate"]
        for one in candidates(still, has_generator=True)
    } == {0.0}
    assert tiny_config.classifier_learning_rate in {
        one["classifier_learning_rate"] for one in tried
    }
    assert all(
        "synthetic_per_class" not in one
        for one in candidates(tiny_config, has_generator=False)
    )
