"""Prepared data as .mat files: prepared again, they give the same."""

import pathlib
import re

import numpy as np
import pytest
import scipy.io

from gmn_tf.data import mat_export, prepared, zero_shot_data
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.prepare import prepare
from tests.datasets import custom_data_test as custom_data
from tests.support import make_dummy_data

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "new_data_sets.md"


def write_birds(folder) -> None:
    """The dummy data with splits in another order, and a row in no split."""
    make_dummy_data.write(folder)
    rng = np.random.default_rng(1)
    for part in make_dummy_data.EMBEDDING_DIMS:
        variables = make_dummy_data.splits_variables(part)
        for name in ("trainval_loc", "test_seen_loc", "test_unseen_loc"):
            variables[name] = rng.permutation(variables[name])
        kept = variables["trainval_loc"] != 8
        variables["trainval_loc"] = variables["trainval_loc"][kept]
        # Without these, a rule chooses the validation classes.
        variables["train_loc"] = variables["val_loc"] = np.zeros((0, 1))
        make_dummy_data.save(folder / f"{part}_splits.mat", variables)


def prepared_birds(folder, data_dir):
    write_birds(folder)
    return prepare(
        "birds",
        data_dir=data_dir,
        manual_dir=folder,
        embedding="att+sent",
        quiet=True,
    )


def prepared_custom(folder, data_dir):
    return custom_data.prepared(custom_data.write(folder), data_dir).name


def samples(name, data_dir) -> dict:
    """Features and class names of all samples, by split and part."""
    found = {}
    for split in zero_shot_data.SPLITS:
        data = zero_shot_data.load(name, data_dir, split)
        for part in zero_shot_data.PARTS:
            one = getattr(data, part)
            names = [data.class_names[label] for label in one.labels]
            found[split, part] = one.features.tolist(), names
    return found


@pytest.mark.parametrize("largest", [mat_export.LARGEST, 0])
@pytest.mark.parametrize(
    ("write", "embedding", "files"),
    [
        (prepared_birds, "att+sent", ["att_splits.mat", "sent_splits.mat"]),
        (prepared_custom, "att", ["att_splits.mat"]),
    ],
)
def test_read_back_it_is_the_same(
    write, embedding, files, largest, tmp_path, monkeypatch
):
    data_dir = tmp_path / "data"
    name = write(tmp_path / "source", data_dir)
    folder = tmp_path / "xlsa17" / "data" / "AGAIN"

    monkeypatch.setattr(mat_export, "LARGEST", largest)
    paths = mat_export.write(name, data_dir, folder)

    assert [path.name for path in paths] == ["res101.mat", *files]
    assert sorted(paths) == sorted(folder.iterdir())
    again = prepare(
        "again",
        data_dir=data_dir,
        manual_dir=tmp_path,
        embedding=embedding,
        quiet=True,
    )
    assert samples(again, data_dir) == samples(name, data_dir)
    expected = prepared.open_prepared(name, data_dir)
    found = prepared.open_prepared(again, data_dir)
    for one, other in zip(found.embeddings, expected.embeddings, strict=True):
        np.testing.assert_array_equal(one, other)
    for entry in (
        "class_names",
        "seen_classes",
        "unseen_classes",
        "validation_classes",
        "num_samples",
        "leaked_rows",
    ):
        assert found.metadata[entry] in (
            expected.metadata[entry],
            {"train_loc": 0, "val_loc": 0},
        )
    assert found.metadata["split_version"] == "v2"


def test_the_variables_are_those_of_the_field(tmp_path):
    name = prepared_custom(tmp_path / "source", tmp_path / "data")
    mat_export.write(name, tmp_path / "data", tmp_path / "mat")

    features = scipy.io.loadmat(tmp_path / "mat" / "res101.mat")
    splits = scipy.io.loadmat(tmp_path / "mat" / "att_splits.mat")
    count = len(custom_data.LABELS)
    assert features["features"].shape == (custom_data.DX, count)
    np.testing.assert_array_equal(features["features"], custom_data.FEATURES.T)
    places = [list(custom_data.KINDS).index(one) for one in custom_data.LABELS]
    np.testing.assert_array_equal(features["labels"].ravel(), 1 + np.r_[places])
    np.testing.assert_array_equal(splits["att"], custom_data.EMBEDDINGS.T)
    names = [name.item() for name in splits["allclasses_names"].ravel()]
    assert names == list(custom_data.KINDS)
    # Of the rows 1-3, 4-7, 8-13 and 14-21 (from 0) the third and the eighth.
    assert splits["test_seen_loc"].T.tolist() == [[4, 7, 11, 17, 22]]
    train, val = (splits[f"{key}_loc"].ravel() for key in ("train", "val"))
    assert sorted([*train, *val]) == sorted(splits["trainval_loc"].ravel())
    assert {custom_data.LABELS[int(row) - 1] for row in val} == {"duck"}


def test_the_code_of_the_document_makes_what_is_read(tmp_path, monkeypatch):
    text = DOCUMENT.read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    labels = np.repeat(np.arange(6), 5)
    data = {
        "features": np.random.default_rng(0).random((30, 7)),
        "labels": labels,
        "attributes": np.random.default_rng(1).random((6, 4)),
        "names": [f"bird {letter}" for letter in "abcdef"],
        "unseen_classes": [1, 4],
        "validation_classes": [2],
        "test": np.arange(30) % 5 == 3,
    }
    monkeypatch.chdir(tmp_path)
    exec(code, data)

    name = prepare("birds", data_dir=tmp_path, manual_dir=".", quiet=True)
    found = prepared.open_prepared(name, tmp_path).metadata
    assert found["unseen_classes"] == [1, 4]
    assert found["validation_classes"] == [2]
    assert found["validation_source"] == "val_loc"
    assert found["split_version"] == "v2" and not found["notes"]
    assert found["num_samples"]["test_seen"] == 4
    assert found["class_names"] == data["names"]


def test_files_that_are_there_are_left_alone(tmp_path):
    name = prepared_custom(tmp_path / "source", tmp_path / "data")
    (tmp_path / "mat").mkdir()
    (tmp_path / "mat" / "att_splits.mat").write_text("mine")
    with pytest.raises(InputError, match=r"has att_splits\.mat already"):
        mat_export.write(name, tmp_path / "data", tmp_path / "mat")
    (path,) = (tmp_path / "mat").iterdir()
    assert path.read_text() == "mine"


def test_other_code_needs_a_sample_of_an_unseen_class(tmp_path):
    custom_data.write(tmp_path / "source")
    folder = custom_data.without_unseen_samples(tmp_path / "source")
    name = custom_data.prepared(folder, tmp_path / "data").name
    with pytest.raises(InputError, match="no sample of an unseen class"):
        mat_export.write(name, tmp_path / "data", tmp_path / "mat")
    assert not (tmp_path / "mat").exists()


def test_damaged_records_leave_no_file(tmp_path):
    name = prepared_custom(tmp_path / "source", tmp_path / "data")
    (path,) = (tmp_path / "data" / name).rglob("*test_seen.tfrecord*")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="Cannot read the prepared data"):
        mat_export.write(name, tmp_path / "data", tmp_path / "mat")
    assert not (tmp_path / "mat").exists()
