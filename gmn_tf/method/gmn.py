"""Eq. 5: the model, and its training step.

repeat critic_steps times:
    critic    minimises  Eq. 1   on fresh real and fake samples
generator     minimises  Eq. 5:  -E D(fake) + the guidances' losses
guidances     train what they own (theta of f, a regressor)
"""

import math

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.method import wgan_gp
from gmn_tf.method.guidance import GuidanceLayer
from gmn_tf.method.representation import RepresentedGenerator


class GMN(keras.Model):
    """A generator, a critic or none, and any guidances.

    A batch is a dictionary with all that a step needs, its random numbers too
    (see `training.batches`): a step is a function of weights and batch.

    Args:
        generator: a `gmn_tf.Generator`, or a `feedback.FeedbackGenerator`.
        critic: a `gmn_tf.Critic`, or None.
        guidances: layers of `guidance`.
        embeddings: `[C, da]` class embeddings.
        gradient_penalty_weight: lambda.
        adversarial_weight: of -E D(fake) in Eq. 5.
        condition_stddev: of the noise that is added to the generator's
            embeddings, where a batch has noise for them.
    """

    def __init__(
        self,
        generator: keras.Model,
        critic: keras.Model | None,
        guidances: list[keras.layers.Layer],
        embeddings: np.ndarray,
        gradient_penalty_weight: float,
        adversarial_weight: float = 1.0,
        condition_stddev: float = 0.0,
    ):
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.guidances = guidances
        self.embeddings = tf.convert_to_tensor(embeddings)
        self.gradient_penalty_weight = gradient_penalty_weight
        self.adversarial_weight = adversarial_weight
        self.condition_stddev = condition_stddev
        for guidance in guidances:
            if isinstance(guidance, GuidanceLayer):
                guidance.attach(generator)
        self.built = True

    @property
    def synthesiser(self) -> keras.Model:
        """The generator, and how the final classifiers see what it makes."""
        for guidance in self.guidances:
            if getattr(guidance, "representation", None) is not None:
                return RepresentedGenerator(
                    self.generator, guidance.representation
                )
        return self.generator

    @property
    def generator_variables(self) -> list:
        """What Eq. 5 moves: G, and networks of guidances that go with it.

        A regressor that G reads (`feedback`) has a loss of its own.
        """
        others = {id(v) for g in self.guidances for v in own_variables(g)}
        variables = [
            variable
            for variable in self.generator.trainable_variables
            if id(variable) not in others
        ]
        for guidance in self.guidances:
            if isinstance(guidance, GuidanceLayer):
                variables += guidance.joint_variables
        return variables

    def compile(
        self,
        optimizer,
        critic_optimizer,
        theta_optimizer,
        network_optimizer=None,
        **kwargs,
    ):
        """Sets the optimizers and builds them.

        Args:
            optimizer: moves the generator.
            critic_optimizer: moves the critic.
            theta_optimizer: moves what guidances own, unless their
                `own_optimizer` names the next.
            network_optimizer: moves what is left; None if that is nothing.
            **kwargs: as in `keras.Model.compile`.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.critic_optimizer = critic_optimizer
        self.theta_optimizer = theta_optimizer
        self.network_optimizer = network_optimizer
        # Keras builds only `optimizer`, and only when it is first used.
        optimizer.build(self.generator_variables)
        if self.critic is not None:
            critic_optimizer.build(self.critic.trainable_variables)
        for name in ("theta_optimizer", "network_optimizer"):
            moved = [
                variable
                for guidance in self.guidances
                for variable in own_variables(guidance)
                if _own_optimizer(guidance) == name
            ]
            if getattr(self, name) is not None:
                getattr(self, name).build(moved)

    @property
    def optimizers(self) -> list:
        """All optimizers in use."""
        found = (
            *(self.optimizer, self.critic_optimizer),
            *(self.theta_optimizer, self.network_optimizer),
        )
        return [one for one in found if one is not None]

    def train_step(self, batch):
        """One step of the algorithm above.

        Returns:
            Scalars to log; the critic's are those of its last step.
        """
        logs = {}
        if self.critic is not None:
            logs |= self._critic_steps(batch["critic"])
        logs |= self._generator_step(batch)
        for guidance in self.guidances:
            if variables := own_variables(guidance):
                with tf.GradientTape() as tape:
                    loss = guidance.own_loss(batch, self.synthesise)
                optimizer = getattr(self, _own_optimizer(guidance))
                self._descend(optimizer, tape, loss, variables)
        if isinstance(
            tf.distribute.get_strategy(),
            tf.distribute.MultiWorkerMirroredStrategy,
        ):
            # Keras averages logs of several workers over their first axis.
            logs = {name: value[tf.newaxis] for name, value in logs.items()}
        return logs

    def synthesise(self, noise, labels):
        """Features `[..., dx]` from noise `[..., dz]` and labels.

        `labels` may lack the noise's last sample axis: one label then stands
        for all samples along it. Noise `[..., dz + da]` has noise for the
        embeddings at its end.
        """
        dim = self.generator.noise_dim
        if noise.shape[-1] > dim:
            if len(labels.shape) < len(noise.shape) - 1:
                labels = labels[..., tf.newaxis]
            embeddings = tf.gather(self.embeddings, labels)
            spread = tf.cast(noise[..., dim:], embeddings.dtype)
            embeddings += self.condition_stddev * spread
            return self.generator(noise[..., :dim], embeddings)
        condition = self._condition(self.generator, labels)
        if len(labels.shape) < len(noise.shape) - 1:
            condition = [part[..., tf.newaxis, :] for part in condition]
        return self.generator.generate(noise, condition)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Builds nothing: all is built, and Keras fails on nested batches."""

    def _critic_steps(self, batch):
        # The generator rests meanwhile, so all fakes come from one product.
        fake = self.synthesise(batch["noise"], batch["labels"])
        for step in range(fake.shape[0]):
            with tf.GradientTape() as tape:
                loss, logs = wgan_gp.critic_loss(
                    self.critic,
                    batch["features"][step],
                    fake[step],
                    self._condition(self.critic, batch["labels"][step]),
                    batch["mix"][step],
                    self.gradient_penalty_weight,
                )
            variables = self.critic.trainable_variables
            self._descend(self.critic_optimizer, tape, loss, variables)
        return logs

    def _generator_step(self, batch):
        targets = [guidance.targets(batch) for guidance in self.guidances]
        samples = batch["generator"]
        logs = {}
        with tf.GradientTape() as tape:
            fake = self.synthesise(samples["noise"], samples["labels"])
            loss = 0.0
            if self.critic is not None:
                condition = self._condition(self.critic, samples["labels"])
                loss = wgan_gp.generator_loss(
                    self.critic.score(self.critic.project(fake, condition))
                )
                logs["adversarial_loss"] = loss
                loss *= self.adversarial_weight
            for guidance, target in zip(self.guidances, targets):
                term, parts = guidance.loss(
                    fake, self.synthesise, batch, target
                )
                loss += term
                logs |= parts
        self._descend(self.optimizer, tape, loss, self.generator_variables)
        return {"generator_loss": loss, **logs}

    def _condition(self, network, labels):
        """A network's `condition` on the embedding of each label.

        Computed once per class, unless there are fewer labels than classes.
        """
        if math.prod(labels.shape) < self.embeddings.shape[0]:
            return network.condition(tf.gather(self.embeddings, labels))
        return tf.nest.map_structure(
            lambda part: tf.gather(part, labels),
            network.condition(self.embeddings),
        )

    def _descend(self, optimizer, tape, loss, variables):
        """Moves networks down their gradient; the only code about replicas.

        Keras sums gradients over replicas, while every loss here is a mean
        over one replica's share of the batch.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        gradients = tape.gradient(loss, variables)
        if replicas > 1:
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply(gradients, variables)


def own_variables(guidance) -> list:
    """What `own_loss` of a guidance, any layer with the methods, trains."""
    if isinstance(guidance, GuidanceLayer):
        return guidance.own_variables
    return guidance.trainable_variables


def _own_optimizer(guidance) -> str:
    return getattr(guidance, "own_optimizer", GuidanceLayer.own_optimizer)
