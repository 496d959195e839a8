"""Zero-shot data sets: features, labels, class embeddings and splits.

Importing this package registers the TFDS builder `zero_shot`:

    import gmn_tf_datasets.zero_shot
    import tensorflow_datasets as tfds

    data = tfds.load("zero_shot/cub", data_dir="data")

`prepare.prepare` does the same for any data set, and finds what has been
prepared before. The folders in this package read one file format each, and
return a `Source`.
"""

from gmn_tf_datasets.zero_shot.configs import ZeroShotConfig as ZeroShotConfig
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    Builder as Builder,
)
