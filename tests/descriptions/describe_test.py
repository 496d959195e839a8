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
    assert one.notes == (
        "nobody knows: without 'nobody', which has no vector, without 'knows', "
        "which has no vector.",
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
    names = [f"heron {'x' * number}" for number in range(2, 22)]
    found = describe.describe([*names, "black 象", "albatross"], vectors)
    for name in names:
        text = f"{name}: without {name.split()[1]!r}, which has no vector."
        assert text in found.notes
    assert "black 象: without '象', which has no vector." in found.notes


def test_classes_that_nothing_tells_apart(vectors):
    found = describe.describe(["heron", "a Heron", "black"], vectors)
    assert "heron, a Heron have the same description" in found.notes[-1]
    with pytest.raises(InputError, match="All classes have the same"):
        describe.describe(["heron", "herons"], vectors)


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
    assert not found.seen and not found.columns


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
