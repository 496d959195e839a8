"""bin/prepare_data."""

import shlex

from etils import epath

from gmn_tf.commands import define, shared
from gmn_tf.commands._extract_features import BACKBONE, WEIGHTS
from gmn_tf.commands.command_line import command
from gmn_tf.config import Config


@command(
    define.string(
        "source", None, "Folder with classes.csv, and with images or features."
    ),
    define.string(
        "dataset",
        None,
        "Name of the data set, for --dataset of other commands.",
    ),
    define.required(["source", "dataset"]),
    define.string(
        "features",
        None,
        "Folder of features and labels, such as --out of "
        "bin/extract_features; default: --source.",
    ),
    BACKBONE,
    WEIGHTS,
    shared.UNREADABLE,
    define.string(
        "embedding",
        Config.embedding,
        "Descriptions to take: att, the numbers in classes.csv or "
        "embeddings.csv; NAME, those in embeddings_NAME.csv; att+NAME, both.",
    ),
    shared.DATA_DIR,
    define.boolean(
        "replace",
        False,
        "Replace other content that was prepared under this name.",
    ),
    shared.WRITE_MAT,
    shared.QUIET,
    after_interrupt="The same command continues with the images that have no "
    "features yet.",
)
def prepare_data(values) -> None:
    """Prepares a folder of your own data for all other commands.

    bin/prepare_data --source=mybirds --dataset=mybirds

    The folder contains classes.csv (each class, whether it is seen or unseen,
    and the numbers that describe it), and either images in one folder per class
    or features with labels. --features names another folder of features.
    docs/custom_data.md explains the formats.
    """
    log = shared.logger(values)
    from gmn_tf_datasets.zero_shot.custom import classes, dataset

    dataset.check_name(values.dataset, values.embedding)
    classes.find(epath.Path(values.source).expanduser())
    # TensorFlow warns of each image it cannot read, and does not say which.
    shared.begin(
        values, f"Data set {values.dataset} from {values.source}.", log_level=2
    )
    from gmn_tf import api

    prepared = api.prepare_data(
        values.source,
        values.dataset,
        features=values.features,
        backbone=values.backbone,
        weights=values.weights,
        unreadable=values.unreadable,
        embedding=values.embedding,
        data_dir=values.data_dir,
        replace=values.replace,
        quiet=values.quiet,
        log=log,
    )
    log(f"{values.dataset}, as found in {values.source}:\n")
    log(str(prepared))
    for old in prepared.older:
        log(f"Removed: the older preparation {old}")
    was = "Prepared" if prepared.is_new else "Prepared before, unchanged"
    log(f"\n{was}: {prepared.name} in {prepared.data_dir}")
    shared.write_mat(prepared.name, prepared.data_dir, values, log)
    words = ["bin/train", f"--dataset={values.dataset}", "--preset=auto"]
    if values.embedding != Config.embedding:
        words.append(f"--embedding={values.embedding}")
    if values.data_dir:
        words.append(f"--data_dir={values.data_dir}")
    log(f"Next: {shlex.join(words)}")
