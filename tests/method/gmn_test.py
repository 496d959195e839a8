"""Eq. 5: the training step."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.method import compatibility
from gmn_tf.method.adam import Adam
from gmn_tf.method.gmn import GMN
from gmn_tf.method.guidance import Classification, GradientMatching
from gmn_tf.method.sampling import SampleSource
from gmn_tf.method.variants import VARIANTS
from gmn_tf.training import fit, parts
from gmn_tf.training.batches import BatchSizes, step_batch
from tests.support import reference, toys

SIZES = BatchSizes(
    critic_steps=2, batch=9, noise_dim=toys.DZ, classes=2, real=4, fake=6,
    theta=12,
)  # fmt: skip
RATE = 2.0**-6
# Exact in single precision, in which Keras keeps them.
ADAM = {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 2.0**-20}
THETA_RATE = 2.0**-3
PENALTY_WEIGHT = 10.0
EMBEDDINGS = toys.normal(toys.NUM_CLASSES, toys.DA)
SEEN = tf.constant(EMBEDDINGS[: toys.NUM_SEEN])
CLASSIFIER = toys.normal(toys.DX, toys.DA), toys.normal(toys.DA)


def batches(count):
    """The first batches, without the pipeline around them."""
    source = SampleSource(toys.samples([3, 1, 6, 4]), toys.NUM_SEEN, "balanced")
    return [
        toys.as_float64(step_batch(source, SIZES, 1, step, 0, 1))
        for step in tf.range(count, dtype=tf.int64)
    ]


def matching(reset_steps):
    return GradientMatching(
        SEEN.numpy(),
        (toys.DX, toys.NUM_SEEN),
        "per_unit",
        weight=5.0,
        norm_weight=0.5,
        norm_order=3.0,
        reset_steps=reset_steps,
    )


def model_of(critic, guidances, rates=(RATE, RATE, THETA_RATE), adam=True):
    """A compiled model; the rates are G's, D's and theta's."""
    model = GMN(toys.generator(), critic, guidances, EMBEDDINGS, PENALTY_WEIGHT)
    optimizers = [
        Adam(rate, **ADAM) if adam else keras.optimizers.SGD(rate)
        for rate in rates[:2]
    ]
    model.compile(*optimizers, keras.optimizers.SGD(rates[2]))
    return model


class ByHand:
    """The algorithm box, with plain tapes, for some steps in a row."""

    def __init__(self, model, reset_steps=None, classification_weight=0.0):
        self.generator = toys.copy(model.generator)
        self.critic = model.critic and toys.copy(model.critic)
        networks = self.generator, self.critic
        self.adams = [
            network
            and reference.Adam(
                RATE, *ADAM.values(), network.trainable_variables
            )
            for network in networks
        ]
        self.reset_steps = reset_steps
        self.classification_weight = classification_weight
        self.theta = None

    def step(self, number, batch):
        if self.reset_steps and number % self.reset_steps == 0:
            self.theta = toys.full_theta(SEEN, batch["theta_seed"], "float64")
        loss = reference.train_step(
            self.generator,
            self.critic,
            EMBEDDINGS,
            batch,
            PENALTY_WEIGHT,
            lambda fake: self._guidance(fake, batch),
            self.adams,
        )
        if self.reset_steps:
            self._train_theta(batch["theta"])
        return loss

    def _guidance(self, fake, batch):
        if self.reset_steps:
            return 5.0 * self._matching_loss(batch["matching"])
        if self.classification_weight:
            losses = compatibility.cross_entropy(
                compatibility.scores(fake, CLASSIFIER, SEEN),
                batch["generator"]["labels"],
            )
            return self.classification_weight * tf.reduce_mean(losses)
        return 0.0

    def _matching_loss(self, classes):
        labels = classes["labels"].numpy()
        fake = tf.stack(
            [
                self.generator(noise, EMBEDDINGS[label : label + 1])
                for noise, label in zip(classes["noise"], labels)
            ]
        )
        return reference.matching_loss(
            classes["features"],
            fake,
            labels,
            self.theta,
            SEEN,
            "per_unit",
            0.5,
            3.0,
        )

    def _train_theta(self, samples):
        gradients = reference.closed_form_gradient(
            samples["features"].numpy(),
            samples["labels"].numpy(),
            *(part.numpy() for part in self.theta),
            SEEN.numpy(),
        )
        self.theta = tuple(
            part - THETA_RATE * gradient
            for part, gradient in zip(self.theta, gradients)
        )


def compare(model, by_hand, steps=3):
    for number, batch in enumerate(batches(steps)):
        logs = model.train_step(batch)
        loss = by_hand.step(number, batch)
        assert float(logs["generator_loss"]) == pytest.approx(
            float(loss), rel=1e-7
        )
    pairs = [(model.generator, by_hand.generator)]
    if model.critic is not None:
        pairs.append((model.critic, by_hand.critic))
    for network, expected in pairs:
        for weights, values in zip(
            network.get_weights(), expected.get_weights()
        ):
            np.testing.assert_allclose(weights, values, rtol=1e-6, atol=1e-8)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("conditional", [True, False])
def test_adversarial_steps_by_hand(conditional):
    model = model_of(toys.critic((11, 10), conditional=conditional), [])

    compare(model, ByHand(model))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("conditional", "reset_steps"), [(True, 1), (False, 2), (None, 2)]
)
def test_matching_steps_by_hand(conditional, reset_steps):
    critic = None
    if conditional is not None:
        critic = toys.critic(conditional=conditional)
    layer = matching(reset_steps)
    model = model_of(critic, [layer])
    by_hand = ByHand(model, reset_steps)

    compare(model, by_hand)

    # theta is kept in the span of the embeddings, where A Q (Q^T x) = A x.
    basis = compatibility.span_basis(SEEN.numpy())
    for variable, value in zip(layer.theta, by_hand.theta):
        np.testing.assert_allclose(variable, value.numpy() @ basis, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_classification_steps_by_hand():
    model = model_of(toys.critic(), [Classification(SEEN, CLASSIFIER, 0.25)])

    compare(model, ByHand(model, classification_weight=0.25))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("moving", ["generator", "critic", "theta"])
def test_each_optimizer_moves_its_own_network(moving):
    layer = matching(reset_steps=3)
    rates = [
        0.1 * (moving == name) for name in ("generator", "critic", "theta")
    ]
    model = model_of(toys.critic(), [layer], rates, adam=False)
    networks = {
        "generator": model.generator,
        "critic": model.critic,
        "theta": layer,
    }
    first, second = batches(2)
    model.train_step(first)  # draws theta
    before = {name: n.get_weights() for name, n in networks.items()}
    model.train_step(second)

    for name, network in networks.items():
        same = [*map(np.array_equal, network.get_weights(), before[name])]
        if name == moving:
            # A bias on its scores makes no difference to a critic's loss.
            assert not any(same[:-1])
        else:
            assert all(same)


@pytest.mark.usefixtures("float64")
def test_several_critic_steps_to_one_of_the_generator():
    model = model_of(toys.critic(), [])
    model.train_step(batches(1)[0])

    assert int(model.critic_optimizer.iterations) == SIZES.critic_steps
    assert int(model.optimizer.iterations) == 1


@pytest.mark.usefixtures("float64")
def test_fakes_are_of_their_labels_classes():
    model = model_of(None, [matching(1)])
    labels = np.array([5, 0])
    noise = toys.normal(2, 3, toys.DZ)

    per_class = model.synthesise(noise, labels)
    single = model.synthesise(noise[:, 1], labels)

    for k, label in enumerate(labels):
        expected = model.generator(noise[k], EMBEDDINGS[[label] * 3])
        np.testing.assert_allclose(per_class[k], expected, rtol=1e-12)
        np.testing.assert_allclose(single[k], expected[1], rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_noise_on_embeddings_is_for_the_generator_alone():
    model = GMN(toys.generator(), None, [], EMBEDDINGS, 1.0, 1.0, 0.25)
    labels = np.array([5, 0])
    noise, spread = toys.normal(2, 3, toys.DZ), toys.normal(2, 3, toys.DA)

    per_class = model.synthesise(np.concatenate([noise, spread], -1), labels)

    for k, label in enumerate(labels):
        embeddings = EMBEDDINGS[label] + 0.25 * spread[k]
        expected = model.generator(noise[k], embeddings)
        np.testing.assert_allclose(per_class[k], expected, rtol=1e-12)
    single = model.synthesise(np.concatenate([noise, spread], -1)[:, 1], labels)
    np.testing.assert_allclose(single, per_class[:, 1], rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_the_critics_term_is_weighted():
    batch = batches(1)[0]
    losses = []
    for weight in (1.0, 10.0):
        model = GMN(
            *(toys.generator(), toys.critic(), [], EMBEDDINGS, 0.0), weight
        )
        model.compile(*map(keras.optimizers.SGD, (0.0, 0.0, 0.0)))
        losses.append(model.train_step(batch))
    first, second = (float(one["generator_loss"]) for one in losses)
    assert second == pytest.approx(10.0 * first)
    terms = [float(one["adversarial_loss"]) for one in losses]
    assert terms[0] == pytest.approx(terms[1])


def tiny_config(variant):
    return Config(
        variant=variant,
        noise_dim=toys.DZ,
        generator_units=(11,),
        critic_units=(10,),
        critic_steps=2,
        batch_size=8,
        learning_rate=0.01,
        matching_classes=2,
        matching_real=4,
        matching_fake=9,
        classifier_epochs=2,
    )


def joint_and_own(model):
    """Variables of guidances: those that go with G, and those that do not."""
    return (
        [v for one in model.guidances for v in one.joint_variables],
        [v for one in model.guidances for v in one.own_variables],
    )


@pytest.mark.parametrize(
    "variant", [name for name, v in VARIANTS.items() if v.has_generator]
)
def test_every_variant_takes_a_step(variant):
    config, data = tiny_config(variant), toys.zero_shot_data()
    model = parts.build_model(config, data)
    frozen = [
        (part, np.array(part))
        for guidance in model.guidances
        for part in getattr(guidance, "model", ())
    ]
    before = model.generator.get_weights()
    joint, own = joint_and_own(model)
    assert bool(joint) == bool(
        {"autoencoding", "alignment"} & {*VARIANTS[variant].guidance}
    )
    moved = [np.array(variable) for variable in [*joint, *own]]
    strategy = fit.make_strategy("one")
    batch = next(iter(parts.make_batches(config, data, strategy)))

    logs = model.train_step(batch)

    description = VARIANTS[variant]
    assert (model.critic is None) == (description.critic is None)
    assert ("critic_loss" in logs) == (description.critic is not None)
    assert ("matching_loss" in logs) == ("matching" in description.guidance)
    assert ("classification_loss" in logs) == (
        "classification" in description.guidance
    )
    assert ("cycle_loss" in logs) == ("cycle" in description.guidance)
    for name, value in logs.items():
        assert value.shape == () and np.isfinite(value), name
    for weights, old in zip(model.generator.get_weights(), before):
        assert not np.array_equal(weights, old)
    joint, own = joint_and_own(model)
    for variable, old in zip([*joint, *own], moved):
        assert not np.array_equal(variable, old), variable.path
    for part, old in frozen:
        np.testing.assert_array_equal(part, old)
    np.testing.assert_array_equal(model.embeddings, data.embeddings)


UNITS_OF_SYSTEMS = (
    *("vae_units", "regressor_units"),
    *("alignment_units", "alignment_embedding_units"),
)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("variant", "settings"),
    [
        ("cwgan_cycle", {}),
        ("gmmn_gm", {"matching_weight": 1.0}),
        ("cvae", {"vae_prior_weight": 0.5, "vae_code_weight": 0.5}),
        ("tfvaegan", {"regressor_weight": 1.0}),
        ("cadavae", {}),
    ],
)
def test_all_that_a_loss_depends_on_is_moved_by_its_slope(variant, settings):
    """What is detached by mistake changes no loss, but what is learned."""
    small = dict.fromkeys(UNITS_OF_SYSTEMS, (11,))
    config = tiny_config(variant).replace({**small, **settings, "steps": 10})
    keras.utils.set_random_seed(1)  # far from where an activation bends
    data = toys.zero_shot_data()
    data = dataclasses.replace(data, embeddings=data.embeddings.astype(float))
    model = parts.build_model(config, data)
    strategy = fit.make_strategy("one")
    # All weights of CADA-VAE have begun to grow.
    batches = parts.make_batches(config, data, strategy, first_step=8)
    batch = toys.as_float64(next(iter(batches)))
    targets = [guidance.targets(batch) for guidance in model.guidances]
    samples = batch["generator"]

    def loss():
        fake = model.synthesise(samples["noise"], samples["labels"])
        return sum(
            guidance.loss(fake, model.synthesise, batch, target)[0]
            for guidance, target in zip(model.guidances, targets)
        )

    def moved(step):
        for variable, way in zip(variables, ways):
            variable.assign_add(step * way)
        return float(loss())

    variables = model.generator_variables
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, variables)
    ways = [toys.normal(*v.shape, seed=n) for n, v in enumerate(variables)]
    found = sum(np.sum(g * way) for g, way in zip(gradients, ways))

    expected = (moved(1e-7) - moved(-2e-7)) / 2e-7
    assert float(found) == pytest.approx(expected, rel=1e-5)
