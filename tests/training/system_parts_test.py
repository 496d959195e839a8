"""Systems by other authors: what they refuse, and what they can learn."""

import dataclasses

import numpy as np
import pytest

from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import (
    autoencoding,
    guidance,
    metrics,
    moments,
    representation,
)
from gmn_tf.method.adam import Adam
from gmn_tf.method.feedback import FeedbackGenerator
from gmn_tf.training import final_classifiers, fit, parts, system_parts
from gmn_tf.utils.errors import InputError
from tests.support import toys

SIGMOID = {"variant": "fvaegan", "generator_output": "sigmoid"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"variant": "cadavae", "noise": "concat"}, "--noise=latent"),
        ({"variant": "cadavae", "noise_covariance": "identity"}, "learned"),
        (SIGMOID, "features from -"),
        ({**SIGMOID, "generator_output": "relu"}, None),
        ({**SIGMOID, "vae_reconstruction": "absolute"}, None),
        (
            {"variant": "fvaegan", "vae_reconstruction": "cross_entropy"},
            "--feature_scaling=minmax",
        ),
    ],
)
def test_settings_must_fit_the_system(settings, words):
    arguments = Config(**settings), toys.zero_shot_data()
    if words is None:
        system_parts.check(*arguments)
        return
    with pytest.raises(InputError, match=words):
        system_parts.check(*arguments)


def test_features_in_the_unit_interval_have_a_cross_entropy():
    data = toys.zero_shot_data()
    features = toys.uniform(*data.train.features.shape)
    train = Samples(features.astype("f4"), data.train.labels)

    system_parts.check(
        Config(**SIGMOID), dataclasses.replace(data, train=train)
    )


def test_the_noise_may_be_as_wide_as_the_embedding():
    data = toys.zero_shot_data()

    assert system_parts.noise_dim(Config(noise_dim=0), data) == toys.DA
    assert system_parts.noise_dim(Config(noise_dim=9), data) == 9


# All different, so that none can take the place of another.
DIFFERENT = {
    "vae_weight": 2.0,
    "vae_kl_weight": 3.0,
    "vae_prior_weight": 4.0,
    "vae_code_weight": 5.0,
    "regressor_weight": 6.0,
    "regressor_fake_weight": 7.0,
    "regressor_distance": "absolute",
    "moments_weight": 8.0,
    "cycle_weight": 15.0,
    "cycle_ridge": 0.375,
    "classification_weight": 16.0,
    "classifier_epochs": 2,
    "alignment_kl_weight": 9.0,
    "alignment_cross_weight": 10.0,
    "alignment_distance_weight": 11.0,
    "steps": 12,
    "adversarial_weight": 13.0,
    "condition_noise": 14.0,
    "learning_rate": 0.5,
    "critic_learning_rate": 0.25,
    "theta_learning_rate": 0.125,
    "beta_1": 0.75,
    "beta_2": 0.875,
    "noise_dim": 3,
    "vae_units": (8, 9),
    "regressor_units": (10, 11),
    "alignment_units": (12, 13),
    "alignment_embedding_units": (14, 15),
}


def build(variant, **settings):
    config = Config(**{**DIFFERENT, "variant": variant, **settings})
    return parts.build_model(config, toys.zero_shot_data())


def test_settings_reach_the_losses():
    data, config = toys.zero_shot_data(), Config(**DIFFERENT)
    moment = system_parts.moment_matching(config, data)
    vae, regression = build("tfvaegan").guidances
    (alignment,) = build("cadavae").guidances
    classification, cycle = build("cwgan_cls_cycle").guidances
    seen = data.embeddings[: data.num_seen]
    regressor = guidance.fit_regressor(data.train, seen, 0.375)

    assert (classification.weight, cycle.weight) == (16.0, 15.0)
    for found, expected in zip(cycle.model, regressor):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert moment.weight == 8.0
    assert moment.widths == moments.widths_for(data.train)
    assert (vae.weight, vae.kl_weight) == (2.0, 3.0)
    assert (vae.prior_weight, vae.code_weight) == (4.0, 5.0)
    assert vae.error is autoencoding.squared_error
    assert (regression.weight, regression.fake_weight) == (6.0, 7.0)
    assert regression.distance is autoencoding.absolute_error
    assert (alignment.kl_weight, alignment.cross_weight) == (9.0, 10.0)
    assert (alignment.distance_weight, alignment.steps) == (11.0, 12)
    for layer in (vae, regression, alignment):
        np.testing.assert_array_equal(layer.embeddings, data.embeddings)


def test_settings_reach_the_networks():
    vae, regression = build("tfvaegan").guidances
    (alignment,) = build("cadavae").guidances
    (alone,) = build("fvaegan", vae_reads="features").guidances
    found = [
        tuple(one.sizes.values())[:4]
        for one in (
            *(vae.encoder, alone.encoder, regression.regressor),
            *(alignment.encoder, alignment.decoder),
        )
    ]

    assert found == [
        (toys.DX, toys.DA, 3, (8, 9)),
        (toys.DX, 0, 3, (8, 9)),
        (toys.DX, toys.DA, (10, 11), "leaky_relu"),
        (toys.DX, 0, 3, (12, 13)),
        (3, toys.DA, (14, 15), "leaky_relu"),
    ]


@pytest.mark.parametrize("weight", [0.0, 0.375])
def test_a_second_pass_is_asked_for(weight):
    model = build("tfvaegan", regressor_feedback=weight)

    assert isinstance(model.generator, FeedbackGenerator) == bool(weight)
    if weight:
        assert model.generator.weight == weight
        assert model.generator.regressor is model.guidances[1].regressor


def test_settings_reach_the_model_and_its_optimizers():
    model = build("tfvaegan")
    optimizers = model.optimizer, model.critic_optimizer
    networks, theta = model.network_optimizer, model.theta_optimizer

    assert (model.adversarial_weight, model.condition_stddev) == (13.0, 14.0)
    rates = [float(o.learning_rate) for o in (*optimizers, networks, theta)]
    assert rates == [0.5, 0.25, 0.5, 0.125]
    for one in (*optimizers, networks):
        assert isinstance(one, Adam)
        assert (one.beta_1, one.beta_2, one.epsilon) == (0.75, 0.875, 1e-8)
    assert build("cadavae").network_optimizer is None
    same = build("cwgan", critic_learning_rate=0.0)
    assert float(same.critic_optimizer.learning_rate) == 0.5


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("tfvaegan", representation.DecodedFeatures),
        ("cadavae_gm", representation.Codes),
        ("fvaegan", None),
    ],
)
def test_what_classifiers_see_is_of_the_network_that_is_trained(variant, kind):
    model = build(variant)
    seen_as = model.synthesiser.representation
    as_they_are = build(variant, representation="features").synthesiser

    assert as_they_are.representation is None
    if kind is None:
        assert seen_as is None
        return
    assert isinstance(seen_as, kind)
    own = {"tfvaegan": "regressor"}.get(variant, "encoder")
    assert seen_as.network in [
        getattr(one, own, None) for one in model.guidances
    ]


NUM_SEEN, NUM_UNSEEN = 12, 2


@pytest.fixture(scope="module")
def simple_data():
    """Classes whose features follow from their embeddings."""
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(NUM_SEEN + NUM_UNSEEN, 4))
    # Two classes that differ clearly.
    embeddings[-2:] = [[1.0, 1.0, -1.0, 0.0], [-1.0, 0.5, 1.0, 0.5]]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    centres = embeddings @ rng.normal(size=(4, 10))
    centres = 1.0 / (1.0 + np.exp(-1.5 * centres))

    def samples(classes, count):
        labels = np.repeat(classes, count).astype(np.int32)
        features = centres[labels] + 0.05 * rng.normal(size=(len(labels), 10))
        return Samples(np.clip(features, 0.0, 1.0).astype("f4"), labels)

    seen, unseen = np.split(np.arange(len(embeddings)), [NUM_SEEN])
    return ZeroShotData(
        class_names=tuple(map(str, range(len(embeddings)))),
        num_seen=NUM_SEEN,
        embeddings=embeddings.astype("f4"),
        validation_classes=np.array([], int),
        train=samples(seen, 20),
        seen=samples(seen, 5),
        unseen=samples(unseen, 30),
        metadata={},
    )


SMALL = {
    "noise_dim": 4,
    "generator_units": (32,),
    "critic_units": (32,),
    "vae_units": (32,),
    "regressor_units": (16,),
    "alignment_units": (32,),
    "alignment_embedding_units": (32,),
    "generator_output": "sigmoid",
    "vae_reconstruction": "squared",
    "learning_rate": 0.01,
    "batch_size": 32,
    "critic_steps": 2,
    "matching_real": 20,
    "matching_fake": 20,
    "steps": 250,
    "synthetic_per_class": 40,
    "classifier": "linear",
    "classifier_learning_rate": 0.1,
    "classifier_epochs": 30,
    "classifier_seeds": 1,
}


@pytest.mark.parametrize(
    ("variant", "settings"),
    [
        ("gmmn", {}),
        # Errors of ten dimensions are small beside a divergence of four.
        ("cvae", {"vae_kl_weight": 0.01, "vae_reads": "features"}),
        ("fvaegan", {"vae_kl_weight": 0.01}),
        ("tfvaegan", {"vae_kl_weight": 0.01, "regressor_feedback": 0.5}),
        ("cadavae", {"alignment_kl_weight": 0.01}),
    ],
)
def test_systems_recognise_two_classes_they_have_not_seen(
    variant, settings, simple_data
):
    config = Config(**{**SMALL, "variant": variant, **settings})
    model = fit.train(config, simple_data, fit.make_strategy("one"))
    (classifier,) = final_classifiers.fit(
        config, simple_data, model.synthesiser
    )
    scores = metrics.score(classifier, simple_data)

    assert scores.t1 > 90.0
    assert scores.seen_alone > 60.0  # of 12 classes
