import pytest

from gmn_tf.utils.errors import counted, first_line, hint


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left", "a/file"), "No space left"),
        (OSError("Unable to open file\n(truncated)"), "Unable to open file"),
        (ValueError("\n first\nsecond"), "first"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 300), "x" * 200),
    ],
)
def test_the_first_line_of_an_error(error, expected):
    assert first_line(error) == expected


def test_a_hint_names_a_near_candidate_alone():
    assert hint("Correct it.", "x", ["wren", "kite"]) == "Correct it."
    found = hint("Correct it.", "wrem", ["wren", "kite"])
    assert found == "Correct it. Did you mean 'wren'?"


def test_one_of_a_kind_is_in_the_singular():
    assert counted(1, "class", "classes") == "1 class"
    assert counted(0, "class", "classes") == "0 classes"
    assert [counted(n, "sample") for n in (1, 2)] == ["1 sample", "2 samples"]
