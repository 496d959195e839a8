"""Saved networks open in Keras as they were, whatever they are made of."""

import importlib
import json
import pkgutil
import zipfile

import keras
import numpy as np
import pytest

from gmn_tf import method
from gmn_tf.method import saved
from gmn_tf.method.classifiers import base, combination, table
from tests.support import toys

SGD = (0.1, 1.0, 0.9, 0.0, 4, 1)
SETTINGS = {
    "bilinear": SGD,
    "linear": SGD,
    "ale": SGD,
    "devise": (*SGD, 0.1),
    "discriminant": (0.1,),
    "prototype": ((5,), 0.01, 0.0, 1, 16, 0.1, 0.0, 0.0, 0.0, "class"),
}
KINDS = [
    *SETTINGS,
    "bilinear+prototype",
    "linear+prototype",
    "ale+devise",
    "discriminant+bilinear",
]


def fitted(kind: str) -> base.Classifier:
    """A classifier of a kind, or a combination of several."""
    embeddings = toys.normal(4, toys.DA).astype(np.float32)
    task = base.Task(toys.samples([3, 2, 4, 5]), embeddings, 4, 4)
    models = []
    for name in kind.split("+"):
        settings = table.settings(name)(*SETTINGS[name])
        models.append(table.fit(name)(task, settings, 1))
    if len(models) == 1:
        return models[0]
    weights = range(1, len(models) + 1)
    return combination.combine(models, weights, task.features)


def loaded(model, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def test_every_class_that_is_saved_has_a_stand_in():
    modules = pkgutil.walk_packages(method.__path__, f"{method.__name__}.")
    for module in modules:
        importlib.import_module(module.name)
    known = keras.saving.get_custom_objects()
    ours = {
        name.partition(">")[2]: one.__module__.partition("method.")[2]
        for name, one in known.items()
        if name.startswith(f"{saved.PACKAGE}>")
    }
    assert ours == saved.CLASSES


def test_all_classifiers_are_tried():
    assert SETTINGS.keys() == table.CLASSIFIERS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_classifiers_open_in_keras(kind, tmp_path):
    model = fitted(kind)
    model.penalise_seen(2, 0.25)
    again = loaded(model, tmp_path)
    features = toys.normal(6, toys.DX).astype(np.float32)
    np.testing.assert_array_equal(again(features), model(features))
    np.testing.assert_allclose(
        again.predict(features, verbose=0), model(features), rtol=1e-5
    )
    if "linear" in kind.split("+"):
        return
    new = toys.normal(2, toys.DA, seed=1).astype(np.float32)
    np.testing.assert_array_equal(
        base.with_classes(again, new)(features),
        base.with_classes(model, new)(features),
    )


CHOICES = {
    "noise": ("latent", "concat"),
    "mean": ("linear", "tanh"),
    "covariance": ("learned", "identity"),
    "units": ((11,), (11, 6)),
    "activation": ("leaky_relu", "relu"),
    "output": ("relu", "linear"),
}


def variants():
    """Each choice at least once, beside the first of all others."""
    usual = {name: values[0] for name, values in CHOICES.items()}
    others = ({**usual, name: CHOICES[name][1]} for name in CHOICES)
    return [usual, *others, {name: CHOICES[name][1] for name in CHOICES}]


@pytest.mark.parametrize(
    ("precision", "choices"),
    [*(("float32", one) for one in variants()), ("mixed_bfloat16", {})],
)
def test_generators_open_in_keras(precision, choices, tmp_path):
    keras.config.set_dtype_policy(precision)
    try:
        model = toys.generator(**choices)
    finally:
        keras.config.set_dtype_policy("float32")
    again = loaded(model, tmp_path)
    noise, embeddings = toys.normal(6, toys.DZ), toys.normal(6, toys.DA)
    noise, embeddings = noise.astype("f4"), embeddings.astype("f4")
    np.testing.assert_array_equal(
        again(noise, embeddings), model(noise, embeddings)
    )
    assert again.noise_dim == toys.DZ
    twice = loaded(again, tmp_path)
    np.testing.assert_array_equal(
        twice(noise, embeddings), model(noise, embeddings)
    )


@pytest.mark.parametrize("what", ["generator", "classifier"])
def test_files_of_another_version_end_in_one_sentence(what, tmp_path):
    path = tmp_path / "model.keras"
    model = toys.generator() if what == "generator" else fitted("bilinear")
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    whole = json.loads(files["config.json"])
    settings = whole["config"]
    for changed in (
        {"config": {**settings, "new": 1}},
        {"config": {k: settings[k] for k in settings if k != "feature_dim"}},
        *([{"build_config": {"dim": 1}}] if what == "generator" else []),
    ):
        files["config.json"] = json.dumps({**whole, **changed}).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        with pytest.raises(ValueError, match=r"^This .*: train again\.$") as e:
            keras.models.load_model(path)
        assert f"This {what} was saved by another version" in str(e.value)


def test_a_classifier_from_before_there_were_temperatures_is_read():
    model = fitted("bilinear+prototype")
    older = model.get_config()
    del older["representation"], older["temperature"]
    again = base.Classifier.from_config(older)
    assert (again.temperature, again.representation) == (1.0, None)
    assert [one.shape for one in again.get_weights()] == [
        one.shape for one in model.get_weights()
    ]
