"""Features to predict on, and descriptions of new classes, from files."""

import json

import numpy as np
import pytest

from gmn_tf.data import feature_files, new_classes
from gmn_tf.utils.errors import InputError

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_arrays_are_read(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    np.savez(tmp_path / "b.npz", features=VALUES, labels=np.array([1, 2]))
    for name in ("a.npy", "b.npz"):
        found = feature_files.read(tmp_path / name)

        np.testing.assert_array_equal(found.values, VALUES)
        assert list(found.samples) == ["0", "1"]
        assert found.backbone is None


def test_a_table_is_read_without_what_is_no_number(tmp_path):
    (tmp_path / "a.csv").write_text(
        "file,class,x1,x2\nb.jpg,wren,1,2.5\na.jpg,owl,-3,4e1\n",
        encoding="utf-8-sig",
    )
    found = feature_files.read(tmp_path / "a.csv")

    np.testing.assert_array_equal(found.values, [[1, 2.5], [-3, 40]])
    assert found.samples == ["b.jpg", "a.jpg"]


def test_the_folder_of_an_extraction_tells_files_and_backbone(tmp_path):
    np.save(tmp_path / "features.npy", VALUES)
    (tmp_path / "labels.csv").write_text("class,file\nowl,o/1\nowl,o/2\n")
    (tmp_path / "extraction.json").write_text(
        json.dumps({"backbone": {"name": "mobilenet"}})
    )
    for path in (tmp_path, tmp_path / "features.npy"):
        found = feature_files.read(path)

        assert found.samples == ["o/1", "o/2"]
        assert found.backbone == {"name": "mobilenet"}
    (tmp_path / "extraction.json").write_text("{}")
    with pytest.raises(InputError, match="does not tell the backbone"):
        feature_files.read(tmp_path)
    (tmp_path / "extraction.json").unlink()
    (tmp_path / "labels.csv").write_text("class,file\nowl,o/1\n")
    with pytest.raises(InputError, match="2 rows, 1 names"):
        feature_files.read(tmp_path)


def test_what_holds_no_features_is_refused(tmp_path):
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "flat.npy", VALUES[0])
    np.save(tmp_path / "texts.npy", VALUES.astype(str))
    np.savez(tmp_path / "other.npz", values=VALUES)
    (tmp_path / "torn.npz").write_bytes(b"PK\3\4")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "ragged.csv").write_text("x1,x2\n1,2\n3\n")
    (tmp_path / "headless.csv").write_text("1,2\n3,4\n")
    (tmp_path / "words.csv").write_text("x1,x2\n1,two\n")
    (tmp_path / "a.txt").touch()
    for path in [*tmp_path.iterdir(), tmp_path, tmp_path / "gone.npy"]:
        with pytest.raises(InputError, match="holds no features"):
            feature_files.read(path)


def test_new_classes_are_read(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("class,seen,a1,a2,a3\nowl,unseen,1,2,3\n\nwren,,4,5,6\n")
    names, values, columns = new_classes.read(path)

    assert names == ["owl", "wren"]
    assert columns == ("a1", "a2", "a3")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns"),
        ("name,a1\nowl,1\n", "columns name, a1"),
        ("class,a1\n", "columns class"),
        ("class,a1\nowl,1,2\n", "3 cells in line 2"),
        ("class,a1\nowl,1\nwren,x\n", "line 3"),
        ("class,a1\nowl,nan\n", "line 2"),
        ("class,a1\n,1\n", "line 2"),
        ("class,seen\nowl,1\n", "line 2"),
        ('class,a1\n"owl,1\n', "does not describe"),
    ],
)
def test_what_describes_no_class_is_refused(text, message, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text(text)

    with pytest.raises(InputError, match=message):
        new_classes.read(path)
    with pytest.raises(InputError, match="There is no file"):
        new_classes.read(tmp_path / "gone.csv")
