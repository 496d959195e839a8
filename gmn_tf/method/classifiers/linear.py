"""Section 3.4: one weight vector per class, trained with cross-entropy.

    score of class k: w_k^T x + b_k

The release's classifier for SUN. It knows no embeddings: a class needs samples,
real or synthetic ones.
"""

from collections.abc import Callable

from gmn_tf.method.classifiers import base, sgd
from gmn_tf.utils.errors import InputError

Settings = sgd.SGD


def fit(
    task: base.Task,
    settings: Settings,
    seed: int,
    on_epoch: Callable[[], None] = lambda: None,
) -> base.Classifier:
    """Trains all weight vectors; the last epoch counts.

    Args:
        task: what to learn from, with samples of every class.
        settings: of SGD.
        seed: decides the initial values and the order of samples.
        on_epoch: called after each epoch.

    Raises:
        InputError: if classes do not compete, or training diverged.
    """
    classes = len(task.embeddings)
    if task.num_competing < classes:
        raise InputError(
            "A linear classifier knows no class without samples.",
            f"samples of all {classes} classes",
            f"samples of {task.num_competing}",
            "Choose another --classifier, or --classifier_rows=both and a "
            "--variant with a generator.",
        )
    theta = sgd.train(
        task, classes, None, settings, sgd.cross_entropy, seed, on_epoch
    )
    return base.assemble([base.Term(False, *theta)])
