"""Which jobs a request needs, as commands."""

import pytest

from gmn_tf import commands, configs
from gmn_tf.reproduction import plan
from gmn_tf.utils.errors import InputError
from tests.support import in_process
from tests.support.reproduction import finish, request


def command_of(jobs, name):
    (job,) = [job for job in jobs if job.name == name]
    return job.command


def test_every_row_and_curve_has_its_runs(tmp_path):
    jobs = plan.plan(request(tmp_path))
    names = [job.name for job in jobs]

    assert len(names) == len(set(names))
    # Two data sets, two seeds: 9 rows; 6 tuned and 2 for Fig. 5 alone; 6
    # scored apart; 2 curves.
    assert len(names) == 2 * 2 * (9 + 8 + 6 + 2)
    train = command_of(jobs, "cub-att+sent-test-cwgan_gm-2")
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
    assert "--validate_every=10" in command_of(jobs, "flo-tune-gm-1")
    # The same run serves Fig. 5, whether that is asked for now or later.
    without = plan.plan(request(tmp_path, figures=()))
    name = "flo-tune-wgan_gm-1"
    assert command_of(jobs, name) == command_of(without, name)
    separate = command_of(jobs, "flo-test-cwgan-1 separate")
    assert separate[0] == "evaluate"
    assert f"--tune_workdir={tmp_path}/runs/flo-tune-cwgan-1" in separate


def test_what_evaluates_comes_after_its_training(tmp_path):
    trained = set()
    for job in plan.plan(request(tmp_path)):
        folders = {
            word.partition("=")[2]
            for word in job.command
            if word.startswith(("--workdir=", "--tune_workdir="))
        }
        if job.command[0] == "train":
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
    jobs = plan.plan(asked)
    assert "--validate_every=10000" in command_of(jobs, "cub-tune-gm-1")
    assert "--validate_every=2000" in command_of(jobs, "sun-tune-gm-1")


def test_only_what_is_asked_for_is_planned(tmp_path):
    asked = request(tmp_path, tables=("3",), figures=(), seeds=1)
    names = {job.name for job in plan.plan(asked)}
    expected = {
        f"{dataset}-test-{variant}-1"
        for dataset in ("flo", "cub-att+sent")
        for variant in plan.TABLES["3"]
    }
    for dataset in ("flo", "cub-att+sent"):  # the row by the other protocol
        expected |= {
            f"{dataset}-tune-cwgan_gm-1",
            f"{dataset}-test-cwgan_gm-1 separate",
        }
    assert names == expected
    assert not plan.plan(request(tmp_path, tables=(), figures=("4",)))[0].needs


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "big"},
        {"preset": "auto"},
        {"preset": "best", "datasets": ("flo", "sun")},
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


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--tables=2,4"], "--tables must be"),
        (["--figures=2"], "--figures must"),
        (["--tables=", "--figures="], "both empty"),
        (["--datasets="], "--datasets is empty"),
        (["--entries=", "--plan"], "--entries is empty"),
    ],
)
def test_other_tables_and_figures_are_refused(flags, message):
    assert message in in_process.fail(commands.reproduce, *flags)


def test_the_committed_results_are_not_the_default_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    asked = {"tables": ("3",), "figures": (), "datasets": ("flo",)}
    finish(request("runs/paper", **asked, seeds=1, flags=()))
    flags = ("--tables=3", "--figures=", "--datasets=flo", "--seeds=1")
    text = in_process.succeed(commands.reproduce, *flags, "--plan")
    assert "6 jobs: 6 done." in text


def test_the_plan_says_what_it_counts(tmp_path):
    flags = ("--datasets=synthetic,cub:att+sent", f"--out={tmp_path}")
    text = in_process.succeed(commands.reproduce, *flags, "--plan")

    assert "left; time unknown until the first job has finished." in text
    for dataset in ("synthetic", "cub:att+sent"):
        assert f"  {dataset}, test split, real_only x 3 seeds: 0 of 3" in text
        assert f"  {dataset}, test split, 8 variants x 3 seeds: 0 of 24" in text
        assert f"  {dataset}, separate protocol, 6 variants x 3 se" in text
        assert f"  {dataset}, curve of Fig. 3, 2 variants x 3 seeds: 0" in text


def test_settings_of_a_job_decide_its_result(tmp_path, monkeypatch):
    def settings(**changes):
        asked = request(tmp_path, **changes)
        return [job.settings for job in plan.plan(asked)]

    expected = settings()
    assert settings(flags=("--manual_dir=here", "--steps=100")) == expected
    assert settings(flags=("--memory_gb=1", "--steps=100")) == expected
    assert settings(flags=("--steps=99",)) != expected
    # A preset that was changed gives other results by the same command.
    monkeypatch.setitem(configs.CPU, "batch_size", 9)
    for old, new in zip(expected, settings()):
        assert (old["batch_size"], new["batch_size"]) == (64, 9)


def test_evaluation_knows_where_the_data_is(tmp_path):
    flags = ("--data_dir=there", "--memory_gb=2", "--log_every=9")
    for job in plan.plan(request(tmp_path, flags=flags)):
        given = [flag in job.command for flag in flags]
        assert given == [True, True, job.command[0] == "train"]
