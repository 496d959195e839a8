"""Tables 2 and 3, Fig. 3-5: planned, run, collected and written."""

import csv
import dataclasses
import json
import os
import pathlib
import signal
import threading
import time

import numpy as np
import pytest

from gmn_tf import configs
from gmn_tf.reproduction import paper_page, paper_results, runner
from gmn_tf.reproduction import plan as reproduction
from gmn_tf.utils.errors import InputError

SCORES = ("t1", "u", "s", "h")


def request(out, **changes):
    settings = {
        "tables": ("2", "3"),
        "figures": ("3", "4", "5"),
        "datasets": ("flo", "cub:att+sent"),
        "seeds": 2,
        "preset": "cpu",
        "flags": ("--steps=100", "--manual_dir=there"),
        **changes,
    }
    return reproduction.Request(out=pathlib.Path(out), **settings)


def finish(asked, score=lambda number: float(number), seeds=None):
    """Writes what cells of a request would, with known numbers."""
    numbers = {}
    for number, cell in enumerate(reproduction.plan(asked)):
        folder = cell.result.parent
        if seeds and int(folder.name.rpartition("-")[2]) not in seeds:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        numbers[cell.name] = score(number)
        scores = {
            name: {"mean": score(number) + place, "std": 9.0}
            for place, name in enumerate(SCORES)
        }
        if cell.result.suffix == ".json":
            cell.result.write_text(json.dumps(scores))
        else:
            cell.result.write_bytes(b"")
        header = [f"{s}_{part}" for s in SCORES for part in ("mean", "std")]
        values = [str(score(number) + p) for p in range(8)]
        for name, along in (("curve.csv", "n"), ("validation.csv", "step")):
            lines = [[along, *header], ["10", *values], ["20", *values]]
            write_csv(folder / name, lines)
        write_csv(
            folder / "class_accuracy.csv",
            [
                ["class", "seen", "accuracy_percent"],
                ["cat", "yes", "90"],
                ["dog", "no", str(score(number))],
                ["cow", "no", "50"],
                ["elk", "no", ""],
            ],
        )
    return numbers


def write_csv(path, lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def command_of(plan, name):
    (cell,) = [cell for cell in plan if cell.name == name]
    return cell.command


def test_every_row_and_curve_has_its_runs(tmp_path):
    plan = reproduction.plan(request(tmp_path))
    names = [cell.name for cell in plan]

    assert len(names) == len(set(names))
    # Two data sets, two seeds: 9 rows; 6 tuned and 2 for Fig. 5 alone; 6
    # scored apart; 2 curves.
    assert len(names) == 2 * 2 * (9 + 8 + 6 + 2)
    train = command_of(plan, "cub-att+sent-test-cwgan_gm-2")
    assert train[0] == "train"
    assert {
        "--dataset=cub",
        "--embedding=att+sent",
        "--variant=cwgan_gm",
        "--split=test",
        "--seed=2",
        "--preset=cpu",
        "--steps=100",
        "--manual_dir=there",
    } <= set(train)
    assert not any("validate" in word for word in train)
    assert "--validate_every=10" in command_of(plan, "flo-tune-gm-1")
    # The same run serves Fig. 5, whether that is asked for now or later.
    without = reproduction.plan(request(tmp_path, figures=()))
    name = "flo-tune-wgan_gm-1"
    assert command_of(plan, name) == command_of(without, name)
    separate = command_of(plan, "flo-test-cwgan-1 separate")
    assert separate[0] == "evaluate"
    assert f"--tune_workdir={tmp_path}/runs/flo-tune-cwgan-1" in separate


def test_what_evaluates_comes_after_its_training(tmp_path):
    trained = set()
    for cell in reproduction.plan(request(tmp_path)):
        folders = {
            word.partition("=")[2]
            for word in cell.command
            if word.startswith(("--workdir=", "--tune_workdir="))
        }
        if cell.command[0] == "train":
            trained |= folders
        else:
            assert folders <= trained


def test_points_of_a_curve_follow_each_data_sets_steps(tmp_path):
    asked = request(
        tmp_path,
        datasets=("cub", "sun"),
        preset="release",
        flags=("--critic_steps=4", "--theta_reset_steps=7"),
    )
    plan = reproduction.plan(asked)
    assert "--validate_every=10000" in command_of(plan, "cub-tune-gm-1")
    assert "--validate_every=2000" in command_of(plan, "sun-tune-gm-1")


def test_only_what_is_asked_for_is_planned(tmp_path):
    asked = request(tmp_path, tables=("3",), figures=(), seeds=1)
    names = {cell.name for cell in reproduction.plan(asked)}
    expected = {
        f"{dataset}-test-{variant}-1"
        for dataset in ("flo", "cub-att+sent")
        for variant in reproduction.TABLES["3"]
    }
    for dataset in ("flo", "cub-att+sent"):  # the row by the other protocol
        expected |= {
            f"{dataset}-tune-cwgan_gm-1",
            f"{dataset}-test-cwgan_gm-1 separate",
        }
    assert names == expected
    assert not reproduction.plan(request(tmp_path, tables=(), figures=("4",)))[
        0
    ].needs


@pytest.mark.parametrize(
    "changes",
    [
        {"tables": ("4",)},
        {"figures": ("2",)},
        {"datasets": ()},
        {"tables": (), "figures": ()},
        {"preset": "big"},
        {"flags": ("--seed=7",)},
        {"flags": ("--variant=cwgan",)},
        {"flags": ("--workdir=here",)},
        {"flags": ("--stepps=7",)},
        {"flags": ("--steps=few",)},
        {"flags": ("--quiet",)},
        {"flags": ("steps=7",)},
    ],
)
def test_unknown_parts_are_refused(changes, tmp_path):
    with pytest.raises(InputError):
        request(tmp_path, **changes)


def test_rows_are_means_over_seeds_beside_published_ones(tmp_path):
    asked = request(tmp_path)
    numbers = finish(asked)

    rows = paper_results.table(tmp_path, "2", "flo", 2)
    values = [numbers[f"flo-test-wgan_gm-{seed} separate"] for seed in (1, 2)]
    (row,) = [row for row in rows if row.variant == "wgan_gm"]
    assert (row.source, row.seeds) == ("measured", 2)
    for place, score in enumerate(SCORES):
        mean, std = row.scores[score]
        assert mean == pytest.approx(np.mean(values) + place)
        assert std == pytest.approx(np.std(values))
    # CUB's published numbers hold for any embedding, the release's for att.
    sources = {
        row.source
        for row in paper_results.table(tmp_path, "3", "cub:att+sent", 2)
    }
    assert "paper Table 3" in sources
    assert not any("our run" in source for source in sources)
    assert any(
        "our run" in row.source
        for row in paper_results.table(tmp_path, "3", "flo", 2)
    )


def test_the_other_protocol_is_marked_in_table_3(tmp_path):
    asked = request(tmp_path, tables=("3",), figures=())
    numbers = finish(asked)

    rows = paper_results.table(tmp_path, "3", "cub:att+sent", 2)
    marked = [row for row in rows if "‡" in row.variant]
    assert rows[-len(marked) :] == marked
    assert [row.source for row in marked] == ["measured", "paper Table 2"]
    assert marked[0].scores["t1"][0] == np.mean(
        [
            numbers[f"cub-att+sent-test-cwgan_gm-{seed} separate"]
            for seed in (1, 2)
        ]
    )
    assert marked[1].scores["h"] == (63.9, None)


def test_one_seed_has_no_deviation(tmp_path):
    finish(request(tmp_path), seeds=[2])
    row = paper_results.table(tmp_path, "3", "flo", 2)[0]
    assert row.seeds == 1
    assert all(std is None for _, std in row.scores.values())


def test_unfinished_runs_are_left_out_of_curves(tmp_path):
    finish(request(tmp_path))
    folder = reproduction.run_folder(tmp_path, "flo", "tune", "gm", 1)
    (folder / "metrics.json").unlink()
    (folder / "validation.csv").write_text("step\n")

    curves = paper_results.validation_curves(tmp_path, "flo", 2)

    assert list(curves["gm"]["step"]) == [10, 20]
    assert np.all(curves["gm"]["u_std"] == 0.0)
    assert np.all(curves["wgan"]["u_std"] > 0.0)


def test_class_changes_are_of_unseen_classes(tmp_path):
    asked = request(tmp_path)
    numbers = finish(asked)
    # The last cell that writes into a folder decides here.
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

    seeds, changes = paper_results.class_changes(tmp_path, "flo", 2)
    assert seeds == 2

    (
        reproduction.run_folder(tmp_path, "flo", "test", "cwgan", 1)
        / "metrics.json"
    ).unlink()
    seeds, half = paper_results.class_changes(tmp_path, "flo", 2)
    assert seeds == 1
    assert {name for name, *_ in half} == {"dog", "cow"}
    assert half[0][1:] != changes[0][1:]  # of seed 2 alone, for both
    assert changes == [
        ("dog", without, with_, with_ - without),
        ("cow", 50.0, 50.0, 0.0),
    ]


def test_page_needs_nothing_beside_it(tmp_path):
    asked = request(tmp_path)
    finish(asked)

    written = paper_page.write(asked, "bin/reproduce <all>", "Small.")

    page = (tmp_path / "index.html").read_text()
    for wanted in ("src=", "@import", "<link", 'href="http'):
        assert wanted not in page
    assert page.count("<svg") == 4
    assert "bin/reproduce &lt;all&gt;" in page
    assert "Table 2, flo" in page and "Fig. 5, cub:att+sent" in page
    assert "bin/train --dataset=flo" in page
    for name in written:
        assert (tmp_path / name).stat().st_size
    assert "figure3-flo.svg" in written and "table3-flo.csv" in written
    with (tmp_path / "table2-flo.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert lines[0]["variant"] == "real_only"
    expected = paper_results.table(tmp_path, "2", "flo", 2)[0].scores["h"]
    assert (float(lines[0]["h"]), float(lines[0]["h_std"])) == expected


def test_nothing_finished_is_an_empty_page(tmp_path):
    asked = request(tmp_path)
    paper_page.write(asked, "bin/reproduce", "Small.")
    assert "<table" not in (tmp_path / "index.html").read_text()


@pytest.fixture
def fake_cells(tmp_path, monkeypatch):
    """Cells that write a file, or fail, at once."""
    monkeypatch.setattr(
        runner,
        "START",
        "import pathlib, sys; print('at work') # {0}\n"
        "assert sys.argv[2] == 'well'\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "file.write_text(file.read_text() + 'x' if file.exists() else 'x')",
    )

    def make(*ends):
        return [
            reproduction.Cell(
                name=f"cell {number}",
                kind="fake",
                command=("os", str(tmp_path / str(number)), end),
                result=tmp_path / str(number),
            )
            for number, end in enumerate(ends)
        ]

    return make


@pytest.mark.parametrize("jobs", [1, 2])
def test_cells_run_once_and_go_on(jobs, fake_cells, tmp_path):
    plan, said = fake_cells("well", "badly", "well"), []

    failed = runner.run(plan[:2], tmp_path, jobs, said.append)
    assert [cell.name for cell in failed] == ["cell 1"]
    assert "at work" in (tmp_path / "logs" / "cell-1.log").read_text()
    assert any("FAILED cell 1" in line for line in said)

    failed = runner.run(plan, tmp_path, jobs, said.append)
    assert [cell.name for cell in failed] == ["cell 1"]
    assert (tmp_path / "0").read_text() == "x"  # not a second time
    assert (tmp_path / "2").read_text() == "x"
    entries = runner.Notes(tmp_path).entries
    timed = {name for name in entries if entries[name]["seconds"] is not None}
    assert timed == {"cell 0", "cell 2"}


def test_cells_that_all_fail_end_it_with_the_reason(fake_cells, tmp_path):
    plan = fake_cells(*(5 * ["badly"]))
    # As bin/train tells of bad input, after other lines.
    said = []

    with pytest.raises(InputError, match="AssertionError") as error:
        runner.run(plan, tmp_path, log=said.append)
    assert "first 3 cells all failed" in str(error.value)
    assert len(said) == 3


def test_the_reason_is_the_error_that_was_printed(tmp_path):
    log = tmp_path / "log"
    log.write_text("at work\nError: No file.\n  expected: one\n")
    told = str(runner._hopeless(log)).splitlines()
    assert told[2] == "  received: Error: No file."
    assert told[3].strip() == "expected: one"
    log.write_text("")
    assert "nothing" in str(runner._hopeless(log))


def test_what_needs_a_failed_run_is_left_out(fake_cells, tmp_path):
    trained, failed, first, second = fake_cells("well", "badly", "well", "well")
    plan = [
        trained,
        dataclasses.replace(failed, command=("train", *failed.command[1:])),
        dataclasses.replace(first, needs=(trained.result,)),
        dataclasses.replace(second, needs=(failed.result,)),
    ]
    said = []
    missing = runner.run(plan, tmp_path, log=said.append)

    assert {cell.name for cell in missing} == {"cell 1", "cell 3"}
    assert first.result.exists() and not second.result.exists()
    assert any(line.startswith("LEFT OUT cell 3") for line in said)


def test_sigterm_ends_the_running_cell_too(tmp_path, monkeypatch):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    monkeypatch.setattr(
        runner,
        "START",
        f"import pathlib, time; {{0}} = pathlib.Path({str(begun)!r})\n"
        "{0}.touch(); time.sleep(60)\n"
        f"pathlib.Path({str(ended)!r}).touch()",
    )
    plan = [
        reproduction.Cell(f"cell {number}", "fake", ("path",), ended)
        for number in range(2)
    ]

    def stop():
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=stop, daemon=True).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        runner.run(plan, tmp_path)
    assert time.monotonic() - start < 30.0
    assert not ended.exists()
    assert signal.getsignal(signal.SIGTERM) is before
    # The lock is free again: no cell is left that holds it.
    assert runner.run([], tmp_path) == []


def test_results_of_other_settings_are_refused(fake_cells, tmp_path):
    (cell,) = fake_cells("well")
    cell = dataclasses.replace(cell, settings={"steps": 8, "units": (4, 5)})
    runner.run([cell], tmp_path, log=lambda line: None)
    other = dataclasses.replace(cell, settings={"steps": 9, "units": (4, 5)})
    moved = dataclasses.replace(cell, command=(*cell.command, "--quiet"))

    assert not runner.run([moved], tmp_path, log=lambda line: None)
    with pytest.raises(InputError, match=r"steps=8\n.*steps=9") as error:
        runner.run([other], tmp_path)
    assert "units" not in str(error.value)
    # What has failed leaves nothing that could be mixed.
    cell.result.unlink()
    assert not runner.run([other], tmp_path, log=lambda line: None)


def test_what_decides_a_result_is_told_by_settings(tmp_path, monkeypatch):
    def settings(**changes):
        asked = request(tmp_path, **changes)
        return [cell.settings for cell in reproduction.plan(asked)]

    expected = settings()
    assert settings(flags=("--manual_dir=here", "--steps=100")) == expected
    assert settings(flags=("--memory_gb=1", "--steps=100")) == expected
    assert settings(flags=("--steps=99",)) != expected
    # A preset that was changed gives other results by the same command.
    monkeypatch.setitem(configs.CPU, "batch_size", 9)
    for old, new in zip(expected, settings()):
        assert (old["batch_size"], new["batch_size"]) == (64, 9)


def test_evaluation_is_told_where_the_data_is(tmp_path):
    flags = ("--data_dir=there", "--memory_gb=2", "--log_every=9")
    for cell in reproduction.plan(request(tmp_path, flags=flags)):
        told = [flag in cell.command for flag in flags]
        assert told == [True, True, cell.command[0] == "train"]


def test_lost_models_are_told_before_anything_runs(tmp_path):
    asked = request(tmp_path, figures=())
    finish(asked)
    plan = reproduction.plan(asked)
    runner.check_models_present(plan)  # nothing is left, nothing is needed
    (separate,) = [
        cell for cell in plan if cell.name == "flo-test-cwgan-1 separate"
    ]
    separate.result.unlink()

    with pytest.raises(InputError, match="model that was not kept"):
        runner.check_models_present(plan)
    kept, lost = (
        path for path in separate.needs if path.name == "generator.keras"
    )
    kept.touch()
    with pytest.raises(InputError, match="flo-tune-cwgan-1"):
        runner.check_models_present(plan)
    with pytest.raises(InputError, match="unknown"):
        runner.run(plan, tmp_path)  # nothing says what these results are of
    # One that will be trained has its model by then.
    (lost.parent / "metrics.json").unlink()
    runner.check_models_present(plan)


def test_a_second_process_is_refused(fake_cells, tmp_path):
    def again():
        runner.run(plan, tmp_path)

    plan = fake_cells("well")
    with pytest.raises(InputError, match="Another process"):
        runner.run(plan, tmp_path, after_each=again, log=lambda line: None)


def test_the_estimate_is_of_the_kind(tmp_path):
    times = runner.Notes(tmp_path)

    def cell(kind, number=0):
        return reproduction.Cell(
            f"{kind} {number}", kind, (), tmp_path / "none"
        )

    assert times.estimate([cell("a")]) is None
    for number, seconds in enumerate((10.0, 30.0, 20.0)):
        times.add(cell("a", number), seconds)
    times.add(cell("b"), 100.0)
    again = runner.Notes(tmp_path)
    assert again.estimate([cell("a", 9), cell("b", 9)]) == 120.0
    assert again.estimate([cell("c")]) == 60.0
    left = [cell("b", 8), cell("b", 9)]
    assert "2 left, about 3 min" in runner.summary(left, again, 1)
    assert "2 left, about 2 min" in runner.summary(left, again, 2)
