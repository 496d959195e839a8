"""Eq. 5: the model, and its training step.

repeat critic_steps times:
    critic    minimises  Eq. 1   on fresh real and fake samples
generator     minimises  Eq. 5:  -E D(fake) + the guidances' losses
guidances     train what they own (theta of f)
"""

import math

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.method import wgan_gp


class GMN(keras.Model):
    """A generator, a critic or none, and any guidances.

    A batch is a dictionary with all that a step needs, its random numbers too
    (see `training.batches`): a step is a function of weights and batch.

    Args:
        generator: a `gmn_tf.Generator`.
        critic: a `gmn_tf.Critic`, or None.
        guidances: layers of `guidance`.
        embeddings: `[C, da]` class embeddings.
        gradient_penalty_weight: lambda.
    """

    def __init__(
        self,
        generator: keras.Model,
        critic: keras.Model | None,
        guidances: list[keras.layers.Layer],
        embeddings: np.ndarray,
        gradient_penalty_weight: float,
    ):
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.guidances = guidances
        self.embeddings = tf.convert_to_tensor(embeddings)
        self.gradient_penalty_weight = gradient_penalty_weight
        self.built = True

    def compile(self, optimizer, critic_optimizer, theta_optimizer, **kwargs):
        """Sets one optimizer per network and builds them.

        Args:
            optimizer: moves the generator.
            critic_optimizer: moves the critic.
            theta_optimizer: moves what guidances own.
            **kwargs: as in `keras.Model.compile`.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.critic_optimizer = critic_optimizer
        self.theta_optimizer = theta_optimizer
        # Keras builds only `optimizer`, and only when it is first used.
        optimizer.build(self.generator.trainable_variables)
        if self.critic is not None:
            critic_optimizer.build(self.critic.trainable_variables)
        theta_optimizer.build(
            [v for one in self.guidances for v in one.trainable_variables]
        )

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
            if guidance.trainable_variables:
                with tf.GradientTape() as tape:
                    loss = guidance.own_loss(batch)
                self._descend(self.theta_optimizer, tape, loss, guidance)
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
        for all samples along it.
        """
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
            self._descend(self.critic_optimizer, tape, loss, self.critic)
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
            for guidance, target in zip(self.guidances, targets):
                term, parts = guidance.loss(
                    fake, self.synthesise, batch, target
                )
                loss += term
                logs |= parts
        self._descend(self.optimizer, tape, loss, self.generator)
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

    def _descend(self, optimizer, tape, loss, network):
        """Moves one network down its gradient; the only code about replicas.

        Keras sums gradients over replicas, while every loss here is a mean
        over one replica's share of the batch.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        variables = network.trainable_variables
        gradients = tape.gradient(loss, variables)
        if replicas > 1:
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply(gradients, variables)
