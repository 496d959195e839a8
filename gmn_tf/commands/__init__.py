"""What the commands in bin/ do: flags, and one call each.

TensorFlow is imported inside the commands, so that --help and a misspelt flag
answer at once.
"""

from gmn_tf.commands._evaluate import evaluate
from gmn_tf.commands._export import export
from gmn_tf.commands._extract_features import extract_features
from gmn_tf.commands._predict import predict
from gmn_tf.commands._prepare_data import prepare_data
from gmn_tf.commands._reproduce import reproduce
from gmn_tf.commands._summary import summary
from gmn_tf.commands._train import prepare, train
from gmn_tf.commands._tune import tune

__all__ = [
    "evaluate",
    "export",
    "extract_features",
    "predict",
    "prepare",
    "prepare_data",
    "reproduce",
    "summary",
    "train",
    "tune",
]
