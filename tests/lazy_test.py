"""TensorFlow is loaded when something is computed, not before."""

import ast
import contextlib
import io
import pathlib
import subprocess
import sys

import pytest

import gmn_tf
from gmn_tf import commands
from gmn_tf.commands import _tune, shared
from gmn_tf.data.feature_scaling import UNSCALED
from tests.rooms_test import MODULES
from tests.support.in_process import fail, succeed

ROOT = pathlib.Path(__file__).parents[1]
CALLS = """
import sys
import gmn_tf
from gmn_tf import commands
assert {"train", "Predictor", "configure"} <= {*dir(gmn_tf)}
def refused(call, *words, **settings):
    try:
        call(*words, **settings)
    except (AttributeError, ValueError, SystemExit) as error:
        assert "Did you mean" in str(error), error
        return
    raise AssertionError(f"{words} {settings} passed")
refused(lambda: gmn_tf.Predictr)
refused(gmn_tf.configure, "cub", preset="cpo")
refused(gmn_tf.configure, "cub", learning_rat=1.0)
refused(gmn_tf.Config().replace, {"stps": 3})
gmn_tf.unscaled(gmn_tf.configure("cub", preset="auto"))
gmn_tf.Workdir("runs/x").finished()
assert gmn_tf.InputError and gmn_tf.VARIANTS and gmn_tf.Config
refused(commands.train, ["--datset=cub"])
refused(commands.train, ["--dataset=cubb"])
refused(commands.tune, ["--workdir=x", "--space=nois_dim=[1,2]"])
refused(commands.prepare, ["--dataset=cubb"])
heavy = {"tensorflow", "keras", "keras_tuner", "matplotlib", "scipy"}
heavy |= {"flask", "waitress", "tensorflow_datasets", "h5py", "sklearn"}
heavy |= {"gmn_tf_datasets.zero_shot"}
assert not heavy & {*sys.modules}, heavy & {*sys.modules}
"""


def test_names_and_flags_need_no_tensorflow(tmp_path):
    subprocess.run(
        [sys.executable, "-c", CALLS],
        check=True,
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path)},
    )


def at_import(source: str) -> set[str]:
    """What a module imports when it is imported itself."""
    found = set()
    for node in ast.parse(source).body:  # not in functions, nor if or with
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_a_run_begins_without_what_it_needs_later_or_never():
    reached, new = set(), {"gmn_tf.api", "gmn_tf.runs.mistakes"}
    while new:
        reached |= new
        sources = [MODULES[name] for name in new if name in MODULES]
        new = set().union(*map(at_import, sources)) - reached
    assert {"tensorflow", "gmn_tf.training.fit"} <= reached
    late = ("scipy.io", "scipy.cluster", "sklearn", "keras_tuner", "jinja2")
    assert not [name for name in reached if name.startswith(late)]


def test_editors_see_the_public_names():
    source = (ROOT / "gmn_tf" / "__init__.py").read_text("utf-8")
    hints = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module != "gmn_tf.version":
            for alias in node.names:
                if alias.asname:
                    hints[alias.asname] = f"{node.module}.{alias.name}"

    assert hints == {
        name: f"gmn_tf.{place}" for name, place in gmn_tf._PUBLIC.items()
    }
    assert {*gmn_tf.__all__} <= {*dir(gmn_tf)}


@pytest.fixture
def no_tensorflow(monkeypatch):
    def start(*arguments):
        raise AssertionError("TensorFlow starts")

    monkeypatch.setattr(shared, "start_tensorflow", start)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train", ["--dataset=synthetic", "--validate_every=5"]),
        ("train", ["--dataset=synthetic", "--steps_per_execution=7"]),
        ("train", ["--dataset=cub", "--manual_dir=nowhere"]),
        ("train", ["--dataset=nowhere", "--data_dir=nowhere"]),
        ("train", ["--dataset=flo", "--data_dir=nowhere"]),
        ("train", ["--embedding=att+sent", "--data_dir=nowhere"]),
        ("train", ["--preset=auto", "--strategy=multi_worker"]),
        ("prepare", ["--dataset=nowhere", "--data_dir=nowhere"]),
        ("reproduce", ["--datasets=flo,nowhere"]),
        ("prepare_data", ["--source=nowhere", "--dataset=mine"]),
        ("demo", ["--workdir=nowhere"]),
        ("describe", ["--classes=x", "--encoder=nowhere", "--out=x.csv"]),
        ("describe", ["--classes=x", "--encoder=hub:no/where", "--out=x.csv"]),
        ("evaluate", ["--workdir=nowhere"]),
        ("predict", ["--workdir=nowhere", "--features=x"]),
        ("export", ["--workdir=nowhere", "--out=x"]),
        ("export", ["--workdir=nowhere", "--out=x", "--format=onxx"]),
        ("tune", ["--workdir=nowhere", "--summary"]),
        ("tune", ["--workdir=nowhere", "--learning_rate=x"]),
        ("tune", ["--workdir=nowhere", "--strategy=multi_worker"]),
        ("tune", ["--workdir=nowhere", "--tuner=auto", "--variant=gm1"]),
    ],
)
def test_mistakes_are_found_before_tensorflow_starts(
    name, words, no_tensorflow, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    fail(getattr(commands, name), *words)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a run on the test splits without a generator says of itself."""
    workdir = gmn_tf.Workdir(tmp_path_factory.mktemp("run"))
    config = gmn_tf.configure("synthetic", preset="cpu")
    config = config.replace({"variant": "real_only"})
    source = {"name": "x/1", "data_dir": "x", "split_fingerprint": "f00d"}
    part = {"name": "att", "dim": 3, "norm": "l2", "divisor": 1.0}
    part |= {"columns": [], "offset": [], "factor": []}
    content = {"config": config.to_dict(), "data": source}
    classes = {"classes": {"owl": "seen", "wren": "unseen"}}
    classes |= {"feature_dim": 2, "embedding": [part], "backbone": None}
    classes |= {"feature_scaling": UNSCALED.to_dict()}
    workdir.write_json("config.json", content)
    workdir.write_json("classes.json", classes)
    workdir.write_json("metrics.json", {})
    (workdir.path / "new.csv").write_text("class,a,b,c\nkite,1,2,3\n")
    (workdir.path / "bare.csv").write_text("class\nkite\n")
    (workdir.path / "short.csv").write_text("class,a,b\nkite,1,2\n")
    (workdir.path / "known.csv").write_text("class,a,b,c\nowl,1,2,3\n")
    return workdir.path


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("evaluate", "--calibrate"), "a setting on test samples"),
        (("evaluate", "--synthetic_per_class=5"), "no synthetic features"),
        (("predict", "--classes=new.csv", "--synthesize"), "nothing is lost"),
        (("predict", "--classes=bare.csv"), "3 columns of numbers, with any"),
        (("predict", "--classes=short.csv"), "3 numbers each"),
        (("predict", "--classes=known.csv"), "in the run already: owl"),
        (("predict", "--classes=nowhere.csv"), "nowhere.csv"),
        (("export", "--classes=new.csv", "--synthesize"), "nothing is lost"),
    ],
)
def test_what_a_run_cannot_do_is_said_before_tensorflow_starts(
    words, problem, run, no_tensorflow, monkeypatch
):
    monkeypatch.chdir(run)
    name, *flags = words
    flags += {"predict": ["--features=x.npy"], "export": ["--out=x"]}.get(
        name, []
    )
    message = fail(getattr(commands, name), "--workdir=.", *flags)
    assert problem in " ".join(message.split())


def test_a_name_is_checked_before_tensorflow_starts(no_tensorflow, tmp_path):
    (tmp_path / "classes.csv").touch()
    words = f"--source={tmp_path}", "--dataset=cub"
    assert "known data set" in fail(commands.prepare_data, *words)


def test_the_first_line_comes_before_tensorflow(no_tensorflow, tmp_path):
    folder = tmp_path / "run"
    words = "--dataset=synthetic", "--steps=7", "--seed=3"
    stderr = io.StringIO()
    with (
        contextlib.redirect_stderr(stderr),
        pytest.raises(AssertionError, match="TensorFlow starts"),
    ):
        commands.train([*words, f"--workdir={folder}"])
    assert stderr.getvalue() == (
        f"A run of cwgan_gm on synthetic, 7 steps, seed 3, in {folder}.\n"
    )
    assert not folder.exists()


@pytest.mark.parametrize("tuner", _tune.TUNERS)
def test_a_space_is_shown_without_tensorflow(tuner, no_tensorflow):
    assert "[" in succeed(commands.tune, "--show_space", f"--tuner={tuner}")
