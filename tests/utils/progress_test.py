import sys

import pytest
import tqdm

from gmn_tf.utils.progress import duration, logger, progress


@pytest.mark.parametrize(
    ("terminal", "leave", "seconds"),
    [(True, True, 0.5), (True, False, 0.5), (False, True, 30), (False, 0, 10)],
)
def test_a_bar_moves_seldom_in_a_file(terminal, leave, seconds, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with progress("work", 3, False, leave=bool(leave)):
        shown = [bar for bar in tqdm.tqdm._instances if bar.total == 3]
        assert [bar.mininterval for bar in shown] == [seconds]


def test_a_text_stands_beside_a_bar(capsys):
    with progress("A", 4, False) as advance:
        advance(3, "loss 2.5")
        advance(1, "loss 1.5")
    last = capsys.readouterr().err.splitlines()[-1]
    assert "4/4" in last and last.endswith(", loss 1.5]")


def test_more_than_was_guessed_is_added_to_the_whole(capsys):
    with progress("A", 2, False) as advance:
        for _ in range(3):
            advance()
    assert "A: 100%" in capsys.readouterr().err.splitlines()[-1]


def test_a_file_gets_lines(capsys):
    with progress("A", 2, False) as advance:
        advance()
        logger(False)("a line")
        advance()
    with progress("short", 2, False, leave=False) as advance:
        advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "a line" and len(lines) == 3
    assert lines[0].startswith("A:   0%") and lines[2].startswith("A: 100%")
    assert not any("\r" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1.0 min"),
        (90.0, "1.5 min"),
        (5399.0, "90.0 min"),
        (5400.0, "1.5 h"),
    ],
)
def test_seconds_below_a_minute(seconds, text):
    assert duration(seconds) == text
