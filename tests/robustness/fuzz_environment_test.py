"""Environment variables, drawn in bulk: usable, or a clear error.

More cases as in fuzz_test.py.
"""

import json
import socket

import numpy as np
import pytest

from gmn_tf.search import sharing
from gmn_tf.training import cluster
from gmn_tf.utils import addresses
from gmn_tf.utils.errors import InputError
from tests.support import fuzzing

ODD = (None, True, -1, 0, 2, 1.5, "", "0", "1", "worker", "ps", [], {}, "a:b")
PLACES = ("127.0.0.1:5000", "[::1]:5001", "127.0.0.1", ":1", "127.0.0.1:0")
LETTERS = '{}[]",:0123456789.-/workerpschief \x00é'


@pytest.fixture(autouse=True)
def numbers_alone(monkeypatch):
    """No name of a host is looked up."""
    found = socket.getaddrinfo

    def numeric(host, port, **options):
        return found(host, port, flags=socket.AI_NUMERICHOST, **options)

    monkeypatch.setattr(socket, "getaddrinfo", numeric)


def content(rng) -> dict:
    """A TF_CONFIG of which, perhaps, a part is something else."""
    made = {
        "cluster": {"worker": ["127.0.0.1:5000", "127.0.0.1:5001"]},
        "task": {"type": "worker", "index": int(rng.integers(2))},
    }
    other = fuzzing.pick(rng, ODD)
    match rng.integers(7):
        case 0:
            made[fuzzing.pick(rng, ("cluster", "task"))] = other
        case 1:
            made["task"][fuzzing.pick(rng, ("type", "index"))] = other
        case 2:
            del made["task"][fuzzing.pick(rng, ("type", "index"))]
        case 3:
            made["cluster"][fuzzing.pick(rng, ("chief", "ps", "worker"))] = [
                fuzzing.pick(rng, PLACES)
            ]
        case 4:
            made["cluster"]["worker"][0] = fuzzing.pick(rng, (*PLACES, *ODD))
        case 5:
            made["cluster"]["worker"] = other
    return made


@pytest.mark.parametrize("seed", fuzzing.numbers(60))
def test_tf_config(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    text = json.dumps(content(rng))
    if rng.random() < 0.4:
        place = int(rng.integers(len(text)))
        letter = fuzzing.pick(rng, LETTERS.replace("\x00", ""))
        text = text[:place] + letter + text[place + int(rng.integers(3)) :]
    monkeypatch.setenv(cluster.VARIABLE, text)
    try:
        found = cluster.read()
    except InputError as error:
        assert cluster.VARIABLE in str(error)
        return
    assert found.own in found.members
    assert len(set(found.members.values())) == len(found.members)


@pytest.mark.parametrize("seed", fuzzing.numbers(40))
def test_addresses(seed):
    rng = np.random.default_rng(seed)
    text = list(fuzzing.pick(rng, PLACES))
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(len(text) + 1))
        text[place : place + int(rng.integers(2))] = fuzzing.pick(rng, LETTERS)
    try:
        found = addresses.parse("".join(text), "X")
        addresses.numbers(found, "X")
    except InputError as error:
        assert str(error).startswith("X ")
        return
    assert 1 <= found.port <= 65535


@pytest.mark.parametrize("seed", fuzzing.numbers(40))
def test_the_variables_of_keras_tuner(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    names = ("worker0", "worker1", "", " ", "a/b", "..", "oracle", "x" * 300)
    hosts = ("127.0.0.1", "::1", "", "127.0.0.1:1", "no such")
    ports = ("8000", "0", "65536", "", "x", "-1", "8000 ")
    for variable, values in zip(sharing.VARIABLES, (names, hosts, ports)):
        monkeypatch.delenv(variable, raising=False)
        if rng.random() < 0.9:
            monkeypatch.setenv(variable, fuzzing.pick(rng, values))
    try:
        sharing.check()
    except InputError as error:
        assert "KERASTUNER" in str(error)
        return
    if sharing.is_worker():
        assert 1 <= sharing.chief_address().port <= 65535
