"""Addresses at which processes of several machines meet."""

import errno
import re
import socket
from typing import NamedTuple

from gmn_tf.utils.errors import InputError, first_line

ANSWER_SECONDS = 2.0  # A machine that takes longer counts as away.
_PATTERN = re.compile(r"(?P<host>\[[^]/]+\]|[^:/\[\]\s]+):(?P<port>\d{1,9})")


class Address(NamedTuple):
    """A host, by name or number, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(text: object, where: str) -> Address:
    """Reads HOST:PORT.

    Args:
        text: what should be such a text.
        where: what names it, for the message.

    Raises:
        InputError: for anything else, or a port that there cannot be.
    """
    found = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if not found or not 1 <= int(found["port"]) <= 65535:
        raise InputError(
            f"{where} is not an address.",
            "HOST:PORT with a port from 1 to 65535, as in 10.0.0.1:5000 or "
            "[fd00::1]:5000",
            repr(text),
            "Correct it.",
        )
    return Address(found["host"].strip("[]"), int(found["port"]))


def numbers(address: Address, where: str) -> dict[str, int]:
    """The numeric addresses of a host, and the family of each.

    Raises:
        InputError: for a name that is not known.
    """
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"{where} names a host that cannot be found.",
            "the name or the number of a machine in this network",
            f"{address.host!r}: {first_line(error)}",
            "Correct the name, or give the machine's number.",
        ) from error
    return {place[0]: family for family, _, _, _, place in found}


def listening(address: Address, where: str, everywhere: bool) -> socket.socket:
    """A socket that listens at a port of this machine, to be closed.

    Args:
        address: where to listen.
        where: what names it, for the message.
        everywhere: whether to listen at the port of all addresses of this
            machine.

    Raises:
        InputError: if the port is in use or not allowed, or if this machine
            does not have the address.
    """
    family = next(iter(numbers(address, where).values()))
    place = ("" if everywhere else address.host, address.port)
    dual = (
        everywhere and family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    )
    try:
        return socket.create_server(place, family=family, dualstack_ipv6=dual)
    except OSError as error:
        problem, action = {
            errno.EADDRINUSE: (
                f"{where}: another process uses port {address.port}.",
                "End that process, or choose another port.",
            ),
            errno.EADDRNOTAVAIL: (
                f"{where}: this machine does not have the address "
                f"{address.host}.",
                "Correct it, or start this process on that machine.",
            ),
        }.get(
            error.errno,
            (
                f"{where}: this process cannot listen at {address}.",
                "Choose another port, above 1023.",
            ),
        )
        raise InputError(
            problem,
            "a free port of this machine",
            f"{address}: {first_line(error)}",
            action,
        ) from error


def ask(address: Address) -> tuple[bytes, str]:
    """What a process at an address says first, and why there is none.

    Returns:
        Its first bytes, perhaps none, and an empty text; or no bytes, and the
        reason why no process can be reached.
    """
    try:
        with socket.create_connection(address, ANSWER_SECONDS) as connection:
            try:
                return connection.recv(1024), ""
            except OSError:  # It waits for our first word, or has gone.
                return b"", ""
    except OSError as error:
        return b"", first_line(error)
