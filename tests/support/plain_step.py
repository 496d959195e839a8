"""The training step as one would first write it, to time gmn_tf's against.

Nested tapes around every formula as it is printed, Keras's own Adam, and none
of the package's re-arrangements. Weights, batches and results are the same.
"""

import keras
import tensorflow as tf

from gmn_tf.method import compatibility, gradient_matching, guidance, layers
from gmn_tf.method.critic import Critic
from gmn_tf.method.gmn import GMN
from tests.support import reference


class PlainGMN(GMN):
    """`GMN` with the critic's loss of Eq. 1 written out."""

    def _critic_steps(self, batch):
        for step in range(batch["labels"].shape[0]):
            embeddings = tf.gather(self.embeddings, batch["labels"][step])
            fake = self.generator(batch["noise"][step], embeddings)
            with tf.GradientTape() as tape:
                loss = reference.critic_loss(
                    self.critic,
                    batch["features"][step],
                    fake,
                    embeddings,
                    batch["mix"][step],
                    self.gradient_penalty_weight,
                )
            variables = self.critic.trainable_variables
            self._descend(self.critic_optimizer, tape, loss, variables)
        return {"critic_loss": loss}


class PlainMatching(guidance.GradientMatching):
    """`GradientMatching` with one pair of nested tapes per class (Eq. 2-4)."""

    def targets(self, batch):
        weights, bias = self._current_theta(batch)
        if self.embeddings is None:
            return (weights, bias), None
        # theta in full, not in the span of the embeddings.
        basis = compatibility.span_basis(self.embeddings.numpy())
        full = weights @ tf.transpose(basis), tf.linalg.matvec(basis, bias)
        return full, None

    def loss(self, fake, synthesise, batch, targets):
        theta, _ = targets
        classes = batch["matching"]
        fakes = synthesise(classes["noise"], classes["labels"])
        distances = []
        for place in range(classes["labels"].shape[0]):
            real_gradient, fake_gradient = (
                self._class_gradient(
                    samples[place], classes["labels"][place], theta
                )
                for samples in (classes["features"], fakes)
            )
            distances.append(self._distance(real_gradient, fake_gradient))
        loss = tf.reduce_sum(classes["share"] * tf.stack(distances))
        return self.weight * loss, {"matching_loss": loss}

    def _distance(self, real, fake):
        if self.distance is gradient_matching.per_unit_distance:
            result = per_unit_distance(real, fake)
        else:
            result = reference.global_distance(real, fake)
        if self.norm_weight:
            result += self.norm_weight * reference.norm_distance(
                real, fake, self.norm_order
            )
        return result

    def _class_gradient(self, features, label, theta):
        labels = tf.repeat(label, features.shape[0])
        with tf.GradientTape() as tape:
            tape.watch(theta)
            weights, bias = theta
            class_scores = features @ weights + bias
            if self.embeddings is not None:
                class_scores = class_scores @ tf.transpose(self.embeddings)
            loss = tf.reduce_mean(
                compatibility.cross_entropy(class_scores, labels)
            )
        return tape.gradient(loss, theta)


def plain(model: GMN) -> PlainGMN:
    """The same model, its weights shared, with plain steps."""
    twin = PlainGMN(
        model.generator,
        _plain_critic(model.critic),
        [_plain_guidance(one) for one in model.guidances],
        model.embeddings,
        model.gradient_penalty_weight,
    )
    adams = [
        keras.optimizers.Adam.from_config(one.get_config())
        for one in (model.optimizer, model.critic_optimizer)
    ]
    sgd = keras.optimizers.SGD.from_config(model.theta_optimizer.get_config())
    twin.compile(*adams, sgd)
    return twin


def _plain_critic(critic):
    """The same layers with the activation of any other network."""
    if critic is None:
        return None
    twin = Critic(critic.units, critic.activation, critic.conditional)
    twin.activate = layers.activation(critic.activation)
    twin.feature_layer = critic.feature_layer
    twin.embedding_layer = critic.embedding_layer
    twin.hidden_layers = critic.hidden_layers
    twin.output_layer = critic.output_layer
    twin.built = True
    return twin


def per_unit_distance(real, fake):
    """`reference.per_unit_distance` on all columns of W at once."""
    products, real_squares, fake_squares = (
        tf.reduce_sum(first * second, axis=0)
        for first, second in (
            (real[0], fake[0]),
            (real[0], real[0]),
            (fake[0], fake[0]),
        )
    )
    cosines = products / tf.sqrt(real_squares * fake_squares)
    bias_cosine = reference.cosine(real[1], fake[1])
    return 2.0 - tf.reduce_mean(cosines) - bias_cosine


def _plain_guidance(one):
    if not isinstance(one, guidance.GradientMatching):
        return one
    distances = gradient_matching.DISTANCES
    return PlainMatching(
        None if one.embeddings is None else one.embeddings.numpy(),
        one.theta_shape,
        next(name for name in distances if distances[name] is one.distance),
        one.weight,
        one.norm_weight,
        one.norm_order,
        one.reset_steps,
    )
