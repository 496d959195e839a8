import pytest

from gmn_tf.utils.errors import counted, first_line, hint, listed


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


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(("seen", other) for other in ("Seen", "SEEN", "is_seen", "isSeen")),
        *(("seen", other) for other in ("sen", "seem", "sene", "seen (0/1)")),
        *(("class", other) for other in ("classes", "Klass", "class_name")),
        ("prototype", "protype"),
        ("cpu", "cpo"),
        ("cub200", "cub"),
        ("a/b/c", "a_b c"),
        ("text", "texts"),
        ("is seen", "seen"),
    ],
)
def test_likely_slips_are_hinted_at(name, other):
    found = hint("No.", name, ["seg_e", other, "tail"])
    assert found == f"No. Did you mean {other!r}?"


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("seen", ["seg_e", "green", "screen", "head", "sea", "teeth"]),
        ("class", ["glass_eye", "claw", "lace"]),
        ("text", ["texture", "tail", "tent_a"]),
        ("a1", ["a2", "b"]),
        ("owl", ["barn owl", "eagle owl"]),  # may be either
        ("", ["a"]),
        ("seen", []),
    ],
)
def test_other_words_are_no_slips(name, others):
    assert hint("No.", name, others) == "No."


def test_names_with_commas_are_told_apart():
    names = ["German, Standard (1996)", "Saxon, Low", "Danish", " x"]
    assert listed(names) == (
        "'German, Standard (1996)', 'Saxon, Low', Danish, ' x'"
    )
    assert listed(names, 1) == "'German, Standard (1996)', ..."
    assert listed([]) == "none"


def test_one_of_a_kind_is_in_the_singular():
    assert counted(1, "class", "classes") == "1 class"
    assert counted(0, "class", "classes") == "0 classes"
    assert [counted(n, "sample") for n in (1, 2)] == ["1 sample", "2 samples"]
