"""Nothing that comes from outside runs code, or leaves its folder."""

import ast
import json
import pathlib
import pickle
import shutil
import stat
import sys
import zipfile

import keras
import numpy as np
import pytest
import scipy.io
from etils import epath

from gmn_tf import commands, configs
from gmn_tf.config import Config
from gmn_tf.data import data_checks, zero_shot_data
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.prepare import prepare
from gmn_tf_datasets.zero_shot.xlsa17 import download
from tests.support import in_process, make_dummy_data, toys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder in ("gmn_tf", "datasets", "bin")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file()
    and path.parent.name != "__pycache__"
    and not path.name.endswith("_test.py")
    and (path.suffix == ".py" or path.parent.name == "bin")
]
# Calls that run what they read, or write where an archive says.
UNSAFE = {
    *("eval", "exec", "extract", "extractall", "unpack_archive"),
    *("enable_unsafe_deserialization", "read_pickle", "system"),
}


class Bomb:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_calls_what_runs_foreign_code(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            assert not {"pickle", "shelve", "marshal", "dill"} & set(names)
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        assert name not in UNSAFE
        options = {
            option.arg: getattr(option.value, "value", None)
            for option in node.keywords
        }
        assert options.get("allow_pickle", False) is False
        assert options.get("shell", False) is False
        if name == "load_model" and "compile" in options:
            assert options["safe_mode"] is True


def test_a_pickle_in_place_of_a_mat_file(tmp_path):
    make_dummy_data.write(tmp_path / "source")
    content = pickle.dumps(Bomb(tmp_path / "went_off"))
    for stem in ("res101", "att_splits"):
        (tmp_path / "source" / f"{stem}.mat").write_bytes(content)
    _assert_refused(tmp_path)


def test_a_numpy_file_of_objects_in_place_of_a_mat_file(tmp_path):
    make_dummy_data.write(tmp_path / "source")
    with (tmp_path / "source" / "res101.mat").open("wb") as stream:
        np.save(stream, np.array([Bomb(tmp_path / "went_off")], object))
    _assert_refused(tmp_path)


@pytest.mark.parametrize("name", ["features", "labels"])
def test_an_array_of_objects_in_a_mat_file(name, tmp_path):
    make_dummy_data.write(tmp_path / "source")
    variables = make_dummy_data.features_variables()
    variables[name] = np.array([[pickle.dumps(1), {"a": 1}]], object)
    scipy.io.savemat(tmp_path / "source" / "res101.mat", variables)
    _assert_refused(tmp_path)


def _assert_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"\.mat"):
        prepare(
            "birds",
            data_dir=tmp_path / "data",
            manual_dir=tmp_path / "source",
            quiet=True,
        )
    assert not (tmp_path / "went_off").exists()
    assert not (tmp_path / "data" / "zero_shot").exists()


def _model_file(path: pathlib.Path, config: dict, weights: bytes | None = None):
    """A .keras archive of that configuration."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", '{"keras_version": "3.15.0"}')
        if weights is not None:
            archive.writestr("model.weights.npz", weights)


def test_code_in_a_saved_model_is_not_run(tmp_path):
    marker = tmp_path / "went_off"
    path = str(marker)
    model = keras.Sequential(
        [keras.layers.Lambda(lambda x: pathlib.Path(path).touch() or x)]
    )
    model.build((None, 3))
    marker.unlink(missing_ok=True)  # building has called it
    model.save(tmp_path / "generator.keras")
    with pytest.raises(InputError, match=r"Cannot load .*generator"):
        Workdir(tmp_path).load_model("generator")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "getoutput")],
)
def test_a_function_named_in_a_saved_model_is_not_called(
    module, name, tmp_path
):
    marker = tmp_path / "went_off"
    call = {
        "module": module,
        "class_name": name,
        "registered_name": name,
        "config": f"touch {marker}",
        "build_config": {"input_shape": [None, 3]},
    }
    as_function = {**call, "class_name": "function", "config": name}
    for content in (
        call,
        as_function,
        {**call, "config": {"command": f"touch {marker}"}},
    ):
        _model_file(tmp_path / "generator.keras", content)
        with pytest.raises(InputError, match=r"Cannot load .*generator"):
            Workdir(tmp_path).load_model("generator")
    assert not marker.exists()


def test_a_pickle_among_saved_weights_is_not_loaded(tmp_path):
    marker = tmp_path / "went_off"
    generator = toys.generator()
    generator.save(tmp_path / "whole.keras")
    with zipfile.ZipFile(tmp_path / "whole.keras") as archive:
        config = json.loads(archive.read("config.json"))
    with (tmp_path / "weights.npz").open("wb") as stream:
        bomb = np.array(Bomb(marker), object)
        names = ("__root__", "layers/dense/vars", "mean", "hidden_0", "vars")
        np.savez(stream, **dict.fromkeys(names, bomb))
    _model_file(
        tmp_path / "generator.keras",
        config,
        (tmp_path / "weights.npz").read_bytes(),
    )
    with pytest.raises(InputError, match=r"Cannot load .*generator"):
        Workdir(tmp_path).load_model("generator")
    assert not marker.exists()


def test_a_model_of_another_class_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 3))
    model.save(tmp_path / "generator.keras")
    with pytest.raises(InputError, match="Sequential, not Generator"):
        Workdir(tmp_path).load_model("generator", type(toys.generator()))


@pytest.mark.parametrize(
    "above", ["../../", "/", "//", "/etc/../", "a/../../../"]
)
def test_members_of_an_archive_stay_in_their_folder(above, tmp_path):
    archive = epath.Path(tmp_path / "xlsa17.zip")
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(f"{above}data/CUB/a.mat", "kept by its name")
    target = tmp_path / "deep" / "target"
    download.unpack_folder(archive, "CUB", epath.Path(target))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [
        pathlib.Path(archive),
        target / "CUB" / "a.mat",
    ]


def test_a_link_in_an_archive_becomes_a_plain_file(tmp_path):
    archive = epath.Path(tmp_path / "xlsa17.zip")
    link = zipfile.ZipInfo("data/CUB/a.mat")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(link, "/etc/passwd")
    download.unpack_folder(archive, "CUB", epath.Path(tmp_path))
    assert not (tmp_path / "CUB" / "a.mat").is_symlink()
    assert (tmp_path / "CUB" / "a.mat").read_text() == "/etc/passwd"


NAMES = ("../x", "../../x", "/etc/x", "a/b", "a\\b", "..", "x" * 300, "", "a\n")


@pytest.mark.parametrize("value", NAMES)
@pytest.mark.parametrize("name", ["dataset", "features_file", "embedding"])
def test_names_do_not_leave_their_folder(name, value, tmp_path):
    make_dummy_data.write(tmp_path / "source")
    choice = {"dataset": "birds", name: value}
    with pytest.raises(InputError):
        prepare(
            choice.pop("dataset"),
            data_dir=tmp_path / "data",
            manual_dir=tmp_path / "source",
            **choice,
        )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("value", [*NAMES, "os", "__init__", "cub.x"])
def test_a_data_sets_name_loads_no_other_module(value):
    before = set(sys.modules)
    assert configs.preset(value) == {"dataset": value}
    added = set(sys.modules) - before
    assert all(name.startswith("gmn_tf.configs.") for name in added)


@pytest.mark.parametrize(
    "flag",
    ["--dataset=../../x", "--features_file=../x.mat", "--embedding=../x"],
)
def test_flags_that_leave_their_folder_are_refused(flag, tmp_path, monkeypatch):
    make_dummy_data.write(tmp_path / "source")
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    places = "--manual_dir=../../source", "--data_dir=data"
    message = in_process.fail(commands.train, "--dataset=birds", flag, *places)
    assert "is not a usable name" in message
    assert not list(place.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"a", "source"}


OLD_FORM = {"type": "foreign_module.Tensor", "content": {}}


@pytest.mark.parametrize(
    ("place", "foreign"),
    [
        ("whole", OLD_FORM),
        ("whole", {"pythonClassName": "foreign_module.Tensor"}),
        ("whole", {"python_class_name": "foreign_module.Tensor"}),
        ("inner", {"pythonClassName": "foreign_module.Tensor"}),
        ("version elsewhere", {"pythonClassName": "foreign_module.Tensor"}),
    ],
)
def test_code_named_by_prepared_data_is_not_imported(
    place, foreign, tiny_dir, tiny_name, tmp_path, monkeypatch
):
    marker = tmp_path / "went_off"
    (tmp_path / "foreign_module.py").write_text(
        f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(tiny_dir, tmp_path / "data")
    (path,) = (tmp_path / "data").rglob("features.json")
    content = json.loads(path.read_text())
    if place == "whole":
        content = foreign
    else:
        content["featuresDict"]["features"]["features"] = foreign
    path.write_text(json.dumps(content))
    if place == "version elsewhere":
        path.parent.rename(tmp_path / "elsewhere")
        path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="class the builder does not use"):
        zero_shot_data.load(tiny_name, str(tmp_path / "data"))
    assert not marker.exists()
    # Without the check, it would have been.
    monkeypatch.setattr(data_checks, "check_files", lambda folder: None)
    with pytest.raises(InputError):
        zero_shot_data.load(tiny_name, str(tmp_path / "data"))
    assert marker.exists()
    sys.modules.pop("foreign_module")


@pytest.mark.parametrize("name", ["../outside", "/etc", "", "x" * 5000, "a\0"])
def test_a_run_that_names_strange_data_is_refused(name, tiny_dir):
    with pytest.raises(InputError):
        zero_shot_data.load(name, str(tiny_dir))


def test_a_run_of_data_that_is_no_text_is_refused(tmp_path):
    workdir = Workdir(tmp_path)
    source = {"name": 5, "data_dir": None, "split_fingerprint": []}
    workdir.start(Config(), source)
    with pytest.raises(InputError, match="not a text"):
        workdir.read_config()
