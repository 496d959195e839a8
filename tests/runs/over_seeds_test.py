import csv
import json
import subprocess
import sys

import pytest

from gmn_tf import commands
from gmn_tf.config import Config
from gmn_tf.runs import over_seeds, tables
from gmn_tf.utils.errors import InputError
from tests.support import in_process


def finished_run(path, h, **settings):
    config = Config(**settings)
    scores = {
        name: {"mean": value, "std": 9.0}
        for name, value in {"t1": 50.0, "u": 20.0, "s": 30.0, "h": h}.items()
    }
    metrics = {**scores, "baseline": {**scores, "h": {"mean": 1.0, "std": 0.0}}}
    path.mkdir()
    stored = {"config": config.to_dict(), "data": {"name": "birds"}}
    (path / "config.json").write_text(json.dumps(stored))
    (path / "metrics.json").write_text(json.dumps(metrics))
    return str(path)


def test_runs_are_joined_over_seeds_alone(tmp_path):
    rows = over_seeds.table(
        [
            finished_run(tmp_path / "a", 10.0, seed=1),
            finished_run(tmp_path / "b", 14.0, seed=2),
            finished_run(tmp_path / "c", 30.0, seed=1, beta_1=0.5),
        ]
    )
    by_variant = [(r["variant"], r["seeds"], r["h"], r["h_std"]) for r in rows]

    assert by_variant == [
        ("cwgan_gm", 2, 12.0, 2.0),
        ("cwgan_gm", 1, 30.0, None),  # of one value there is none
        ("real_only", 2, 1.0, 0.0),
    ]


def test_classifiers_of_kernel_features_are_not_joined_with_others(tmp_path):
    kernel = {"representation": "kernel"}
    changes = [{}, {"representation": "features"}]
    changes += [kernel, {**kernel, "kernel_width": 10.0}]
    paths = [
        finished_run(tmp_path / str(number), 10.0, seed=1 + number, **one)
        for number, one in enumerate(changes)
    ]
    rows = over_seeds.table(paths)

    found = [
        (row["representation"], row["kernel_width"], row["seeds"])
        for row in rows
        if row["variant"] == "real_only"
    ]
    # Without a generator, `auto` and `features` are the same.
    assert found == [("", "", 2), ("kernel", 3.0, 1), ("kernel", 10.0, 1)]


def test_scores_are_rounded_once(tmp_path):
    path = finished_run(tmp_path / "a", 87.94987)
    rows = over_seeds.table([path])
    over_seeds.write(rows, str(tmp_path / "out"))

    # From 87.950, which the CSV file has, it would be 88.0.
    assert "| 87.9 |" in over_seeds.markdown(rows)
    assert "| 87.9 |" in (tmp_path / "out.md").read_text()
    with (tmp_path / "out.csv").open() as file:
        row = next(csv.DictReader(file))
    assert (row["h"], row["h_std"]) == ("87.95", "")


def test_many_differences_are_shown_in_one_column(tmp_path):
    changes = [
        {},
        {"beta_1": 0.5},
        {"beta_2": 0.9, "noise_dim": 7},
        {"batch_size": 8},
    ]
    rows = over_seeds.table(
        [
            finished_run(tmp_path / str(number), 10.0, **one)
            for number, one in enumerate(changes)
        ]
    )

    heading, _, *lines = over_seeds.markdown(rows).splitlines()
    column = heading.split(" | ").index("other settings")
    settings = [line.split(" | ")[column] for line in lines]
    assert settings == [
        "",
        "beta_1=0.5",
        "beta_2=0.9, noise_dim=7",
        "batch_size=8",
        "",  # real_only, which all of them have in common
    ]
    assert "beta_1" in rows[0]  # each has its own column in the CSV file


def test_runs_calibrated_together_show_their_best_h(tmp_path):
    paths = [
        finished_run(tmp_path / name, 10.0, seed=seed, split="tune")
        for seed, name in enumerate("ab")
    ]
    curve = "penalty,h_mean,h_std\n0.0,10,1\n0.5,22,2\n0.9,7,3\n"
    for name in "ab":
        (tmp_path / name / "calibration.csv").write_text(curve)

    rows = over_seeds.table(paths)

    assert (rows[0]["calibrated_h"], rows[0]["calibrated_h_std"]) == (22.0, 2.0)
    heading, _, own, baseline = over_seeds.markdown(rows).splitlines()
    assert heading.endswith("on the same samples |")
    assert own.endswith("| 10.0 ± 0.0 | 22.0 ± 2.0 |")
    assert baseline.endswith("|  |")
    over_seeds.write(rows, str(tmp_path / "table"))
    header = (tmp_path / "table.csv").read_text().splitlines()[0]
    assert header.endswith("h,h_std,calibrated_h,calibrated_h_std")
    # Each by itself: then there is no one penalty.
    (tmp_path / "b" / "calibration.csv").write_text(curve.replace("22", "24"))
    assert "penalty" not in over_seeds.markdown(over_seeds.table(paths))
    (tmp_path / "b" / "calibration.csv").unlink()
    assert "penalty" not in over_seeds.markdown(over_seeds.table(paths))


@pytest.mark.parametrize(
    "change",
    [
        {"classifier_epochs": 3},
        {"feature_scaling": "unit"},
        {"precision": "mixed_bfloat16"},
    ],
)
def test_baselines_of_other_classifiers_stay_apart(change, tmp_path):
    rows = over_seeds.table(
        [
            finished_run(tmp_path / "a", 10.0, seed=1),
            finished_run(tmp_path / "b", 10.0, seed=2, **change),
        ]
    )

    assert [row["seeds"] for row in rows] == [1, 1, 1, 1]


def test_baselines_are_alike_whatever_rows_the_classifier_has(tmp_path):
    """A baseline has real rows alone."""
    rows = over_seeds.table(
        [
            finished_run(tmp_path / "a", 10.0, seed=1),
            finished_run(
                tmp_path / "b",
                10.0,
                seed=2,
                variant="wgan_gm",
                classifier_rows="real",
            ),
        ]
    )

    assert [row["seeds"] for row in rows] == [1, 1, 2]


def test_settings_that_differ_between_rows_are_shown(tmp_path):
    rows = over_seeds.table(
        [
            finished_run(tmp_path / "a", 10.0, learning_rate=1e-3),
            finished_run(tmp_path / "b", 10.0, learning_rate=1e-4),
            finished_run(tmp_path / "c", 10.0, split="tune", beta_1=0.5),
        ]
    )
    heading, _, *lines = over_seeds.markdown(rows).splitlines()

    assert "| split | steps | learning_rate | seeds |" in heading
    assert "beta_1" not in heading
    assert "| test | 100000 | 0.001 | 1 |" in lines[0]
    assert "| test | 0 |  | 1 |" in lines[2]  # real_only, last of its split
    assert "| tune |" in lines[3]


def test_what_columns_of_settings_show_is_said(tmp_path):
    paths = [
        finished_run(tmp_path / "a", 10.0, variant="real_only"),
        finished_run(tmp_path / "b", 10.0, dataset="sun", learning_rate=1e-3),
    ]

    text = in_process.succeed(commands.summary, *paths)
    assert "learning_rate" not in text
    assert "rows of the same variant, data, split and steps differ" in text
    assert "differ" not in in_process.succeed(commands.summary, paths[0])


def test_other_features_are_shown_where_they_differ(tmp_path):
    paths = [
        finished_run(tmp_path / "a", 10.0),
        finished_run(tmp_path / "b", 10.0, features_file="other.mat"),
    ]

    one = over_seeds.markdown(over_seeds.table(paths[:1]))
    both = over_seeds.markdown(over_seeds.table(paths))
    assert "res101.mat" not in one
    assert "| res101.mat |" in both and "| other.mat |" in both


def test_unfinished_runs_are_known(tmp_path):
    path = finished_run(tmp_path / "a", 10.0)
    assert not over_seeds.is_unfinished(path)
    assert not over_seeds.is_unfinished(str(tmp_path))
    (tmp_path / "a" / "metrics.json").unlink()
    assert over_seeds.is_unfinished(path)
    message = in_process.fail(commands.summary, path)
    assert f"received: unfinished: {path}" in message

    finished, search = finished_run(tmp_path / "b", 10.0), tmp_path / "search"
    search.mkdir()
    for name in ("config.json", "search.json"):
        (search / name).write_text("{}")
    searching = tmp_path / "auto"
    (searching / "search").mkdir(parents=True)
    outcome = in_process.call(
        commands.summary, path, search, finished, searching
    )
    assert "| 10.0 |" in outcome.stdout
    assert outcome.stderr.splitlines() == [
        f"Left out, because unfinished: {path}, {searching}",
        f"Left out, because not a run of bin/train: {search}",
    ]


def test_tables_are_written(tmp_path):
    rows = over_seeds.table([finished_run(tmp_path / "a", 10.0)])
    over_seeds.write(rows, str(tmp_path / "out" / "h0.5"))

    assert "| 10.0 |" in (tmp_path / "out" / "h0.5.md").read_text()
    assert len((tmp_path / "out" / "h0.5.csv").read_text().splitlines()) == 3


def test_a_table_of_runs_stands_in_for_their_folders(tmp_path):
    paths = [
        finished_run(tmp_path / "a", 10.1, seed=1),
        finished_run(tmp_path / "b", 0.1 + 0.2, seed=2, generator_units=(4, 5)),
        finished_run(tmp_path / "c", 20.0, split="tune"),
    ]
    separate = json.loads((tmp_path / "a" / "metrics.json").read_text())
    del separate["baseline"]
    (tmp_path / "a" / "separate.json").write_text(json.dumps(separate))
    curve = "penalty,h_mean,h_std\n0.5,22,2\n"
    (tmp_path / "c" / "calibration.csv").write_text(curve)
    unknown = {"mean": None, "std": None}
    for name in ("metrics.json", "separate.json"):
        metrics = json.loads((tmp_path / "a" / name).read_text())
        content = json.dumps({**metrics, "u": unknown})
        (tmp_path / "a" / name).write_text(content)

    rows = over_seeds.table(paths)
    over_seeds.write(rows, str(tmp_path / "out"), paths)
    runs = tmp_path / "out_runs.csv"
    written = {path.name: path.read_bytes() for path in tmp_path.glob("out*.*")}

    assert set(written) == {"out.md", "out.csv", "out_runs.csv"}
    again = over_seeds.table([str(runs)])
    assert over_seeds.markdown(again) == over_seeds.markdown(rows)
    over_seeds.write(again, str(tmp_path / "out"), [str(runs)])
    for name, content in written.items():
        assert (tmp_path / name).read_bytes() == content
    read = tables.read(runs)
    assert [(row["run"], row["protocol"]) for row in read] == [
        ("a", "joint"),
        ("a", "separate"),
        ("b", "joint"),
        ("c", "joint"),
    ]
    assert float(read[2]["h_mean"]) == 0.1 + 0.2
    assert tables.settings(read[2]).generator_units == (4, 5)
    assert tables.scores(read[0])["u"] is None


@pytest.mark.parametrize(
    ("old", "new", "received"),
    [
        ("batch_size", "batchsize", "the columns .*batchsize"),
        (",joint,", ",loose,", "the protocols loose"),
        (",256,", ",few,", "--batch_size"),
        (",30.0,", ",130.0,", "not a score in percent"),
        (",30.0,", ",,", "seen classes have no score"),
        (",joint", "", "does not fit the first line"),
        ("protocol", "data", "lacks the column 'protocol'"),
    ],
)
def test_damaged_tables_are_refused(old, new, received, tmp_path):
    over_seeds.write(
        over_seeds.table([path := finished_run(tmp_path / "a", 10.0)]),
        str(tmp_path / "out"),
        [path],
    )
    runs = tmp_path / "out_runs.csv"
    text = runs.read_text()
    assert old in text
    runs.write_text(text.replace(old, new))

    with pytest.raises(InputError, match=f"no finished run(.|\n)*{received}"):
        over_seeds.table([str(runs)])


def test_folders_without_a_run_are_refused(tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        over_seeds.table([str(tmp_path)])
    with pytest.raises(InputError, match="nothing to summarise"):
        over_seeds.table([])


def test_a_table_needs_no_tensorflow():
    code = (
        "import sys, gmn_tf.runs.over_seeds; print('tensorflow' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert process.stdout.strip() == "False"
    assert not process.stderr
