"""Remarks on a user's data: copies, lost digits, constant numbers."""

import numpy as np
import pytest

from gmn_tf_datasets.zero_shot import source, splits
from gmn_tf_datasets.zero_shot.custom import remarks
from gmn_tf_datasets.zero_shot.custom.classes import Classes
from gmn_tf_datasets.zero_shot.custom.features import Features

NAMES = ("owl", "finch", "swan")
LABELS = np.array([0, 0, 0, 1, 1, 2])
ROWS = {
    "trainval": np.array([0, 1, 3]),
    "test_seen": np.array([2, 4]),
    "test_unseen": np.array([5]),
}


def remarks_on(values, names=()):
    samples = Features(values, LABELS, names, 0.0, None, ())
    return remarks.on_samples(samples, ROWS, NAMES)


def distinct(dtype=np.float32):
    return np.arange(12, dtype=dtype).reshape(6, 2)


def test_samples_that_differ_need_no_remark(monkeypatch):
    monkeypatch.setattr(remarks, "_BLOCK", 2)  # several blocks
    assert remarks_on(distinct()) == []
    assert remarks_on(distinct(np.int64)) == []


def test_copies_of_a_class_between_training_and_test():
    values = distinct()
    values[2] = values[1]
    (note,) = remarks_on(values)
    assert note.startswith(
        "1 sample has the same features as an earlier one (the first: row 2 "
        "of owl, as row 1 of owl). 1 sample to score is also among"
    )
    assert note.endswith("keep one of each.")


def test_copies_in_another_class_are_named():
    values = distinct()
    values[1], values[5] = values[0], values[3]
    files = tuple(f"{row}.jpg" for row in range(6))
    (note,) = remarks_on(values, files)
    assert "2 samples have the same" in note and "1 of them in another" in note
    assert "the first: 5.jpg of swan, as 3.jpg of finch" in note
    assert "1 sample to score is also" in note
    assert note.endswith("keep one of each, in the class that is right.")


def test_digits_that_float32_loses_are_told():
    values = distinct(np.float64)
    values[:, 1] += 1e12
    (note,) = remarks_on(values)
    assert note.startswith("1 column of the features") and "from 0: 1)" in note
    assert note.endswith("Subtract its mean from such a column.")
    values[:, 1] = distinct()[:, 1] * 1e12  # a unit alone loses nothing
    assert remarks_on(values) == []


def test_columns_too_near_to_0_for_float32_are_told():
    values = distinct(np.float64)
    values[:, 1] *= 1e-50
    (note,) = remarks_on(values)
    assert note.startswith("1 column of the features") and "from 0: 1)" in note
    assert note.endswith("Multiply such a column by a constant.")
    values[:, 0] += 1e12
    *_, first, second = remarks_on(values)  # after that on copies
    assert "from 0: 0). Subtract" in first
    assert "from 0: 1). Multiply" in second


def test_files_of_one_name_that_are_all_for_testing_are_told():
    def remarks_with(name):
        names = [f"a/{row}.jpg" for row in range(6)]
        names[2], names[4] = f"owl/{name}.jpg", f"finch/{name}.png"
        samples = Features(distinct(), LABELS, tuple(names), 0.0, None, ())
        return remarks.on_rule(samples, ROWS)

    (note,) = remarks_with("front")
    assert note.startswith("2 of the 2 samples of seen classes to score are")
    assert "called front." in note
    assert remarks_with("0003") == []
    unnamed = Features(distinct(), LABELS, (), 0.0, None, ())
    assert remarks.on_rule(unnamed, ROWS) == []


def by_rule(of_classes):
    """Remarks on the rule, by the names of the files of each seen class."""
    names = [f"{n}.png" for one in of_classes for n in one]
    labels = np.repeat(np.arange(len(of_classes)), [*map(len, of_classes)])
    tested = splits.a_fifth(labels)
    rows = {
        "trainval": np.flatnonzero(~tested),
        "test_seen": np.flatnonzero(tested),
        "test_unseen": np.array([], int),
    }
    samples = Features(np.zeros((len(names), 2)), labels, names, 0.0, None, ())
    return remarks.on_rule(samples, rows)


def test_names_of_files_that_are_hardly_ever_for_testing_are_told():
    makers = ["apple", "fluent", "maker-v1", "maker", "noto", "old-v1", "open"]
    # The third and eighth of half of the classes, the third of the others.
    (note,) = by_rule([[*makers, "twemoji"], makers[1:]] * 20)
    assert note.startswith(
        "5 names that many files share are never, or almost never, among the "
        "samples of seen classes to score: fluent (0 of 40), noto (0 of 40), "
        "old-v1 (0 of 40), open (0 of 40), apple (0 of 20). If names"
    )
    assert "say in splits.csv which samples" in note


def test_a_name_with_a_digit_may_be_one_that_is_always_for_testing():
    (note,) = by_rule([["apple", "google", "noto-v1", "openmoji"]] * 4)
    assert "4 of the 4 samples" in note and "called noto-v1." in note


@pytest.mark.parametrize(
    "form", ["{:04}", "IMG_{}", "photo ({})", "{0}-{0}", "{1}"]
)
def test_numbered_files_need_no_remark(form):
    """Though the rule tests 0003.jpg of each class, and never 0001.jpg."""
    assert not by_rule(
        [
            [form.format(n, f"{label}/{n}a") for n in range(1, 11)]
            for label in range(40)
        ]
    )


def test_names_that_few_files_have_need_no_remark():
    assert not by_rule([[*"abcdefgh"]] * 8)
    assert by_rule([[*"abcdefgh"]] * 40)


def test_what_is_constant_over_seen_classes_is_told():
    values = np.array([[1, 5, 0], [2, 5, 0], [3, 6, 0]], np.float32)
    values[0, 1] *= 1 + 2e-7  # as rounding leaves it
    part = source.Embedding("att", values, ("size", "legs", "fins"))
    classes = Classes(NAMES, ("seen", "validation", "unseen"), (part,), ())
    (note,) = remarks.on_descriptions(classes)
    assert note == (
        "2 of 3 numbers of a description are the same for all seen classes, so "
        "that nothing can be learned of them: legs, fins."
    )
    array = source.Embedding("glove", values[:, 1:])
    for parts in ([array, part], [part, array]):
        both = Classes(NAMES, classes.kinds, tuple(parts), ())
        (note,) = remarks.on_descriptions(both)
        for name in ("legs", "fins", "glove[0]", "glove[1]"):
            assert name in note
        assert "size" not in note
    part = source.Embedding("att", values[:, :1], ("size",))
    assert not remarks.on_descriptions(
        Classes(NAMES, classes.kinds, (part,), ())
    )


def test_classes_described_alike_but_for_a_sign_or_rounding_are_the_same():
    kinds = ("seen",) * 3
    for other in ([-0.0, 1.0], [0.0, 1.0 + 1e-7]):
        values = np.array([[0.0, 1.0], [2.0, 3.0], other], np.float32)
        part = source.Embedding("att", values)
        (note,) = remarks.on_similar(Classes(NAMES, kinds, (part,), ()))
        assert note == (
            "The seen class swan is described as owl is: they cannot be "
            "told apart by their description."
        )
    values[2] *= 2.0
    part = source.Embedding("att", values)
    (note,) = remarks.on_similar(Classes(NAMES, kinds, (part,), ()))
    assert "apart from the length" in note
