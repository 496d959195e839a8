"""Seen and unseen classes, their features and their embeddings.

`gmn_tf_datasets.zero_shot.prepare.prepare` is the one call to make.
"""
