"""The final classifiers by name; needs no TensorFlow.

A classifier is a module that defines

* `Settings`, a NamedTuple of its settings, `epochs` among them;
* `fit(task, settings, seed, on_epoch)`, which returns a `base.Classifier`.

Those of other packages are registered in the same way.
"""

import dataclasses
import itertools
from collections.abc import Callable

from gmn_tf.utils import registry
from gmn_tf.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of the table.

    Attributes:
        module: its name.
        prefixes: a field of `Settings` is the setting of a run whose name is
            the first of these that gives one, and that of the field.
        settings: those of a classifier of another package: `Settings` itself,
            with defaults; its prefix is `name.`.
        describes: whether it scores a class by its embedding; it needs samples
            of every class otherwise.
        random: whether its seed matters.
    """

    module: str
    prefixes: tuple[str, ...] = ()
    settings: type | None = None
    describes: bool = True
    random: bool = True


CLASSIFIERS = registry.Table("classifier", Kind)
_HERE = "gmn_tf.method.classifiers"
CLASSIFIERS.register(
    {
        "bilinear": Kind(f"{_HERE}.bilinear", ("classifier_",)),
        "linear": Kind(f"{_HERE}.linear", ("classifier_",), describes=False),
        "discriminant": Kind(
            f"{_HERE}.discriminant", ("discriminant_",), random=False
        ),
        "prototype": Kind(f"{_HERE}.prototype", ("prototype_",)),
        "devise": Kind(f"{_HERE}.devise", ("ranking_", "classifier_")),
        "ale": Kind(f"{_HERE}.ale", ("classifier_",)),
    }
)


def all_prefixes() -> tuple[str, ...]:
    """How the settings of all classifiers begin."""
    prefixes = map(CLASSIFIERS.prefixes, CLASSIFIERS)
    return tuple(dict.fromkeys(itertools.chain(*prefixes)))


def settings(name: str) -> type:
    """The class of a classifier's settings; imports its module.

    Raises:
        InputError: if it has none, or none with `epochs`.
    """
    kind = CLASSIFIERS[name]
    module = registry.import_module(kind.module, f"classifier {name}")
    found = kind.settings or getattr(module, "Settings", None)
    if not (hasattr(found, "_fields") and hasattr(found, "epochs")):
        raise InputError(
            f"The classifier {name} lacks settings.",
            f"a NamedTuple Settings, with epochs, in {kind.module}",
            repr(found),
            registry.ADVICE,
        )
    return found


def fit(name: str) -> Callable:
    """The function that trains a classifier; imports its module."""
    reference = f"{CLASSIFIERS[name].module}:fit"
    arguments = ("task", "settings", "seed", "on_epoch")
    return registry.Reference(reference, f"classifier {name}").resolve(
        arguments
    )
