"""Chief and workers: wrong variables, and who waits for whom."""

import pathlib
import socket
import threading

import keras_tuner
import pytest

from gmn_tf import commands
from gmn_tf.commands import shared
from gmn_tf.search import sharing
from gmn_tf.utils import waiting
from gmn_tf.utils.errors import InputError
from tests.support.in_process import fail

ROOT = pathlib.Path(__file__).parents[2]


def set_variables(monkeypatch, name, host="127.0.0.1", port="8000"):
    for variable, value in zip(sharing.VARIABLES, (name, host, port)):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, str(value))


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    return number


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (("worker0", None, None), "only partly configured"),
        (("worker0", "127.0.0.1", None), "only partly configured"),
        ((None, "127.0.0.1", "8000"), "only partly configured"),
        (("", "127.0.0.1", "8000"), "only partly configured"),
        (("chief", "127.0.0.1", ""), "only partly configured"),
        (("a/b", "127.0.0.1", "8000"), "is not a usable name"),
        (("../chief", "127.0.0.1", "8000"), "is not a usable name"),
        (("..", "127.0.0.1", "8000"), "is not a usable name"),
        (("x" * 300, "127.0.0.1", "8000"), "is not a usable name"),
        (("worker0", "127.0.0.1", "http"), "is not an address"),
        (("worker0", "127.0.0.1", "0"), "is not an address"),
        (("worker0", "127.0.0.1", "65536"), "is not an address"),
        (("worker0", "127.0.0.1:8000", "8000"), "is not an address"),
        (("worker0", "::1", "8000"), "is not an address"),
        (("worker0", "no-such.invalid", "8000"), "host that cannot be found"),
        (("chief", "192.0.2.1", "8000"), "does not have the address 192.0.2.1"),
    ],
)
def test_wrong_variables_are_refused_before_tensorflow_starts(
    values, part, monkeypatch, tmp_path
):
    def start(*arguments):
        raise AssertionError("TensorFlow starts")

    monkeypatch.setattr(shared, "start_tensorflow", start)
    set_variables(monkeypatch, *values)

    message = fail(
        commands.tune, "--dataset=synthetic", f"--workdir={tmp_path / 'x'}"
    )

    assert part in message
    assert "KERASTUNER" in message
    assert not (tmp_path / "x").exists()


def test_without_variables_or_with_all_of_them_there_is_nothing_wrong(
    monkeypatch, port
):
    set_variables(monkeypatch, None, None, None)
    sharing.check()
    assert not sharing.is_worker() and not sharing.is_chief()
    set_variables(monkeypatch, "worker0", port=port)
    sharing.check()
    assert sharing.is_worker()
    set_variables(monkeypatch, "chief", port=port)
    sharing.check()
    assert sharing.is_chief()


def test_a_second_chief_is_refused(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        set_variables(monkeypatch, "chief", port=taken.getsockname()[1])
        with pytest.raises(InputError, match="another process uses port"):
            sharing.check()


@pytest.fixture
def oracle(tmp_path):
    parameters = keras_tuner.HyperParameters()
    parameters.Choice("noise_dim", [2, 3])
    made = keras_tuner.oracles.RandomSearchOracle(
        keras_tuner.Objective("h", "max"),
        max_trials=1,
        hyperparameters=parameters,
    )
    made._set_project_dir(str(tmp_path), "search")
    made.verbose = 0
    return made


def test_a_chief_without_workers_says_so_and_gives_up(
    oracle, port, monkeypatch
):
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.0)
    set_variables(monkeypatch, "chief", port=port)
    logged = []

    with pytest.raises(InputError, match=r"no answer in 0\.01 min") as caught:
        sharing.serve(oracle, 0.01, logged.append)

    assert "none has asked for a trial" in str(caught.value)
    assert logged[0].startswith("Waiting for workers since ")


def test_a_worker_without_a_chief_says_so_and_gives_up(port, monkeypatch):
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.0)
    set_variables(monkeypatch, "worker0", port=port)
    logged = []

    with (
        pytest.raises(InputError, match=r"no answer in 0\.01 min"),
        sharing.with_chief(0.01, logged.append),
    ):
        raise AssertionError("there is no chief")

    name = f"the chief at 127.0.0.1:{port}"
    assert logged[0].startswith(f"Waiting for {name} since ")


@pytest.mark.parametrize("ends", [True, False])
def test_a_chief_waits_for_a_worker_as_long_as_it_lives(
    ends, oracle, port, monkeypatch
):
    """It gives a sign of life, and then ends its trial, or is gone."""
    monkeypatch.setattr(sharing, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(sharing, "SILENT_SECONDS", 0.5)
    set_variables(monkeypatch, "worker0", port=port)
    errors, ended = [], threading.Event()

    def chief():
        try:
            sharing.serve(oracle, 0.02, lambda text: None)
        except InputError as error:
            errors.append(str(error))
        ended.set()

    thread = threading.Thread(target=chief)
    thread.start()
    with sharing.with_chief(1.0, lambda text: None):
        worker = sharing.oracle_client.OracleClient(oracle)
        trial = worker.create_trial("worker0")
        # Longer than the chief would wait without a sign of life.
        assert not ended.wait(3.0)
        if ends:
            worker.update_trial(trial.trial_id, {"h": 1.0})
            trial.status = "COMPLETED"
            worker.end_trial(trial)
            assert worker.create_trial("worker0").status == "STOPPED"
    thread.join(20.0)

    assert ended.is_set()
    if ends:
        assert not errors
    else:
        (error,) = errors
        assert error.startswith("worker0: no answer")
        assert "under its own name" in error
