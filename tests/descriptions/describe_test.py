import json

import numpy as np
import pytest
import scipy.io
from etils import epath

from gmn_tf.descriptions import class_lists, describe, description_files
from gmn_tf.descriptions.encoder_table import Options
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import encoder_records
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file

VECTORS = {
    "the": [9, 9, 9],
    "black": [1, 0, 0],
    "footed": [0, 1, 0],
    "albatross": [0, 0, 4],
    "heron": [2, 2, 0],
}
NAMES = ("001.Black_footed_Albatross", "the Heron")


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "small.vectors.txt"
    lines = [f"{word} {' '.join(map(str, v))}" for word, v in VECTORS.items()]
    path.write_text("\n".join(lines))
    return path


def test_words_are_averaged_the_rare_ones_more(vectors):
    equal = describe.describe(NAMES, vectors, options=Options(rarity=0.0))
    expected = [[1 / 3, 1 / 3, 4 / 3], [5.5, 5.5, 4.5]]
    np.testing.assert_allclose(equal.values, expected, rtol=1e-6)
    assert equal.values.dtype == np.float32

    weighted = describe.describe(NAMES, vectors, options=Options(rarity=0.1))
    harmonic = np.log(5) + np.euler_gamma
    weights = [0.1 / (0.1 + 1 / (rank * harmonic)) for rank in (1, 5)]
    expected = np.average([[9, 9, 9], [2, 2, 0]], axis=0, weights=weights)
    np.testing.assert_allclose(weighted.values[1], expected, rtol=1e-6)


def test_texts_and_templates(vectors):
    one = describe.describe(
        ["heron", "nobody knows"],
        vectors,
        ["", "a black albatross"],
        Options(rarity=0.0),
    )
    np.testing.assert_allclose(one.values[1], [0.5, 0, 2])
    others, lacking = one.notes
    assert others.details == (("nobody knows", ("albatross", "black")),)
    assert str(others).startswith("1 of 2 classes has no known word in the")
    assert lacking.details == (("nobody knows", ("nobody", "knows")),)
    assert str(lacking) == (
        "1 of 2 classes has words without a vector, which are left out: "
        "nobody knows lacks nobody, knows."
    )
    options = Options(("a black {name}",), 0.0)
    other = describe.describe(["heron"], vectors, options=options)
    np.testing.assert_allclose(other.values, [[1.5, 1, 0]])
    with pytest.raises(InputError, match="where the name goes"):
        describe.describe(["x"], vectors, options=Options(("a photo",)))


def test_a_class_of_which_nothing_is_known_is_named(vectors):
    with pytest.raises(InputError) as error:
        describe.describe([*NAMES, "Geococcyx", "..."], vectors)
    message = str(error.value)
    assert "2 classes have no word" in message
    assert "Geococcyx (Geococcyx); ... (no word at all)" in message
    # A word whose vector is zero does not describe a class either.
    vectors.write_text(vectors.read_text() + "\npadding 0 0 0\n")
    with pytest.raises(InputError, match="no usable numbers for 1 class"):
        describe.describe([*NAMES, "padding"], vectors)
    with pytest.raises(InputError, match="Give a list of names"):
        describe.describe("heron", vectors)


def test_every_word_that_is_left_out_is_told(vectors):
    words = ["x" * number for number in range(2, 22)] + ["象"]
    names = [f"heron {word}" for word in words]
    found = describe.describe(
        [*names, "unicorn", "albatross", "herons"],
        vectors,
        [*[""] * len(names), "a black heron with qq", "", ""],
    )
    same, others, lacking, changed = found.notes
    assert same.details == ((names[0], (*names[1:], "herons")),)
    assert others.details == (("unicorn", ("heron", "black")),)
    # What is known by its name comes first: of the other, more is said.
    expected = [(name, (word,)) for name, word in zip(names, words)]
    expected.append(("unicorn", ("unicorn", "with", "qq")))
    assert lacking.details == tuple(expected)
    assert changed.details == (("herons", ("herons as heron",)),)
    # A screen has examples.
    shown = [str(note) for note in found.notes]
    assert shown[0].endswith(
        "apart: heron xx has the description of heron xxx, heron xxxx, heron "
        "xxxxx, ... Give a text to those without one, in a column `text`."
    )
    assert shown[2] == (
        "22 of 24 classes have words without a vector, which are left out: "
        "heron xx lacks xx; heron xxx lacks xxx; heron xxxx lacks xxxx; ..."
    )
    assert [note.is_short for note in found.notes] == [False, True, False, True]


def test_notes_and_errors_call_classes_by_their_labels(vectors):
    names = ["Heron", "heron", "albatross xx"]
    labels = ["❄\ufe0f", "a, b", "3"]
    found = describe.describe(names, vectors, labels=labels)
    assert found.notes[0].details == (("❄\ufe0f", ("a, b",)),)
    assert "of 'a, b'." in str(found.notes[0])
    assert found.notes[1].details == (("3", ("xx",)),)
    names[1] = "❄\ufe0f"
    with pytest.raises(InputError, match=r"'a, b' \(no word at all\)"):
        describe.describe(names, vectors, labels=labels)


def test_classes_that_nothing_tells_apart(vectors):
    names = ["heron", "a Heron", "black", "Black"]
    unknown = "with long legs"
    give, differ = "Give a text to those without", "add words that"
    for texts, advised in (
        ([""] * 4, {give}),
        ([unknown] * 4, {differ}),
        ([unknown, unknown, "", unknown], {give, differ}),
    ):
        note = describe.describe(names, vectors, texts).notes[0]
        assert note.details == (("heron", ("a Heron",)), ("black", ("Black",)))
        assert str(note).startswith("2 groups of classes have the same")
        assert {one for one in (give, differ) if one in note.advice} == advised
        with pytest.raises(InputError, match="All classes have the") as error:
            describe.describe(names[:2], vectors, texts[:2])
        assert (give in error.value.action) == (not texts[0])


def test_later_classes_are_described_alike(vectors, tmp_path):
    options = Options(("the {name}",), 0.0)
    first = describe.describe(NAMES, vectors, options=options)
    record = json.loads(json.dumps(first.record))
    later = describe.describe_alike(["black heron"], record)
    np.testing.assert_allclose(later.values, [[4, 11 / 3, 3]], rtol=1e-6)

    moved = vectors.rename(tmp_path / "moved.txt")
    with pytest.raises(InputError, match="where it is now, with --encoder"):
        describe.describe_alike(["heron"], record)
    again = describe.describe_alike(["heron"], record, encoder=moved)
    assert again.record["source"] == "moved.txt"
    moved.write_text(moved.read_text().replace("heron 2", "heron 3"))
    with pytest.raises(InputError, match="not the encoder that described"):
        describe.describe_alike(["heron"], record, encoder=moved)
    with pytest.raises(InputError, match="bin/describe"):
        describe.describe_alike(["heron"], {"templates": ["{name}"]})


@pytest.mark.parametrize(
    ("content", "shown", "texts"),
    [
        ("heron\nowl\n", "heron owl", ["", ""]),
        ("\ufeffheron\r\n\r\nowl", "heron owl", ["", ""]),
        ("class\nheron\nowl\n", "heron owl", ["", ""]),
        ("Class;Name;Text\nh;heron;long legs\nowl;;\n", "heron owl", None),
        ('class,text\nheron,"long legs"\nowl,\n', "heron owl", None),
    ],
)
def test_lists_of_classes(content, shown, texts, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text(content, "utf-8")
    found = class_lists.read(path)
    assert found.shown == tuple(shown.split())
    assert list(found.texts) == (texts or ["long legs", ""])
    assert not found.seen and not found.columns and not found.notes


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("keywords\nlegs\n", "1 column of PATH is not read: keywords. Only"),
        (
            "keywords,a\nlegs,1\n",
            "2 columns of PATH are not read: keywords, a.",
        ),
        ("a,b\n1,1e-5\n", "2 columns of PATH are not read: a, b."),
    ],
)
def test_columns_that_are_not_read_are_named(content, note, tmp_path):
    path = tmp_path / "names.csv"
    first, line = content.splitlines()
    path.write_text(f"class,{first}\nheron,{line}\n")
    (found,) = class_lists.read(path).notes
    assert found.startswith(note.replace("PATH", str(path)))
    assert ("have to be in the column `text`" in found) == ("keyword" in note)
    # Of a table of texts, too.
    path.write_text(f"class,text,{first}\nheron,x,{line}\n")
    classes = class_lists.ClassList(("heron",), ("heron",), ("",))
    assert class_lists.with_texts(classes, path).notes == (found,)
    path.write_text(f"class,{first}\nheron,{line}\n")
    with pytest.raises(InputError, match="neither names nor texts"):
        class_lists.with_texts(classes, path)


def test_texts_of_some_classes(tmp_path):
    classes = class_lists.ClassList(NAMES, NAMES, ("", "old"))
    path = tmp_path / "texts.csv"
    path.write_text(f"class,name,text\n{NAMES[0]},gooney,a bird\n")
    found = class_lists.with_texts(classes, path)
    assert found.shown == ("gooney", NAMES[1])
    assert found.texts == ("a bird", "old")
    path.write_text("class,text\nthe Herron,x\n")
    with pytest.raises(InputError, match="Did you mean 'the Heron'"):
        class_lists.with_texts(classes, path)


@pytest.mark.parametrize(
    "content", ["", "class\n", "heron\nheron\n", "name\nheron\n"]
)
def test_lists_that_cannot_be_used(content, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text(content)
    with pytest.raises(InputError):
        class_lists.read(path)


def test_files_of_descriptions(vectors, tmp_path):
    classes = class_lists.ClassList(NAMES, NAMES, ("", ""), ("1", "0"))
    found = describe.describe(NAMES, vectors)
    with pytest.raises(InputError, match="unknown ending"):
        description_files.write(tmp_path / "out.txt", classes, found)
    with pytest.raises(InputError, match="rows of the splits"):
        description_files.write(tmp_path / "w_splits.mat", classes, found)
    table = tmp_path / "classes.csv"
    with pytest.raises(InputError, match="is not a folder"):
        description_files.check(vectors / "classes.csv", classes)
    table.write_text("class,seen,a\n")
    with pytest.raises(InputError, match="bin/describe did not write it"):
        description_files.write(table, classes, found)
    table.unlink()
    for _ in range(2):  # what it wrote, it may write again
        paths = description_files.write(table, classes, found)
    assert [path.name for path in paths] == [
        "classes.csv",
        "classes.encoder.json",
    ]
    lines = table.read_text().splitlines()
    assert lines[0] == "class,seen,small_words_1,small_words_2,small_words_3"
    name, seen, *numbers = lines[2].split(",")
    assert (name, seen) == (NAMES[1], "0")
    np.testing.assert_allclose([*map(float, numbers)], found.values[1])


def test_all_notes_are_in_a_table(vectors, tmp_path):
    names = ["heron xx", "Heron", "black, yy and zz"]
    classes = class_lists.ClassList(tuple(names), tuple(names), ("",) * 3)
    out = tmp_path / "classes.csv"
    notes = tmp_path / "classes.notes.csv"
    found = describe.describe(names, vectors)
    assert description_files.write(out, classes, found)[-1] == notes
    assert notes.read_text().splitlines() == [
        "class,finding,words",
        "heron xx,has the description of,Heron",
        "heron xx,lacks,xx",
        '"black, yy and zz",lacks,yy; and; zz',
    ]
    # Without any, no older one stays.
    good = describe.describe(NAMES, vectors)
    classes = class_lists.ClassList(NAMES, NAMES, ("", ""))
    assert len(description_files.write(out, classes, good)) == 2
    assert not notes.exists()
    notes.write_text("my notes\n")
    with pytest.raises(InputError, match="bin/describe did not write it"):
        description_files.write(out, classes, good)
    assert notes.read_text() == "my notes\n"


def test_a_mat_file_keeps_the_rows(vectors, tmp_path):
    rows = {"trainval_loc": np.array([[2.0], [1.0]])}
    names = np.array(NAMES, object).reshape(-1, 1)
    content = {"att": np.ones((4, 2)), "allclasses_names": names, **rows}
    scipy.io.savemat(tmp_path / "att_splits.mat", content)
    classes = class_lists.read(tmp_path / "att_splits.mat")
    assert classes.names == NAMES
    found = describe.describe(classes.shown, vectors)
    out = tmp_path / "words_splits.mat"
    for _ in range(2):
        description_files.write(out, classes, found)
    written = scipy.io.loadmat(out)
    np.testing.assert_allclose(written["att"], found.values.T)
    np.testing.assert_array_equal(written["trainval_loc"], [[2], [1]])
    file = mat_file.read(epath.Path(out), ("encoder",))
    assert encoder_records.of_mat(file) == found.record
    scipy.io.savemat(out, {"encoder": "{}"})
    with pytest.raises(InputError, match="how classes were described"):
        encoder_records.of_mat(mat_file.read(epath.Path(out), ("encoder",)))
