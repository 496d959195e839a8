"""Waiting for others says for whom, and for how long."""

import pytest

from gmn_tf.utils import waiting
from gmn_tf.utils.errors import InputError


def test_a_limit_is_said_where_there_is_one(monkeypatch):
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.0)
    lines = []
    for minutes in (2.0, float("inf")):
        waiting.Waiting(minutes, lines.append, "").note({"it": "no answer"})

    assert "for at most 2 minutes (no answer)" in lines[0]
    assert "at most" not in lines[1] and "inf" not in lines[1]


def test_it_gives_up_after_the_time():
    with pytest.raises(InputError, match="it: no answer in 0 minutes"):
        waiting.wait(lambda: {"it": "away"}, 0.0, print, "Start it.")
