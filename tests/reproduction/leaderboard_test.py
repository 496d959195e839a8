"""The leaderboard: its plan, its results and its page."""

import csv
import dataclasses
import json
import pathlib
import shutil

import pytest

from gmn_tf import commands
from gmn_tf.config import Config
from gmn_tf.reproduction import leaderboard, leaderboard_page, runner
from gmn_tf.reproduction.leaderboard import PEEK, TEST, TUNE, Request
from gmn_tf.reproduction.leaderboard_results import Results, rows_of
from gmn_tf.runs.entries import ENTRIES, OF_SGD, TRIALS, Entry
from gmn_tf.utils.errors import InputError
from tests.commands.scaling_command_test import source_folder
from tests.support import in_process, quick

SOURCE = {"name": "tiny", "split_fingerprint": "f00d"}
ASKED = ("cwgan_cls", "cwgan_cls_devise", "discriminant")


def request(out, **changes):
    given = {
        "datasets": ("flo", "cub:att+sent"),
        "seeds": 2,
        "preset": "cpu",
        "flags": ("--steps=100", "--data_dir=/my/data"),
        "entries": ASKED,
        **changes,
    }
    return Request(out=pathlib.Path(out), **given)


def measured(part, name, number, failed=()):
    """What a job would have found for an entry."""
    if (part.stage, name) in failed:
        return {"reason": "Training diverged."}
    if part.stage == TUNE:
        return {
            "h": 50.0 + number,
            "second": False,
            "settings": {"classifier_learning_rate": 0.1, "seen_penalty": 2.5},
            "trials": TRIALS,
            "minutes": 3.5,
            "tried": [{"setting": None, "h": 50.0, "generator": {}}],
        }
    if part.stage == TEST:
        scores = dict(zip(("t1", "u", "s", "h"), (60.0, 55.0, 65.0, 59.0)))
        scores = {n: v + number + part.seed for n, v in scores.items()}
        return {**scores, "minutes": 1.5, "parameters": 12_345}
    return {
        "peeked_h": 63.0 + number + part.seed,
        "peeked_step": 75,
        "peeked_settings": {"seen_penalty": 1.0},
    }


def finish(asked, failed=(), stages=leaderboard.STAGES):
    """Writes what the jobs of a request would, with known numbers."""
    results = Results(asked)
    for part, job in zip(leaderboard.parts(asked), leaderboard.jobs(asked)):
        if part.stage not in stages:
            continue
        found = {}
        for name in part.entries:
            number = list(ENTRIES).index(name)
            found[name] = measured(part, name, number, failed)
            if part.stage == TUNE and "reason" not in found[name]:
                found[name]["config"] = job.settings[name]
        results.add(part, found, SOURCE)
    return results


@pytest.mark.parametrize("preset", ["cpu", "release", "auto"])
def test_every_entry_can_be_made_on_any_data(preset, tmp_path):
    asked = request(
        tmp_path,
        preset=preset,
        entries=(),
        datasets=("flo", "cub:att+sent", "mine"),
        flags=(),
    )
    for job in leaderboard.jobs(asked):
        for name, settings in job.settings.items():
            entry, config = ENTRIES[name], Config(**settings)
            assert config.variant == entry.variant
            assert config.classifier == entry.classifier
            config.replace(entry.second)
            for setting, values in entry.tried.items():
                for value in values:
                    config.replace({setting: value})


def test_every_entry_has_the_same_number_of_trials():
    for entry in ENTRIES.values():
        assert entry.trials == TRIALS
        repeated = [v for v in entry.tried.values() if len(set(v)) < len(v)]
        assert not repeated


def test_a_dagger_marks_what_was_written_from_memory():
    page = pathlib.Path(__file__).parents[2] / "docs" / "systems.md"
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    said = {row[1].strip("`") for row in rows if row[4].startswith("memory")}

    assert said == {"cwgan_cls", "gmmn", "cvae"}
    for name, entry in ENTRIES.items():
        is_said = entry.variant.removesuffix("_gm") in said
        assert entry.from_memory == is_said, name


def test_another_number_of_trials_is_refused():
    rates = {"classifier_learning_rate": (0.1, 0.2)}
    with pytest.raises(InputError, match="number of trials"):
        Entry("greedy", "nobody", rows="real", tried=rates)


def test_jobs_tune_then_score_then_peek(tmp_path):
    asked = request(tmp_path)
    jobs = leaderboard.jobs(asked)
    names = [job.name for job in jobs]

    # Two generators and five stages on two data sets.
    assert len(names) == len(set(names)) == 2 * 5 * 2
    assert [*dict.fromkeys(job.stage for job in jobs)] == [
        *("tune 1", "test 1", "test 2", "peek 1", "peek 2")
    ]
    assert names[:2] == ["flo-tune-real_only-1", "flo-tune-cwgan_cls-1"]
    parts = {part.name: part for part in leaderboard.parts(asked)}
    shared = parts["cub-att+sent-test-cwgan_cls-2"]
    assert shared.entries == ("cwgan_cls", "cwgan_cls_devise")
    (job,) = [job for job in jobs if job.name == shared.name]
    assert job.command[0] == "reproduce"
    assert "--job=cub-att+sent-test-cwgan_cls-2" in job.command
    assert job.command[-3:] == ("--", "--steps=100", "--data_dir=/my/data")


def test_all_entries_begin_with_the_settings_of_the_user(tmp_path):
    (tune, *_) = leaderboard.jobs(request(tmp_path))
    for settings in tune.settings.values():
        assert settings["steps"] == 100
        assert (settings["split"], settings["seed"]) == ("tune", 1)
        assert settings["feature_scaling"] == "unit"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"preset": "best"}, "preset=best"),
        ({"entries": ("cwgan_glm",)}, "cwgan_gm"),
        ({"flags": ("--seed=7",)}, "--seed"),
        ({"flags": ("--variant=cwgan",)}, "--variant"),
        ({"flags": ("--stepps=7",)}, "steps"),
        ({"flags": ("--jit=on",)}, "--jit"),
        ({"flags": ("--memory_gb=much",)}, "--memory_gb"),
        ({"datasets": ("flo:",), "flags": ("--steps=0",)}, "steps"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes, match, tmp_path):
    with pytest.raises(InputError, match=match):
        request(tmp_path, **changes)


def test_entries_of_one_generator_have_its_settings(tmp_path, monkeypatch):
    plain = ENTRIES["cwgan_gm"]
    rows = {
        f"own{number}": dataclasses.replace(
            plain, generator={"noise_dim": 8 * number}
        )
        for number in (1, 2)
    }
    monkeypatch.setattr(ENTRIES, "_rows", {**ENTRIES._rows, **rows})

    with pytest.raises(InputError, match="noise_dim=16"):
        request(tmp_path, entries=("own1", "own2"))


def test_rows_are_means_over_seeds_and_the_best_comes_first(tmp_path):
    asked = request(tmp_path)
    finish(asked, failed={(TEST, "cwgan_cls_devise")})
    results = Results(asked)
    results.collect(leaderboard.jobs(asked))

    rows = rows_of(results, asked, "cub:att+sent")

    assert [row["entry"] for row in rows] == [
        *("cwgan_cls", "discriminant", "cwgan_cls_devise")
    ]
    number = list(ENTRIES).index("cwgan_cls")
    first = rows[0]
    assert (first["seeds"], first["trials"]) == (2, TRIALS)
    assert first["h"] == 59.0 + number + 1.5 and first["h_std"] == 0.5
    assert first["peeked_h"] == 63.0 + number + 1.5
    assert (first["peeked_seeds"], first["peeked_gain"]) == (2, 4.0)
    assert (first["minutes"], first["parameters"]) == (1.5, 12_345)
    assert rows[-1]["reason"] == "Training diverged." and "h" not in rows[-1]
    assert not any(row["peeked_reason"] for row in rows)


def test_one_seed_has_no_deviation(tmp_path):
    asked = request(tmp_path, seeds=1)
    finish(asked)
    leaderboard_page.write(asked, Results(asked), ["bin/reproduce"])

    with (tmp_path / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["seeds"], row["peeked_seeds"]) for row in rows} == {("1", "1")}
    assert {(row["h_std"], row["peeked_h_std"]) for row in rows} == {("", "")}
    assert "±" not in "".join(
        line
        for line in (tmp_path / "leaderboard.md").read_text().splitlines()
        if line.startswith("| ")
    )


def test_what_peeks_changes_no_clean_number(tmp_path):
    """Neither the choice nor the scores know what was found on test."""
    rows = []
    for stages in ((TUNE, TEST), leaderboard.STAGES):
        asked = request(tmp_path / str(len(stages)))
        finish(asked, stages=stages)
        results = Results(asked)
        results.collect(leaderboard.jobs(asked))
        (part, *_) = leaderboard.parts(asked)
        rows.append(
            (
                results.chosen(part),
                [
                    {n: v for n, v in row.items() if "peeked" not in n}
                    for row in rows_of(results, asked, "flo")
                ],
            )
        )
    assert rows[0] == rows[1]
    # Nor does what was scored change what was chosen.
    asked = request(tmp_path / "tuned")
    finish(asked, stages=(TUNE,))
    results = Results(asked)
    results.collect(leaderboard.jobs(asked))
    assert results.chosen(part) == rows[0][0]


def test_the_page_needs_nothing_beside_it(tmp_path):
    asked = request(tmp_path, entries=(*ASKED, "bilinear", "ale", "gmmn"))
    finish(asked, failed={(TUNE, "gmmn"), (TEST, "gmmn"), (PEEK, "gmmn")})
    leaderboard_page.write(asked, Results(asked), ["bin/reproduce", "<all>"])

    text = (tmp_path / "leaderboard.html").read_text()
    for wanted in ("src=", "@import", "<link", 'href="http'):
        assert wanted not in text
    assert text.count("<svg") == 4 and text.count("data-filter>") == 2
    assert "prefers-color-scheme: dark" in text
    assert text.count(leaderboard_page.PEEKED) == 2
    assert f'class="warned"><button>{leaderboard_page.PEEKED}' in text
    assert "6 trials" in text and "at most 15 minutes" in text
    assert "GMMN †" in text and "failed: Training diverged." in text
    assert "/my/data" not in text and "--data_dir=DIR" in text
    markdown = (tmp_path / "leaderboard.md").read_text()
    assert "## Systems on cub:att+sent" in markdown
    assert "f-CLSWGAN, DeViSE" in markdown
    assert "adds 4.0 to h on average over 5 systems" in markdown
    for name in ("leaderboard.csv", "leaderboard-peeked-flo.png"):
        assert (tmp_path / name).stat().st_size


def test_choosing_on_test_is_compared_with_the_same_seeds(tmp_path):
    fewer = request(tmp_path, seeds=1)
    finish(fewer)
    asked = request(tmp_path)
    finish(asked, stages=(TUNE, TEST))
    results = Results(asked)
    leaderboard_page.write(asked, results, ["bin/reproduce"])

    row = rows_of(results, asked, "flo")[0]
    number = list(ENTRIES).index(row["entry"])
    assert (row["seeds"], row["h"]) == (2, 59.0 + number + 1.5)
    assert (row["peeked_seeds"], row["peeked_h"]) == (1, 63.0 + number + 1)
    assert row["peeked_gain"] == 4.0
    text = (tmp_path / "leaderboard.md").read_text()
    assert "adds 4.0 to h" in text and "with 1 of 2 seeds and" in text


def test_data_of_other_commands_stays_on_the_page(tmp_path):
    """Data sets may need other flags: each then has a command of its own."""
    first = request(tmp_path, datasets=("flo",), flags=("--steps=7",))
    fewer = {"preset": "auto", "seeds": 1, "entries": ASKED[:1]}
    second = request(tmp_path, datasets=("mybirds",), **fewer)
    for asked in (first, second):
        finish(asked, failed={(TUNE, "discriminant")})
        results = Results(asked)
        leaderboard_page.write(asked, results, ["bin/reproduce"])

    text = (tmp_path / "leaderboard.md").read_text()
    own, _, other = text.partition("## Systems on flo")
    assert "## Systems on mybirds" in own
    assert "Measured by another command" in other
    assert "Measured by another command" not in own
    assert other.count("failed: Training diverged.") == 1
    rows = rows_of(results, second, "flo")
    assert {row["entry"]: row["seeds"] for row in rows} == dict.fromkeys(
        ASKED, 2
    )
    with open(tmp_path / "leaderboard.csv", encoding="utf-8") as lines:
        found = [row["dataset"] for row in csv.DictReader(lines)]
    assert set(found) == {"flo", "mybirds"}
    results.check_same_settings(leaderboard.jobs(second))


def test_tables_stand_in_for_the_folders(tmp_path):
    asked = request(tmp_path)
    finish(asked, failed={(PEEK, "discriminant")})
    leaderboard_page.write(asked, Results(asked), ["bin/reproduce"])
    text = (tmp_path / "leaderboard.md").read_text()
    assert "choosing on test failed: Training diverged." in text
    place = tmp_path / leaderboard.NAME
    files = [*tmp_path.glob("*.*"), *place.glob("*.csv")]
    written = {path: path.read_bytes() for path in files}
    assert len([*place.glob("*.csv")]) == 4

    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    again, jobs = Results(asked), leaderboard.jobs(asked)
    assert all(map(again.has, jobs))
    again.check_same_settings(jobs)
    assert again.chosen(leaderboard.parts(asked)[1])["cwgan_cls"][
        "settings"
    ] == {"classifier_learning_rate": 0.1, "seen_penalty": 2.5}
    leaderboard_page.write(asked, again, ["bin/reproduce"])
    for path, content in written.items():
        assert path.read_bytes() == content, path.name


@pytest.mark.parametrize(
    ("old", "new"), [(",1,", ",one,"), ("entry,seed", "entry,sead")]
)
def test_damaged_tables_are_named(old, new, tmp_path):
    asked = request(tmp_path)
    finish(asked)
    leaderboard_page.write(asked, Results(asked), ["bin/reproduce"])
    path = tmp_path / leaderboard.NAME / "scores.csv"
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(InputError, match="scores"):
        Results(asked)


def test_a_failure_is_tried_again_without_its_folder(tmp_path):
    asked = request(tmp_path, datasets=("flo",))
    finish(asked, failed={(PEEK, "discriminant")})
    leaderboard_page.write(asked, Results(asked), ["bin/reproduce"])
    parts = [p for p in leaderboard.parts(asked) if "discriminant" in p.entries]
    part = next(p for p in parts if p.stage == PEEK)
    log = runner.log_file(tmp_path, part.name)
    log.parent.mkdir()
    log.touch()
    assert not Results(asked).missing(part)
    text = in_process.succeed(
        *(commands.reproduce, "--tables=leaderboard", "--datasets=flo"),
        *("--seeds=2", f"--entries={','.join(ASKED)}", f"--out={tmp_path}"),
        *("--plan", "--", *asked.flags),
    )
    assert "1 system failed: flo discriminant." in text

    shutil.rmtree(part.folder(tmp_path))
    again = Results(asked)
    assert [p.name for p in parts if again.missing(p)] == [part.name]
    finish(asked, stages=(PEEK,))
    assert not any(map(again.missing, parts)) and not again.failures()


def test_a_job_names_no_entry_of_a_plugin_that_it_does_not_import(
    tmp_path, monkeypatch
):
    rows = {**ENTRIES._rows, "own": Entry("own", "x", tried=OF_SGD)}
    monkeypatch.setattr(ENTRIES, "_rows", rows)
    monkeypatch.setitem(ENTRIES._owners, "own", "elsewhere")
    asked = request(tmp_path, entries=("own", "discriminant", "cwgan"))
    for job in leaderboard.jobs(asked):
        plugin = "--plugins=elsewhere" in job.command
        named = "discriminant,own" if plugin else "cwgan"
        assert f"--entries={named}" in job.command


def test_what_is_in_no_table_yet_was_chosen_too(tmp_path):
    """As if the command was killed, and the job that it had begun went on."""
    asked = request(tmp_path)
    finish(asked, stages=(TUNE,))
    assert not (tmp_path / "leaderboard" / "chosen.csv").exists()

    for part in leaderboard.parts(asked):
        if part.stage == TEST:
            chosen = Results(asked).chosen(part)
            assert set(chosen) == set(part.entries)


def test_a_new_entry_leaves_what_is_known_of_its_group(tmp_path):
    asked = request(tmp_path, entries=("cwgan_cls",))
    finish(asked)
    more = request(tmp_path, entries=("cwgan_cls", "cwgan_cls_ale"))
    results = Results(more)
    parts = leaderboard.parts(more)

    assert {n for p in parts for n in results.missing(p)} == {"cwgan_cls_ale"}
    results.add(parts[0], {"cwgan_cls_ale": {"reason": "x"}}, SOURCE)
    assert not Results(more).missing(parts[0])


def test_results_of_other_settings_are_refused(tmp_path):
    asked = request(tmp_path)
    finish(asked)
    for flags in (("--steps=99",), ("--steps=100", "--noise_dim=7")):
        other = request(tmp_path, flags=flags)
        results, jobs = Results(other), leaderboard.jobs(other)
        results.collect(jobs)
        with pytest.raises(InputError, match="other settings"):
            results.check_same_settings(jobs)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"entries": 1, "data": {}}'])
def test_damaged_results_are_named(text, tmp_path):
    asked = request(tmp_path)
    finish(asked)
    path = leaderboard.parts(asked)[0].folder(tmp_path) / leaderboard.RESULT
    path.write_text(text)

    with pytest.raises(InputError, match="result"):
        Results(asked).collect(leaderboard.jobs(asked))


def test_the_plan_and_wrong_jobs_need_no_tensorflow(tmp_path, monkeypatch):
    flags = ("--tables=leaderboard", "--datasets=flo", f"--out={tmp_path}")
    text = in_process.succeed(commands.reproduce, *flags, "--plan")
    groups = len({entry.group for entry in ENTRIES.values()})
    assert f"{7 * groups} jobs: 0 done" in text
    assert f"  peek 3: 0 of {groups} done" in text
    assert "bin/train" not in text  # no figure of the paper
    message = in_process.fail(
        commands.reproduce, *flags, "--job=flo-tune-cwgan_glm-1"
    )
    assert "flo-tune-cwgan_gm-1" in message
    message = in_process.fail(
        commands.reproduce, *flags, "--job=flo-test-cwgan_gm-1"
    )
    assert "No settings of cwgan_gm were chosen" in message


@quick.training()
def test_a_whole_leaderboard_is_made_and_continued(tmp_path, monkeypatch):
    """Each job in this process, on data prepared in a moment."""
    source = source_folder(tmp_path / "source")
    data_dir = f"--data_dir={tmp_path / 'data'}"
    words = (f"--source={source}", "--dataset=kinds", data_dir)
    in_process.succeed(commands.prepare_data, *words)
    ran = []

    def run_here(job, *arguments):
        name, *words = job.command
        in_process.succeed(getattr(commands, name), *words)
        ran.append(job.name)
        return 0.1

    monkeypatch.setattr(runner, "_run_one", run_here)
    for draw in ("against_minutes", "against_peeked"):  # which takes seconds
        monkeypatch.setattr(leaderboard_page, draw, lambda rows, title: None)
    call = (
        *("--tables=leaderboard", "--datasets=kinds", "--preset=auto"),
        *("--seeds=1", f"--out={tmp_path / 'out'}"),
    )
    flags = ("--", data_dir, "--steps=2", "--matching_classes=2")
    flags += ("--classifier_epochs=2", "--batch_size=8", "--matching_real=4")
    text = in_process.succeed(
        commands.reproduce, *call, "--entries=discriminant", *flags
    )
    assert ran == [f"kinds-{one}-real_only-1" for one in leaderboard.STAGES]
    assert "3 jobs: 3 done." in text

    del ran[:]
    both = "--entries=discriminant,cwgan_gm"
    in_process.succeed(commands.reproduce, *call, both, *flags)
    assert ran == [f"kinds-{one}-cwgan_gm-1" for one in leaderboard.STAGES]
    place = tmp_path / "out"
    assert "GMN" in (place / "leaderboard.md").read_text()
    result = place / leaderboard.NAME / "kinds-tune-cwgan_gm-1" / "result.json"
    found = json.loads(result.read_text())["entries"]["cwgan_gm"]
    assert found["trials"] == TRIALS
    assert len((place / "leaderboard.csv").read_text().splitlines()) == 3
