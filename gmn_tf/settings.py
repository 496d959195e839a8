"""All settings of a run, from the name of a preset and what differs."""

import os
import pathlib

from gmn_tf import configs
from gmn_tf.config import Config


def configure(dataset: str, preset: str = "release", **settings) -> Config:
    """All settings of a run.

    Args:
        dataset: its name.
        preset: what to start from: `release`, `paper`, `cpu`, `best` or `auto`.
            With `auto`, and with `best` where nothing was found for the data,
            its embedding, the variant and the classifier,
            `gmn_tf.choose_settings` completes them.
        **settings: what differs, by the names of `gmn_tf.Config`.

    Raises:
        InputError: for a name or a value that no setting has.
    """
    start = configs.preset(dataset, preset, settings)
    return Config().replace({**start, **settings})


def unscaled(config: Config) -> Config:
    """The settings to load data with for `gmn_tf.choose_settings`.

    They name the tune splits, and features and embeddings as they are, since
    each trial scales them in its own way.
    """
    scaling = {"feature_scaling": "none", "embedding_norm": "none"}
    return config.replace({"split": "tune", **scaling})


def absolute_data_dir(given: str | os.PathLike | None) -> str:
    """The folder of prepared data; by default that of TFDS."""
    place = given or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return str(pathlib.Path(place).expanduser().absolute())
