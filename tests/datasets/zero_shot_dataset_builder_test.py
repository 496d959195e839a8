"""The builder, by the test case that TFDS has for builders."""

import tensorflow_datasets as tfds
from etils import epath

from gmn_tf_datasets.zero_shot import splits, zero_shot_dataset_builder
from gmn_tf_datasets.zero_shot.xlsa17 import dataset, folders
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    Builder,
    ZeroShotConfig,
)


def _dummy_config() -> ZeroShotConfig:
    folder = (
        epath.Path(zero_shot_dataset_builder.__file__).parent / "dummy_data"
    )
    request = folders.Request("dummy", embedding="att+sent")
    files = folders.list_files(request, folder)
    data = dataset.read(request, folder, files, "manual")
    return ZeroShotConfig(name="dummy", source=data, splits=splits.make(data))


class ZeroShotTest(tfds.testing.DatasetBuilderTestCase):
    """Writes the dummy data and reads it back."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = (_dummy_config(),)
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

    def _make_builder(self, config=None):
        # There is no builder without data.
        return super()._make_builder(config or _dummy_config())


if __name__ == "__main__":
    tfds.testing.test_main()
