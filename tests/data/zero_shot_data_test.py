"""Embeddings as a run sees them."""

import hashlib

import numpy as np
import pytest

from gmn_tf.data import embeddings, zero_shot_data
from gmn_tf.utils.errors import InputError
from tests.support import toys

NAMES = ["ant", "bee", "cat", "dog"]


def part(matrix, name="att"):
    """An embedding as the builder's metadata names it."""
    return {"name": name, "dim": np.shape(matrix)[1]}


ATT = 3.0 * toys.normal(4, toys.DA).astype(np.float32)
SENT = 7.0 * toys.normal(4, 3).astype(np.float32)


def scaled(matrix, norm):
    """Each row, or all of the matrix, divided by its Euclidean norm."""
    result = np.array(matrix, np.float64)
    if norm == "l2":
        for row in result:
            row /= np.sqrt(sum(value**2 for value in row))
    elif norm == "matrix":
        result /= np.sqrt(sum(value**2 for value in result.ravel()))
    return result


PARTS = (part(ATT), part(SENT, "sent"))


def written(path, values) -> str:
    """Writes the file of embeddings; returns its digest."""
    np.save(path, values)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_reading_gives_the_matrices_back(tmp_path):
    path = tmp_path / "embeddings.npy"
    digest = written(path, np.concatenate([ATT, SENT], axis=1))

    att, sent = embeddings.read(path, PARTS, digest)

    assert att.dtype == sent.dtype == np.float64
    np.testing.assert_array_equal(att, ATT)
    np.testing.assert_array_equal(sent, SENT)


@pytest.mark.parametrize("damage", ["gone", "byte", "shape", "objects"])
def test_damaged_embeddings_are_refused(damage, tmp_path):
    path = tmp_path / "embeddings.npy"
    values = {"shape": ATT, "objects": np.array([[{}]], object)}
    whole = np.concatenate([ATT, SENT], axis=1)
    digest = written(path, values.get(damage, whole))
    if damage == "gone":
        path.unlink()
    elif damage == "byte":
        path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises((OSError, ValueError)):
        embeddings.read(path, PARTS, digest)


@pytest.mark.parametrize("norm", ["l2", "matrix", "none"])
def test_one_embedding(norm):
    matrix = toys.scaled_embeddings({"att": ATT}, norm, NAMES)

    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, scaled(ATT, norm), rtol=1e-6)


@pytest.mark.parametrize(
    ("norm", "each"),
    [
        ("l2", ["l2", "l2"]),
        ("l2,matrix", ["l2", "matrix"]),
        ("none,l2", ["none", "l2"]),
    ],
)
def test_two_embeddings_stand_side_by_side(norm, each):
    matrix = toys.scaled_embeddings({"att": ATT, "sent": SENT}, norm, NAMES)

    assert matrix.shape == (4, toys.DA + 3)
    np.testing.assert_allclose(
        matrix,
        np.concatenate([scaled(ATT, each[0]), scaled(SENT, each[1])], axis=1),
        rtol=1e-6,
    )


@pytest.mark.parametrize("norm", ["l2", "matrix"])
def test_a_zero_row_is_refused_with_its_class(norm):
    matrix = ATT.copy()
    matrix[2] = 0.0

    with pytest.raises(InputError, match="'sent'") as error:
        toys.scaled_embeddings({"att": ATT, "sent": matrix}, norm, NAMES)
    assert "cat" in str(error.value)
    assert "dog" not in str(error.value)
    with pytest.raises(InputError, match="zeros for ant, bee, cat, dog"):
        toys.scaled_embeddings({"att": 0.0 * ATT}, norm, NAMES)
    kept = toys.scaled_embeddings({"att": matrix}, "none", NAMES)
    np.testing.assert_array_equal(kept, matrix)


def standardised(matrix, seen):
    """Columns that vary over the seen rows, brought to a length of 1 a row."""
    rows = np.asarray(matrix, np.float64)[seen]
    deviations = rows.std(axis=0)
    varies = deviations > 0
    result = (matrix - rows.mean(axis=0)) / np.where(varies, deviations, 1.0)
    return np.where(varies, result, 0.0) / np.sqrt(varies.sum())


def test_standard_takes_the_statistics_of_seen_classes():
    raw = [ATT.astype(np.float64)]
    parts = embeddings.scalings([part(ATT)], raw, "standard", [0, 1, 3])
    found = embeddings.scaled(raw, parts, NAMES)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, standardised(ATT, [0, 1, 3]), rtol=1e-5)
    lengths = np.square(found[[0, 1, 3]]).sum(axis=1)
    assert lengths.mean() == pytest.approx(1.0, rel=1e-5)
    # Whatever the unseen class is described as.
    raw[0][2] = 99.0
    assert parts == embeddings.scalings([part(ATT)], raw, "standard", [0, 1, 3])
    # And a new class is scaled alike.
    new = embeddings.scaled([ATT[:2].astype(np.float64)], parts, ["x", "y"])
    np.testing.assert_array_equal(new, found[:2])


def test_standard_knows_no_unit_and_no_zero():
    units = np.array([1e-3, -1.0, 1e3, 7.0, 1.0])
    expected = toys.scaled_embeddings({"att": ATT}, "standard", NAMES)
    other = toys.scaled_embeddings({"att": ATT * units + 5}, "standard", NAMES)
    np.testing.assert_allclose(other, expected * np.sign(units), atol=1e-3)


def test_standard_makes_zeros_of_constant_columns():
    # Whole numbers, negative ones, rank 1; unseen classes may differ there.
    matrix = np.array(
        [[0, 2, 7, -4], [0, 4, 7, -4], [0, 4, 7, -4], [5, 8, 1, 0]]
    )
    raw = [matrix.astype(np.float64)]
    scalings = embeddings.scalings([part(matrix)], raw, "standard", [0, 1, 2])
    found = embeddings.scaled(raw, scalings, NAMES)

    np.testing.assert_array_equal(found[:, [0, 2, 3]], 0.0)
    root = np.sqrt(0.5)
    np.testing.assert_allclose(found[:3, 1], [-2 * root, root, root], rtol=1e-6)


def test_standard_takes_a_zero_row_and_one_that_is_the_mean():
    matrix = np.array([[0, 0], [2, 0], [1, 1], [1, 1 / 3]])
    raw = [matrix]
    scalings = embeddings.scalings([part(matrix)], raw, "standard", [0, 1, 2])
    found = embeddings.scaled(raw, scalings, NAMES)
    assert np.any(found[0])
    np.testing.assert_allclose(found[3], 0.0, atol=1e-7)


def test_standard_refuses_seen_classes_that_do_not_differ():
    matrix = np.array([[1, 2], [1, 2], [1, 2], [3, 4]])
    with pytest.raises(InputError, match="same for all seen classes") as error:
        embeddings.scalings([part(matrix)], [matrix], "standard", [0, 1, 2])
    assert "'att'" in str(error.value)


def test_parts_are_standardised_one_by_one():
    matrix = toys.scaled_embeddings(
        {"att": ATT, "sent": SENT}, "standard,l2", NAMES
    )
    np.testing.assert_allclose(
        matrix[:, : toys.DA], standardised(ATT, range(4)), rtol=1e-5
    )
    np.testing.assert_allclose(
        matrix[:, toys.DA :], scaled(SENT, "l2"), rtol=1e-5
    )


@pytest.mark.parametrize("norm", ["l1", "", "l2,l2,l2", "l2,l1", "L2"])
def test_an_unknown_norm_is_refused(norm):
    with pytest.raises(InputError, match="--embedding_norm") as error:
        toys.scaled_embeddings({"att": ATT, "sent": SENT}, norm, NAMES)
    if norm == "l2,l2,l2":
        assert "att, sent" in str(error.value)
    assert repr(norm) in str(error.value)


def test_seen_classes_come_first(tiny_data):
    metadata = tiny_data.metadata
    old = [*metadata["seen_classes"], *metadata["unseen_classes"]]
    names = [metadata["class_names"][label] for label in old]
    raw = tiny_data.raw_embeddings[0]

    assert list(tiny_data.class_names) == names
    assert tiny_data.num_seen == len(metadata["seen_classes"])
    np.testing.assert_allclose(
        tiny_data.embeddings, scaled(raw[old], "l2"), rtol=1e-5
    )
    seen = range(tiny_data.num_seen)
    unseen = range(tiny_data.num_seen, tiny_data.num_classes)
    assert set(tiny_data.train.labels) == set(seen)
    assert set(tiny_data.seen.labels) == set(seen)
    assert set(tiny_data.unseen.labels) == set(unseen)


@pytest.mark.parametrize("split", ["test", "tune"])
def test_seen_classes_of_the_split_standardise(split, tiny_name, tiny_dir):
    found = zero_shot_data.load(tiny_name, tiny_dir, split, "standard")
    names = found.metadata["class_names"]
    raw = found.raw_embeddings[0]
    order = [names.index(name) for name in found.class_names]
    np.testing.assert_allclose(
        found.embeddings,
        standardised(raw[order], range(found.num_seen)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_tuning_stays_within_the_training_classes(
    tiny_data, tiny_name, tiny_dir
):
    tuning = zero_shot_data.load(tiny_name, tiny_dir, "tune")
    seen = tiny_data.class_names[: tiny_data.num_seen]

    assert sorted(tuning.class_names) == sorted(seen)
    unseen = tuning.class_names[tuning.num_seen :]
    validation = [
        tiny_data.class_names[c] for c in tiny_data.validation_classes
    ]
    assert sorted(unseen) == sorted(validation)
    assert not set(tuning.train.labels) & set(tuning.unseen.labels)
    for row, name in zip(tuning.embeddings, tuning.class_names):
        place = tiny_data.class_names.index(name)
        np.testing.assert_array_equal(row, tiny_data.embeddings[place])
