"""Waiting for other processes: for whom, since when, and how long."""

import math
import time
from collections.abc import Callable, Mapping

from gmn_tf.utils.errors import InputError, listed

MINUTES = 10.0
POLL_SECONDS = 0.2
SILENT_SECONDS = 2.0  # before the first line


class Waiting:
    """Says for whom a process waits, and gives up after a time.

    Args:
        minutes: after which it gives up; infinite for never.
        log: gets lines for the user.
        action: what the user can do about those who are missing.
    """

    def __init__(
        self, minutes: float, log: Callable[[str], object], action: str
    ):
        self.minutes, self.log, self.action = minutes, log, action
        self.over()

    def over(self) -> None:
        """Nobody is missing at this moment."""
        self._begun = time.monotonic()
        self._since = time.strftime("%H:%M:%S")
        self._next = SILENT_SECONDS

    def note(self, missing: Mapping[str, str]) -> None:
        """Called again and again while somebody is missing.

        Args:
            missing: whom this process waits for, and why each is missing.

        Raises:
            InputError: once it has waited for too long.
        """
        waited = time.monotonic() - self._begun
        names = listed(missing)
        reasons = listed(dict.fromkeys(missing.values()))
        if waited >= 60.0 * self.minutes:
            raise InputError(
                f"{names}: no answer in {self.minutes:g} minutes.",
                "processes that answer",
                f"since {self._since}: {reasons}",
                f"{self.action} --wait_minutes is how long to wait for them.",
            )
        if waited >= self._next:
            self._next = 2.0 * max(waited, 15.0)  # ever more seldom
            limit = f", for at most {self.minutes:g} minutes"
            self.log(
                f"Waiting for {names} since {self._since}"
                f"{limit if math.isfinite(self.minutes) else ''} ({reasons})."
            )


def wait(
    missing: Callable[[], Mapping[str, str]],
    minutes: float,
    log: Callable[[str], object],
    action: str,
) -> None:
    """Returns when nobody is missing.

    Args:
        missing: tells whom this process waits for, and why each is missing.
        minutes: see `Waiting`.
        log: see `Waiting`.
        action: see `Waiting`.

    Raises:
        InputError: if somebody is still missing after that time.
    """
    waiting = Waiting(minutes, log, action)
    while found := missing():
        waiting.note(found)
        time.sleep(POLL_SECONDS)
