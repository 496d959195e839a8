"""Tables and CSV say what was measured, and claim no more."""

import csv
import io

import numpy as np
import pytest

from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.runs import report


def scores(t1, u, s, h, std=0.25):
    return {
        key: {"mean": mean, "std": std}
        for key, mean in zip(("t1", "u", "s", "h"), (t1, u, s, h))
    }


def make_metrics(own_h=51.07, seeds=5, **changes):
    return {
        "dataset": "flo",
        "variant": "cwgan_gm",
        "protocol": "joint",
        "split": "test",
        "steps": 1000,
        "seed": 3,
        "classifier_seeds": seeds,
        **scores(64.7, 39.3, 73.1, own_h),
        "baseline": scores(65.1, 27.4, 77.8, 40.5),
        **changes,
    }


def real_only(**changes):
    metrics = make_metrics(variant="real_only", **changes)
    del metrics["baseline"]
    return metrics


def test_table_has_a_row_each_in_aligned_columns():
    lines = report.scores_table(make_metrics()).splitlines()

    assert lines[0] == (
        "flo, cwgan_gm: joint protocol, test split, 1000 generator steps, "
        "seed 3, 5 classifiers"
    )
    header, own, baseline = lines[2:5]
    assert header.split() == ["T-1", "u", "s", "h"]
    assert own.split("  ")[0] == "cwgan_gm"
    assert own.endswith("51.1 ± 0.2")
    assert baseline.startswith("real_only   65.1 ± 0.2")
    assert len(header) == len(own) == len(baseline) < 80
    assert all(len(line) <= 80 for line in lines[1:])


def test_steps_are_named_where_there_is_a_generator():
    for variant in ("real_only", "class_normalisation"):
        line = report.heading(make_metrics(variant=variant))
        assert line == (
            f"flo, {variant}: joint protocol, test split, seed 3, 5 classifiers"
        )


@pytest.mark.parametrize(
    ("own_h", "sentence"),
    [
        (51.07, "h is 10.6 points above that of real_only."),
        (38.5, "h is 2.0 points below that of real_only."),
        (40.52, "h is the same as that of real_only."),
        (
            40.9,
            "0.4 points above that of real_only,\nwithin the spread between",
        ),
    ],
)
def test_comparison_claims_no_more_than_the_difference(own_h, sentence):
    assert sentence in report.scores_table(make_metrics(own_h))


def test_a_penalty_is_named_and_that_real_only_has_none():
    table = report.scores_table(make_metrics(seen_penalty=0.25))

    assert "seen penalty 0.25" in table.splitlines()[0]
    assert table.endswith(
        "real_only has no penalty; one could improve it, too."
    )
    assert "penalty" not in report.scores_table(make_metrics())


def test_comparison_is_that_of_the_table():
    baseline = scores(65.1, 27.4, 77.8, 40.46)
    table = report.scores_table(make_metrics(41.04, baseline=baseline))

    assert "h is 0.5 points above" in table  # 41.0 - 40.5, though 0.58


def test_one_classifier_has_no_spread():
    table = report.scores_table(make_metrics(seeds=1))

    assert "±" not in table
    assert "1 classifier\n" in table


@pytest.mark.parametrize(
    ("classifier", "replaced"),
    [("linear+prototype", ["linear"]), ("devise", []), ("unknown", [])],
)
def test_another_classifier_of_the_baseline_is_named(classifier, replaced):
    table = report.scores_table(make_metrics(classifier=classifier))
    lines = [line for line in table.splitlines() if "bilinear" in line]
    assert [line.split("place of ")[1].split(",")[0] for line in lines] == (
        replaced
    )


def test_the_baseline_itself_is_compared_with_nothing():
    table = report.scores_table(real_only())

    assert "generator" not in table
    assert "points" not in table
    assert table.count("real_only") == 2  # heading and row


def test_class_accuracy_in_percent():
    text = report.class_accuracy_csv(
        ['lily, "red"', "rose", "tulip"],
        2,
        np.array([[0.5, np.nan, 0.2], [0.6, np.nan, 0.4]]),
        np.array([[0.25, np.nan, 1.0]]),
    )
    rows = list(csv.DictReader(io.StringIO(text)))

    assert rows == [
        {
            "class": 'lily, "red"',
            "seen": "yes",
            "accuracy_percent": "55.0000",
            "std_percent": "5.0000",
            "real_only_percent": "25.0000",
        },
        {
            "class": "rose",
            "seen": "yes",
            "accuracy_percent": "",
            "std_percent": "",
            "real_only_percent": "",
        },
        {
            "class": "tulip",
            "seen": "no",
            "accuracy_percent": "30.0000",
            "std_percent": "10.0000",
            "real_only_percent": "100.0000",
        },
    ]


def test_class_accuracy_without_a_baseline():
    text = report.class_accuracy_csv(["a"], 1, np.array([[0.5]]))

    assert text.splitlines()[1] == "a,yes,50.0000,0.0000,"


def test_curve_as_csv_and_as_table():
    rows = [
        {"n": 10, **scores(50, 20, 80, 32)},
        {"n": 250, **scores(60, 40, 70, 50.9)},
    ]
    lines = report.curve_csv(rows, "n").splitlines()
    table, legend = report.curve_table(rows, 5).split("\n\n")
    table = table.splitlines()

    assert lines[0] == "n,t1_mean,t1_std,u_mean,u_std,s_mean,s_std,h_mean,h_std"
    assert lines[2].startswith("250,60.0000,0.2500,40.0000")
    assert lines[2].endswith(",50.9000,0.2500")
    back = report.read_curve(csv.DictReader(lines), "n")
    assert [(row["n"], row["u"]) for row in back] == [
        (row["n"], row["u"]) for row in rows
    ]
    assert table[0].split() == ["n", "per", "class", "T-1", "u", "s", "h"]
    assert table[2].startswith("250") and table[2].endswith("50.9 ± 0.2")
    assert len(set(map(len, table))) == 1
    assert legend.endswith("mean ± standard deviation over 5 classifiers.")
    assert "±" not in report.curve_table(rows, 1)


@pytest.mark.parametrize(
    ("validation", "word"), [([0], "class,"), ([2], "(validation) class,")]
)
def test_summary_of_the_data(validation, word):
    data = ZeroShotData(
        class_names=("a", "b", "c"),
        num_seen=2,
        embeddings=np.zeros((3, 5)),
        validation_classes=np.array(validation),
        train=Samples(np.zeros((7, 4)), np.zeros(7, int)),
        seen=Samples(np.zeros((3, 4)), np.zeros(3, int)),
        unseen=Samples(np.zeros((2, 4)), np.zeros(2, int)),
        metadata={"dataset": "flo", "notes": ["leaks."]},
    )
    text = report.data_summary(data)

    assert text.startswith("flo: 2 seen and 1 unseen " + word)
    assert "4 dimensions" in text and "embeddings of 5" in text
    assert "7 samples to learn from; to score: 3 of seen and 2" in text
    assert text.endswith("Note: leaks.")
