"""The builder, by the test case that TFDS has for builders, and beyond it."""

import tensorflow_datasets as tfds

from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    Builder,
    ZeroShotConfig,
)

TINY = {
    "num_classes": 8,
    "num_unseen": 2,
    "num_groups": 3,
    "embedding_dim": 5,
    "feature_dim": 7,
    "min_samples": 6,
    "max_samples": 9,
}
OF_FILES = [c.name for c in Builder.BUILDER_CONFIGS if not c.is_drawn]


class PublishedTest(tfds.testing.DatasetBuilderTestCase):
    """Every published data set, in the folder dummy_data in its place."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = (
        *OF_FILES,
        ZeroShotConfig(name="mine", embedding="sent+att"),
    )
    SPLITS = {  # noqa: RUF012
        "train": 24,
        "test_seen": 6,
        "test_unseen": 7,
        "tune_train": 12,
        "tune_seen": 4,
        "tune_unseen": 8,
    }
    # The tuning splits are parts of train.
    OVERLAPPING_SPLITS = ("tune_train", "tune_seen", "tune_unseen")

    def _assertAsDataset(self, builder):  # noqa: N802
        # All have the same pipelines, whose tracing takes most of the time.
        if builder.builder_config.name in ("cub_att_and_sent", "mine"):
            super()._assertAsDataset(builder)


class DrawnTest(tfds.testing.DatasetBuilderTestCase):
    """The data set that needs no files."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = (
        ZeroShotConfig(name="tiny", dataset="synthetic", parameters=TINY),
    )
    SPLITS = {  # noqa: RUF012
        "train": 31,
        "test_seen": 12,
        "test_unseen": 17,
        "tune_train": 15,
        "tune_seen": 4,
        "tune_unseen": 12,
    }
    OVERLAPPING_SPLITS = ("tune_train", "tune_seen", "tune_unseen")


if __name__ == "__main__":
    tfds.testing.test_main()
