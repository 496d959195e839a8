"""Section 3.4: what all final classifiers have in common.

However it was trained, a classifier ends as a sum of terms

    scores = sum over terms of [x or x / |x|] W + c

with one column of W and c for each class. Predicting, scoring and exporting
use this formula alone. An `Embedder`, which computes the columns of a class
from its embedding, is kept for classes that are added later.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility, saved
from gmn_tf.utils.errors import InputError


class Task(NamedTuple):
    """What a final classifier is trained on.

    Attributes:
        samples: real samples, or real and synthetic ones; labels 0..C-1.
        embeddings: `[C, da]` of all classes.
        num_seen: S, of the classes 0..S-1.
        num_competing: the loss runs over the classes 0..n-1 with this n. Real
            samples alone must compete among the seen classes: against unseen
            ones, which never occur, f would only learn never to choose those.
        dtype: of the large products in training, float32 or bfloat16; all
            else is float32.
    """

    samples: Samples
    embeddings: np.ndarray
    num_seen: int
    num_competing: int
    dtype: str = "float32"

    @property
    def features(self):
        """Features `[n, dx]`: a tensor, or an `OnDisk`."""
        features = self.samples.features
        if isinstance(features, np.ndarray):
            features = tf.constant(features)
        return features


def epoch_for(features, epoch: Callable) -> Callable:
    """A graph of an epoch; one of its own for rows that are not in memory.

    A graph keeps what it reads such rows from: one for all classifiers would
    keep the generators of all.
    """
    if isinstance(features, on_disk.OnDisk):
        return _own_graph(features, epoch)
    return epoch


@functools.lru_cache(maxsize=1)  # classifiers of other seeds come next
def _own_graph(features, epoch):
    return tf.function(epoch.python_function)


class Term(NamedTuple):
    """A part of the scores.

    Attributes:
        unit: whether features are divided by their length.
        weights: W, `[dx, C]`.
        bias: c, `[C]`.
    """

    unit: bool
    weights: tf.Tensor
    bias: tf.Tensor


def unit_length(features):
    """x / |x| of each row `[..., dx]`; a zero row stays zero."""
    lengths = tf.norm(features, axis=-1, keepdims=True)
    return tf.math.divide_no_nan(features, lengths)


def scores(features, terms: Sequence[Term]):
    """Features `[n, dx]` -> the sum of all terms, `[n, C]`."""
    first, *others = [
        compatibility.scores(
            unit_length(features) if term.unit else features,
            (term.weights, term.bias),
        )
        for term in terms
    ]
    return sum(others, first)


def added_up(terms: Sequence[Term]) -> tuple[Term, ...]:
    """The same scores by one term for each kind of input at most."""
    sums = {}
    for term in terms:
        if term.unit in sums:
            _, weights, bias = sums[term.unit]
            term = Term(term.unit, weights + term.weights, bias + term.bias)
        sums[term.unit] = term
    return tuple(sums.values())


class Embedder(keras.layers.Layer):
    """What knows the columns of a class from its embedding.

    A subclass defines `term` and `scaled`, and keeps its sizes as
    `self.sizes`, the arguments of its constructor.
    """

    sizes: dict

    def term(self, embeddings) -> Term:
        """The columns of the classes with the embeddings `[k, da]`."""
        raise NotImplementedError

    def scaled(self, factor: float) -> "Embedder":
        """The same, its columns multiplied."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), **self.sizes}


@keras.saving.register_keras_serializable("gmn_tf")
class Classifier(keras.Model):
    """The scores of given classes as a model: features in, scores out.

    Args:
        feature_dim: d_x.
        num_classes: C.
        units: of each term, whether its features have unit length.
        embedders: the classifier's terms are theirs added up; none if new
            classes are not known by their embeddings.
        representation: a `representation.Representation`, of whose results the
            terms are; None if they are of features.
        temperature: what the scores are divided by (`probabilities`).
    """

    def __init__(
        self,
        feature_dim: int,
        num_classes: int,
        units: Sequence[bool] = (False,),
        embedders: Sequence[Embedder] = (),
        representation: keras.Model | None = None,
        temperature: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.representation = representation
        self.term_dim = feature_dim
        if representation is not None:
            feature_dim = representation.feature_dim
        self.sizes = {
            "feature_dim": feature_dim,
            "num_classes": num_classes,
            "embedding_dim": None,
        }
        if embedders:
            self.sizes["embedding_dim"] = embedders[0].sizes["embedding_dim"]
        self.units = tuple(units)
        self.embedders = list(embedders)
        if not 0.0 < temperature < float("inf"):
            raise ValueError(f"a temperature of {temperature}")
        self.temperature = temperature

        def weight(name, *shape):
            return self.add_weight(shape, "zeros", trainable=False, name=name)

        self.kernels = [
            weight(f"kernel_{place}", self.term_dim, num_classes)
            for place in range(len(self.units))
        ]
        self.biases = [
            weight(f"bias_{place}", num_classes)
            for place in range(len(self.units))
        ]
        self.penalties = weight("penalties", num_classes)
        self.built = True

    def get_config(self):
        serialised = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "feature_dim": self.term_dim,
            "num_classes": self.sizes["num_classes"],
            "units": list(self.units),
            "embedders": [*map(serialised, self.embedders)],
            "representation": serialised(self.representation),
            "temperature": self.temperature,
        }

    @classmethod
    def from_config(cls, config):
        make = keras.saving.deserialize_keras_object
        with saved.reporting_other_versions("classifier"):
            embedders = [make(one) for one in config["embedders"]]
            # Runs from before there were representations have no entry.
            made = {"representation": make(config.get("representation"))}
            return cls(**{**config, "embedders": embedders, **made})

    def penalise_seen(self, num_seen: int, penalty: float) -> None:
        """Lowers the scores of the classes 0..num_seen-1 (`calibration`)."""
        seen = np.arange(self.sizes["num_classes"]) < num_seen
        self.penalties.assign(np.where(seen, penalty, 0.0))

    @property
    def terms(self) -> tuple[Term, ...]:
        """What the scores are made of; penalties and temperature included."""
        biases = [tf.convert_to_tensor(bias) for bias in self.biases]
        biases[0] -= self.penalties
        return tuple(
            Term(unit, kernel / self.temperature, bias / self.temperature)
            for unit, kernel, bias in zip(self.units, self.kernels, biases)
        )

    def call(self, features):
        """Features `[n, dx]` -> scores `[n, C]`, higher is likelier."""
        return scores(self.represent(features), self.terms)

    def represent(self, features):
        """Features `[n, dx]` -> what the terms are of, `[n, d]`."""
        if self.representation is None:
            return features
        return self.representation(features)


def assemble(
    terms: Sequence[Term],
    embedders: Sequence[Embedder] = (),
    representation: keras.Model | None = None,
) -> Classifier:
    """A classifier of these terms, without penalties.

    Args:
        terms: over the same classes.
        embedders: of each term; none if one of the terms has none.
        representation: see `Classifier`.
    """
    terms = added_up(terms)
    shape = tuple(terms[0].weights.shape)
    units = [term.unit for term in terms]
    model = Classifier(*shape, units, embedders, representation)
    for term, kernel, bias in zip(terms, model.kernels, model.biases):
        kernel.assign(term.weights)
        bias.assign(term.bias)
    return model


def with_classes(model: Classifier, embeddings: np.ndarray) -> Classifier:
    """The same over more classes, known by their embeddings alone.

    Args:
        model: a classifier over C classes.
        embeddings: `[k, da]` of the classes C..C+k-1.

    Raises:
        InputError: for a classifier that knows no embeddings, as a linear one.
    """
    if not model.embedders:
        raise InputError(
            "A linear classifier cannot score a class by its description.",
            "a run with another --classifier, such as bilinear or prototype",
            "linear, or a combination with it",
            "Add the classes with synthetic samples of them (--synthesize).",
        )
    embeddings = tf.cast(embeddings, model.kernels[0].dtype)
    added = {
        term.unit: term
        for term in added_up([one.term(embeddings) for one in model.embedders])
    }
    terms = [
        Term(
            unit,
            tf.concat([kernel, added[unit].weights], axis=1),
            tf.concat([bias, added[unit].bias], axis=0),
        )
        for unit, kernel, bias in zip(model.units, model.kernels, model.biases)
    ]
    larger = assemble(terms, model.embedders, model.representation)
    penalties = np.zeros(larger.sizes["num_classes"])
    penalties[: model.sizes["num_classes"]] = model.penalties
    larger.penalties.assign(penalties)
    larger.temperature = model.temperature
    return larger


def check_converged(weights: Sequence, flag: str) -> None:
    """Raises InputError for weights that are not finite.

    Args:
        weights: of a classifier, after its last epoch.
        flag: the setting to lower.
    """
    if not all(np.isfinite(part).all() for part in weights):
        raise InputError(
            "Training the classifier diverged.",
            "finite weights after the last epoch",
            "NaN or infinite weights",
            f"Lower --{flag}.",
        )
