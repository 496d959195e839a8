"""What a search tries: the declaration, the user's changes, what is refused."""

import json

import pytest

from gmn_tf.config import Config
from gmn_tf.configs import PRESETS, preset
from gmn_tf.method.variants import MATCHING, VARIANTS
from gmn_tf.search import space, space_input
from gmn_tf.search.space import CALIBRATED
from gmn_tf.utils.errors import InputError


def make(changes=None, chosen=(), variant="cwgan_gm", preset="cpu"):
    config = Config(variant=variant)
    return space_input.make(preset, config, chosen, changes or {})


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    "variant", [name for name in VARIANTS if VARIANTS[name].has_generator]
)
def test_every_preset_and_variant_has_a_space(name, variant):
    made = make(variant=variant, preset=name)

    drawn = made.settings(made.parameters().values)
    Config().replace({**preset("cub", name), **drawn, "variant": variant})
    has_matching = MATCHING in VARIANTS[variant].guidance
    assert ("matching_weight" in made.generator) == has_matching
    has_critic = VARIANTS[variant].critic is not None
    assert ("critic_units" in made.generator) == has_critic
    assert made.classifier["seen_penalty"] == (CALIBRATED,)


def test_users_narrow_and_widen_and_fix():
    made = make(
        {
            "noise_dim": [32, 48],
            "learning_rate": {"min": 0.001, "max": 0.01},
            "beta_1": 0.5,
            "generator_units": [[16], [16, 8]],
            "critic_steps": {"min": 1, "max": 5},
            "classifier_epochs": [3],
            "synthetic_per_class": [7, 9],
        },
        chosen=("beta_2", "critic_units"),
    )

    assert made.generator["noise_dim"] == (32, 48)
    rates = {"min": 0.001, "max": 0.01, "log": False}
    assert made.generator["learning_rate"] == rates
    assert made.generator["generator_units"] == ((16,), (16, 8))
    steps = {"min": 1, "max": 5, "log": False}
    assert made.generator["critic_steps"] == steps
    assert made.fixed == {"beta_1": 0.5, "classifier_epochs": 3}
    assert made.classifier["synthetic_per_class"] == (7, 9)
    for name in ("beta_1", "beta_2", "critic_units"):
        assert name not in made.generator


def test_what_is_drawn_becomes_settings():
    made = make({"learning_rate": {"min": 1e-4, "max": 1e-3, "log": True}})
    drawn = made.parameters().values | {"learning_rate": 0.000123456}

    settings = made.settings({**drawn, "tuner/epochs": 3})

    assert settings["learning_rate"] == 0.000123
    assert "tuner/epochs" not in settings
    assert Config().replace(settings).generator_units == (256,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise_dimm": [1, 2]}, "Did you mean 'noise_dim'"),
        ({"seed": [1, 2]}, "--seed cannot be searched"),
        ({"steps": [1, 2]}, "--steps cannot be searched"),
        ({"feature_scaling": ["unit"]}, "--feature_scaling cannot be searched"),
        ({"cycle_weight": [1.0, 2.0]}, "no effect on cwgan_gm"),
        ({"prototype_mask": [0.0, 0.5]}, "with the classifier bilinear"),
        ({"ranking_margin": [1.0, 2.0]}, "with the classifier bilinear"),
        ({"classifier": ["bilinear", "protype"]}, "Did you mean 'prototype'"),
        ({"noise_dim": []}, "has no value"),
        ({"critic_units": [[0], [64]]}, "at least 1"),
        ({"noise_dim": ["a", 64]}, "a whole number"),
        ({"noise_mean": ["linear", "cubic"]}, "one of linear, tanh"),
        ({"learning_rate": {"min": 0.1, "max": 0.01}}, "A < B"),
        ({"learning_rate": {"min": 0, "max": 1, "log": True}}, "0 < A"),
        ({"learning_rate": {"min": 0.1}}, "cannot be searched"),
        ({"learning_rate": {"min": 0.1, "max": 1, "step": 2}}, "cannot be"),
        ({"noise_mean": {"min": 0, "max": 1}}, "cannot be searched"),
        ({"generator_units": {"min": 1, "max": 9}}, "cannot be searched"),
        ({"classifier_epochs": {"min": 1, "max": 9}}, "is not a list"),
        ({"seen_penalty": {"min": 0, "max": 2}}, "is not a list"),
        (
            {"noise_dim": [64, 128], "beta_1": [0.0, 0.5]},
            "both fixed and searched",
        ),
    ],
)
def test_bad_spaces_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        make(changes, chosen=("beta_1",))


def test_the_presets_own_values_are_tried_too():
    config = Config(classifier_learning_rate=1.0, synthetic_per_class=2300)
    made = space_input.make("release", config, (), {})

    assert made.classifier["classifier_learning_rate"][0] == 1.0
    assert made.classifier["synthetic_per_class"][0] == 2300
    assert len(set(made.classifier["classifier_epochs"])) == 4


@pytest.mark.parametrize(
    ("num_seen", "tried"), [(10, (2, 5, 10)), (9, (2, 5)), (4, 2), (1, 2)]
)
def test_default_counts_of_classes_fit_the_data(num_seen, tried):
    made = space_input.make("cpu", Config(), (), {}, num_seen)
    both = {**made.generator, **made.fixed}
    assert both["matching_classes"] == tried
    given = {"matching_classes": [2, 50]}
    made = space_input.make("cpu", Config(), (), given, num_seen)
    assert made.generator["matching_classes"] == (2, 50)


def test_an_empty_space_is_refused():
    with pytest.raises(InputError, match="space is empty"):
        make(chosen=tuple(space.GENERATOR))
    with pytest.raises(InputError, match="no generator to search for"):
        make(variant="real_only")


def test_changes_are_read_from_files_and_flags(tmp_path):
    path = tmp_path / "space.json"
    path.write_text('{"noise_dim": [8, 16], "beta_1": [0.0, 0.5]}')

    changes = space_input.read_changes([str(path), "noise_dim=[4, 8]"])

    assert changes == {"noise_dim": [4, 8], "beta_1": [0.0, 0.5]}


@pytest.mark.parametrize("text", ["{", "[1, 2]", None])
def test_bad_files_are_refused(text, tmp_path):
    path = tmp_path / "space.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="NAME=VALUES"):
        space_input.read_changes([str(path)])
    with pytest.raises(InputError, match="are not JSON"):
        space_input.read_changes(["noise_dim=64,128"])


def test_what_is_shown_is_what_is_read():
    made = make({"beta_1": 0.5})

    again = make(json.loads(made.to_json()))

    assert again == made


@pytest.mark.parametrize(
    ("classifier", "used", "unused"),
    [
        ("bilinear", "classifier_decay", "prototype_mask"),
        ("prototype", "prototype_mask", "classifier_decay"),
        ("prototype+ale", "classifier_decay", "ranking_margin"),
        ("devise", "classifier_decay", "prototype_mask"),
    ],
)
def test_settings_of_the_classifiers_in_use_are_tried(classifier, used, unused):
    config = Config(classifier=classifier)
    made = space_input.make("cpu", config, (), {})

    assert used in made.classifier
    assert unused not in made.to_json()
    with pytest.raises(InputError, match="no effect"):
        space_input.make("cpu", config, (), {unused: [0.1, 0.2]})


def test_classifiers_can_be_searched_for():
    made = make(
        {
            "classifier": ["bilinear", "prototype", "bilinear+prototype"],
            "prototype_prior": [0.0, 30.0],
        }
    )
    assert made.classifier["classifier"][1] == "prototype"
    assert made.classifier["prototype_prior"] == (0.0, 30.0)
    assert {"classifier_decay", "prototype_mask"} <= set(made.classifier)


def test_a_generator_is_not_trained_anew_for_another_kernel():
    config = Config(representation="kernel")
    widths = {"kernel_width": [1.0, 3.0]}
    made = space_input.make("cpu", config, (), widths)

    assert made.classifier["kernel_width"] == (1.0, 3.0)
    assert "kernel_width" not in made.generator
    # Both may be tried, but not the width of no kernel.
    assert make({"representation": ["auto", "kernel"], **widths})
    with pytest.raises(InputError, match="kernel_width has no effect"):
        make(widths)


def test_sgd_of_the_frozen_classifier_belongs_to_the_generator():
    config = Config(variant="cwgan_cls", classifier="bilinear+prototype")
    made = space_input.make("cpu", config, (), {})

    assert "classifier_decay" in made.generator
    assert "prototype_mask" in made.classifier


@pytest.mark.parametrize(
    ("variant", "used"), [("gmmn", True), ("cvae", False), ("cwgan_gm", True)]
)
def test_samples_per_class_are_searched_where_they_are_read(variant, used):
    space = make(variant=variant)
    assert ("matching_classes" in space.generator) == used
    assert ("matching_weight" in space.generator) == (variant == "cwgan_gm")
    changes = {"matching_real": [5, 10]}
    if used:
        changed = make(changes, variant=variant)
        assert changed.generator["matching_real"] == (5, 10)
    else:
        with pytest.raises(InputError, match="no effect"):
            make(changes, variant=variant)
