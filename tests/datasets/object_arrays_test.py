"""Labels in arrays of Python objects are read, and nothing is unpickled."""

import io
import pickle

import numpy as np
import pytest

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom import object_arrays
from tests.datasets import custom_data_test as custom_data
from tests.robustness.safety_test import Bomb
from tests.support import fuzzing

OBJECTS = np.array(custom_data.LABELS, object)


def saved(values, protocol: int = 4) -> bytes:
    """A .npy file of objects, with a pickle of this protocol."""
    stream = io.BytesIO()
    np.save(stream, np.asarray(values, object), allow_pickle=True)
    start = stream.getvalue()[:128]
    return start + pickle.dumps(np.asarray(values, object), protocol)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "values",
    [
        [*custom_data.LABELS],
        [[name] for name in custom_data.LABELS],
        [1, 300, 70000, -1, 2**40],
        ["é" * 300, "\u4e2d"],
    ],
    ids=["texts", "column", "numbers", "long"],
)
def test_plain_values_are_read(values, protocol):
    found = object_arrays.read(io.BytesIO(saved(values, protocol)))
    np.testing.assert_array_equal(found, np.array(values).ravel())


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_labels_of_objects(form, tmp_path):
    folder = custom_data.write(tmp_path / "source", labels_csv=None)
    if form == "npy":
        np.save(folder / "labels.npy", OBJECTS, allow_pickle=True)
    else:
        (folder / "features.npy").unlink()
        np.savez(
            folder / "features.npz",
            features=custom_data.FEATURES,
            labels=OBJECTS,
        )
    custom_data.assert_as_written(custom_data.read(folder))


@pytest.mark.parametrize("form", ["npy", "npz"])
@pytest.mark.parametrize("kind", ["a bomb", "a dictionary", "texts and None"])
def test_other_objects_are_refused_and_not_loaded(kind, form, tmp_path):
    labels = {
        "a bomb": [Bomb(tmp_path / "went_off")] * 24,
        "a dictionary": [{}] * 24,
        "texts and None": ["wren"] * 23 + [None],
    }[kind]
    labels = np.array(labels, object)
    folder = custom_data.write(tmp_path / "source", labels_csv=None)
    if form == "npy":
        np.save(folder / "labels.npy", labels, allow_pickle=True)
    else:
        (folder / "features.npy").unlink()
        features = custom_data.FEATURES
        np.savez(folder / "features.npz", features=features, labels=labels)
    with pytest.raises(InputError, match="Python objects") as error:
        custom_data.read(folder)
    assert "astype(str)" in str(error.value)
    assert not (tmp_path / "went_off").exists()


def test_features_of_objects_are_refused(tmp_path):
    folder = custom_data.write(tmp_path / "source")
    objects = np.array([[1, 2]] * 24, object)
    np.save(folder / "features.npy", objects, allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        custom_data.read(folder)


def test_no_damage_is_read_as_something_else(tmp_path):
    content = saved([*custom_data.LABELS])
    rng = np.random.default_rng(0)
    bomb = pickle.dumps(Bomb(tmp_path / "went_off"))
    for number in range(500):
        spoilt = fuzzing.bytes_of(rng, content, 128 * (number % 2))
        if number % 5 == 0:
            place = int(rng.integers(128, len(content)))
            spoilt = content[:place] + bomb + content[place:]
        try:
            found = object_arrays.read(io.BytesIO(spoilt))
        except ValueError:
            continue
        assert found.dtype.kind in "Ui" and found.ndim == 1
    assert not (tmp_path / "went_off").exists()
