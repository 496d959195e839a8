"""Settings said to have no effect: what is trained is the same with others."""

import dataclasses

import numpy as np
import pytest

from gmn_tf.config import Config
from gmn_tf.method.variants import VARIANTS
from gmn_tf.training import final_classifiers, fit, unused_settings

pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.mark.parametrize(
    ("settings", "given", "unused"),
    [
        ({}, ["matching_weight", "theta_learning_rate", "noise_dim"], []),
        ({"variant": "cwgan"}, ["matching_weight", "steps"], [0]),
        (
            {"variant": "gm"},
            ["critic_units", "learning_rate", "compatibility"],
            [0],
        ),
        (
            {"variant": "gmmn"},
            ["matching_classes", "matching_weight", "compatibility"],
            [1, 2],
        ),
        ({"variant": "cwgan_cls"}, ["compatibility"], []),
        (
            {"variant": "real_only"},
            ["noise_dim", "steps", "synthetic_per_class", "seed", "seen_floor"],
            [0, 1, 2, 4],
        ),
        ({}, ["kernel_width", "prototype_units", "seen_penalty"], [0, 1]),
        ({"representation": "kernel"}, ["kernel_width"], []),
        (
            {"classifier": "discriminant+prototype"},
            ["prototype_units", "discriminant_shrinkage", "classifier_epochs"],
            [2],
        ),
        ({"classifier": "discriminant"}, ["classifier_seeds"], [0]),
        ({"classifier": "discriminant+prototype"}, ["classifier_seeds"], []),
        # L_CLS trains a classifier by SGD, whatever the final one is.
        (
            {"variant": "cwgan_cls", "classifier": "prototype"},
            ["classifier_epochs"],
            [],
        ),
    ],
)
def test_those_without_effect_are_named(settings, given, unused):
    config = Config().replace(settings)

    note = unused_settings.note(config, given)

    flags = ", ".join(f"--{given[place]}" for place in unused)
    assert note.partition(" ha")[0] == flags
    assert bool(note) == bool(unused)


@pytest.mark.parametrize(
    ("variant", "classifier"),
    [
        *((v, "devise") for v in ("real_only", "gmmn", "cwgan", "cwgan_cls")),
        ("real_only", "discriminant"),
    ],
)
def test_they_change_nothing(variant, classifier, tiny_config, tiny_data):
    config = tiny_config.replace({"variant": variant, "classifier": classifier})
    unused = unused_settings.without_effect(
        variant, [config.classifier], [config.representation]
    )
    other = {
        field.name: other_value(field, getattr(config, field.name))
        for field in dataclasses.fields(Config)
        if unused(field.name)
    }
    assert other

    before = weights(config, tiny_data)
    after = weights(config.replace(other), tiny_data)

    assert before and len(before) == len(after)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


def other_value(field, value):
    if allowed := field.metadata.get("choices"):
        return next(one for one in allowed if one != value)
    if isinstance(value, tuple):
        return (*value, 3)
    return value + 1 if isinstance(value, int) else 0.5 * value + 0.125


def weights(config, data):
    """Those of the generator, if there is one, and of the classifiers."""
    generator, found = None, []
    if VARIANTS[config.variant].has_generator:
        model = fit.train(config, data, fit.make_strategy("one"))
        generator, found = model.generator, model.generator.get_weights()
    for classifier in final_classifiers.fit(config, data, generator):
        found += classifier.get_weights()
    return found
