"""Jobs are run once, several at once, and resumed."""

import dataclasses
import os
import shutil
import signal
import threading
import time

import pytest

from gmn_tf.reproduction import plan, runner
from gmn_tf.reproduction.plan import Job
from gmn_tf.reproduction.results import Results
from gmn_tf.utils.errors import InputError
from tests.support.reproduction import collected, finish, request


@pytest.fixture
def results(tmp_path):
    """What is in an empty folder."""
    return Results(tmp_path)


@pytest.fixture
def fake_jobs(tmp_path, monkeypatch):
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
            Job(
                name=f"job {number}",
                kind="fake",
                command=("os", str(tmp_path / str(number)), end),
                result=tmp_path / str(number),
            )
            for number, end in enumerate(ends)
        ]

    return make


@pytest.mark.parametrize("at_once", [1, 2])
def test_jobs_run_once_and_continue(at_once, fake_jobs, results, tmp_path):
    jobs, lines = fake_jobs("well", "badly", "well"), []

    failed = runner.run(jobs[:2], results, at_once, lines.append)
    assert [job.name for job in failed] == ["job 1"]
    assert "at work" in (tmp_path / "logs" / "job-1.log").read_text()
    assert any("FAILED job 1" in line for line in lines)

    failed = runner.run(jobs, results, at_once, lines.append)
    assert [job.name for job in failed] == ["job 1"]
    assert (tmp_path / "0").read_text() == "x"  # not a second time
    assert (tmp_path / "2").read_text() == "x"
    assert set(runner.Journal(tmp_path).entries) == {"job 0", "job 2"}


def test_jobs_that_all_fail_end_it_with_the_reason(fake_jobs, results):
    jobs, lines = fake_jobs(*(5 * ["badly"])), []

    with pytest.raises(InputError, match="AssertionError") as error:
        runner.run(jobs, results, log=lines.append)
    assert "first 3 jobs all failed" in str(error.value)
    assert len(lines) == 3


def test_the_reason_is_the_error_that_was_printed(tmp_path):
    log = tmp_path / "log"
    # As bin/train prints bad input, after other lines.
    log.write_text("at work\nError: No file.\n  expected: one\n")
    lines = str(runner._hopeless(log)).splitlines()
    assert lines[2] == "  received: Error: No file."
    assert lines[3].strip() == "expected: one"
    log.write_text("")
    assert "nothing" in str(runner._hopeless(log))


def test_what_needs_a_failed_run_is_left_out(fake_jobs, results):
    trained, failed, first, second = fake_jobs("well", "badly", "well", "well")
    jobs = [
        trained,
        dataclasses.replace(failed, command=("train", *failed.command[1:])),
        dataclasses.replace(first, needs=(trained.result,)),
        dataclasses.replace(second, needs=(failed.result,)),
    ]
    lines = []
    missing = runner.run(jobs, results, log=lines.append)

    assert {job.name for job in missing} == {"job 1", "job 3"}
    assert first.result.exists() and not second.result.exists()
    assert any(line.startswith("LEFT OUT job 3") for line in lines)


def test_sigterm_ends_the_running_job_too(tmp_path, results, monkeypatch):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    monkeypatch.setattr(
        runner,
        "START",
        f"import pathlib, time; {{0}} = pathlib.Path({str(begun)!r})\n"
        "{0}.touch(); time.sleep(60)\n"
        f"pathlib.Path({str(ended)!r}).touch()",
    )
    jobs = [
        Job(f"job {number}", "fake", ("path",), ended) for number in range(2)
    ]

    def stop():
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=stop, daemon=True).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        runner.run(jobs, results)
    assert time.monotonic() - start < 30.0
    assert not ended.exists()
    assert signal.getsignal(signal.SIGTERM) is before
    # The lock is free again: no job is left that holds it.
    assert runner.run([], results) == []


def test_results_of_other_settings_are_refused(tmp_path):
    asked = request(tmp_path, figures=(), datasets=("flo",))
    finish(asked)
    other = request(
        tmp_path, figures=(), datasets=("flo",), flags=("--steps=99",)
    )
    moved = request(
        tmp_path,
        figures=(),
        datasets=("flo",),
        flags=("--manual_dir=here", "--steps=100"),
    )

    assert not runner.run(plan.plan(moved), Results(tmp_path), log=print)
    with pytest.raises(InputError, match=r"steps=100\n.*steps=99") as error:
        runner.run(plan.plan(other), Results(tmp_path))
    assert "units" not in str(error.value)
    # What has failed leaves nothing that could be mixed.
    for path in tmp_path.glob("runs/*/*.json"):
        path.unlink()
    jobs = plan.plan(other)
    results = collected(other)
    assert not any(results.has(job) for job in jobs)
    results.check_same_settings(jobs)


def test_lost_models_are_reported_before_anything_runs(tmp_path):
    asked = request(tmp_path, figures=())
    finish(asked)
    jobs, results = plan.plan(asked), Results(tmp_path)
    runner.check_models_present(jobs, results)  # nothing is left
    (separate,) = [
        job for job in jobs if job.name == "flo-test-cwgan-1 separate"
    ]
    separate.result.unlink()

    with pytest.raises(InputError, match="model that was not kept"):
        runner.run(jobs, results)
    kept, lost = (
        path for path in separate.needs if path.name == "generator.keras"
    )
    kept.touch()
    with pytest.raises(InputError, match="flo-tune-cwgan-1"):
        runner.check_models_present(jobs, results)
    # One that will be trained has its model by then.
    (lost.parent / "metrics.json").unlink()
    runner.check_models_present(jobs, Results(tmp_path))


def test_a_run_known_from_a_table_has_no_model(tmp_path):
    asked = request(tmp_path, tables=("3",), figures=(), datasets=("flo",))
    finish(asked)
    collected(asked).write()
    shutil.rmtree(tmp_path / "runs")
    more = plan.plan(request(tmp_path, tables=(), datasets=("flo",)))

    with pytest.raises(InputError, match=r"rows of flo-test-.* in .*runs\.csv"):
        runner.run(more, Results(tmp_path))


def test_a_second_process_is_refused(fake_jobs, results):
    def again():
        runner.run(jobs, results)

    jobs = fake_jobs("well")
    with pytest.raises(InputError, match="Another process"):
        runner.run(jobs, results, after_each=again, log=lambda line: None)


def test_the_estimate_is_of_the_kind(tmp_path, results):
    journal = runner.Journal(tmp_path)

    def job(kind, number=0):
        return Job(f"{kind} {number}", kind, (), tmp_path / "none")

    assert journal.estimate([job("a")]) is None
    for number, seconds in enumerate((10.0, 30.0, 20.0)):
        journal.add(job("a", number), seconds)
    journal.add(job("b"), 100.0)
    again = runner.Journal(tmp_path)
    assert again.estimate([job("a", 9), job("b", 9)]) == 120.0
    assert again.estimate([job("c")]) == 60.0
    left = [job("b", 8), job("b", 9)]
    assert "2 left, about 3.3 min." in again.summary(left, results, 1)
    assert "1 left, about 20 s." in again.summary([job("a", 9)], results, 1)
    assert "2 left, about 1.7 min." in again.summary(left, results, 2)


def test_a_damaged_journal_has_no_times(tmp_path):
    (tmp_path / "journal.json").write_text("{")
    assert runner.Journal(tmp_path).estimate([]) is None
