"""The final classifiers by name; needs no TensorFlow.

The classifier `name` is the module `gmn_tf.method.classifiers.name`, which
defines

* `Settings`, a NamedTuple of its settings, `epochs` among them;
* `fit(task, settings, seed, on_epoch)`, which returns a `base.Classifier`.
"""

import importlib
from types import ModuleType
from typing import NamedTuple


class Kind(NamedTuple):
    """A row of the table.

    Attributes:
        prefixes: a field of `Settings` is the setting of a run whose name is
            one of these and that of the field.
        describes: whether it scores a class by its embedding; it needs samples
            of every class otherwise.
        random: whether its seed matters.
    """

    prefixes: tuple[str, ...]
    describes: bool = True
    random: bool = True


CLASSIFIERS = {
    "bilinear": Kind(("classifier_",)),
    "linear": Kind(("classifier_",), describes=False),
    "discriminant": Kind(("discriminant_",), random=False),
    "prototype": Kind(("prototype_",)),
    "devise": Kind(("ranking_", "classifier_")),
    "ale": Kind(("classifier_",)),
}
# How the settings of all classifiers begin.
PREFIXES = tuple(
    dict.fromkeys(p for kind in CLASSIFIERS.values() for p in kind.prefixes)
)


def module(name: str) -> ModuleType:
    """The module of a classifier, which imports TensorFlow."""
    return importlib.import_module(f"{__package__}.{name}")
