"""A run on features of a foreign unit, from the command to its export."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import commands
from gmn_tf.runs import experiment
from tests.support import quick, runs
from tests.support.in_process import fail, succeed
from tests.training.checkpoints_test import StopAfter

DX, SEEN, UNSEEN, EACH = 9, 6, 2, 6


def source_folder(folder):
    """Features of large numbers, one constant; signed whole descriptions.

    One number of the descriptions is constant, and one class is described
    as another is.
    """
    folder.mkdir()
    rng = np.random.default_rng(3)
    names = [f"kind {number}" for number in range(SEEN + UNSEEN)]
    centres = rng.uniform(0.0, 1e6, [len(names), DX])
    descriptions = rng.integers(-40, 40, [len(names), 3])
    descriptions[:, 1] = 7
    descriptions[1] = descriptions[0]
    lines = ["class,seen,first,second,third"]
    for number, (name, row) in enumerate(zip(names, descriptions)):
        kind = "yes" if number < SEEN else "no"
        lines.append(f"{name},{kind},{','.join(map(str, row))}")
    (folder / "classes.csv").write_text("\n".join(lines))
    labels = np.repeat(np.arange(len(names)), EACH)
    features = centres[labels] + rng.normal(0.0, 5e4, [len(labels), DX])
    features[:, 4] = 12_345.0
    features = features.astype(np.float32)
    np.savez(
        folder / "features.npz",
        features=features,
        labels=np.array(names)[labels],
    )
    (folder / "new.csv").write_text(
        "class,first,second,third\nnew,-3,7,0\nother,4,8,1\n"
    )
    np.save(folder / "rows.npy", features[::3])
    return folder


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory):
    """A folder in which such data are prepared."""
    folder = tmp_path_factory.mktemp("scaling")
    source_folder(folder / "source")
    succeed(
        commands.prepare_data,
        f"--source={folder / 'source'}",
        "--dataset=kinds",
        f"--data_dir={folder / 'data'}",
    )
    return folder


def words(folder, name):
    """What bin/train is called with."""
    return (
        *("--dataset=kinds", "--preset=cpu", "--matching_classes=2"),
        *("--steps=4", "--classifier_epochs=3", "--classifier_seeds=1"),
        *("--feature_scaling=unit", "--embedding_norm=standard"),
        *("--generator_output=auto", "--checkpoint_every=1"),
        *(f"--data_dir={folder / 'data'}", f"--workdir={folder / name}"),
    )


@pytest.fixture(scope="module", name="run")
def _run(folder):
    """The folder of a run on it, and what bin/train printed."""
    printed = quick.train(*words(folder, "run"))
    return folder / "run", printed


def test_the_run_says_how_it_scales(run):
    workdir, printed = run
    assert "unit (1 constant dimension set to 0)" in printed
    assert "by the seen classes: standard" in printed
    config = json.loads((workdir / "config.json").read_text())["config"]
    assert config["feature_scaling"] == "unit"
    classes = json.loads((workdir / "classes.json").read_text())
    assert classes["feature_scaling"]["kind"] == "unit"
    assert classes["embedding"][0]["norm"] == "standard"
    assert classes["embedding"][0]["factor"][1] == 0.0


@pytest.mark.parametrize("memory", ["0", "1"])
def test_it_is_evaluated_again(run, memory):
    printed = succeed(
        commands.evaluate, f"--workdir={run[0]}", f"--memory_gb={memory}"
    )
    assert "The same as recorded" in printed


@pytest.mark.parametrize("flag", ["--memory_gb=0", "--memory_gb=1"])
def test_stopped_and_resumed_it_is_the_same(folder, run, flag, monkeypatch):
    given = *words(folder, f"resumed{flag[-1]}"), flag
    callbacks = experiment._callbacks
    with monkeypatch.context() as patch:
        patch.setattr(
            experiment,
            "_callbacks",
            lambda *each: (*callbacks(*each), StopAfter(2)),
        )
        with pytest.raises(RuntimeError, match="crashed"):
            quick.train(*given)
    assert "Continuing after step" in quick.train(*given)
    for name in ("metrics.json", "classes.json"):
        found = runs.rounded(folder / f"resumed{flag[-1]}" / name)
        assert found == runs.rounded(run[0] / name)


def test_another_scaling_is_another_run(folder, run):
    message = fail(
        commands.train, *words(folder, "run"), "--feature_scaling=standard"
    )
    assert "feature_scaling='unit'" in message


def predictions(run, folder, *flags):
    """Rows of bin/predict on raw features."""
    printed = succeed(
        commands.predict,
        f"--workdir={run}",
        f"--features={folder / 'source' / 'rows.npy'}",
        "--top_k=99",
        *flags,
    )
    return list(csv.DictReader(printed.splitlines()))


@pytest.mark.parametrize(
    "added", [(), ("--nosynthesize",), ("--synthesize",)], ids=str
)
def test_the_export_answers_as_predict_does(run, folder, added, tmp_path):
    workdir, _ = run
    if added:
        added = (f"--classes={folder / 'source' / 'new.csv'}", *added)
    rows = predictions(workdir, folder, *added)
    count = SEEN + UNSEEN + 2 * bool(added)
    features = np.load(folder / "source" / "rows.npy")
    assert len(rows) == count * len(features)
    assert len({row["class"] for row in rows}) == count

    succeed(
        commands.export,
        f"--workdir={workdir}",
        f"--out={tmp_path / 'served'}",
        "--top_k=99",
        *added,
    )
    card = (tmp_path / "served" / "1" / "MODEL_CARD.md").read_text()
    assert "Scaling of features: unit (1 constant" in card
    model = tf.saved_model.load(str(tmp_path / "served" / "1"))
    answer = model.signatures["features"](features=tf.constant(features))
    np.testing.assert_allclose(
        answer["scores"].numpy().ravel(),
        [float(row["probability"]) for row in rows],
        atol=2e-6,
    )
    assert answer["classes"].numpy().astype(str).ravel().tolist() == [
        row["class"] for row in rows
    ]
