"""TF_CONFIG: what is refused before TensorFlow starts, and how workers meet."""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from gmn_tf import commands
from gmn_tf.commands import shared
from gmn_tf.training import cluster
from gmn_tf.utils.addresses import Address
from gmn_tf.utils.errors import InputError
from tests.support.in_process import fail

ROOT = pathlib.Path(__file__).parents[2]
TWO = ["127.0.0.1:5001", "127.0.0.1:5002"]
TASK = {"type": "worker", "index": 0}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def make(own="worker 0", ports=()):
    ports = ports or free_ports(2)
    members = {
        f"worker {index}": Address("127.0.0.1", port)
        for index, port in enumerate(ports)
    }
    return cluster.Cluster(members, own)


def config(workers, task=TASK, **jobs):
    return json.dumps({"cluster": {"worker": workers, **jobs}, "task": task})


@pytest.fixture
def no_tensorflow(monkeypatch):
    def start(*arguments):
        raise AssertionError("TensorFlow starts")

    monkeypatch.setattr(shared, "start_tensorflow", start)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "TF_CONFIG is not set"),
        ("", "TF_CONFIG is empty"),
        (" ", "TF_CONFIG is empty"),
        ("{'cluster': 1}", "is not JSON"),
        (config(TWO)[:-1], "is not JSON"),
        ("[]", "is not an object"),
        ("null", "is not an object"),
        ("{}", "has no cluster"),
        ('{"cluster": {}}', "has no cluster"),
        ('{"cluster": "a:1"}', "has no cluster"),
        (json.dumps({"cluster": {"worker": TWO}}), "has no task"),
        (config(TWO, {"type": "worker"}), "received: none"),
        (config(TWO, {"type": "worker", "index": 2}), "from 0 to 1"),
        (config(TWO, {"type": "worker", "index": -1}), "from 0 to 1"),
        (config(TWO, {"type": "worker", "index": 1.0}), "received: 1.0"),
        (config(TWO, {"type": "worker", "index": True}), "received: True"),
        (config(TWO, {"index": 0}), "type that its cluster does not have"),
        (config(TWO, {"type": "ps", "index": 0}), "received: 'ps'"),
        (config(TWO, {"type": [], "index": 0}), "received: []"),
        (config(TWO, ps=["127.0.0.1:5003"]), "of the type 'ps'"),
        (config(TWO, evaluator=["127.0.0.1:5003"]), "type 'evaluator'"),
        (config(TWO, chief=["a:1", "b:1"]), "has several chiefs"),
        (config([]), "no list of the worker"),
        (config("127.0.0.1:5001"), "no list of the worker"),
        (config({"0": "127.0.0.1:5001"}), "no list of the worker"),
        (config(["127.0.0.1"]), "worker 0 is not an address"),
        (config(["127.0.0.1:"]), "worker 0 is not an address"),
        (config(["127.0.0.1:0"]), "port from 1 to 65535"),
        (config([TWO[0], "127.0.0.1:65536"]), "worker 1 is not an address"),
        (config(["127.0.0.1:50a"]), "worker 0 is not an address"),
        (config([":5000"]), "worker 0 is not an address"),
        (config(["::1:5000"]), "[fd00::1]:5000"),
        (config([5000]), "received: 5000"),
        (config([None]), "received: None"),
        (config(["http://127.0.0.1:5001"]), "is not an address"),
        (config([TWO[0], TWO[0]]), "has one address twice"),
        (config([TWO[0]], chief=[TWO[0]]), "has one address twice"),
        (config([TWO[0], "localhost:5001"]), "has one address twice"),
        (config([TWO[0], "no-such.invalid:5001"]), "host that cannot be found"),
        (config([TWO[0], "a" * 80 + ":5001"]), "host that cannot be found"),
    ],
)
def test_what_is_wrong_is_said_before_tensorflow_starts(
    text, part, no_tensorflow, monkeypatch
):
    if text is None:
        monkeypatch.delenv("TF_CONFIG", raising=False)
    else:
        monkeypatch.setenv("TF_CONFIG", text)

    message = fail(
        commands.train, "--dataset=synthetic", "--strategy=multi_worker"
    )

    assert part in message
    assert "TF_CONFIG" in message


def test_a_port_in_use_is_said_before_tensorflow_starts(
    no_tensorflow, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("TF_CONFIG", config([f"127.0.0.1:{port}", TWO[1]]))
        message = fail(
            commands.train, "--dataset=synthetic", "--strategy=multi_worker"
        )

    assert f"another process uses port {port}" in message


def test_what_is_right_is_read(monkeypatch):
    task = {"type": "chief", "index": "0"}
    monkeypatch.setenv("TF_CONFIG", config(TWO, task, chief=["localhost:5003"]))
    found = cluster.read()

    assert found.own == "chief 0"
    assert [*found.members] == ["chief 0", "worker 0", "worker 1"]
    assert found.others["worker 1"] == Address("127.0.0.1", 5002)


def meet(found, minutes=0.5):
    logged = []
    cluster.meet(found, minutes, logged.append)
    return logged


@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_meet(count):
    ports = free_ports(count)
    met, all_met = [], threading.Event()

    def one(index):
        time.sleep(0.3 * index)
        meet(make(f"worker {index}", ports))
        met.append(index)
        # In the place of TensorFlow, which those who are late find here.
        with socket.create_server(("127.0.0.1", ports[index])):
            all_met.wait(20.0)

    threads = [
        threading.Thread(target=one, args=(index,)) for index in range(count)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20.0
    while len(met) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    all_met.set()
    for thread in threads:
        thread.join()

    assert sorted(met) == list(range(count))


def test_one_alone_says_for_whom_it_waits_and_gives_up(monkeypatch):
    monkeypatch.setattr("gmn_tf.utils.waiting.SILENT_SECONDS", 0.0)
    logged = []
    found = make()
    missing = found.members["worker 1"]
    with pytest.raises(InputError) as caught:
        cluster.meet(found, 0.005, logged.append)

    assert f"worker 1 at {missing}: no answer in 0.005 minutes" in str(
        caught.value
    )
    assert "--wait_minutes" in str(caught.value)
    (line,) = logged
    assert f"Waiting for worker 1 at {missing} since " in line
    assert "Connection refused" in line


@pytest.mark.parametrize(
    ("own", "ports", "part"),
    [
        ("worker 0", 0, "worker 0 there"),
        ("worker 1", 1, "worker 1 there, with another cluster"),
    ],
)
def test_other_processes_than_expected_are_refused(own, ports, part):
    found = make()
    port = found.members["worker 1"].port
    there = make(own, [port if own == "worker 0" else free_ports(1)[0], port])
    if own == "worker 0":  # it listens at the other's address
        there = cluster.Cluster(
            {"worker 0": Address("127.0.0.1", port)}, "worker 0"
        )
    with (
        cluster._answering(there),
        pytest.raises(InputError, match="have different TF_CONFIG") as caught,
    ):
        meet(found)

    assert part in str(caught.value)


def test_a_server_of_tensorflow_counts_as_there():
    """It begins with a frame of HTTP/2, or waits for our first word."""
    found = make()
    with socket.create_server(("127.0.0.1", found.members["worker 1"].port)):
        assert meet(found) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting(number):
    code = (
        "from gmn_tf.training import cluster\n"
        "from gmn_tf.utils import waiting\n"
        "waiting.SILENT_SECONDS = 0.0\n"
        "cluster.meet(cluster.read(), 10, lambda t: print(t, flush=True))\n"
    )
    ports = free_ports(2)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={
            "PATH": "",
            "TF_CONFIG": config([f"127.0.0.1:{port}" for port in ports]),
        },
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "Waiting for worker 1" in process.stdout.readline()
    begun = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode != 0
    assert time.monotonic() - begun < 20.0
