"""From data to scores in Python, by the public names."""

import inspect
import pathlib
import textwrap

import numpy as np
import pytest

import gmn_tf
from gmn_tf import api
from tests.support import quick

ROOT = pathlib.Path(__file__).parent.parent
SMALL = (
    "steps=2, noise_dim=3, generator_units=(8,), critic_units=(6,), "
    "classifier_epochs=1"
)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("elsewhere")
def test_the_lines_in_the_documentation_work(capsys):
    lines = textwrap.dedent(
        api.__doc__.partition("\n\n")[2].partition("\n\n`")[0]
    )
    assert len(lines.strip().splitlines()) == 6
    small = lines.replace('preset="cpu"', f'preset="cpu", {SMALL}')
    names = {}
    exec(small, names)
    printed = capsys.readouterr().out

    run, data = names["run"], names["data"]
    assert printed == f"{run.scores['h']}\n"
    assert run.scores["steps"] == 2
    predictor = gmn_tf.Predictor.load("runs/first")
    (top,) = predictor.top(data.unseen.features[:1], k=2)
    assert {name for name, _ in top} <= set(data.class_names)

    again = gmn_tf.train(names["config"], data, "runs/first")
    with pytest.raises(gmn_tf.InputError, match="split='tune'"):
        tune = names["config"].replace({"split": "tune"})
        gmn_tf.train(tune, data, "runs/tune")
    assert again.scores == run.scores
    with pytest.raises(gmn_tf.InputError, match="other settings"):
        other = names["config"].replace({"seed": 2})
        gmn_tf.train(other, data, "runs/first")


def test_the_readme_has_the_same_lines():
    text = api.__doc__.partition("\n\n")[2].partition("\n\n`")[0]
    readme = (ROOT / "README.md").read_text("utf-8")

    assert textwrap.dedent(text).strip() in readme


def test_settings_come_from_preset_and_arguments():
    config = gmn_tf.configure("flo", preset="cpu", steps=7)

    assert (config.dataset, config.steps, config.noise_dim) == ("flo", 7, 128)
    with pytest.raises(gmn_tf.InputError, match="stepps"):
        gmn_tf.configure("flo", stepps=7)


@pytest.mark.parametrize("name", sorted(set(gmn_tf.__all__)))
def test_public_names_are_documented_and_typed(name):
    found = getattr(gmn_tf, name)
    if not callable(found):
        assert name in ("VARIANTS", "__version__")
        return
    assert vars(found)["__doc__"] if inspect.isclass(found) else found.__doc__
    function = found.__init__ if inspect.isclass(found) else found
    if inspect.isfunction(function):
        untyped = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.annotation is parameter.empty
            and parameter.kind
            not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            and parameter.name != "self"
        ]
        assert not untyped, f"{name}: {untyped}"


@quick.training()
def test_a_run_has_its_scores(tiny_config, tiny_data, tmp_path):
    run = gmn_tf.train(tiny_config, tiny_data, tmp_path / "run")

    assert isinstance(run, gmn_tf.Run)
    assert np.isfinite(run.scores["h"]["mean"])
    assert run.workdir.read_config()[1] == tiny_data.source
    assert tiny_data.source["split_fingerprint"]
