"""Advice names a cause where scores fall short, and is silent elsewhere."""

import pytest

from gmn_tf.runs import report, shortfalls

LIMITS = {
    "chance_t1": 5.0,
    "chance_u_s": 0.98,
    "chance_seen": 1.22,
    "seen_classes": 82,
    "num_seen": 82,
    "linear_probe": 93.9,
    "nearest_class_mean": 86.8,
    "left_out": 55.4,
    "left_out_candidates": 20.5,
    "left_out_r2": 0.23,
    "description_rank": 101,
    "described_classes": 102,
    "alike_descriptions": 0,
    "feature_rms": 0.9,
    "feature_offset": 1.16,
    "seen_alone": 83.0,
}
UNITS = {"feature_rms": 90.2}


def sentences(t1=68.5, u=60.0, s=67.8, settings=(), **limits):
    scores = {"t1": t1, "u": u, "s": s}
    metrics = {name: {"mean": value} for name, value in scores.items()}
    return shortfalls.sentences(
        {**metrics, "limits": {**LIMITS, **limits}}, dict(settings)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # CUB with attributes.
        dict(t1=64.4, u=48.6, s=64.1, linear_probe=78.7, seen_alone=73.1),
        UNITS,  # that did no harm
        dict(description_rank=7),  # as little as that
        dict(t1=40.0, u=36.0, left_out_candidates=10.0),  # not comparable
        dict(seen_alone=50.0, s=40.0, seen_classes=41),  # nor this
        dict(t1=None, u=None, s=60.0, left_out=None),
        dict(linear_probe=None, seen_alone=None, s=None),
        dict(left_out=5.0, seen_classes=6, num_seen=6),
        dict(linear_probe=3),  # the run tells seen classes apart
        dict(left_out=6),  # and unseen ones
        dict(t1=100.0, u=90.0, chance_t1=100.0),  # the only unseen class
        dict(seen_alone=99.0, s=80.0),  # above the probe
        dict(  # the only seen class
            chance_seen=100.0, linear_probe=100.0, seen_alone=100.0, s=80.0
        ),
    ],
)
def test_nothing_is_said_without_a_shortfall(changes):
    assert sentences(**changes) == []


@pytest.mark.parametrize(
    ("changes", "shortfall", "advice"),
    [
        (dict(t1=55, u=16, s=81.5), "unseen classes keep 29 %", "--calibrate"),
        (
            dict(t1=55, u=16, s=81.5, settings={"split": "tune"}.items()),
            "unseen classes keep 29 %",
            "with this folder",
        ),
        (dict(t1=55, u=16, s=81.5, **UNITS), "keep 29 %", "_scaling=unit"),
        (dict(u=68, s=30), "seen classes 36 %", "--seen_penalty below 0"),
        (dict(u=68, s=30), "36 %", "smaller --synthetic_per_class"),
        (
            dict(t1=55, u=16, s=81.5, settings={"seen_penalty": 1.5}.items()),
            "29 %",
            "--seen_penalty (1.5) that is too small for these",
        ),
        (
            dict(u=68, s=30, settings={"seen_penalty": 5.118}.items()),
            "36 %",
            "(5.12) that is too large for these classes; if it was chosen on "
            "the tune splits, leave it",
        ),
        (dict(seen_alone=40), "reaches 40.0 and a linear", "_rate or more"),
        (dict(seen_alone=40, **UNITS), "probe 93.9", "--feature_scaling=unit"),
        (
            dict(seen_alone=40, feature_offset=17.8),
            "40.0",
            "--feature_scaling=unit",
        ),
        (dict(seen_alone=40, description_rank=7), "40.0", "=discriminant"),
        (dict(seen_alone=40, alike_descriptions=30), "40.0", "30 of 102"),
        (dict(t1=40, u=35), "T-1 is 40.0", "--classifier=discriminant"),
        (dict(t1=40, u=35, description_rank=7), "55.4", "rank 7 for 102"),
        (
            dict(linear_probe=2, seen_alone=2.3),
            "hardly tell seen",
            "labels belong",
        ),
        (dict(left_out=6, t1=6, u=3), "hardly predict", "to its class"),
        (dict(t1=6, u=5, left_out=None), "T-1 is 6.0, and", "made like those"),
        (
            dict(t1=27.9, chance_t1=33.3, left_out=18.9, left_out_candidates=4)
            | dict(seen_classes=7, num_seen=7),
            "T-1 is 27.9, and chance is 33.3",
            "7 seen classes (fewer than 10)",
        ),
    ],
)
def test_one_sentence_names_cause_and_setting(changes, shortfall, advice):
    (sentence,) = sentences(**changes)

    assert shortfall in sentence and advice in sentence


@pytest.mark.parametrize(
    ("t1", "validation", "words"),
    [
        (None, 2, ["With 2 validation classes", "T-1 is 50.0 by chance"]),
        (
            5.1,
            2,
            ["mostly luck", "T-1 5.1 is hardly better than chance (50.0)"],
        ),
        (100.0, 1, ["With 1 validation class (fewer"]),
        (3.0, 50, ["hardly better than chance (2.0)"]),
        (6.8, 50, []),
        (90.0, 9, ["9 validation classes (fewer than 10)"]),
        (90.0, 10, []),
        (None, 10, []),
        (None, 0, []),
    ],
)
def test_few_validation_classes_are_noted(t1, validation, words):
    scored = {} if t1 is None else {"t1": t1}
    note = shortfalls.few_classes(scored, validation)

    assert all(one in note for one in words) and bool(words) == bool(note)
    assert ("hardly better" in note) == ("hardly better" in " ".join(words))


def test_a_discriminant_is_not_proposed_to_one():
    settings = {"classifier": "bilinear+discriminant"}
    (sentence,) = sentences(
        seen_alone=40, description_rank=7, settings=settings.items()
    )

    assert "--classifier=discriminant" not in sentence


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "real_only"},
        {"variant": "class_normalisation"},
        {"variant": "cwgan", "classifier_rows": "real,real"},
    ],
)
def test_fewer_synthetic_samples_are_not_proposed_where_there_are_none(
    settings,
):
    (sentence,) = sentences(u=68, s=30, settings=settings.items())
    assert "too high" in sentence and "synthetic" not in sentence


def test_on_the_tune_splits_nothing_is_said_of_test():
    settings = {"seen_penalty": 1.5, "split": "tune"}
    (sentence,) = sentences(u=68, s=30, settings=settings.items())
    assert "(1.5) that is too large" in sentence
    assert "with this folder" in sentence and "on test" not in sentence


@pytest.mark.parametrize(
    ("classifier", "advice"),
    [
        ("bilinear", "--classifier_learning_rate or more --classifier_epochs"),
        ("discriminant+prototype", "--prototype_learning_rate or more --prot"),
        ("discriminant", "--representation=kernel, a smaller --discriminant_s"),
    ],
)
def test_what_is_proposed_to_a_loose_classifier_is_a_setting_of_it(
    classifier, advice
):
    settings = {"classifier": classifier}
    (sentence,) = sentences(seen_alone=40, settings=settings.items())
    assert advice in sentence
    assert ("trained" in sentence) == (classifier != "discriminant")


def test_a_kernel_is_not_proposed_to_a_run_that_has_one():
    settings = {"classifier": "discriminant", "representation": "kernel"}
    (sentence,) = sentences(seen_alone=40, settings=settings.items())
    assert "help: a smaller --discriminant_shrinkage" in sentence


@pytest.mark.parametrize(
    ("rows", "is_cause"), [("both,real", True), ("real,both", False)]
)
def test_real_rows_are_proposed_to_a_discriminant_without_them(rows, is_cause):
    settings = {"classifier": "bilinear+discriminant", "variant": "cwgan_gm"}
    settings["classifier_rows"] = rows
    (sentence,) = sentences(t1=40, u=35, settings=settings.items())
    assert ("texts or attributes" in sentence) == is_cause
    assert ("--classifier_rows=real" in sentence) != is_cause


@pytest.mark.parametrize(
    "classifier", ["discriminant", "discriminant+prototype"]
)
def test_descriptions_are_the_cause_where_the_classifier_cannot_be(classifier):
    settings = {"classifier": classifier}
    (sentence,) = sentences(t1=40, u=35, settings=settings.items())
    assert "T-1 is 40.0" in sentence and "texts or attributes" in sentence


def test_table_shows_unknown_numbers_as_dashes():
    limits = {**LIMITS, "advice": ["Try --a=b."]}
    text = report.limits_table({"limits": limits})
    lines = text.splitlines()

    assert lines[2].split(maxsplit=2)[2].startswith("93.9 among seen classes")
    assert lines[2].endswith("this run 83.0")
    assert lines[4].endswith("R² of their means 0.23")
    assert lines[-1] == "Try --a=b."
    unknown = dict.fromkeys(("linear_probe", "left_out", "left_out_r2"))
    text = report.limits_table({"limits": {**limits, **unknown}})
    assert "- among seen classes" in text and "too few seen" in text
    few = {**limits, "seen_classes": 7}
    text = report.limits_table({"limits": few})
    assert "among about 20, mostly chance (7 seen); R²" in text
