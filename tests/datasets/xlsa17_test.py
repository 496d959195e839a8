"""Reading the layout of xlsa17, with all the forms its copies come in."""

import pickle

import h5py
import numpy as np
import pytest
from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import source, splits, synthetic
from gmn_tf_datasets.zero_shot.xlsa17 import (
    dataset,
    folders,
    mat73,
    mat_file,
    on_disk_matrix,
)
from tests.support import make_dummy_data, real_data


def _write(folder, features=None, **parts) -> epath.Path:
    """Writes the dummy data with other variables; None removes one."""
    make_dummy_data.write(folder)
    changes = {"res101": features or {}}
    changes |= {f"{part}_splits": parts[part] for part in parts}
    originals = {
        "res101": make_dummy_data.features_variables,
        "att_splits": lambda: make_dummy_data.splits_variables("att"),
        "sent_splits": lambda: make_dummy_data.splits_variables("sent"),
    }
    for stem, changed in changes.items():
        variables = {**originals[stem](), **changed}
        kept = {k: v for k, v in variables.items() if v is not None}
        make_dummy_data.save(folder / f"{stem}.mat", kept)
    return epath.Path(folder)


def _read(folder, features_file="res101.mat", embedding="att"):
    folder = epath.Path(folder)
    request = folders.Request("birds", features_file, embedding)
    files = folders.list_files(request, folder)
    return dataset.read(request, folder, files, "manual")


def _assert_as_written(read: source.Source) -> None:
    variables = make_dummy_data.features_variables()
    rows = make_dummy_data.splits_variables()
    np.testing.assert_array_equal(read.features, variables["features"].T)
    np.testing.assert_array_equal(read.labels + 1, variables["labels"].ravel())
    np.testing.assert_array_equal(
        read.embeddings[0].values, rows["att"].T.astype(np.float32)
    )
    for name, values in read.rows.items():
        np.testing.assert_array_equal(values + 1, rows[f"{name}_loc"].ravel())


def _labels(kind=np.float64, shape=(-1, 1)) -> dict[str, np.ndarray]:
    labels = make_dummy_data.features_variables()["labels"]
    return {"labels": labels.astype(kind).reshape(shape)}


def _transposed_features() -> dict[str, np.ndarray]:
    return {"features": make_dummy_data.features_variables()["features"].T}


def _rows_as(kind, shape) -> dict[str, np.ndarray]:
    return {
        name: values.astype(kind).reshape(shape)
        for name, values in make_dummy_data.splits_variables().items()
        if name.endswith("_loc")
    }


@pytest.mark.parametrize(
    "features, att",
    [
        pytest.param({}, {}, id="as in the field"),
        pytest.param(_transposed_features(), {}, id="features N x dx"),
        pytest.param(_labels(np.float64), {}, id="labels float"),
        pytest.param(_labels(np.uint8), {}, id="labels uint8"),
        pytest.param(_labels(np.int32, (1, -1)), {}, id="labels 1 x N"),
        pytest.param({}, _rows_as(np.float64, (1, -1)), id="rows 1 x N"),
        pytest.param({}, {"train_loc": None, "val_loc": None}, id="no tuning"),
        pytest.param({}, {"allclasses_names": None}, id="no names"),
    ],
)
def test_every_form_reads_the_same(tmp_path, features, att):
    _assert_as_written(_read(_write(tmp_path, features, att=att)))


def _write_7_3(tmp_path, transposed=False):
    folder = _write(tmp_path)
    for file, variables in (
        ("res101.mat", make_dummy_data.features_variables()),
        ("att_splits.mat", make_dummy_data.splits_variables()),
    ):
        with h5py.File(folder / file, "w", userblock_size=512) as hdf5:
            for name, values in variables.items():
                if values.dtype == object:
                    values = _hdf5_texts(hdf5, values)
                if transposed and name == "features":
                    values = values.T
                hdf5[name] = values.T
        _mark_as_matlab_7_3(folder / file)
    return folder


@pytest.mark.parametrize("transposed", [False, True])
def test_matlab_7_3(tmp_path, transposed):
    read = _read(_write_7_3(tmp_path, transposed))
    _assert_as_written(read)
    assert read.class_names == make_dummy_data.CLASS_NAMES


@pytest.mark.parametrize(
    ("place", "name", "write"),
    [
        (mat_file.mat5, "read", _write),
        (mat73, "text", _write_7_3),
    ],
)
def test_an_error_of_the_program_is_not_called_damage(
    place, name, write, tmp_path, monkeypatch
):
    folder = write(tmp_path)
    monkeypatch.setattr(place, name, lambda *_: tmp_path.no_such_attribute)
    with pytest.raises(AttributeError, match="no_such_attribute"):
        _read(folder)


def test_texts_that_are_no_letters_are_damage(tmp_path):
    folder = _write_7_3(tmp_path)
    with h5py.File(folder / "att_splits.mat", "r+") as hdf5:
        (first, *_) = hdf5["allclasses_names"][()].ravel()
        hdf5[first][0] = 0xD800  # half of a pair
    with pytest.raises(InputError, match="UnicodeDecodeError"):
        _read(folder)


@pytest.mark.parametrize("transposed", [False, True])
def test_large_features_of_matlab_7_3_stay_on_disk(
    tmp_path, monkeypatch, transposed
):
    expected = _read(_write(tmp_path)).features
    folder = _write_7_3(tmp_path, transposed)
    assert isinstance(_read(folder).features, np.ndarray)
    monkeypatch.setattr(mat73, "IN_MEMORY", 0)
    features = _read(folder).features
    assert isinstance(features, on_disk_matrix.OnDiskMatrix)
    assert (features.shape, len(features)) == (expected.shape, len(expected))
    for rows in (slice(2, 7), np.array([9, 4, 4, 30]), np.array([], int)):
        np.testing.assert_array_equal(features[rows], expected[rows])
    again = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(again[:], expected)


def _hdf5_texts(hdf5, texts: np.ndarray) -> np.ndarray:
    references = np.empty(texts.shape, h5py.ref_dtype)
    for number, text in enumerate(texts.ravel()):
        codes = np.array([[ord(letter)] for letter in text], np.uint16)
        hdf5[f"#refs#/{number}"] = codes
        references.ravel()[number] = hdf5[f"#refs#/{number}"].ref
    return references


def _mark_as_matlab_7_3(path) -> None:
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def test_classes_without_names_are_numbered(tmp_path):
    read = _read(_write(tmp_path, att={"allclasses_names": None}))
    assert read.class_names[0] == "class_001"
    assert read.class_names[8] == "class_009"


def test_parts_of_an_embedding_stay_apart(tmp_path):
    read = _read(_write(tmp_path), embedding="sent+att")
    shapes = {part.name: part.values.shape for part in read.embeddings}
    assert list(shapes.items()) == [("sent", (9, 3)), ("att", (9, 5))]


def test_zero_embedding_is_left_to_the_pipeline(tmp_path):
    att = make_dummy_data.splits_variables()["att"]
    att[:, 2] = 0
    read = _read(_write(tmp_path, att={"att": att}))
    assert not read.embeddings[0].values[2].any()


def test_described_class_without_a_row_is_unseen(tmp_path):
    made = splits.make(_read(_write(tmp_path)))
    assert made.unseen == (6, 7, 8)


@pytest.mark.parametrize(
    "name, sizes, leaked, classes",
    [
        ("CUB", (7057, 1764, 2967), (1173, 591), (150, 50, 50)),
        ("FLO", (5631, 1403, 1155), (1173, 230), (82, 20, 20)),
    ],
)
def test_real_data(name, sizes, leaked, classes):
    folder = epath.Path(real_data.FOLDER) / name
    if not (folder / "mobilenet.mat").exists():
        pytest.skip(f"needs {folder}")
    made = splits.make(_read(folder, features_file="mobilenet.mat"))
    rows = made.rows
    published = ("train", "test_seen", "test_unseen")
    assert tuple(len(rows[key]) for key in published) == sizes
    assert made.version == "v1"
    assert tuple(made.leaked["test_seen"].values()) == leaked
    assert made.validation_source == "val_loc"
    assert classes == tuple(map(len, (made.seen, made.unseen, made.validation)))


def test_synthetic_data_passes_the_same_checks():
    parameters = synthetic.SyntheticParameters(num_classes=9, num_unseen=2)
    made = splits.make(synthetic.draw(parameters))
    assert (len(made.seen), len(made.unseen)) == (7, 2)
    assert made.version == "v2" and not made.notes
