"""Nothing listens on the network, unless the user gives an address."""

import json
import os
import pathlib
import re
import socket
import time

import pytest

from gmn_tf_datasets.zero_shot.prepare import prepare
from tests.support import forked

PROC = pathlib.Path("/proc")
# What a socket that waits for others has for its state.
WAITING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
QUICK = (
    "--dataset=synthetic",
    "--variant=wgan",
    "--steps=4",
    "--log_every=1",
    "--noise_dim=3",
    "--generator_units=8",
    "--critic_units=6",
    "--batch_size=4",
    "--classifier_epochs=1",
    "--classifier_seeds=1",
)
pytestmark = pytest.mark.skipif(
    not (PROC / "net" / "tcp").exists(), reason="needs Linux's /proc/net"
)


def session(leader: int) -> list[str]:
    """Numbers of a process and of all that it has started."""
    found = []
    for name in filter(str.isdigit, os.listdir(PROC)):
        try:
            if os.getsid(int(name)) == leader:
                found.append(name)
        except ProcessLookupError:
            continue
    return found


def listening(processes) -> set[str]:
    """Addresses at which processes wait for others, as /proc shows them."""
    sockets, found = set(), set()
    for process in processes:
        for link in (PROC / process / "fd").glob("*"):
            try:
                target = os.readlink(link)
            except FileNotFoundError:  # closed since
                continue
            if target.startswith("socket:"):
                sockets.add(target[len("socket:[") : -1])
    for table, waiting in WAITING.items():
        lines = (PROC / "net" / table).read_text("utf-8").splitlines()
        for line in map(str.split, lines[1:]):
            if line[3] == waiting and line[9] in sockets:
                found.add(line[1])
    return found


def port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def start(data_dir, name, *flags, quick=True, **environment):
    return forked.start(
        name,
        *(*QUICK, *flags),
        quick=quick,
        environment={"TFDS_DATA_DIR": str(data_dir), **environment},
        new_session=True,
    )


def watch(process) -> tuple[set[str], str]:
    """Where a command listened at any line that it printed; and its lines."""
    found, lines = set(), []
    for line in process.stdout:
        lines.append(line)
        found |= listening(session(process.pid))
    assert process.wait() == 0, lines
    return found, "".join(lines)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listening")
    prepare("synthetic", data_dir=folder, quiet=True)
    return folder


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_what_listens_is_found(kind):
    mine = [str(os.getpid())]
    with socket.socket(type=kind) as one:
        one.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            one.listen()
        number = one.getsockname()[1]
        assert number in map(port, listening(mine))
        assert mine[0] in session(os.getsid(0))
    assert number not in map(port, listening(mine))


def test_a_training_does_not_listen(data_dir, tmp_path):
    place = f"--workdir={tmp_path / 'run'}"
    found, printed = watch(start(data_dir, "train", "--nobaseline", place))

    assert re.search(r"generator: 100%\S* 4/4 ", printed)
    assert not found


SEARCH = (
    "--tuner=random",
    "--max_trials=1",
    "--classifier_decay=1",
    "--classifier_learning_rate=0.1",
    "--space=synthetic_per_class=[2,5]",
)


def test_a_search_does_not_listen(data_dir, tmp_path):
    place = f"--workdir={tmp_path / 'search'}"
    found, printed = watch(start(data_dir, "tune", *SEARCH, place))

    assert "Trial 1 of 1" in printed
    assert not found


def test_a_chief_listens_at_its_address_alone(data_dir, tmp_path):
    number = free_port()
    process = start(
        data_dir,
        "tune",
        *SEARCH,
        f"--workdir={tmp_path / 'search'}",
        KERASTUNER_TUNER_ID="chief",
        KERASTUNER_ORACLE_IP="127.0.0.1",
        KERASTUNER_ORACLE_PORT=str(number),
    )
    try:
        while not (found := listening(session(process.pid))):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
    finally:
        process.kill()
        process.communicate()
    # As /proc writes 127.0.0.1, or the same inside an address of IPv6.
    assert len(found) == 1
    assert re.fullmatch(f"(0{{16}}FFFF0000)?0100007F:{number:04X}", *found)


def test_a_worker_listens_at_its_port_alone(data_dir, tmp_path):
    number = free_port()
    cluster = {
        "cluster": {"worker": [f"127.0.0.1:{number}"]},
        "task": {"type": "worker", "index": 0},
    }
    process = start(
        data_dir,
        "train",
        "--nobaseline",
        "--strategy=multi_worker",
        f"--workdir={tmp_path / 'run'}",
        quick=False,
        TF_CONFIG=json.dumps(cluster),
    )
    found, printed = watch(process)

    assert re.search(r"generator: 100%\S* 4/4 ", printed)
    assert set(map(port, found)) == {number}
