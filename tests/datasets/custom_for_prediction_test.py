"""Features to predict on, and descriptions of new classes, from files."""

import json

import numpy as np
import pytest

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom import class_tables, classes, features

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_arrays_are_read(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    np.savez(tmp_path / "b.npz", features=VALUES, labels=np.array([1, 2]))
    for name in ("a.npy", "b.npz"):
        found = features.read(tmp_path / name)

        np.testing.assert_array_equal(found.values, VALUES)
        assert (found.labels, found.names) == (None, ())
        assert found.backbone is None


def test_a_table_is_read_without_what_is_no_number(tmp_path):
    (tmp_path / "a.csv").write_text(
        "file,class,x1,x2\nb.jpg,wren,1,2.5\na.jpg,owl,-3,4e1\n",
        encoding="utf-8-sig",
    )
    found = features.read(tmp_path / "a.csv")

    np.testing.assert_array_equal(found.values, [[1, 2.5], [-3, 40]])
    assert found.names == ("b.jpg", "a.jpg")


def test_the_folder_of_an_extraction_gives_files_and_backbone(tmp_path):
    np.save(tmp_path / "features.npy", VALUES)
    (tmp_path / "labels.csv").write_text("class,file\nowl,o/1\nowl,o/2\n")
    (tmp_path / "extraction.json").write_text(
        json.dumps({"backbone": {"name": "mobilenet"}})
    )
    for path in (tmp_path, tmp_path / "features.npy"):
        found = features.read(path)

        assert found.names == ("o/1", "o/2")
        assert found.backbone == {"name": "mobilenet"}
    (tmp_path / "extraction.json").write_text("{}")
    with pytest.raises(InputError, match="does not say what backbone"):
        features.read(tmp_path)
    (tmp_path / "extraction.json").unlink()
    (tmp_path / "labels.csv").write_text("class,file\nowl,o/1\n")
    with pytest.raises(InputError, match="for each of 1 labels"):
        features.read(tmp_path)


def test_what_holds_no_features_is_refused(tmp_path):
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "flat.npy", VALUES[0])
    np.save(tmp_path / "texts.npy", VALUES.astype(str))
    np.save(tmp_path / "nothing.npy", VALUES[:0])
    np.save(tmp_path / "nan.npy", np.array([[1.0, 2.0], [3.0, np.nan]]))
    np.savez(tmp_path / "other.npz", values=VALUES)
    (tmp_path / "torn.npz").write_bytes(b"PK\3\4")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "ragged.csv").write_text("x1,x2\n1,2\n3\n")
    (tmp_path / "headless.csv").write_text("1,2\n3,4\n")
    (tmp_path / "words.csv").write_text("x1,x2\n1,two\n")
    (tmp_path / "infinite.csv").write_text("x1,x2\n1,2\n1,inf\n")
    (tmp_path / "bare.csv").touch()
    (tmp_path / "a.txt").touch()
    for name, message in {
        "pickle.npy": "plain arrays",
        "flat.npy": "not a matrix of numbers",
        "texts.npy": "not a matrix of numbers",
        "nothing.npy": "not empty",
        "nan.npy": "for 1 samples, counted from 0: 1",
        "other.npz": "lacks the array 'features'",
        "torn.npz": "Cannot read",
        "empty.npy": "Cannot read",
        "ragged.csv": "Line 3",
        "headless.csv": "does not name the columns",
        "words.csv": "column 'x2'",
        "infinite.csv": "Line 3",
        "bare.csv": "an empty file",
        "a.txt": "the ending '.txt'",
        "gone.npy": "nothing there",
        "": "has no features",
    }.items():
        with pytest.raises(InputError, match=message) as error:
            features.read(tmp_path / name)
        assert name in str(error.value)


def test_new_classes_are_read(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("class,seen,a1,a2,a3\nowl,unseen,1,2,3\n\nwren,,4,5,6\n")
    names, values, columns, _ = class_tables.read_new(path)

    assert names == ("owl", "wren")
    assert columns == ("a1", "a2", "a3")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column 'class'"),
        ("name,a1\nowl,1\n", "received: name, a1"),
        ("class,a1\n", "names no class"),
        ("class,a1\nowl,1,2\n", "Line 2(.|\n)*3 cells"),
        ("class,a1\nowl,1\nwren,x\n", "Line 3"),
        ("class,a1\nowl,nan\n", "Line 2"),
        ("class,a1\n,1\n", "Line 2"),
        ("class,a1\nowl,1\nowl,2\n", "Line 3(.|\n)*again"),
        ("class,a1\nowl,1\nwren,0\n", "does not describe wren"),
        ("class,seen\nowl,1\n", "does not describe owl"),
        ('class,a1\n"owl,1\n', "Cannot read"),
    ],
)
def test_what_describes_no_class_is_refused(text, message, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text(text)

    with pytest.raises(InputError, match=message):
        class_tables.read_new(path)


def test_columns_of_the_training_are_not_divided_for_new_classes(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("class,a1\nowl,long\n")

    with pytest.raises(InputError, match="Line 2") as error:
        class_tables.read_new(path, ("a1",))
    assert error.value.action == "Write a number there."


def test_missing_new_classes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"Cannot read .*gone\.csv"):
        class_tables.read_new(tmp_path / "gone.csv")


def test_new_classes_are_read_from_an_array_beside_their_table(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("class\nowl\nwren\n")
    # Row numbers too may describe a new class.
    values = np.array([[0.0, 0.3, 0.5], [1.0, 0.2, 0.1]], np.float32)
    np.save(tmp_path / "embeddings.npy", values)

    found = classes.read_new(path, (), ["att"], 3)
    assert found.names == ("owl", "wren") and found.columns == ()
    np.testing.assert_array_equal(found.values, values)
    np.save(tmp_path / "embeddings_more.npy", values[:, :1] + 4)
    found = classes.read_new(path, (), ["att", "more"], 4)
    np.testing.assert_array_equal(found.values[:, 3], [4, 5])
    np.save(tmp_path / "embeddings.npy", np.ones((3, 5)))
    with pytest.raises(
        InputError, match=r"the classes of new\.csv(.|\n)*2 row"
    ):
        classes.read_new(path, (), ["att"], 3)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((), r"3 columns of numbers, with any names, or embeddings\.npy"),
        (("a", "b", "c"), "the 3 columns a, b, c"),
    ],
)
def test_classes_without_numbers_say_which_are_needed(
    columns, expected, tmp_path
):
    path = tmp_path / "new.csv"
    path.write_text("class,seen\nowl,0\n")

    with pytest.raises(InputError, match=expected):
        classes.read_new(path, columns, ["att"], 3)
