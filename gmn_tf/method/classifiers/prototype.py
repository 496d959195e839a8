"""Beyond 3.4: each class has a prototype P(a), a network's reading of a.

    score of class k: cos(x, P(a_k)) / temperature

P: sqrt(da) a -> hidden layers with LeakyReLU (0.2) -> dx, trained with
cross-entropy and AdamW. The prior of seen classes that is taught in training
and left out later is that of ZLAP (Chen et al., IJCAI 2022), class
standardisation that of class normalisation (Skorokhodov and Elhoseiny, ICLR
2021); both are re-implementations from the description.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.method import compatibility, layers
from gmn_tf.method.adam import Adam
from gmn_tf.method.classifiers import base

CLASS = "class"
NORMALISATIONS = ("none", CLASS)
ACTIVATION = layers.activation("leaky_relu")
MOMENTUM = 0.9  # of running statistics
EPSILON = 1e-5  # beside a variance
RATE_DROP = 10.0  # after half of the epochs


class Settings(NamedTuple):
    """Settings of a prototype classifier; see `gmn_tf.Config`."""

    units: tuple[int, ...]
    learning_rate: float
    weight_decay: float
    epochs: int
    batch_size: int
    temperature: float
    mask: float
    dropout: float
    prior: float
    normalisation: str


class ClassStandardisation(keras.layers.Layer):
    """(h - mean) / variance over the classes of a step.

    The variance itself, not its root, is the divisor. Outside of training
    running statistics take the place of a step's.

    Args:
        units: of the hidden layer h.
    """

    def __init__(self, units: int):
        super().__init__()
        self.mean, self.variance = (
            self.add_weight([units], initial, trainable=False, name=name)
            for name, initial in (("mean", "zeros"), ("variance", "ones"))
        )
        self.built = True

    def call(self, hidden, training: bool = False):
        """`[classes, units]` -> the same, standardised."""
        statistics = self.mean.value, self.variance.value
        if training:
            running, statistics = statistics, tf.nn.moments(hidden, [0])
            for old, new in zip(running, statistics):
                old.assign(MOMENTUM * old + (1.0 - MOMENTUM) * new)
        mean, variance = statistics
        return (hidden - mean) / (variance + EPSILON)


@keras.saving.register_keras_serializable("gmn_tf")
class PrototypeEmbedder(base.Embedder):
    """P, from embeddings to prototypes.

    Args:
        embedding_dim: d_a.
        feature_dim: d_x.
        units: of the hidden layers.
        temperature: divides the cosine.
        normalisation: `class` standardises the last hidden layer before and
            after its activation; `none` does not.
    """

    def __init__(
        self,
        embedding_dim: int,
        feature_dim: int,
        units: tuple[int, ...],
        temperature: float,
        normalisation: str,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "embedding_dim": embedding_dim,
            "feature_dim": feature_dim,
            "units": tuple(units),
            "temperature": temperature,
            "normalisation": normalisation,
        }
        self.dense = [keras.layers.Dense(n) for n in (*units, feature_dim)]
        for layer, inputs in zip(self.dense, (embedding_dim, *units)):
            layer.build((None, inputs))
        self.standardise = []
        if normalisation == CLASS:
            self.standardise = [ClassStandardisation(units[-1]) for _ in "12"]
        self.built = True

    def prototypes(self, embeddings, dropout: float = 0.0, seed=None):
        """P(a) at unit length.

        Args:
            embeddings: `[k, da]`.
            dropout: share of each hidden layer that is left out in training.
            seed: `[2]` integers for it; None outside of training.

        Returns:
            `[k, dx]`.
        """
        training = seed is not None
        *hidden_layers, last = self.dense
        hidden = math.sqrt(self.sizes["embedding_dim"]) * embeddings
        for place, layer in enumerate(hidden_layers):
            hidden = layer(hidden)
            before, after = (), ()
            if self.standardise and layer is hidden_layers[-1]:
                (*before, after) = self.standardise
                after = (after,)
            for standardise in before:
                hidden = standardise(hidden, training=training)
            hidden = ACTIVATION(hidden)
            for standardise in after:
                hidden = standardise(hidden, training=training)
            if training and dropout:
                hidden = tf.nn.experimental.stateless_dropout(
                    hidden, dropout, tf.random.fold_in(seed, place)
                )
        return tf.math.l2_normalize(last(hidden), axis=1)

    def term(self, embeddings) -> base.Term:
        """cos(x, P(a)) / temperature as columns for x / |x|."""
        prototypes = self.prototypes(embeddings)
        weights = tf.transpose(prototypes) / self.sizes["temperature"]
        return base.Term(True, weights, tf.zeros_like(weights[0]))

    def scaled(self, factor: float) -> "PrototypeEmbedder":
        """The same with another temperature."""
        temperature = self.sizes["temperature"] / factor
        made = PrototypeEmbedder(**{**self.sizes, "temperature": temperature})
        made.set_weights(self.get_weights())
        return made


def log_prior(
    labels: np.ndarray, num_seen: int, num_classes: int, ratio: float
) -> np.ndarray:
    """ZLAP's prior: log p(k given its side) + log p(side), `[C]`.

    Within the seen classes p is their frequency, within the unseen ones
    uniform; p(seen) is r / (1 + r).

    Args:
        labels: of all samples; those of unseen classes do not count.
        num_seen: S.
        num_classes: C.
        ratio: r > 0, how much likelier seen classes are than unseen ones.
    """
    counts = np.bincount(labels[labels < num_seen], minlength=num_seen)
    counts = np.maximum(counts, 1)
    num_unseen = num_classes - num_seen
    within = np.concatenate(
        [counts / counts.sum(), np.full(num_unseen, 1.0 / max(num_unseen, 1))]
    )
    side = np.where(np.arange(num_classes) < num_seen, ratio, 1.0)
    return np.log(within * side / (1.0 + ratio)).astype(np.float32)


def fit(
    task: base.Task,
    settings: Settings,
    seed: int,
    on_epoch: Callable[[], None] = lambda: None,
) -> base.Classifier:
    """Trains P; the last epoch counts.

    Args:
        task: what to learn from. The prior is taught where unseen classes
            compete.
        settings: of P and its training.
        seed: decides the initial values, the order of samples, and what is
            masked and left out.
        on_epoch: called after each epoch.

    Raises:
        InputError: if training diverged.
    """
    features, labels = task.features, tf.constant(task.samples.labels)
    embedder = PrototypeEmbedder(
        task.embeddings.shape[1],
        features.shape[1],
        settings.units,
        settings.temperature,
        settings.normalisation,
    )
    _initialise(embedder, seed)
    optimizer = Adam(
        settings.learning_rate, weight_decay=settings.weight_decay or None
    )
    variables = embedder.trainable_variables
    optimizer.build(variables)
    embeddings = tf.constant(task.embeddings[: task.num_competing])
    prior = tf.zeros(task.num_competing)
    if settings.prior and task.num_competing > task.num_seen:
        prior = tf.constant(
            log_prior(
                task.samples.labels,
                task.num_seen,
                task.num_competing,
                settings.prior,
            )
        )

    @tf.function
    def train(order, epoch_seed):
        for start in tf.range(0, tf.size(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            batch = base.unit_length(on_disk.gather(features, rows))
            step_seed = tf.random.fold_in(epoch_seed, start)
            with tf.GradientTape() as tape:
                prototypes = embedder.prototypes(
                    masked(embeddings, settings.mask, step_seed),
                    settings.dropout,
                    step_seed,
                )
                cosines = tf.matmul(batch, prototypes, transpose_b=True)
                losses = compatibility.cross_entropy(
                    cosines / settings.temperature + prior,
                    tf.gather(labels, rows),
                )
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, variables), variables)

    for epoch in range(settings.epochs):
        if epoch == settings.epochs // 2:
            optimizer.learning_rate = settings.learning_rate / RATE_DROP
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(task.samples)), [seed, epoch + 1]
        )
        train(order, tf.random.fold_in([seed, 0], epoch))
        on_epoch()
    base.check_converged(embedder.get_weights(), "prototype_learning_rate")
    return base.assemble([embedder.term(task.embeddings)], [embedder])


def masked(embeddings, share: float, seed):
    """Embeddings `[k, da]`, a random share of their numbers set to zero.

    What is left is not enlarged, other than by dropout.
    """
    if not share:
        return embeddings
    kept = tf.random.stateless_uniform(tf.shape(embeddings), seed) >= share
    return embeddings * tf.cast(kept, embeddings.dtype)


def _initialise(embedder: PrototypeEmbedder, seed: int) -> None:
    """He's initial values; biases are zero.

    With class standardisation the last layer is uniform with a variance of
    1 / (h dx), as class normalisation has it.
    """
    seeds = keras.random.SeedGenerator(seed)
    for layer in embedder.dense:
        initializer = keras.initializers.HeNormal(seeds)
        if embedder.standardise and layer is embedder.dense[-1]:
            limit = math.sqrt(3.0 / math.prod(layer.kernel.shape))
            initializer = keras.initializers.RandomUniform(-limit, limit, seeds)
        layer.kernel.assign(initializer(layer.kernel.shape))
