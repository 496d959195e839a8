"""The cheap half of a search, on one generator."""

import types

import pytest

from gmn_tf.config import Config
from gmn_tf.data import zero_shot_data
from gmn_tf.method import calibration, metrics
from gmn_tf.method.metrics import SCORES
from gmn_tf.method.probabilities import Fitted
from gmn_tf.runs import temperature
from gmn_tf.search import classifier_search
from gmn_tf.search.space import CALIBRATED
from gmn_tf.training import final_classifiers, fit
from gmn_tf.utils.errors import InputError

LISTS = {"synthetic_per_class": (2, 5, 9), "classifier_epochs": (1, 2, 4)}


@pytest.fixture(scope="module")
def tune_data(tiny_name, tiny_dir):
    return zero_shot_data.load(tiny_name, tiny_dir, "tune")


@pytest.fixture(scope="module")
def trained(tiny_config, tune_data):
    """Settings, and a generator trained with them."""
    config = tiny_config.replace({"split": "tune"})
    strategy = fit.make_strategy("one")
    return config, fit.train(config, tune_data, strategy).generator


def scored(config, tune_data, generator, row, calibrate=False):
    """The scores of a row, found once more."""
    beside = classifier_search.BESIDE_SETTINGS
    settings = {k: v for k, v in row.items() if k not in beside}
    changed = config.replace({**settings, "classifier_seeds": 1})
    (model,) = final_classifiers.fit(changed, tune_data, generator)
    if calibrate:
        model.penalise_seen(tune_data.num_seen, 0.0)
        best = calibration.middle(calibration.curve([model], tune_data))
        assert best["penalty"] == row["seen_penalty"]
        return {name: best[name]["mean"] for name in SCORES}
    scores = metrics.mean_and_std([metrics.score(model, tune_data)])
    return {name: scores[name]["mean"] for name in SCORES}


@pytest.mark.parametrize("objective", SCORES)
def test_each_setting_in_turn(objective, trained, tune_data):
    config, generator = trained
    epochs = []
    rows = classifier_search.search(
        config,
        tune_data,
        generator,
        LISTS,
        objective,
        lambda: epochs.append(1),
    )

    # The preset's are 5 and 2: two others of each remain.
    assert len(rows) == 5
    assert [row[objective] for row in rows] == sorted(
        (row[objective] for row in rows), reverse=True
    )
    (preset,) = [row for row in rows if row.get("preset")]
    assert preset["synthetic_per_class"] == config.synthetic_per_class
    assert preset["classifier_epochs"] == config.classifier_epochs
    for row in (rows[0], preset):
        found = scored(config, tune_data, generator, row)
        assert {name: row[name] for name in SCORES} == found
    counts = {row["synthetic_per_class"] for row in rows}
    assert counts == {2, 5, 9}
    first = max(
        (row for row in rows if row["classifier_epochs"] == 2),
        key=lambda row: row[objective],
    )
    later = [row for row in rows if row["classifier_epochs"] != 2]
    assert {row["synthetic_per_class"] for row in later} == {
        first["synthetic_per_class"]
    }
    assert classifier_search.epochs(config, LISTS) == 5 * 2
    assert len(epochs) == 3 * 2 + 1 + 4


def test_the_penalty_is_chosen_for_h_alone(trained, tune_data):
    config, generator = trained
    space = {"synthetic_per_class": (2,), "seen_penalty": (CALIBRATED,)}

    rows = classifier_search.search(config, tune_data, generator, space, "h")

    tried = [row for row in rows if not row.get("preset")]
    assert len(tried) == 1
    for row in tried:
        found = scored(config, tune_data, generator, row, calibrate=True)
        assert {name: row[name] for name in SCORES} == found
    rows = classifier_search.search(config, tune_data, generator, space, "u")
    assert {row["seen_penalty"] for row in rows} == {0.0}


def test_the_penalty_is_the_chosen_one_where_another_gives_more(
    trained, tune_data
):
    config, generator = trained

    def worst(curve):
        return min(curve, key=lambda row: row["h"]["mean"])

    (model,) = final_classifiers.fit(
        config.replace({"classifier_seeds": 1}), tune_data, generator
    )
    model.penalise_seen(tune_data.num_seen, 0.0)
    curve = calibration.curve([model], tune_data)
    begun = {"seen_penalty": calibration.largest(curve)["penalty"]}
    space = {"seen_penalty": (CALIBRATED,)}
    rows = classifier_search.search(
        *(config.replace(begun), tune_data, generator, space, "h"),
        choose_penalty=worst,
    )

    assert rows[0]["h"] < rows[1]["h"]
    penalties = [row["seen_penalty"] for row in rows]
    assert penalties == [worst(curve)["penalty"], begun["seen_penalty"]]


def test_a_row_says_why_it_has_no_temperature(trained, tune_data, monkeypatch):
    found = iter((Fitted(2.0), Fitted(1.0, "too few")))
    monkeypatch.setattr(temperature, "fitted", lambda *given: next(found))

    rows = classifier_search.search(
        *(trained[0], tune_data, trained[1]), {"classifier_epochs": (2, 1)}, "h"
    )

    rows.sort(key=lambda row: -row["temperature"])
    assert [row["temperature"] for row in rows] == [2.0, 0.0]
    reasons = [row.get(classifier_search.NO_TEMPERATURE) for row in rows]
    assert reasons == [None, "too few"]


def test_a_narrowed_list_is_kept_to(trained, tune_data):
    config, generator = trained
    space = {"synthetic_per_class": (2, 9)}

    rows = classifier_search.search(config, tune_data, generator, space, "h")

    assert [row["synthetic_per_class"] for row in rows[-1:]] == [5]
    assert rows[-1]["preset"]
    assert {row["synthetic_per_class"] for row in rows[:-1]} == {2, 9}


def test_classifiers_that_diverge_are_left_out(trained, tune_data):
    config, generator = trained
    space = {"classifier_learning_rate": (1e30, 0.01)}

    rows = classifier_search.search(config, tune_data, generator, space, "h")
    assert {row["classifier_learning_rate"] for row in rows} <= {
        config.classifier_learning_rate,
        0.01,
    }
    with pytest.raises(InputError, match=r"^Training the classifier diverged"):
        classifier_search.search(
            config.replace({"classifier_learning_rate": 1e30}),
            tune_data,
            generator,
            {"classifier_learning_rate": (1e30, 1e29)},
            "h",
        )


def test_what_needs_too_much_memory_is_left_out(
    trained, tune_data, monkeypatch
):
    config, generator = trained
    fit = final_classifiers.fit

    def limited(changed, *others):
        if changed.synthetic_per_class == 9:
            raise MemoryError
        return fit(changed, *others)

    monkeypatch.setattr(final_classifiers, "fit", limited)
    choices = []
    rows = classifier_search.search(
        *(config, tune_data, generator, {"synthetic_per_class": (2, 9)}, "h"),
        on_choice=choices.append,
    )
    assert {row["synthetic_per_class"] for row in rows} == {2, 5}
    assert [c["reason"] for c in choices if c["reason"]] == ["MemoryError"]


def test_no_value_is_begun_too_late(trained, tune_data, monkeypatch):
    """Each classifier takes ten seconds, of which there are 25."""
    config, generator = trained
    original, clock = final_classifiers.fit, types.SimpleNamespace(now=0.0)

    def timed(*given):
        clock.now += 10.0
        return original(*given)

    monkeypatch.setattr(final_classifiers, "fit", timed)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(classifier_search, "time", clock)
    choices = []
    rows = classifier_search.search(
        *(config, tune_data, generator, LISTS, "h"),
        on_choice=choices.append,
        deadline=25.0,
    )

    assert len(rows) == 2
    late = [one for one in choices if one["reason"]]
    assert [one["setting"] for one in choices] == [
        None,
        *["synthetic_per_class"] * 2,
        *["classifier_epochs"] * 2,
    ]
    assert late == choices[2:]
    (reason,) = {one["reason"] for one in late}
    assert reason == f"{classifier_search.NO_TIME} (about 10 s needed)"
    assert {one["h"] for one in late} == {None}


def test_a_value_is_kept_unless_another_is_better_by_the_margin(
    trained, tune_data
):
    config, generator = trained
    choices = []
    rows = classifier_search.search(
        *(config, tune_data, generator, LISTS, "h"),
        on_choice=choices.append,
        margin=100.0,
    )

    assert rows[0]["preset"]
    for one in choices[1:]:
        assert one["instead_of"] == getattr(config, one["setting"])
        assert one["gain"] == pytest.approx(one["h"] - rows[0]["h"])


def searched(monkeypatch, h, config, data, space):
    """The rows and the choices of a search in which h(config) is the h."""

    def scores(classifiers):
        (config,) = classifiers
        return {name: {"mean": h(config)} for name in SCORES}

    model = types.SimpleNamespace(penalise_seen=lambda *given: None)
    models, choices = [], []

    def fitted(config, *given):
        models.append(config)
        return [model]

    monkeypatch.setattr(final_classifiers, "fit", fitted)
    monkeypatch.setattr(metrics, "score", lambda *given: models[-1])
    monkeypatch.setattr(metrics, "mean_and_std", scores)
    monkeypatch.setattr(temperature, "fitted", lambda *given: Fitted(1.0))
    rows = classifier_search.search(
        *(config, data, None, space, "h"),
        on_choice=choices.append,
        margin=0.5,
    )
    return rows, choices


def test_scalings_before_one_that_changes_are_tried_again(
    tiny_config, tiny_name, tiny_dir, monkeypatch
):
    found = {  # h, by the scalings of embeddings and of features
        ("l2", "unit"): 30.0,
        ("standard", "unit"): 29.0,
        ("l2", "arcsinh"): 40.0,
        ("standard", "arcsinh"): 50.0,
    }

    def h(config):
        scaled = found[config.embedding_norm, config.feature_scaling]
        return scaled - (config.seen_floor > 0)

    rows, choices = searched(
        monkeypatch,
        h,
        tiny_config.replace(
            {"embedding_norm": "l2", "feature_scaling": "unit"}
        ),
        zero_shot_data.load(
            *(tiny_name, tiny_dir, "tune"),
            embedding_norm="none",
        ),
        {
            "embedding_norm": ("l2", "standard"),
            "feature_scaling": ("unit", "arcsinh"),
            "seen_floor": (0, 5),
        },
    )

    assert [(one["setting"], one["value"], one["gain"]) for one in choices] == [
        (None, None, None),
        ("embedding_norm", "standard", -1.0),
        ("feature_scaling", "arcsinh", 10.0),
        ("embedding_norm", "standard", 10.0),
        ("seen_floor", 5, -1.0),
    ]
    assert rows[0]["embedding_norm"] == "standard"
    assert rows[0]["feature_scaling"] == "arcsinh"
    assert rows[0]["h"] == 50.0


@pytest.mark.parametrize(
    ("embedding", "norm", "less"),
    [
        ("att", "l2", ()),
        ("att+words", "l2", ("0.2*l2,l2", "l2,0.2*l2")),
        ("att+words", "l2,0.2*l2", ()),
        (
            "a+b+c",
            "l2,0.2*l2,none",
            ("0.2*l2,0.2*l2,none", "l2,0.2*l2,0.2*none"),
        ),
    ],
)
def test_less_of_a_part(embedding, norm, less):
    assert classifier_search.less_of_a_part(embedding, norm) == less
    assert all(Config(embedding_norm=one) for one in less)


def test_parts_that_weigh_less_are_tried_once_they_are_scaled(
    tiny_config, tiny_data, monkeypatch
):
    found = {"l2": 30.0, "standard": 40.0, "standard,0.2*standard,standard": 45}
    last = "0.2*standard,0.2*standard,standard"
    found[last] = 50.0

    monkeypatch.setattr(
        type(tiny_data), "rescaled", lambda self, *given: tiny_data
    )
    rows, choices = searched(
        monkeypatch,
        lambda config: found.get(config.embedding_norm, 20.0),
        tiny_config.replace({"embedding": "a+b+c", "embedding_norm": "l2"}),
        tiny_data,
        {"embedding_norm": ("l2", "standard")},
    )

    tried = [one["value"] for one in choices if one["setting"]]
    assert tried == [
        "standard",
        *classifier_search.less_of_a_part("a+b+c", "standard"),
        *classifier_search.less_of_a_part("a+b+c", tried[2]),
    ]
    assert tried[2] in found and choices[-2]["instead_of"] == tried[2]
    assert choices[-2]["value"] == last and choices[-2]["gain"] == 5.0
    assert rows[0]["embedding_norm"] == last


def test_of_values_that_are_equally_good_t1_decides():
    def top(*scores):
        rows = [{"h": h, "t1": t1} for h, t1 in scores]
        return rows.index(classifier_search._top(rows, "h", 0.5))

    assert top((40.0, 30.0), (39.6, 32.0), (39.4, 40.0)) == 1
    assert top((40.0, 30.0), (39.6, 29.0)) == 0
    assert top((39.8, 30.0), (40.0, 30.0)) == 1


def test_where_the_first_value_fails_another_is_taken(trained, tune_data):
    config, generator = trained
    choices = []
    rows = classifier_search.search(
        config.replace({"classifier_learning_rate": 1e30}),
        tune_data,
        generator,
        {"classifier_learning_rate": (1e30, 0.01)},
        "h",
        on_choice=choices.append,
    )

    assert [row["classifier_learning_rate"] for row in rows] == [0.01]
    assert "diverged" in choices[0]["reason"]
    assert choices[1]["reason"] is None
    assert choices[1]["gain"] is None
