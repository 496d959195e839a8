"""From prepared data to scores: what a run leaves, reads and repeats."""

import csv
import dataclasses
import functools
import json
import pathlib
import shutil
import signal
import time

import numpy as np
import pytest

from gmn_tf import commands
from gmn_tf.configs.systems import SYSTEMS
from gmn_tf.data import zero_shot_data
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.variants import SEEN_AND_UNLABELLED, VARIANTS
from gmn_tf.runs import experiment, finished, mistakes
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit
from gmn_tf.utils.errors import InputError
from tests.support import forked, quick
from tests.support.in_process import fail, succeed
from tests.support.runs import SOURCE

WATCHING = experiment.MonitoringOptions(
    quiet=True, log_every=1, picture_every=2
)


@quick.training()
def run(config, tiny_data, path):
    workdir = Workdir(path)
    workdir.start(config, SOURCE)
    strategy = fit.make_strategy("one")
    metrics = experiment.run(config, tiny_data, workdir, strategy, WATCHING)
    return workdir, metrics


@quick.training()
def generator_weights(config, tiny_data):
    model = fit.train(config, tiny_data, fit.make_strategy("one"))
    return np.concatenate([w.ravel() for w in model.generator.get_weights()])


@pytest.fixture(scope="module")
def run_of(tiny_config, tiny_data, tiny_name, tiny_dir, tmp_path_factory):
    """Makes a run, once for its settings: config, data, folder and metrics."""

    @functools.cache
    def make(config):
        data = tiny_data
        if config.split != "test":
            data = zero_shot_data.load(tiny_name, tiny_dir, config.split)
        path = tmp_path_factory.mktemp("runs") / "run"
        return config, data, *run(config, data, path)

    return lambda variant, **changes: make(
        tiny_config.replace({"variant": variant, **changes})
    )


# With gradient matching, other systems leave the same files as without.
@pytest.mark.parametrize(
    "variant",
    [
        name
        for name in VARIANTS
        if not (name.endswith("_gm") and name in SYSTEMS)
    ],
)
def test_every_variant_runs_and_repeats(variant, run_of):
    config, tiny_data, workdir, metrics = run_of(variant)

    assert workdir.read_json("metrics.json") == metrics
    assert finished.evaluate(FinishedRun(workdir, config, tiny_data)) == metrics
    for name in ("t1", "u", "s", "h"):
        assert 0.0 <= metrics[name]["mean"] <= 100.0
    has_generator = VARIANTS[variant].has_generator
    assert ("baseline" in metrics) == has_generator
    assert (workdir.path / "generator.keras").exists() == has_generator
    assert (workdir.path / "class_accuracy.png").exists()
    with open(workdir.path / "class_accuracy.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == tiny_data.num_classes
    assert list(pathlib.Path(workdir.logs).rglob("*tfevents*"))


@quick.training()
def test_without_its_baseline_a_run_scores_the_same(run_of, tmp_path):
    tiny_config, tiny_data, _, both = run_of("cwgan_gm")
    workdir = Workdir(tmp_path / "alone")
    workdir.start(tiny_config, SOURCE)
    strategy = fit.make_strategy("one")
    metrics = experiment.run(
        tiny_config, tiny_data, workdir, strategy, WATCHING, with_baseline=False
    )

    assert {**metrics, "baseline": both["baseline"]} == both
    assert "baseline" not in metrics
    assert (
        finished.evaluate(FinishedRun(workdir, tiny_config, tiny_data))
        == metrics
    )
    assert not list(workdir.path.glob("baseline*"))


@quick.training()
def test_limits_are_measured_beside_the_scores_or_not_at_all(run_of, tmp_path):
    tiny_config, tiny_data, _, metrics = run_of("cwgan_gm")
    limits = metrics["limits"]
    expected = {k: v for k, v in metrics.items() if k != "limits"}
    workdir = Workdir(tmp_path / "without")
    workdir.start(tiny_config, SOURCE)
    strategy = fit.make_strategy("one")
    metrics = experiment.run(
        tiny_config, tiny_data, workdir, strategy, WATCHING, with_limits=False
    )

    assert metrics == expected
    # Older runs have none either; it is measured when they are evaluated.
    found = finished.evaluate(FinishedRun(workdir, tiny_config, tiny_data))
    assert found == {**expected, "limits": limits}
    assert limits["chance_seen"] == pytest.approx(16.7)
    assert limits["seen_alone"] >= metrics["s"]["mean"] - 0.05


def rounded(record):
    """Scores to five digits."""
    return json.loads(
        json.dumps(record), parse_float=lambda text: round(float(text), 5)
    )


@pytest.mark.parametrize("variant", ["cwgan_gm", "wgan_gm_transductive"])
@pytest.mark.parametrize("split", ["test", "tune"])
def test_features_on_disk_give_the_same_scores(
    variant, split, run_of, tiny_dir, tiny_name, tmp_path
):
    config, in_memory, folder, expected = run_of(variant, split=split)
    on_disk = zero_shot_data.load(tiny_name, tiny_dir, split, memory=0)
    workdir, metrics = run(config, on_disk, tmp_path / "on_disk")

    # Synthetic ones are drawn when they are read: equal but for rounding.
    assert rounded(metrics) == rounded(expected)
    for place, loaded in ((folder, in_memory), (workdir, on_disk)):
        found = finished.evaluate(FinishedRun(place, config, loaded))
        assert rounded(found) == rounded(metrics)


def test_linear_compatibility_runs(tiny_config, tiny_data, tmp_path):
    config = tiny_config.replace(
        {"compatibility": "linear", "classifier": "linear"}
    )
    workdir, metrics = run(config, tiny_data, tmp_path / "run")

    assert finished.evaluate(FinishedRun(workdir, config, tiny_data)) == metrics


def test_trained_theta_and_norm_run(tiny_config, tiny_data):
    config = tiny_config.replace(
        {
            "theta_reset_steps": 2,
            "matching_distance": "global",
            "matching_norm_weight": 0.1,
        }
    )

    assert np.isfinite(generator_weights(config, tiny_data)).all()


def weights_of(run) -> np.ndarray:
    """The weights of a run's generator, whose training was monitored."""
    model = FinishedRun(run[2], *run[:2]).load_generator()
    return np.concatenate([w.ravel() for w in model.get_weights()])


def test_the_same_seed_gives_the_same_run(tiny_config, tiny_data, run_of):
    first = weights_of(run_of("cwgan_gm"))
    second = generator_weights(tiny_config, tiny_data)
    other = generator_weights(tiny_config.replace({"seed": 2}), tiny_data)

    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize(
    "variant", ["cwgan_gm", "cwgan_cls", "wgan_gm_transductive"]
)
def test_training_never_sees_a_label_held_back(variant, run_of):
    config, tiny_data, *_ = run_of(variant)
    rng = np.random.default_rng(0)
    shuffled = dataclasses.replace(
        tiny_data,
        seen=Samples(
            rng.random(tiny_data.seen.features.shape, np.float32),
            rng.permutation(tiny_data.seen.labels),
        ),
        unseen=Samples(
            tiny_data.unseen.features,
            rng.permutation(tiny_data.unseen.labels),
        ),
    )

    np.testing.assert_array_equal(
        weights_of(run_of(variant)), generator_weights(config, shuffled)
    )


@pytest.mark.parametrize("variant", ["cwgan_gm", "wgan_gm_transductive"])
def test_unseen_features_matter_to_transductive_variants_only(variant, run_of):
    config, tiny_data, *_ = run_of(variant)
    unseen = tiny_data.unseen
    changed = dataclasses.replace(
        tiny_data, unseen=Samples(unseen.features + 1.0, unseen.labels)
    )
    same = np.array_equal(
        weights_of(run_of(variant)), generator_weights(config, changed)
    )

    assert same == (VARIANTS[variant].stream != SEEN_AND_UNLABELLED)


def test_tuning_reads_no_test_record(
    tiny_config, tiny_name, tiny_dir, tmp_path
):
    shutil.copytree(tiny_dir, tmp_path / "data")
    removed = [
        path.unlink()
        for split in ("-train.", "-test_seen.", "-test_unseen.")
        for path in (tmp_path / "data").rglob(f"*{split}tfrecord*")
    ]
    assert len(removed) == 3
    config = tiny_config.replace({"split": "tune"})
    tune_data = zero_shot_data.load(tiny_name, tmp_path / "data", "tune")
    _, metrics = run(config, tune_data, tmp_path / "run")

    assert metrics["split"] == "tune"
    unseen = np.arange(tune_data.num_seen, tune_data.num_classes)
    np.testing.assert_array_equal(np.sort(tune_data.validation_classes), unseen)


@pytest.mark.parametrize("every, steps", [(1, [1, 2, 3]), (2, [2, 3])])
@quick.training()
def test_validation_during_training(every, steps, run_of, tmp_path):
    config, loaded, plain, metrics = run_of(
        "cwgan_gm", split="tune", classifier_seeds=1
    )
    workdir = Workdir(tmp_path / "watched")
    workdir.start(config, SOURCE)
    monitoring_options = dataclasses.replace(WATCHING, validate_every=every)
    strategy = fit.make_strategy("one")

    watched = experiment.run(
        config, loaded, workdir, strategy, monitoring_options
    )

    assert watched == metrics  # MonitoringOptions changes nothing.
    assert not (plain.path / "validation.csv").exists()
    with open(workdir.path / "validation.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == steps
    for name in ("t1", "u", "s", "h"):
        last = float(rows[-1][f"{name}_mean"])
        assert last == pytest.approx(metrics[name]["mean"], abs=1e-4)


def test_validation_on_test_samples_is_refused(
    tiny_config, tiny_data, tmp_path
):
    monitoring_options = dataclasses.replace(WATCHING, validate_every=1)
    strategy = fit.make_strategy("one")
    with pytest.raises(InputError, match="test samples during training"):
        experiment.run(
            tiny_config,
            tiny_data,
            Workdir(tmp_path),
            strategy,
            monitoring_options,
        )


def test_a_model_for_other_features_is_refused(run_of):
    config, tiny_data, workdir, _ = run_of("real_only")
    wider = dataclasses.replace(
        tiny_data, train=Samples(np.zeros((6, 15)), np.arange(6))
    )

    with pytest.raises(InputError, match="feature_dim=14"):
        finished.evaluate(FinishedRun(workdir, config, wider))


def test_damaged_data_is_refused(tiny_name, tiny_dir, tmp_path):
    shutil.copytree(tiny_dir, tmp_path / "data")
    with pytest.raises(InputError, match="whole preparation"):
        zero_shot_data.load("zero_shot/gone", tmp_path / "data")
    for record in (tmp_path / "data").rglob("*-train.tfrecord*"):
        record.write_bytes(record.read_bytes()[:-20])
    with pytest.raises(InputError, match="whole preparation") as error:
        zero_shot_data.load(tiny_name, tmp_path / "data")
    assert "(custom data with bin/prepare_data)" in error.value.action


@quick.training()
def test_the_curve_has_a_row_per_count(run_of):
    config, tiny_data, workdir, metrics = run_of("cwgan_gm")
    rows = finished.synthetic_count_curve(
        FinishedRun(workdir, config, tiny_data), [2, 5], quiet=True
    )

    assert [row["n"] for row in rows] == [2, 5]
    assert rows[1]["h"] == metrics["h"]
    assert (workdir.path / "curve.png").exists()
    assert len((workdir.path / "curve.csv").read_text().splitlines()) == 3


QUICK = (
    "--dataset=synthetic",
    "--steps=2",
    "--classifier_epochs=1",
    "--classifier_seeds=1",
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder in which the synthetic set is prepared."""
    folder = tmp_path_factory.mktemp("data")
    for _ in range(2):  # The second time it is there already.
        printed = succeed(
            commands.prepare, "--dataset=synthetic", f"--data_dir={folder}"
        )
        assert "Prepared: zero_shot/synthetic-" in printed
    assert len(list(folder.glob("zero_shot/*/*/dataset_info.json"))) == 1
    return folder


@pytest.fixture
def train(data_dir, tmp_path, monkeypatch):
    """Calls bin/train in a new folder, on the prepared data."""
    monkeypatch.chdir(tmp_path)

    def train(*words, ends=succeed):
        return ends(commands.train, f"--data_dir={data_dir}", *words)

    return train


def test_a_misspelt_data_set_is_not_prepared(data_dir):
    message = fail(
        commands.prepare, "--dataset=synthetik", f"--data_dir={data_dir}"
    )

    assert "Did you mean 'synthetic'?" in message


def test_commands_train_and_evaluate(train, tmp_path):
    assert "real_only" in train(*QUICK)
    workdir = tmp_path / "runs" / "synthetic-cwgan_gm-1"
    stored = json.loads((workdir / "config.json").read_text())
    assert stored["config"]["steps"] == 2
    assert stored["data"]["split_fingerprint"]
    for name in ("class_accuracy", *mistakes.FILES):  # drawn in full
        assert (workdir / f"{name}.png").stat().st_size > 10_000

    evaluated = succeed(commands.evaluate, f"--workdir={workdir}")
    assert "The same as recorded" in evaluated
    assert succeed(commands.evaluate, workdir) == evaluated
    for folders in ([], [workdir, "another"]):
        assert "Name one folder" in fail(commands.evaluate, *folders)

    assert train(f"--config={workdir}/config.json", "--quiet") == ""
    message = train(*QUICK, "--batch_size=64", ends=fail)
    assert "batch_size=128" in message


@quick.training()
def test_commands_calibrate_over_seeds(train, tmp_path):
    folders = [tmp_path / "1", tmp_path / "2"]
    for seed, folder in enumerate(folders, start=1):
        printed = train(
            *QUICK,
            "--split=tune",
            "--nobaseline",
            f"--seed={seed}",
            f"--workdir={folder}",
        )
        assert "real_only" not in printed

    found = succeed(commands.evaluate, "--calibrate", *folders)
    assert ", tune split, seeds 1 and 2: " in found
    assert "near the largest:\n--seen_penalty=" in found
    for folder in folders:
        assert (folder / "calibration.png").stat().st_size
    alone = f"--workdir={tmp_path / 'real_only'}"
    train(*QUICK, "--variant=real_only", "--split=tune", alone)
    title = succeed(commands.evaluate, "--calibrate", alone).splitlines()[0]
    assert title == "synthetic, real_only, tune split, seed 1"
    both = "--calibrate", "--synthetic_per_class=5"
    message = fail(commands.evaluate, folders[0], *both)
    assert "Give at most one of --tune_workdir, --synthetic_per" in message


def test_killed_and_stopped_runs_end_like_another(data_dir, tmp_path):
    # All in processes of their own: without a graph, steps round differently
    # on some machines.
    def begun(name):
        return forked.start(
            "train",
            *QUICK,
            "--variant=cwgan",
            "--critic_steps=1",
            "--steps=40",
            "--checkpoint_every=7",
            "--nobaseline",
            f"--workdir={tmp_path / name}",
            f"--data_dir={data_dir}",
        )

    def ended(name):
        process = begun(name)
        printed = process.communicate(timeout=120)[0]
        assert process.returncode == 0, printed
        return printed

    def until(process, step):
        folder = tmp_path / "interrupted" / "checkpoints"
        while not any(
            int(saved.stem.rpartition("-")[2]) >= step
            for saved in folder.glob("ckpt-*.index")
        ):
            assert process.poll() is None, f"ended before step {step}"
            time.sleep(0.05)

    for number, step in ((signal.SIGKILL, 7), (signal.SIGTERM, 14)):
        process = begun("interrupted")
        until(process, step)
        process.send_signal(number)
        printed = process.communicate(timeout=60)[0]
        assert process.returncode in (-signal.SIGKILL, 128 + signal.SIGTERM)
    assert "Stopped after step" in printed
    assert "Continuing after step" in ended("interrupted")
    assert "Continuing" not in ended("whole")
    for file in ("metrics.json", "class_accuracy.csv"):
        assert (tmp_path / "interrupted" / file).read_bytes() == (
            tmp_path / "whole" / file
        ).read_bytes()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--varaint=cwgan"], "Did you mean --variant?"),
        (["--variant=cwgan_mg"], "'cwgan_gm'?"),
        (["--dataset=cubb"], "cub"),
        (["--preset=relase"], "'release'?"),
        (["synthetic"], "Did you mean --dataset=synthetic?"),
        (["--embedding=att,sent"], "join the parts"),
        (["--steps=-1"], "at least 1"),
        (["--batch_size=many"], "batch_size"),
        (["--config=missing.json"], "missing.json"),
        (["--dataset=synthetic", "--matching_classes=99"], "at most 45"),
        (["--dataset=synthetic", "--workdir=/proc/no"], "--workdir"),
        (["--dataset=synthetic", "--data_dir=/proc/no"], "data_dir"),
    ],
)
def test_bad_input_is_explained_in_one_screen(words, hint, train):
    message = train(*words, ends=fail)

    assert hint in message
    assert len(message.splitlines()) < 25
