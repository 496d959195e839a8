"""Section 3.4: f of Eq. 6, trained with cross-entropy.

f(x, a) = (W^T x + b)^T a
"""

from collections.abc import Callable

from gmn_tf.method.classifiers import base, sgd

Settings = sgd.SGD


def fit(
    task: base.Task,
    settings: Settings,
    seed: int,
    on_epoch: Callable[[], None] = lambda: None,
) -> base.Classifier:
    """Trains f; the last epoch counts.

    Args:
        task: what to learn from.
        settings: of SGD.
        seed: decides the initial values and the order of samples.
        on_epoch: called after each epoch.

    Raises:
        InputError: if training diverged.
    """
    return sgd.fit_in_span(task, settings, sgd.cross_entropy, seed, on_epoch)
