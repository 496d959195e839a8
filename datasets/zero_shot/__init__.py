"""Zero-shot data sets: features, labels, class embeddings and splits.

`gmn_tf_datasets.zero_shot.prepare.prepare` is the one call to make. The
folders in this package read one file format each, and return a `Source`.
"""
