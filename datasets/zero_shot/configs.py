"""The configurations of the builder: which data to prepare, from what."""

import dataclasses
import re
from collections.abc import Callable

import tensorflow_datasets as tfds

from gmn_tf.utils import dataset_names
from gmn_tf_datasets.zero_shot import synthetic
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.xlsa17 import download, folders

XLSA17, CUSTOM = LAYOUTS = ("xlsa17", "custom")


@dataclasses.dataclass(eq=False)
class ZeroShotConfig(tfds.core.BuilderConfig):
    """Which data set to prepare. Only the name has no default.

    `tfds build --config` takes the plain ones as JSON, too:
    `--config='{"name": "mine", "embedding": "att+sent"}'`.

    Attributes:
        dataset: one of `dataset_names.DATASETS`, or any other name; default:
            `name`.
        features_file: the .mat file with features and labels; default:
            `res101.mat`, and where that is missing the only other .mat file
            that does not describe classes.
        embedding: which `NAME_splits.mat` describes the classes; `a+b` joins
            two, and takes the rows of the splits from the first.
        layout: `xlsa17` for .mat files; `custom` for a folder with classes.csv
            and features, as bin/prepare_data takes it.
        features_dir: with `custom`, the folder of features if it is another.
        url: address of xlsa17.zip, for instance of a copy nearby.
        parameters: what to draw the data set `synthetic` with; an object of
            JSON, too.
        source: data that have been read, or made, already; no file is read.
        progress: called with the numbers of rows that are written next, and
            in all.
        quiet: whether a download shows no progress.
    """

    dataset: str = ""
    features_file: str = ""
    embedding: str = folders.EMBEDDING
    layout: str = XLSA17
    features_dir: str = ""
    url: str = download.URL
    parameters: synthetic.SyntheticParameters = dataclasses.field(
        default_factory=synthetic.SyntheticParameters
    )
    # No repr: TFDS logs its arguments.
    source: Source | None = dataclasses.field(default=None, repr=False)
    progress: Callable[[int, int], object] | None = dataclasses.field(
        default=None, repr=False
    )
    quiet: bool = False

    def __post_init__(self):
        self.dataset = self.dataset or re.sub(r"\W", "_", self.name)
        if isinstance(self.parameters, dict):
            self.parameters = synthetic.SyntheticParameters(**self.parameters)

    @property
    def request(self) -> folders.Request:
        """What to look for in a folder of .mat files."""
        return folders.Request(self.dataset, self.features_file, self.embedding)

    @property
    def is_drawn(self) -> bool:
        """Whether the data come from no file, but from a random process."""
        return (self.dataset, self.layout) == (dataset_names.SYNTHETIC, XLSA17)


def _published(name: str, embedding: str, described: str) -> ZeroShotConfig:
    dataset = name.partition("_")[0]
    known = dataset_names.PUBLISHED[dataset]
    return ZeroShotConfig(
        name=name,
        dataset=dataset,
        embedding=embedding,
        description=f"{known.title}: {known.seen} seen and {known.unseen} "
        f"unseen classes, described by {described}.",
    )


CONFIGS = [
    _published("cub", "att", "312 attributes"),
    _published("cub_sent", "sent", "sentences (sent_splits.mat)"),
    _published("cub_att_and_sent", "att+sent", "312 attributes and sentences"),
    _published("sun", "att", "102 attributes"),
    _published("awa", "att", "85 attributes"),
    _published("awa2", "att", "85 attributes"),
    _published("apy", "att", "64 attributes"),
    _published("flo", "att", "sentences"),
    ZeroShotConfig(
        name=dataset_names.SYNTHETIC,
        description="A small data set drawn from a documented random process: "
        "45 seen and 15 unseen classes.",
    ),
]
