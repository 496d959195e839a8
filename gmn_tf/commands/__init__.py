"""What the commands in bin/ do: flags, and one call each.

TensorFlow is imported inside the commands, so that --help and a misspelt flag
answer at once.
"""

from gmn_tf.commands._demo import demo as demo
from gmn_tf.commands._describe import describe as describe
from gmn_tf.commands._evaluate import evaluate as evaluate
from gmn_tf.commands._export import export as export
from gmn_tf.commands._extract_features import (
    extract_features as extract_features,
)
from gmn_tf.commands._predict import predict as predict
from gmn_tf.commands._prepare_data import prepare_data as prepare_data
from gmn_tf.commands._reproduce import reproduce as reproduce
from gmn_tf.commands._summary import summary as summary
from gmn_tf.commands._train import prepare as prepare
from gmn_tf.commands._train import train as train
from gmn_tf.commands._tune import tune as tune
