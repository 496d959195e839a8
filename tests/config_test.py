"""Settings: defaults, coercion, and what is refused."""

import dataclasses
import json

import pytest

from gmn_tf import configs
from gmn_tf.config import Config, read_config_file
from gmn_tf.configs import systems
from gmn_tf.method.variants import VARIANTS
from gmn_tf.utils.errors import InputError, nearest

FIELDS = {field.name: field for field in dataclasses.fields(Config)}
NUMBERS = [n for n, f in FIELDS.items() if isinstance(f.default, int | float)]
COUNTS = [
    name
    for name, field in FIELDS.items()
    if isinstance(field.default, int) and field.metadata["least"] == 1
]


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_explains_itself(name):
    text = FIELDS[name].metadata["help"]

    assert text.endswith(".")
    assert len(text) > 10


def test_defaults_are_those_of_the_release_for_cub():
    config = Config()

    assert config.critic_steps == 5
    assert (config.beta_1, config.beta_2) == (0.0, 0.999)
    assert config.learning_rate == 1e-4
    assert config.batch_size == 256
    assert config.generator_units == (2048,)
    assert config.critic_units == (1024,)
    assert config.noise_dim == 512
    # Five classes a step, whose losses the release sums with 100 each.
    assert config.matching_classes == 5
    assert config.matching_weight == 500.0
    assert (config.matching_real, config.matching_fake) == (60, 120)
    assert config.theta_reset_steps == 1
    assert config.synthetic_per_class == 250


DATASETS = ("cub", "sun", "awa", "flo", "mybirds")


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("preset", configs.PRESETS)
def test_presets_are_valid(dataset, preset):
    config = Config().replace(configs.preset(dataset, preset))

    assert config.dataset == dataset
    assert config.theta_reset_steps == (100 if preset == "paper" else 1)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("preset", ["cpu", "best", "auto"])
def test_small_presets_know_no_unit_of_features(dataset, preset):
    config = Config().replace(configs.preset(dataset, preset))

    found = {("flo", "best"): "root"}  # blind to the unit, too
    assert config.feature_scaling == found.get((dataset, preset), "unit")
    assert config.generator_output == "auto"


def test_best_is_searched_where_nothing_was_measured():
    searched = {
        dataset: configs.is_searched(dataset, "best", {})
        for dataset in ("cub", "flo", "sun", "mybirds")
    }

    assert searched == {
        "cub": False,
        "flo": False,
        "sun": True,
        "mybirds": True,
    }
    assert configs.preset("sun", "best") == configs.preset("sun", "auto")
    assert configs.is_searched("flo", "best", {"embedding": "att+names"})
    assert not configs.is_searched("cub", "best", {"embedding": "att"})
    names = {"embedding": "names"}
    assert configs.preset("cub", "best", names) == configs.preset("cub", "auto")
    assert configs.is_searched("flo", "auto", {})
    assert not configs.is_searched("sun", "cpu", {})


@pytest.mark.parametrize(
    ("chosen", "searched"),
    [
        ({"variant": "cwgan_gm", "seed": 2}, False),
        ({"classifier": "bilinear+discriminant+prototype"}, False),
        ({"variant": "cwgan"}, True),
        ({"variant": "zlap"}, True),
        ({"classifier": "discriminant"}, True),
    ],
)
def test_what_best_found_is_for_one_variant_and_classifier(chosen, searched):
    assert configs.is_searched("flo", "best", chosen) == searched
    start = configs.preset("flo", "best", chosen)
    assert ("seen_penalty" in start) != searched
    Config().replace({**start, **chosen})


def test_presets_of_the_release():
    sun = Config().replace(configs.preset("sun"))
    awa = Config().replace(configs.preset("awa"))

    assert (sun.noise, sun.compatibility) == ("concat", "linear")
    assert sun.classifier == "linear"
    assert (sun.matching_classes, sun.matching_weight) == (20, 2000.0)
    assert (sun.matching_real, sun.matching_fake) == (16, 160)
    assert (sun.sampling, sun.steps) == ("uniform", 20_000)
    assert sun.generator_units == sun.critic_units == (2048, 2048)
    assert (awa.matching_classes, awa.matching_weight) == (2, 200.0)
    assert (awa.beta_1, awa.beta_2) == (0.999, 0.999)
    assert (awa.synthetic_per_class, awa.seen_floor) == (2300, 600)


def test_the_cpu_preset_is_the_release_made_small():
    settings = configs.preset("sun", "cpu")
    cub = Config().replace(configs.preset("cub", "cpu"))
    flo = Config().replace(configs.preset("flo", "cpu"))

    assert (settings["noise"], settings["noise_dim"]) == ("concat", 102)
    assert (settings["matching_classes"], settings["matching_real"]) == (20, 16)
    assert settings["generator_units"] == (512,)
    assert (cub.synthetic_per_class, flo.synthetic_per_class) == (100, 250)
    assert (cub.noise_dim, flo.noise_dim) == (128, 128)
    assert (cub.steps, cub.learning_rate) == (800, 1e-3)
    assert (cub.matching_real, cub.matching_fake) == (20, 40)
    assert configs.preset("synthetic", "cpu")["generator_units"] == (256,)


@pytest.mark.parametrize(
    ("dataset", "chosen", "embedding"),
    [
        ("cub", {}, "att+sent"),
        ("cub", {"embedding": "att"}, "att"),
        ("flo", {}, "att"),
    ],
)
def test_the_best_preset_differs_in_what_was_found(dataset, chosen, embedding):
    cpu = Config().replace(configs.preset(dataset, "cpu"))
    best = Config().replace(configs.preset(dataset, "best", chosen))

    assert best.embedding == embedding
    assert len(best.classifier_parts) == 3
    assert best.seen_penalty > cpu.seen_penalty == 0.0
    assert best.temperature > cpu.temperature == 0.0
    assert (best.noise_dim, best.critic_units) == (128, (256,))


def own_settings(variant, dataset="flo", preset="release", **chosen):
    chosen = {"variant": variant, **chosen}
    start = configs.preset(dataset, preset, chosen)
    return Config().replace({**start, **chosen})


@pytest.mark.parametrize("variant", systems.SYSTEMS)
@pytest.mark.parametrize("preset", configs.PRESETS)
def test_systems_have_settings_of_their_own(variant, preset):
    for dataset in ("cub", "sun", "awa", "mybirds"):
        config = own_settings(variant, dataset, preset)
        # What `best` knows is for cwgan_gm.
        start = "auto" if preset == "best" else preset
        plain = Config().replace(configs.preset(dataset, start))
        system = systems.SYSTEMS[variant]
        if preset != "release" and not (system.always or system.small):
            assert config == plain.replace({"variant": variant})
        for name, value in system.always.items():
            given = {**system.release, **system.datasets.get(dataset, {})}
            if preset != "release" or name not in given:
                assert getattr(config, name) == value


# What is known of the authors' settings, by variant and data set.
GAN = {
    "feature_scaling": "minmax",
    "noise": "concat",
    "noise_dim": 0,
    "generator_units": (4096,),
    "generator_output": "relu",
    "activation": "leaky_relu",
    "critic_units": (4096,),
    "critic_steps": 5,
    "gradient_penalty_weight": 10.0,
    "batch_size": 64,
    "learning_rate": 1e-4,
    "beta_1": 0.5,
    "beta_2": 0.999,
    "seen_floor": 0,
}
VAE = {
    **GAN,
    "generator_output": "sigmoid",
    "vae_units": (4096,),
    "vae_reads": "both",
    "vae_reconstruction": "auto",  # of a sigmoid the cross-entropy
    "vae_weight": 1.0,
    "vae_kl_weight": 1.0,
    "vae_prior_weight": 0.0,
    "vae_code_weight": 0.0,
    "adversarial_weight": 10.0,
}
DECODER = {
    "regressor_units": (4096,),
    "regressor_distance": "absolute",
    "regressor_weight": 0.01,
    "regressor_fake_weight": 0.0,
}
ON_AWA = {"regressor_weight": 0.1, "regressor_feedback": 0.01}
KNOWN = {
    "cwgan_cls": {
        "": {**GAN, "compatibility": "linear", "classification_weight": 0.01},
        "cub": {"steps": 56 * 7057 // 64, "synthetic_per_class": 300},
        "flo": {"steps": 80 * 5631 // 64, "synthetic_per_class": 1200},
        "sun": {"steps": 40 * 10320 // 64, "synthetic_per_class": 400},
        "awa": {"steps": 30 * 19832 // 64, "synthetic_per_class": 1800},
        "awa2": {"steps": 30 * 23527 // 64, "synthetic_per_class": 1800},
    },
    "cwgan_cycle": {
        "": {**GAN, "critic_learning_rate": 1e-3},
        "cub": {"synthetic_per_class": 200, "cycle_weight": 0.01 / 312},
        "flo": {"synthetic_per_class": 300, "cycle_weight": 0.01 / 1024},
        "sun": {"synthetic_per_class": 141, "cycle_weight": 0.01 / 102},
        "awa": {"synthetic_per_class": 1200, "cycle_weight": 0.01 / 85},
        "awa2": {"synthetic_per_class": 1200, "cycle_weight": 0.01 / 85},
        "apy": {"cycle_weight": 0.01 / 64},
        "mine": {"cycle_weight": 0.01 / 312},
    },
    "gmmn": {
        "": {"noise": "concat", "noise_dim": 0, "synthetic_per_class": 500},
        "cub": {"matching_classes": 5},
    },
    # The weight of L_GM is 100 for each class of a step.
    "gmmn_gm": {
        name: {"matching_classes": 5, "matching_weight": 500.0}
        for name in ("cub", "sun", "awa", "apy")
    },
    "cvae": {"": {"vae_reads": "features"}},
    "fvaegan": {
        "": VAE,
        "cub": {"steps": 300 * 7057 // 64, "synthetic_per_class": 300},
        "flo": {"steps": 500 * 5631 // 64, "synthetic_per_class": 1200},
        "sun": {"steps": 400 * 10320 // 64, "synthetic_per_class": 400},
        "awa": {"steps": 120 * 19832 // 64},
        "awa2": {"steps": 120 * 23527 // 64, "synthetic_per_class": 1800},
    },
    "tfvaegan": {
        "": {**VAE, **DECODER},
        "cub": {"regressor_feedback": 1.0, "synthetic_per_class": 300},
        "flo": {"regressor_feedback": 0.5, "synthetic_per_class": 1200},
        "sun": {"regressor_feedback": 0.1, "synthetic_per_class": 400},
        "awa": {**ON_AWA, "synthetic_per_class": 1800},
        "awa2": {**ON_AWA, "synthetic_per_class": 1800},
        "mine": {"regressor_feedback": 1.0},
    },
    "cadavae": {
        "": {
            "feature_scaling": "minmax",
            "noise": "latent",
            "noise_mean": "linear",
            "noise_covariance": "learned",
            "noise_dim": 64,
            "noise_units": 1450,
            "generator_units": (1660,),
            "generator_output": "linear",
            "activation": "relu",
            "alignment_units": (1560,),
            "alignment_embedding_units": (665,),
            "alignment_kl_weight": 0.25,
            "alignment_cross_weight": 2.37,
            "alignment_distance_weight": 8.13,
            "learning_rate": 1.5e-4,
            "beta_1": 0.9,
            "batch_size": 50,
        },
        "cub": {"steps": 100 * 7057 // 50, "synthetic_per_class": 100},
        # Twice the mean number of samples of a seen class, rounded.
        "flo": {"synthetic_per_class": 140},
        "sun": {"synthetic_per_class": 32},
        "awa": {"synthetic_per_class": 1000},
        "awa2": {"synthetic_per_class": 1200},
        "apy": {"synthetic_per_class": 600},
    },
    "class_normalisation": {
        "": {
            "classifier": "prototype",
            "classifier_rows": "real",
            "prototype_units": (1024, 1024),
            "prototype_normalisation": "class",
            "prototype_activation": "relu",
            "prototype_output": "relu",
            "prototype_temperature": 1.0 / 25.0,
            "prototype_learning_rate": 5e-4,
            "prototype_rate_drop": 10.0,
            "prototype_weight_decay": 1e-4,
            "prototype_batch_size": 256,
            "prototype_epochs": 50,
            "prototype_mask": 0.0,
            "prototype_dropout": 0.0,
            "prototype_prior": 0.0,
            "prototype_seen_factor": 0.95,
        },
        "cub": {"prototype_seen_factor": 1.0},
        "sun": {},
    },
    "zlap": {
        "": {
            "classifier": "prototype",
            "classifier_rows": "both",
            "synthetic_per_class": 10,
            "prototype_units": (1024,),
            "prototype_activation": "leaky_relu",
            "prototype_output": "linear",
            "prototype_normalisation": "none",
            "prototype_temperature": 0.04,
            "prototype_learning_rate": 1e-4,
            "prototype_beta_1": 0.5,
            "prototype_rate_drop": 2.0,
            "prototype_weight_decay": 1e-4,
            "prototype_batch_size": 512,
            "prototype_epochs": 60,
        },
        "cub": {"prototype_prior": 30.0},
        "sun": {"prototype_prior": 60.0},
        "awa2": {"prototype_prior": 1000.0},
        "apy": {"prototype_prior": 300.0},
    },
}
KNOWN["cwgan_cls_cycle"] = KNOWN["cwgan_cycle"]


@pytest.mark.parametrize("variant", KNOWN)
def test_settings_of_systems_by_their_authors(variant):
    known = KNOWN[variant]
    for dataset in [name for name in known if name] or ["cub"]:
        config = own_settings(variant, dataset)
        expected = {**known.get("", {}), **known.get(dataset, {})}
        assert {n: getattr(config, n) for n in expected} == expected, dataset


def test_feedback_is_of_the_release_alone():
    assert own_settings("tfvaegan", preset="cpu").regressor_feedback == 0.0


def test_networks_of_systems_are_small_with_the_cpu_preset():
    cadavae, fvaegan = (
        own_settings(name, preset="cpu") for name in ("cadavae", "fvaegan")
    )
    assert (cadavae.noise_dim, cadavae.alignment_units) == (64, (512,))
    assert fvaegan.vae_units == fvaegan.generator_units == (512,)
    assert own_settings("fvaegan", preset="paper").vae_units == (2048,)


def test_a_flag_wins_over_what_a_system_says():
    config = own_settings("cadavae", noise_dim=7, classifier="bilinear")

    assert (config.noise_dim, config.classifier) == (7, "bilinear")


def test_ranking_classifiers_of_f_clswgan_have_rates_of_their_own():
    known = {
        ("devise", "cub"): (1.0, 1.0),
        ("devise", "awa"): (0.01, 200.0),
        ("devise", "sun"): (0.01, 3.0),
        ("ale", "cub"): (0.3, 1.0),
        ("ale", "awa"): (0.01, 1.0),
        ("ale", "sun"): (0.1, 1.0),
    }
    for (classifier, dataset), expected in known.items():
        found = own_settings("cwgan_cls", dataset, classifier=classifier)
        rate = found.classifier_learning_rate
        assert (rate, found.ranking_margin) == expected
        assert found.classifier_decay == 1.0
    plain = own_settings("cwgan_gm", "cub", classifier="ale")
    assert plain.classifier_learning_rate == Config.classifier_learning_rate


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match=r"(?i)did you mean 'paper'"):
        configs.preset("cub", "papre")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", "1_0", 10),
        ("steps", 10.0, 10),
        ("learning_rate", "1e-3", 0.001),
        ("learning_rate", 0, 0.0),
        ("generator_units", "2048,1024", (2048, 1024)),
        ("generator_units", [8, 4], (8, 4)),
        ("critic_units", "7", (7,)),
        ("seed", 0, 0),
        ("variant", "gm", "gm"),
    ],
)
def test_values_take_their_fields_type(name, value, expected):
    coerced = getattr(Config(**{name: value}), name)

    assert coerced == expected
    assert type(coerced) is type(FIELDS[name].default)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", [True, None, "many", [3], float("nan"), "inf", float("inf"), -1]
)
def test_numbers_that_are_none_are_refused(name, value):
    if name == "seen_penalty" and value == -1:
        assert Config(seen_penalty=-1).seen_penalty == -1.0  # favours seen
        return
    with pytest.raises(InputError, match=f"--{name}") as error:
        Config(**{name: value})

    lines = str(error.value).splitlines()
    starts = [line.split(":")[0].strip() for line in lines[1:]]
    assert starts == ["expected", "received", "what to do"]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, 1.5, "1.5"])
def test_counts_are_whole_and_positive(name, value):
    with pytest.raises(InputError, match=f"--{name}"):
        Config(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("beta_1", 1.0), ("beta_2", 2), ("seed", 2**63)]
)
def test_numbers_that_are_too_large_are_refused(name, value):
    with pytest.raises(InputError, match=rf"--{name}(.|\n)*expected: below"):
        Config(**{name: value})


@pytest.mark.parametrize(
    "value", ["", "8,", "8,x", [8, 0], [8, True], [8, 1.5], 8, None, [], ()]
)
@pytest.mark.parametrize("name", ["generator_units", "critic_units"])
def test_bad_layer_sizes_are_refused(name, value):
    with pytest.raises(InputError, match=f"--{name}"):
        Config(**{name: value})


@pytest.mark.parametrize("value", [3, None, ["cub"], True])
def test_texts_must_be_texts(value):
    with pytest.raises(InputError, match="--dataset"):
        Config(dataset=value)


@pytest.mark.parametrize(
    "name", [n for n, f in FIELDS.items() if f.metadata["choices"]]
)
def test_a_misspelt_value_names_the_nearest(name):
    for choice in FIELDS[name].metadata["choices"]:
        with pytest.raises(InputError, match=f"(?i)did you mean '{choice}'"):
            Config(**{name: choice + "_"})


def test_every_variant_is_a_choice():
    assert FIELDS["variant"].metadata["choices"] is VARIANTS


@pytest.mark.parametrize(
    ("name", "meant"),
    [("varaint", "variant"), ("batchsize", "batch_size"), ("lambda_", None)],
)
def test_a_misspelt_setting_names_the_nearest(name, meant):
    with pytest.raises(InputError, match=repr(name)) as error:
        Config().replace({name: 3})

    assert meant is None or f"Did you mean {meant!r}" in str(error.value)


def test_nearest():
    assert nearest("cwgan_mg", VARIANTS) == "cwgan_gm"
    assert nearest("zzz", ["cub", "sun"]) in ("cub", "sun")
    assert nearest("cub", []) == ""


def test_replace_changes_only_what_is_given():
    config = Config(steps=7)
    changed = config.replace({"critic_units": "3,4", "seed": "5"})

    assert changed == Config(steps=7, critic_units=(3, 4), seed=5)
    assert config == Config(steps=7)


def written(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("nested", [False, True])
def test_round_trip_through_json(nested, tmp_path):
    config = Config(
        variant="gm", generator_units=(3, 4), learning_rate=0.1, seed=7
    )
    content = config.to_dict()
    assert content.keys() == FIELDS.keys()
    if nested:  # as a run leaves it
        content = {"config": content, "versions": {"gmn_tf": "1"}}
    path = written(tmp_path, json.dumps(content))

    assert Config(**read_config_file(path)) == config


def test_a_file_may_name_a_few_settings(tmp_path):
    path = written(tmp_path, '{"steps": 3}')

    assert read_config_file(path) == {"steps": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Cannot read"),
        ("[1, 2]", "not an object"),
        ('"steps"', "not an object"),
        ('{"stpes": 3}', "(?i)did you mean 'steps'"),
        ('{"config": {"stpes": 3}}', "(?i)did you mean 'steps'"),
    ],
)
def test_bad_files_are_refused(content, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_config_file(written(tmp_path, content))


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"steps": 5}', encoding="utf-8-sig")
    assert read_config_file(path) == {"steps": 5}


def test_a_missing_file_is_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="Cannot read") as error:
            read_config_file(str(path))
        assert str(path) in str(error.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match="Cannot read"):
        read_config_file(str(path))


def test_parts_of_the_final_classifier():
    (alone,) = Config().classifier_parts
    several = Config(
        classifier="bilinear+prototype+prototype",
        classifier_rows="both,real,real",
        classifier_weights="2",
    ).classifier_parts

    assert alone == ("bilinear", "both", 1.0)
    assert several == (
        ("bilinear", "both", 2.0),
        ("prototype", "real", 2.0),
        ("prototype", "real", 2.0),
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classifier": "prototpe"}, "Did you mean 'prototype'"),
        ({"classifier": "bilinear+"}, "classifier"),
        ({"classifier_rows": "fake"}, "one of both, real"),
        ({"classifier_rows": "both,real"}, "--classifier_rows does not fit"),
        (
            {"classifier": "bilinear+prototype", "classifier_weights": "1,2,3"},
            "one value, or 2",
        ),
        ({"classifier_weights": "-1"}, "at least 0"),
        ({"classifier_weights": "nan"}, "at least 0"),
        ({"classifier_weights": "1;2"}, "at least 0"),
        (
            {"classifier": "bilinear+prototype", "classifier_weights": "0"},
            "one of them above 0",
        ),
        (
            {"classifier": "linear", "classifier_rows": "real"},
            "cannot learn unseen classes",
        ),
        ({"prototype_temperature": 0.0}, "at least"),
        ({"prototype_mask": 1.0}, "below 1.0"),
        ({"prototype_normalisation": "batch"}, "none, class"),
    ],
)
def test_classifiers_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Config(**settings)
