"""TF_CONFIG: the processes that train together, and which of them this is.

It is checked before TensorFlow starts, and the processes meet here before
TensorFlow connects them: it would wait silently, and no signal would end it.
"""

import contextlib
import hashlib
import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gmn_tf.utils import addresses, waiting
from gmn_tf.utils.addresses import Address
from gmn_tf.utils.errors import InputError, first_line, listed

VARIABLE = "TF_CONFIG"
JOBS = ("chief", "worker")  # in TensorFlow's order
EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:5000", "10.0.0.2:5000"]}, "task": '
    '{"type": "worker", "index": 0}}'
)
ACTION = "docs/devices.md explains TF_CONFIG."
_GREETING = "gmn_tf"


class Cluster(NamedTuple):
    """The processes that train together.

    Attributes:
        members: their names, such as `worker 0`, and addresses.
        own: the name of this process.
    """

    members: dict[str, Address]
    own: str

    @property
    def others(self) -> dict[str, Address]:
        """All but this process."""
        members = self.members.items()
        return {name: place for name, place in members if name != self.own}

    def greeting(self, name: str) -> dict:
        """What the process of that name says to those that reach it."""
        known = json.dumps({n: str(a) for n, a in self.members.items()})
        digest = hashlib.sha256(known.encode()).hexdigest()[:16]
        return {_GREETING: name, "cluster": digest}


def read() -> Cluster:
    """Reads TF_CONFIG.

    Raises:
        InputError: for a variable that is missing, no JSON, or lacks what
            training needs; for addresses that cannot be, or that name one
            process twice; for a host that cannot be found.
    """
    content = _parsed()
    jobs, task = content.get("cluster"), content.get("task")
    if not isinstance(jobs, dict) or not jobs:
        raise _wrong("has no cluster", '"cluster" with addresses', jobs)
    if not isinstance(task, dict):
        raise _wrong("has no task", '"task" with a type and an index', task)
    members = {}
    for job in sorted(jobs, key=lambda job: (job != JOBS[0], job)):
        if job not in JOBS:
            raise _wrong(
                f"has processes of the type {job!r}, which take no part",
                " and ".join(JOBS) + " alone",
                listed(jobs),
            )
        places = jobs[job]
        if not isinstance(places, list) or not places:
            raise _wrong(f"has no list of the {job}", "addresses", places)
        if job == JOBS[0] and len(places) > 1:
            raise _wrong("has several chiefs", "one address", listed(places))
        for index, place in enumerate(places):
            where = f"{VARIABLE}, {job} {index}"
            members[f"{job} {index}"] = addresses.parse(place, where)
    return Cluster(_each_once(members), _own(jobs, task))


def check() -> None:
    """Raises InputError unless this process can take part, before it starts."""
    cluster = read()
    where = f"{VARIABLE}, {cluster.own}"
    with addresses.listening(cluster.members[cluster.own], where, True):
        pass


def meet(
    cluster: Cluster, minutes: float, log: Callable[[str], object]
) -> None:
    """Returns when all processes of a cluster have started.

    Args:
        cluster: from `read`.
        minutes: how long it waits for others.
        log: gets a line on those that it waits for.

    Raises:
        InputError: if another process does not come, or takes this one for
            another.
    """

    def missing() -> dict[str, str]:
        away = {}
        for name, address in cluster.others.items():
            if name in met:
                continue
            said, reason = addresses.ask(address)
            if reason:
                away[f"{name} at {address}"] = reason
            else:
                _check_greeting(cluster, name, said)
                met.add(name)
        return away

    met = set()
    with _answering(cluster):
        waiting.wait(
            missing,
            minutes,
            log,
            "Start all processes, and check that their addresses can be "
            "reached from here.",
        )


@contextlib.contextmanager
def _answering(cluster: Cluster) -> Iterator[None]:
    """Others find this process at its address."""

    class Greeter(socketserver.BaseRequestHandler):
        def handle(self):
            text = json.dumps(cluster.greeting(cluster.own))
            with contextlib.suppress(OSError):
                self.request.sendall(text.encode())

    address = cluster.members[cluster.own]
    where = f"{VARIABLE}, {cluster.own}"
    with addresses.listening(address, where, True) as listener:
        server = socketserver.TCPServer(
            address, Greeter, bind_and_activate=False
        )
        server.socket.close()
        server.socket = listener
        thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            server.shutdown()


def _check_greeting(cluster: Cluster, name: str, said: bytes) -> None:
    """Raises InputError if another process than expected has answered."""
    try:
        greeting = json.loads(said)
    except ValueError:
        return  # TensorFlow's server, which that process has started by now
    expected = cluster.greeting(name)
    if not isinstance(greeting, dict) or _GREETING not in greeting:
        return
    if greeting != expected:
        found = greeting[_GREETING]
        raise InputError(
            f"The processes have different {VARIABLE}.",
            f"{name} at {cluster.members[name]}, with the cluster that is "
            "known here",
            f"{found} there"
            + ("" if found != name else ", with another cluster"),
            "Give all processes the same cluster, and each its own index.",
        )


def _parsed() -> dict:
    text = os.environ.get(VARIABLE)
    if text is None or not text.strip():
        raise _wrong(
            "is empty" if text is not None else "is not set",
            EXAMPLE,
            "nothing",
            "Set it for each process, or choose another --strategy. " + ACTION,
        )
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _wrong(
            "is not JSON", EXAMPLE, f"{text!r:.100}: {first_line(error)}"
        ) from error
    if not isinstance(content, dict):
        raise _wrong("is not an object of JSON", EXAMPLE, f"{text:.100}")
    return content


def _own(jobs: dict, task: dict) -> str:
    """The name of this process."""
    job, index = task.get("type"), task.get("index")
    if not isinstance(job, str) or job not in jobs:
        raise _wrong(
            "has a task of a type that its cluster does not have",
            " or ".join(jobs),
            repr(job),
        )
    if isinstance(index, str) and index.isdecimal():
        index = int(index)  # as TensorFlow reads it
    count = len(jobs[job])
    if type(index) is not int or not 0 <= index < count:
        raise _wrong(
            f"has no usable index of its {job}",
            "0" if count == 1 else f"a whole number from 0 to {count - 1}",
            "none" if index is None else repr(index),
        )
    return f"{job} {index}"


def _each_once(members: dict[str, Address]) -> dict[str, Address]:
    """The members, unless two of them have one address."""
    taken = {}
    for name, address in members.items():
        for number in addresses.numbers(address, f"{VARIABLE}, {name}"):
            other = taken.setdefault((number, address.port), name)
            if other != name:
                raise _wrong(
                    "has one address twice",
                    "an address of its own for each process",
                    f"{members[other]} for {other} and {address} for {name}",
                )
    return members


def _wrong(
    problem: str, expected: str, received: object, action: str = ""
) -> InputError:
    return InputError(
        f"{VARIABLE} {problem}.",
        expected,
        "nothing" if received is None else received,
        action or f"Correct it. {ACTION}",
    )
