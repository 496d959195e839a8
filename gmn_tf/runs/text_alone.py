"""Zero-shot by text alone, as CLIP does it: what a user would otherwise take.

    score of class k: cos(x, a_k)

with x of the image tower and a_k of the text tower of one model. Nothing is
trained, and seen and unseen classes are known alike.
"""

import numpy as np
import tensorflow as tf

from gmn_tf.data import zero_shot_data
from gmn_tf.data.feature_scaling import NONE
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics
from gmn_tf.method.classifiers import base

NAME = "zero-shot by text alone"
_MODEL = "model_sha256"


def embeddings(data: ZeroShotData) -> np.ndarray | None:
    """The part of the embedding that features can be compared with.

    Returns:
        `[C, dx]` as the text tower made it; None unless it and the backbone
        of the features are of one model.
    """
    model = (data.metadata.get("backbone") or {}).get(_MODEL)
    names = data.metadata.get("class_names", ())
    for part, values in zip(data.scalings, data.raw_embeddings):
        is_of_model = model and (part.encoder or {}).get(_MODEL) == model
        if is_of_model and part.dim == data.feature_dim:
            return values[[names.index(name) for name in data.class_names]]
    return None


def scores(data: ZeroShotData, memory: float = float("inf")) -> dict | None:
    """Mean and standard deviation (0) of each score, as in metrics.json.

    Args:
        data: of a run; if its features are scaled, they are read again.
        memory: see `zero_shot_data.load`.

    Returns:
        None unless texts and images are of one model.
    """
    found = embeddings(data)
    if found is None:
        return None
    if data.feature_scaling.kind != NONE:
        data = zero_shot_data.load(
            data.name, data.data_dir, data.split, "none", memory
        )
    columns = base.unit_length(tf.constant(found, tf.float32))
    bias = tf.zeros(len(found))
    model = base.assemble([base.Term(True, tf.transpose(columns), bias)])
    return metrics.mean_and_std([metrics.score(model, data)])
