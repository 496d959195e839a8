"""Rows, curves and the page that come of finished jobs."""

import csv
import dataclasses
import shutil

import numpy as np
import pytest

from gmn_tf.reproduction import page, plan, results
from gmn_tf.reproduction.results import Results
from gmn_tf.utils.errors import InputError
from tests.support.reproduction import SCORES, collected, finish, request


def test_rows_are_means_over_seeds_beside_published_ones(tmp_path):
    asked = request(tmp_path)
    numbers = finish(asked)

    rows = results.table_rows(collected(asked), "2", "flo", 2)
    values = [numbers[f"flo-test-wgan_gm-{seed} separate"] for seed in (1, 2)]
    (row,) = [row for row in rows if row["variant"] == "wgan_gm"]
    assert (row["source"], row["seeds"]) == ("measured", 2)
    for place, score in enumerate(SCORES):
        mean, std = row[score], row[f"{score}_std"]
        assert mean == pytest.approx(np.mean(values) + place)
        assert std == pytest.approx(np.std(values))
    # CUB's published numbers hold for any embedding, the release's for att.
    sources = {
        row["source"]
        for row in results.table_rows(collected(asked), "3", "cub:att+sent", 2)
    }
    assert "paper Table 3" in sources
    assert not any("our run" in source for source in sources)
    assert any(
        "our run" in row["source"]
        for row in results.table_rows(collected(asked), "3", "flo", 2)
    )


def test_the_other_protocol_is_marked_in_table_3(tmp_path):
    asked = request(tmp_path, tables=("3",), figures=())
    numbers = finish(asked)

    rows = results.table_rows(collected(asked), "3", "cub:att+sent", 2)
    marked = [row for row in rows if "‡" in row["variant"]]
    assert rows[-len(marked) :] == marked
    assert [row["source"] for row in marked] == ["measured", "paper Table 2"]
    assert marked[0]["t1"] == np.mean(
        [
            numbers[f"cub-att+sent-test-cwgan_gm-{seed} separate"]
            for seed in (1, 2)
        ]
    )
    assert (marked[1]["h"], marked[1]["h_std"]) == (63.9, None)


def test_one_seed_has_no_deviation(tmp_path):
    asked = request(tmp_path)
    finish(asked, seeds=[2])
    row = results.table_rows(collected(asked), "3", "flo", 2)[0]
    assert row["seeds"] == 1
    assert all(row[f"{score}_std"] is None for score in SCORES)


def test_unfinished_runs_are_left_out_of_curves(tmp_path):
    asked = request(tmp_path)
    finish(asked)
    folder = tmp_path / "runs" / "flo-tune-gm-1"
    (folder / "metrics.json").unlink()
    (folder / "validation.csv").write_text("step\n")

    curves = results.curves(collected(asked), "5", "step", "flo", 2)

    rows, seeds = curves["gm"]
    assert (seeds, [row["step"] for row in rows]) == (1, [10, 20])
    assert all(row["u"]["std"] == 0.0 for row in rows)
    rows, seeds = curves["wgan"]
    assert seeds == 2
    assert all(row["u"]["std"] > 0.0 for row in rows)


def test_class_changes_are_of_unseen_classes(tmp_path):
    asked = request(tmp_path)
    numbers = finish(asked)
    # The last job that writes into a folder decides here.
    without, with_ = (
        np.mean(
            [
                max(
                    value
                    for name, value in numbers.items()
                    if name.split(" ")[0] == f"flo-test-{variant}-{seed}"
                )
                for seed in (1, 2)
            ]
        )
        for variant in ("cwgan", "cwgan_gm")
    )

    seeds, changes = results.class_changes(collected(asked), "flo", 2)
    assert seeds == 2

    (tmp_path / "runs" / "flo-test-cwgan-1" / "metrics.json").unlink()
    seeds, half = results.class_changes(collected(asked), "flo", 2)
    assert seeds == 1
    assert {row["class"] for row in half} == {"dog", "cow"}
    for column in ("cwgan", "cwgan_gm"):  # of seed 2 alone, for both
        assert half[0][column] != changes[0][column]
    assert [tuple(row.values()) for row in changes] == [
        ("dog", without, with_, with_ - without),
        ("cow", 50.0, 50.0, 0.0),
    ]


def test_page_needs_nothing_beside_it(tmp_path):
    asked = request(tmp_path)
    finish(asked)

    page.write(asked, Results(tmp_path), ["bin/reproduce", "<all>"])

    text = (tmp_path / "index.html").read_text()
    for wanted in ("src=", "@import", "<link", 'href="http'):
        assert wanted not in text
    assert text.count("<svg") == 4
    assert "bin/reproduce &#39;&lt;all&gt;&#39;" in text
    assert "Table 2, flo" in text and "Fig. 5, cub:att+sent" in text
    assert "bin/train --dataset=flo" in text
    for name in ("figure3-flo.svg", "figure5-flo.png", "table3.csv"):
        assert (tmp_path / name).stat().st_size
    with (tmp_path / "table2.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert lines[0]["variant"] == "real_only"
    assert [lines[0]["dataset"], lines[-1]["dataset"]] == [
        "flo",
        "cub:att+sent",
    ]
    row = results.table_rows(collected(asked), "2", "flo", 2)[0]
    assert float(lines[0]["h"]) == row["h"]
    assert float(lines[0]["h_std"]) == row["h_std"]


def test_commands_do_not_name_the_folders_of_this_machine(tmp_path):
    flags = ("--manual_dir=/home/me/my data", "--data_dir=there", "--steps=100")
    asked = request(tmp_path, datasets=("flo",), flags=flags)
    finish(asked)

    words = [f"--out={tmp_path}", "--config=~/mine.json", "--jobs=2"]
    page.write(
        asked, Results(tmp_path), ["bin/reproduce", *words, "--", *flags]
    )

    shown = "--manual_dir=DIR --data_dir=DIR --steps=100"
    tables = (tmp_path / "tables.md").read_text().splitlines()[2]
    text = (tmp_path / "index.html").read_text()
    for one in (tables, text):
        begun = "bin/reproduce --out=DIR --config=DIR --jobs=2"
        assert f"{begun} -- {shown}" in one and str(tmp_path) not in one
        assert f"All runs: --preset=cpu {shown}." in one
        assert "/home/me" not in one and "there" not in one
    assert f"--nobaseline --nolimits {shown}" in text


def test_nothing_finished_is_an_empty_page(tmp_path):
    asked = request(tmp_path)
    page.write(asked, Results(tmp_path), ["bin/reproduce"])
    assert "<table" not in (tmp_path / "index.html").read_text()


def test_tables_stand_in_for_the_folders(tmp_path):
    asked = request(tmp_path, datasets=("flo",))
    finish(asked)
    page.write(asked, Results(tmp_path), ["bin/reproduce"])
    written = {
        path.name: path.read_bytes()
        for path in tmp_path.iterdir()
        if path.suffix
    }

    shutil.rmtree(tmp_path / "runs")
    again = Results(tmp_path)
    jobs = plan.plan(asked)
    assert all(again.has(job) for job in jobs)
    again.check_same_settings(jobs)
    page.write(asked, again, ["bin/reproduce"])

    assert {"runs.csv", "tried.csv", "figure3-flo.svg"} <= set(written)
    for name, content in written.items():
        assert (tmp_path / name).read_bytes() == content, name
    more = plan.plan(request(tmp_path, datasets=("flo",), seeds=3))
    left = [job for job in more if not again.has(job)]
    assert len(left) == len(more) / 3


def test_a_folder_counts_more_than_the_table(tmp_path):
    asked = request(tmp_path, figures=(), datasets=("flo",))
    finish(asked)
    collected(asked).write()
    finish(asked, lambda number: number / 2 + 1)

    before, after = (
        results.table_rows(one, "3", "flo", 2)[0]["t1"]
        for one in (Results(tmp_path), collected(asked))
    )
    assert after == before + 1


def test_what_was_chosen_is_marked(tmp_path):
    asked = request(tmp_path, figures=(), datasets=("flo",))
    finish(asked)

    tried = collected(asked).by_run["tried"]["flo-test-cwgan-1"]
    assert [one["chosen_for"] for one in tried] == ["t1 u", "s", *6 * [""]]


@pytest.mark.parametrize(
    ("name", "old", "new", "match"),
    [
        ("runs.csv", ",100,", ",99,", "steps=99"),
        ("tried.csv", ",0.009,", ",0.008,", "tried=.*0.008"),
        ("figure3_runs.csv", "-1,25,", "-1,26,", r"counts=\[10, 26"),
        ("figure5_runs.csv", "-1,10,", "-1,11,", "validate_every=11"),
        ("figure5_runs.csv", "-1,10,", "-1,", "Line 2 of"),
        ("runs.csv", "joint", "", "no finished run"),
        ("runs.csv", "run,", "name,", "no finished run"),
    ],
)
def test_tables_of_other_settings_are_refused(name, old, new, match, tmp_path):
    asked = request(tmp_path, datasets=("flo",), seeds=1)
    finish(asked)
    collected(asked).write()
    shutil.rmtree(tmp_path / "runs")
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))

    with pytest.raises(InputError, match=match):
        Results(tmp_path).check_same_settings(plan.plan(asked))


def test_results_of_another_precision_are_refused(tmp_path):
    asked = request(tmp_path, datasets=("flo",), figures=(), seeds=1)
    finish(asked)
    found = collected(asked)
    found.check_same_settings(plan.plan(asked))  # auto, as the preset has it

    flags = ("--steps=100", "--manual_dir=there", "--precision=float32")
    other = dataclasses.replace(asked, flags=flags)
    with pytest.raises(InputError, match="precision"):
        found.check_same_settings(plan.plan(other))
