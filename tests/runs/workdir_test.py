import json
import shutil

import pytest
from matplotlib.figure import Figure

from gmn_tf.config import Config
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from tests.support.runs import SOURCE


@pytest.fixture
def workdir(tmp_path):
    workdir = Workdir(tmp_path / "run")
    workdir.start(Config(), SOURCE)
    return workdir


def test_settings_and_data_come_back(workdir):
    config, source = workdir.read_config()

    assert config == Config()
    assert source == SOURCE


def test_another_run_in_the_same_folder_is_refused(workdir):
    workdir.start(Config(), {**SOURCE, "data_dir": "moved"})

    with pytest.raises(InputError, match=r"beta_1=0\.0"):
        workdir.start(Config(beta_1=0.5), SOURCE)
    with pytest.raises(InputError, match="split_fingerprint"):
        workdir.start(Config(), {**SOURCE, "split_fingerprint": "g"})


def test_other_settings_are_refused_before_data_is_read(workdir, tmp_path):
    workdir.check_settings_match(Config())
    with pytest.raises(InputError, match="an unfinished run"):
        workdir.check_settings_match(Config(beta_1=0.5))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is not a folder"):
        Workdir(tmp_path / "file" / "run").check_settings_match(Config())
    Workdir(tmp_path / "new" / "run").check_settings_match(Config())
    assert not (tmp_path / "new").exists()


def test_a_finished_run_keeps_its_versions(workdir):
    workdir.write_json("metrics.json", {})
    stored = workdir.read_json("config.json")
    stored["versions"]["keras"] = "0.0"
    workdir.write_json("config.json", stored)
    workdir.start(Config(), SOURCE)

    assert workdir.read_json("config.json")["versions"]["keras"] == "0.0"


def test_logs_of_an_interrupted_run_are_removed(workdir):
    (workdir.path / "logs").mkdir()
    workdir.start(Config(), SOURCE)

    assert not (workdir.path / "logs").exists()


@pytest.mark.parametrize(
    "content", ["{", "[]", "null", '{"config": {}}', '{"config": 3, "data": 4}']
)
def test_a_config_in_another_form_is_refused(workdir, content):
    (workdir.path / "config.json").write_text(content)

    with pytest.raises(InputError, match=r"config\.json"):
        workdir.read_config()


def test_an_unknown_setting_is_refused(workdir):
    stored = workdir.read_json("config.json")
    stored["config"]["betta_1"] = 0.5
    (workdir.path / "config.json").write_text(json.dumps(stored))

    with pytest.raises(InputError):
        workdir.read_config()


def test_a_damaged_model_is_refused(workdir):
    (workdir.path / "generator.keras").write_bytes(b"PK no archive")

    with pytest.raises(InputError, match=r"Cannot load .*generator\.keras"):
        workdir.load_model("generator")


def test_a_model_that_cannot_be_written(workdir, tmp_path):
    shutil.rmtree(workdir.path)
    workdir.path.touch()
    with pytest.raises(InputError, match=r"Cannot write .*generator\.keras"):
        workdir.save_model("generator", None)
    assert workdir.path.is_file()


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")]
)
def test_pictures_are_saved_by_suffix(workdir, suffix, start):
    workdir.save_picture(f"bars{suffix}", Figure())

    path = workdir.path / f"bars{suffix}"
    assert path.read_bytes().startswith(start)


def test_a_failure_leaves_the_older_picture(workdir, monkeypatch):
    figure = Figure()
    workdir.save_picture("bars.png", figure)
    before = (workdir.path / "bars.png").read_bytes()

    def fail(temporary, **kwargs):
        temporary.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(InputError, match=r"(?s)Cannot write .*disk full"):
        workdir.save_picture("bars.png", figure)
    assert (workdir.path / "bars.png").read_bytes() == before
    assert sorted(p.name for p in workdir.path.iterdir()) == [
        "bars.png",
        "config.json",
    ]
