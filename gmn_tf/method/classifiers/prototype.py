"""Beyond 3.4: each class has a prototype P(a), a network's reading of a.

    score of class k: cos(x, P(a_k)) / temperature

P: sqrt(da) a -> hidden layers with LeakyReLU (0.2) or ReLU -> dx, trained with
cross-entropy and AdamW. The prior of seen classes that is taught in training
and left out later is that of ZLAP (Chen et al., IJCAI 2022), class
standardisation and the factor of seen classes those of class normalisation
(Skorokhodov and Elhoseiny, ICLR 2021); both are re-implementations from the
description.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.method import adam, compatibility, layers
from gmn_tf.method.classifiers import base

BETA_2, ADAM_EPSILON = 0.999, 1e-7  # Keras's defaults
MOMENTUM = 0.9  # of running statistics
EPSILON = 1e-5  # beside a variance


class Settings(NamedTuple):  # which tf.function compares by value
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
    activation: str = "leaky_relu"
    output: str = "linear"
    beta_1: float = 0.9
    rate_drop: float = 10.0
    seen_factor: float = 1.0


def prototypes(
    embeddings,
    dense: Sequence[tuple],
    statistics: Sequence[tuple] = (),
    dropout: float = 0.0,
    seed=None,
    activation: str = "leaky_relu",
    output: str = "linear",
    dtype: str | None = None,
):
    """P(a) at unit length.

    Args:
        embeddings: `[k, da]`.
        dense: of each layer its kernel and bias.
        statistics: running mean and variance of the last hidden layer, before
            and after its activation, if it is standardised.
        dropout: share of each hidden layer that is left out in training.
        seed: `[2]` integers for that; None outside of training.
        activation: of hidden layers, `leaky_relu` or `relu`.
        output: of the last layer, `linear` or `relu`.
        dtype: see `compatibility.product`.

    Returns:
        `[k, dx]`.
    """
    activate = layers.activation(activation)
    hidden = math.sqrt(embeddings.shape[1]) * embeddings
    *hidden_layers, (last_kernel, last_bias) = dense
    for place, (kernel, bias) in enumerate(hidden_layers):
        hidden = compatibility.product(hidden, kernel, dtype) + bias
        before, after = (), ()
        if statistics and place == len(hidden_layers) - 1:
            before, after = statistics
        hidden = standardised(hidden, before, seed is not None)
        hidden = standardised(activate(hidden), after, seed is not None)
        if dropout and seed is not None:
            hidden = tf.nn.experimental.stateless_dropout(
                hidden, dropout, tf.random.fold_in(seed, place)
            )
    found = compatibility.product(hidden, last_kernel, dtype) + last_bias
    if output == "relu":
        found = tf.nn.relu(found)
    return tf.math.l2_normalize(found, axis=1)


def standardised(hidden, running: Sequence[tf.Variable], training: bool):
    """(h - mean) / variance over the classes of a step (class normalisation).

    The variance itself, not its root, is the divisor.

    Args:
        hidden: h, `[classes, units]`.
        running: mean and variance, which are used outside of training, and
            moved in it; without them h stays as it is.
        training: whether this is a step of training.
    """
    if not running:
        return hidden
    mean, variance = running
    if training:
        mean, variance = tf.nn.moments(hidden, [0])
        for old, new in zip(running, (mean, variance)):
            old.assign(MOMENTUM * old + (1.0 - MOMENTUM) * new)
    return (hidden - mean) / (variance + EPSILON)


def masked(embeddings, share: float, seed):
    """Embeddings `[k, da]`, a random share of their numbers set to zero.

    What is left is not enlarged, other than by dropout.
    """
    if not share:
        return embeddings
    kept = tf.random.stateless_uniform(tf.shape(embeddings), seed) >= share
    return embeddings * tf.cast(kept, embeddings.dtype)


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


@keras.saving.register_keras_serializable("gmn_tf")
class PrototypeEmbedder(base.Embedder):
    """P, from embeddings to columns.

    Args:
        embedding_dim: d_a.
        feature_dim: d_x.
        units: of the hidden layers.
        temperature: divides the cosine.
        normalisation: `class` standardises the last hidden layer before and
            after its activation; `none` does not.
        activation: see `prototypes`.
        output: see `prototypes`.
    """

    def __init__(
        self,
        embedding_dim: int,
        feature_dim: int,
        units: Sequence[int],
        temperature: float,
        normalisation: str,
        activation: str = "leaky_relu",
        output: str = "linear",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "embedding_dim": embedding_dim,
            "feature_dim": feature_dim,
            "units": tuple(units),
            "temperature": temperature,
            "normalisation": normalisation,
            "activation": activation,
            "output": output,
        }

        def weight(name, *shape):
            return self.add_weight(shape, "zeros", name=name)

        inputs = (embedding_dim, *units)
        self.dense = [
            (weight(f"kernel_{i}", *shape), weight(f"bias_{i}", shape[1]))
            for i, shape in enumerate(zip(inputs, (*units, feature_dim)))
        ]
        places = ("before", "after") if normalisation == "class" else ()
        self.statistics = [
            tuple(weight(f"{what}_{p}", units[-1]) for what in ("mean", "var"))
            for p in places
        ]
        self.built = True

    def variables_of(self):
        """`dense` and `statistics` as TensorFlow's variables."""
        return tuple(
            tuple((first.value, second.value) for first, second in pairs)
            for pairs in (self.dense, self.statistics)
        )

    def term(self, embeddings) -> base.Term:
        """cos(x, P(a)) / temperature as columns for x / |x|."""
        rows = prototypes(
            tf.constant(embeddings),
            *self.variables_of(),
            activation=self.sizes["activation"],
            output=self.sizes["output"],
        )
        weights = tf.transpose(rows) / self.sizes["temperature"]
        return base.Term(True, weights, tf.zeros_like(weights[0]))

    def scaled(self, factor: float) -> "PrototypeEmbedder":
        """The same with another temperature."""
        temperature = self.sizes["temperature"] / factor
        made = PrototypeEmbedder(**{**self.sizes, "temperature": temperature})
        made.set_weights(self.get_weights())
        return made

    def initialise(self, seed: int) -> None:
        """He's initial values; biases are zero.

        With class standardisation the last layer is uniform with a variance
        of 1 / (h dx), as class normalisation has it.
        """
        seeds = keras.random.SeedGenerator(seed)
        for kernel, _ in self.dense:
            initializer = keras.initializers.HeNormal(seeds)
            if self.statistics and kernel is self.dense[-1][0]:
                limit = math.sqrt(3.0 / math.prod(kernel.shape))
                initializer = keras.initializers.RandomUniform(
                    -limit, limit, seeds
                )
            kernel.assign(initializer(kernel.shape))
        for _, variance in self.statistics:
            variance.assign(tf.ones_like(variance))


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
    features, labels = task.features, task.samples.labels
    embedder = PrototypeEmbedder(
        task.embeddings.shape[1],
        features.shape[1],
        settings.units,
        settings.temperature,
        settings.normalisation,
        settings.activation,
        settings.output,
    )
    embedder.initialise(seed)
    dense, statistics = embedder.variables_of()
    moments = tuple(
        tuple(
            tuple(tf.Variable(tf.zeros_like(part)) for _ in range(2))
            for part in layer
        )
        for layer in dense
    )
    prior = np.zeros(task.num_competing, np.float32)
    if settings.prior and task.num_competing > task.num_seen:
        prior = log_prior(
            labels, task.num_seen, task.num_competing, settings.prior
        )
    data = (
        features,
        tf.constant(labels),
        tf.constant(task.embeddings[: task.num_competing]),
        tf.constant(prior),
    )
    steps = -(-len(labels) // settings.batch_size)
    run_epoch = base.epoch_for(features, _epoch)
    for epoch in range(settings.epochs):
        late = epoch >= max(settings.epochs // 2, 1)
        run_epoch(
            (dense, statistics, moments),
            data,
            tf.random.experimental.stateless_shuffle(
                tf.range(len(labels)), [seed, epoch + 1]
            ),
            tf.constant(epoch * steps),
            tf.constant(
                settings.learning_rate / (settings.rate_drop if late else 1.0)
            ),
            tf.random.fold_in([seed, 0], epoch),
            settings,
            task.dtype,
        )
        on_epoch()
    base.check_converged(embedder.get_weights(), "prototype_learning_rate")
    term = embedder.term(task.embeddings)
    seen = np.arange(len(task.embeddings)) < task.num_seen
    factors = np.where(seen, settings.seen_factor, 1.0).astype(np.float32)
    return base.assemble(
        [term._replace(weights=factors * term.weights)], [embedder]
    )


@tf.function
def _epoch(
    weights,
    data,
    order,
    steps_before,
    learning_rate,
    seed,
    settings: Settings,
    dtype: str,
):
    """One pass of AdamW over the samples."""
    dense, statistics, moments = weights
    features, labels, embeddings, prior = data
    for start in tf.range(0, tf.size(order), settings.batch_size):
        rows = order[start : start + settings.batch_size]
        batch = base.unit_length(on_disk.gather(features, rows))
        step_seed = tf.random.fold_in(seed, start)
        with tf.GradientTape() as tape:
            # Of all competing classes at once, whichever the batch has.
            prototype_rows = prototypes(
                masked(embeddings, settings.mask, step_seed),
                dense,
                statistics,
                settings.dropout,
                step_seed,
                settings.activation,
                settings.output,
                dtype,
            )
            cosines = compatibility.product(
                batch, tf.transpose(prototype_rows), dtype
            )
            losses = compatibility.cross_entropy(
                cosines / settings.temperature + prior, tf.gather(labels, rows)
            )
            loss = tf.reduce_mean(losses)
        step = steps_before + start // settings.batch_size + 1
        gradients = tape.gradient(loss, dense)
        for part, gradient, both in zip(
            tf.nest.flatten(dense),
            tf.nest.flatten(gradients),
            [pair for layer in moments for pair in layer],
        ):
            if settings.weight_decay:
                decay = learning_rate * settings.weight_decay
                part.assign_sub(decay * part)
            adam.apply(
                part,
                both,
                gradient,
                tf.cast(step, part.dtype),
                learning_rate,
                (settings.beta_1, BETA_2),
                ADAM_EPSILON,
            )
