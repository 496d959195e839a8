"""Saved networks for Keras: where their classes are, without importing them.

`keras.models.load_model` finds a class by the name that its module registers
with Keras. These modules need TensorFlow, which takes seconds to import. After
`import gmn_tf`, Keras finds a stand-in by that name, which imports the module
when a model is loaded.
"""

import contextlib
import importlib
from collections.abc import Iterator

import wrapt

PACKAGE = "gmn_tf"  # as in register_keras_serializable
# The module of each class.
CLASSES = {
    "Adam": "adam",
    "Classifier": "classifiers.base",
    "Codes": "representation",
    "ConcatenatedNoise": "generator",
    "Critic": "critic",
    "DecodedFeatures": "representation",
    "DiscriminantEmbedder": "classifiers.discriminant",
    "Encoder": "encoder",
    "FeedbackGenerator": "feedback",
    "Generator": "generator",
    "KernelFeatures": "kernel_features",
    "LatentNoise": "generator",
    "PrototypeEmbedder": "classifiers.prototype",
    "Regressor": "regression",
    "RepresentedGenerator": "representation",
    "SpanEmbedder": "classifiers.sgd",
}


@contextlib.contextmanager
def reporting_other_versions(what: str) -> Iterator[None]:
    """Makes a ValueError of what goes wrong with an unknown configuration.

    Args:
        what: was saved, as in `generator`.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"This {what} was saved by another version of gmn_tf and cannot "
            "be read by this one: train again."
        ) from error


class StandIn:
    """Makes objects of a class as Keras does, by `from_config`.

    Args:
        name: a key of `CLASSES`.
    """

    def __init__(self, name: str):
        self.name = name

    def from_config(self, config: dict):
        """The object with this configuration."""
        module = f"{__package__}.{CLASSES[self.name]}"
        return getattr(importlib.import_module(module), self.name).from_config(
            config
        )


def register() -> None:
    """Tells Keras of the stand-ins, at once or when it is imported."""

    @wrapt.when_imported("keras")
    def tell(keras):
        known = keras.saving.get_custom_objects()
        for name in CLASSES:
            known.setdefault(f"{PACKAGE}>{name}", StandIn(name))
