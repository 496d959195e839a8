"""Variables of a .mat file in every form: foreign, unusual, unclear."""

import shlex

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.xlsa17 import mat73, mat_file
from tests.datasets import xlsa17_test
from tests.datasets.xlsa17_test import _assert_as_written, _read, _write
from tests.support import foreign_mat, make_dummy_data

NAMES = ("ant", "bée", "c d")
MATRIX = np.arange(12.0).reshape(3, 4)


def _mat(folder, **variables) -> mat_file.MatFile:
    path = epath.Path(folder) / "a.mat"
    scipy.io.savemat(path, variables)
    return mat_file.read(path, tuple(variables))


def _hdf5(folder, write) -> mat_file.MatFile:
    path = epath.Path(folder) / "a.mat"
    with h5py.File(path, "w") as file:
        write(file)
    return mat_file.read(path, ("a",))


@pytest.mark.parametrize("of_class", [*foreign_mat.OPAQUE, "function", ""])
def test_objects_that_nobody_asked_for_do_not_matter(of_class, tmp_path):
    folder = _write(tmp_path)
    part = foreign_mat.subsystem()
    if of_class:
        part = foreign_mat.opaque("image_files", of_class)
    if of_class == "function":
        part = foreign_mat.function_handle("image_files")
    for stem in ("res101", "att_splits"):
        path = tmp_path / f"{stem}.mat"
        content = path.read_bytes()
        path.write_bytes(content[:128] + part + content[128:] + part)

    _assert_as_written(_read(folder))


@pytest.mark.parametrize("name", foreign_mat.WRITABLE)
def test_variables_that_nobody_asked_for_do_not_matter(name, tmp_path):
    foreign = {"a": foreign_mat.WRITABLE[name]}

    folder = _write(tmp_path, features=foreign, att=foreign)

    _assert_as_written(_read(folder))


def test_an_object_that_is_asked_for_is_named_with_its_cure(tmp_path):
    folder = _write(tmp_path, att={"allclasses_names": None})
    with (tmp_path / "att_splits.mat").open("ab") as stream:
        stream.write(foreign_mat.opaque("allclasses_names", "string"))
    with pytest.raises(InputError, match="class string") as error:
        _read(folder)
    assert "allclasses_names = cellstr(allclasses_names)" in str(error.value)

    found = _hdf5(
        tmp_path, lambda file: foreign_mat.write_hdf5(file, "table", "a")
    )
    with pytest.raises(InputError, match="class table"):
        found.numbers("a")


def _char_matrix(file):
    letters = np.array([[*"ant  "], [*"bée  "], [*"c d  "]])
    file["a"] = letters.view(np.uint32).astype(np.uint16).T
    file["a"].attrs["MATLAB_class"] = np.bytes_("char")


def _cells(file, nested=False):
    cells = np.empty((len(NAMES), 1), h5py.ref_dtype)
    for number, name in enumerate(NAMES):
        codes = np.array([[ord(letter)] for letter in name], np.uint16)
        file[f"#refs#/{number}"] = codes
        file[f"#refs#/{number}"].attrs["MATLAB_class"] = np.bytes_("char")
        cells[number] = file[f"#refs#/{number}"].ref
        if nested:
            inside = np.array([[cells[number, 0]]], h5py.ref_dtype)
            file[f"#refs#/{number}_cell"] = inside
            cells[number] = file[f"#refs#/{number}_cell"].ref
    file["a"] = cells.T
    file["a"].attrs["MATLAB_class"] = np.bytes_("cell")


@pytest.mark.parametrize(
    "write",
    [
        _char_matrix,
        _cells,
        lambda file: _cells(file, nested=True),
        lambda file: file.create_dataset(
            "a", data=[*NAMES], dtype=h5py.string_dtype()
        ),
        lambda file: file.create_dataset(
            "a", data=np.array([n.encode() for n in NAMES], "S9").reshape(-1, 1)
        ),
    ],
    ids=["char matrix", "cells", "nested cells", "variable", "fixed"],
)
def test_texts_of_hdf5(write, tmp_path):
    found = _hdf5(tmp_path, write).texts("a")
    assert [name.strip() for name in found] == [*NAMES]


@pytest.mark.parametrize(
    "texts",
    [
        np.array(NAMES, object),
        np.array([np.array([name], object) for name in NAMES] + [0], object)[
            :3
        ].reshape(-1, 1),
        np.array([name.ljust(5) for name in NAMES]),
    ],
    ids=["cells", "nested cells", "char matrix"],
)
def test_texts_of_version_5(texts, tmp_path):
    found = _mat(tmp_path, a=texts).texts("a")
    assert [name.strip() for name in found] == [*NAMES]


@pytest.mark.parametrize(
    "values",
    [
        scipy.sparse.csc_matrix(MATRIX),
        MATRIX.astype(complex),
        MATRIX[:, np.newaxis, :, np.newaxis],
    ],
    ids=["sparse", "complex without imaginary parts", "axes of length 1"],
)
def test_matrices_in_other_forms(values, tmp_path):
    np.testing.assert_array_equal(_mat(tmp_path, a=values).numbers("a"), MATRIX)


def test_matrices_in_other_forms_of_hdf5(tmp_path):
    records = np.zeros((4, 3), [("real", "f8"), ("imag", "f8")])
    records["real"] = MATRIX.T

    def sparse(file):
        whole = scipy.sparse.csc_matrix(MATRIX)
        parts = {"data": whole.data, "ir": whole.indices, "jc": whole.indptr}
        for name, values in parts.items():
            file[f"a/{name}"] = values
        file["a"].attrs["MATLAB_sparse"] = 3

    def octave(file):
        file["a/type"], file["a/value"] = b"matrix", MATRIX.T

    for write in (
        sparse,
        octave,
        lambda file: file.create_dataset("a", data=records),
    ):
        found = _hdf5(tmp_path, write).numbers("a")
        np.testing.assert_array_equal(found, MATRIX)
    found = _hdf5(tmp_path, lambda f: f.create_dataset("a", data=[True, False]))
    assert found.integers("a").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.eye(3) * 1j, "complex numbers"),
        ({"x": 1}, "struct2array(a)"),
        (np.array([np.eye(2), "a"], object), "cells of other things"),
        (np.eye(3), r"max(a, [], 2)"),
        (np.array(["a", "b"], object), "not a matrix of numbers"),
    ],
)
def test_what_is_no_row_of_numbers_is_named(value, words, tmp_path):
    with pytest.raises(InputError) as error:
        _mat(tmp_path, a=value).integers("a")
    assert words in str(error.value)


def test_a_damaged_sparse_matrix_is_refused(tmp_path):
    for rows, starts in (([5], [0, 1]), ([0], [0, 2]), ([0], [1, 1])):
        with pytest.raises(ValueError, match="sparse"):
            mat73.mat5.full(
                [2, 1], np.array(rows), np.array(starts), np.array([1.0])
            )
    with pytest.raises(ValueError, match="sparse"):
        mat73.mat5.full([2**40, 1], *map(np.array, ([0], [0, 1], [1.0])))


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_an_unknown_variable_lists_those_that_are_there(version, tmp_path):
    path = tmp_path / "res101.mat"
    _write(tmp_path)
    if version == "5":
        scipy.io.savemat(path, {"Features": MATRIX, "labels": [1], "x": 1})
    else:
        with h5py.File(path, "w") as file:
            file.update({"Features": MATRIX, "labels": [1.0], "x": 1.0})
    with pytest.raises(InputError, match="lacks features") as error:
        _read(tmp_path)
    assert "received: Features, labels, x" in str(error.value)
    assert "Did you mean 'Features'?" in str(error.value)


# --- Which way a matrix lies -------------------------------------------------


def _square(structured: bool, samples_first: bool) -> dict:
    """Features and labels of the dummy data, as many samples as dimensions."""
    variables = make_dummy_data.features_variables()
    labels = variables["labels"].ravel()
    rng = np.random.default_rng(0)
    features = rng.random((len(labels), len(labels)))
    if structured:
        features += 3 * rng.random((9, len(labels)))[labels]
    return {"features": features if samples_first else features.T}


@pytest.mark.parametrize("samples_first", [False, True])
def test_square_features_lie_as_samples_of_a_class_agree(
    samples_first, tmp_path
):
    square = _square(True, samples_first)
    found = _read(_write(tmp_path, features=square))

    features = square["features"]
    features = features if samples_first else features.T
    np.testing.assert_array_equal(found.features, features)
    (note,) = found.notes
    assert f"taken for {'samples' if samples_first else 'dimensions'}" in note


def test_negative_features_are_noted(tmp_path):
    features = make_dummy_data.features_variables()["features"]
    assert not _read(_write(tmp_path)).notes
    _write(tmp_path, features={"features": features - 0.5})
    (note,) = _read(tmp_path).notes
    assert "--generator_output=linear" in note


@pytest.mark.parametrize("said", [None, "samples", "dimensions", "rows"])
def test_square_features_without_evidence_need_a_word(said, tmp_path):
    square = _square(False, True)
    folder = tmp_path / "it's here"
    _write(folder, features={**square, "features_rows": said})
    if said in ("samples", "dimensions"):
        features = square["features"]
        features = features if said == "samples" else features.T
        np.testing.assert_array_equal(_read(folder).features, features)
        return
    message = "features_rows in" if said else "not clear which way features"
    with pytest.raises(InputError, match=message) as error:
        _read(folder)
    assert "features_rows" in str(error.value)
    if not said:
        command = str(error.value).partition("python -c")[2]
        assert str(folder / "res101.mat") in shlex.split(command)


def _att(**changes) -> dict:
    """The dummy splits with an embedding that is changed."""
    att = make_dummy_data.splits_variables()["att"]
    return {name: change(att) for name, change in changes.items()}


def test_an_embedding_lies_as_names_or_labels_tell(tmp_path):
    turned = _att(att=lambda att: att.T)
    for number, names in enumerate(({}, {"allclasses_names": None})):
        folder = tmp_path / str(number)
        found = _read(_write(folder, att={**turned, **names}))
        _assert_as_written(found)
        assert "rows of att in att_splits.mat (9, 5)" in found.notes[0]


@pytest.mark.parametrize("unit", ["columns", "rows", ""])
def test_a_square_embedding_lies_as_lengths_tell(unit, tmp_path):
    att = np.random.default_rng(0).random((9, 9))
    if unit:
        att /= np.linalg.norm(att, axis=unit == "rows", keepdims=True)
    folder = _write(tmp_path, att={"att": att})
    if not unit:
        with pytest.raises(InputError, match="not clear which way att"):
            _read(folder)
        folder = _write(tmp_path, att={"att": att, "att_rows": "classes"})
    found = _read(folder).embeddings[0].values
    classes = att.T if unit == "columns" else att
    np.testing.assert_array_equal(found, classes.astype(np.float32))


def test_an_embedding_with_as_many_dimensions_as_labels_is_not_guessed(
    tmp_path,
):
    values = np.random.default_rng(0).random((8, 9))
    att = {"att": values, "allclasses_names": None}
    with pytest.raises(InputError, match="not clear which way att"):
        _read(_write(tmp_path, att=att))


# --- Labels and rows from 0 --------------------------------------------------


def _shifted(by: int) -> dict:
    rows = make_dummy_data.splits_variables()
    return {
        name: values.astype(float) + by
        for name, values in rows.items()
        if name.endswith("_loc")
    }


def _labels(change) -> dict:
    labels = make_dummy_data.features_variables()["labels"].astype(float)
    return {"labels": change(labels)}


def _mask(name: str) -> dict:
    mask = np.zeros((make_dummy_data.NUM_ROWS, 1))
    mask[make_dummy_data.splits_variables()[name].ravel() - 1] = 1
    return {name: mask}


@pytest.mark.parametrize(
    ("features", "att", "words"),
    [
        (_labels(lambda x: x - 1), {}, "Labels count from 0: add 1"),
        (_labels(lambda x: x - 1), {"allclasses_names": None}, "from 0: add 1"),
        (_labels(lambda x: np.where(x == 3, 0, x)), {}, "Labels count from 0"),
        (_labels(lambda x: np.where(x > 7, 0, x + 2)), {}, "0 is no class"),
        ({}, _shifted(-1), "Rows count from 0: add 1"),
        ({}, _shifted(1), "Rows count from 2"),
        ({}, _mask("trainval_loc"), "find(trainval_loc)"),
    ],
)
def test_counting_from_elsewhere_is_named(features, att, words, tmp_path):
    with pytest.raises(InputError) as error:
        _read(_write(tmp_path, features=features, att=att))
    assert words in str(error.value)


def test_rows_from_0_are_seen_by_classes_that_mix(tmp_path):
    rows = _shifted(-1)
    for name in ("trainval_loc", "train_loc"):
        rows[name] = rows[name][1:]  # without a 0
    with pytest.raises(InputError, match="seem to count from 0"):
        _read(_write(tmp_path, att=rows))


def test_a_dimension_that_numbers_rows_or_classes_is_refused(tmp_path):
    variables = make_dummy_data.features_variables()
    features, labels = variables["features"], variables["labels"].ravel()
    for extra, words in (
        (np.arange(len(labels)), "numbers the rows"),
        (labels * 2.0, "numbers the classes"),
    ):
        rows = {"features": np.vstack([features, extra])}
        with pytest.raises(InputError, match=words):
            _read(_write(tmp_path, features=rows))


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("alone", [False, True])
def test_a_dimension_of_att_that_numbers_classes_is_refused(
    start, alone, tmp_path
):
    att = make_dummy_data.splits_variables()["att"]
    others = att[:0] if alone else att
    counted = np.arange(float(att.shape[1])) + start
    with pytest.raises(InputError, match=r"of att in .* numbers the rows"):
        _read(_write(tmp_path, att={"att": np.vstack([others, counted])}))
    mixed = np.vstack([others, np.roll(counted[::-1], 3)])
    found = _read(_write(tmp_path, att={"att": mixed})).embeddings[0].values
    np.testing.assert_array_equal(found, mixed.T.astype(np.float32))


def test_names_of_two_parts_and_of_validation_classes_in_other_forms(tmp_path):
    names = np.array(
        [f" {n.upper()} " for n in make_dummy_data.CLASS_NAMES], object
    )
    folder = _write(tmp_path, sent={"allclasses_names": names.reshape(-1, 1)})
    (tmp_path / "valclasses1.txt").write_text("E_Bird\n\u200bf_bird\nother\n")
    found = _read(folder, embedding="att+sent")
    assert found.class_names == make_dummy_data.CLASS_NAMES
    assert found.validation_names == ("e_bird", "f_bird", "other")


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_labels_are_compared_with_folders_of_images(shift, tmp_path):
    labels = make_dummy_data.features_variables()["labels"].astype(int)
    kept = np.clip(labels, 2, None) if shift else labels  # none of class 1
    names = make_dummy_data.CLASS_NAMES
    images = [f"/data/{names[n - 1]}/{n}.jpg" for n in kept.ravel()]
    if shift == 2:  # folders of another kind tell nothing
        images = [f"{n}.jpg" for n in kept.ravel()]
    rows = make_dummy_data.splits_variables()
    folder = _write(
        tmp_path,
        features={
            "labels": kept - bool(shift),
            "image_files": np.array(images, object).reshape(-1, 1),
        },
        att={"train_loc": None, "val_loc": None, "att": rows["att"]},
    )
    if shift == 1:
        with pytest.raises(InputError, match="seem to count from 0"):
            _read(folder)
        return
    np.testing.assert_array_equal(
        _read(folder).labels, kept.ravel() - 1 - bool(shift)
    )


@pytest.mark.parametrize("of_class", [*foreign_mat.OPAQUE, "struct"])
def test_objects_of_version_7_3_do_not_matter(of_class, tmp_path):
    folder = xlsa17_test._write_7_3(tmp_path)
    for stem in ("res101", "att_splits"):
        with h5py.File(folder / f"{stem}.mat", "r+") as file:
            foreign_mat.write_hdf5(file, of_class, "image_files")
            file["gone"] = h5py.SoftLink("/nowhere")
            file["inside/other"] = np.eye(2)
    _assert_as_written(_read(folder))


def test_vectors_of_one_dimension(tmp_path):
    folder = _write(tmp_path)
    for stem, variables in (
        ("res101", make_dummy_data.features_variables()),
        ("att_splits", make_dummy_data.splits_variables()),
    ):
        with h5py.File(folder / f"{stem}.mat", "w") as file:
            for name, values in variables.items():
                if values.dtype == object:
                    file[name] = [*values.ravel()]
                elif 1 in values.shape:
                    file[name] = values.ravel()
                else:
                    file[name] = values  # as Python shows it, not turned
    _assert_as_written(_read(folder))
