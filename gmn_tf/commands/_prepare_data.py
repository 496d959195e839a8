"""bin/prepare_data."""

import os
import shlex

from absl import flags

from gmn_tf.commands import command_line
from gmn_tf.commands._shared import log
from gmn_tf.config import Config
from gmn_tf.utils.errors import InputError


def prepare_data() -> None:
    """Makes a folder of your own data ready for every other command.

    bin/prepare_data --source=mybirds --dataset=mybirds

    The folder holds classes.csv (class, seen or unseen, the numbers that
    describe it), and images in one folder per class, or features with their
    classes; or --features names the folder of these.
    datasets/zero_shot/OWN_DATA.md tells more.
    """
    flags.DEFINE_string(
        "source", None, "Folder with classes.csv, and images or features."
    )
    flags.DEFINE_string(
        "dataset", None, "The name to give the data, for --dataset afterwards."
    )
    flags.DEFINE_string(
        "features",
        None,
        "Folder of features and labels, such as --out of bin/extract_features; "
        "default: --source.",
    )
    flags.DEFINE_string(
        "backbone",
        "resnet101",
        "What makes features of images, if there are no features; see "
        "bin/extract_features, which can be run before as well.",
    )
    flags.DEFINE_string(
        "weights", "imagenet", "Of the backbone: imagenet, or a file."
    )
    flags.DEFINE_enum(
        "unreadable",
        "stop",
        ["stop", "skip"],
        "Whether to stop at images that cannot be read, or leave them out.",
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where prepared data is kept; default: TFDS_DATA_DIR or "
        "~/tensorflow_datasets.",
    )
    flags.DEFINE_boolean(
        "replace",
        False,
        "Replace other content that was prepared under this name.",
    )
    flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")
    command_line.run(
        _prepare_data,
        prepare_data.__doc__,
        "The same command goes on with the images, if it was at those.",
    )


def _prepare_data(values, arguments) -> None:
    command_line.check_no_arguments(arguments)
    for flag, example in (("source", "mybirds"), ("dataset", "mybirds")):
        if not values[flag].value:
            raise InputError(
                f"--{flag} is missing.",
                "the folder of the data and a name for it",
                "nothing",
                f"give both, as in --{flag}={example}",
            )
    # TensorFlow would tell of each image that cannot be read.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    command_line.start_tensorflow()
    from gmn_tf import api

    prepared = api.prepare_data(
        values.source,
        values.dataset,
        features=values.features,
        backbone=values.backbone,
        weights=values.weights,
        unreadable=values.unreadable,
        data_dir=values.data_dir,
        replace=values.replace,
        quiet=values.quiet,
        log=lambda text: log(values, text),
    )
    log(values, f"{values.dataset}, as found in {values.source}:\n")
    log(values, str(prepared))
    for old in prepared.older:
        log(values, f"Removed: the older preparation {old}")
    was = "Prepared" if prepared.is_new else "Prepared before, unchanged"
    log(values, f"\n{was}: {prepared.name} in {prepared.data_dir}")
    log(values, f"Next: {_next_command(values, prepared)}")


def _next_command(values, prepared) -> str:
    """bin/train with what these data need."""
    from gmn_tf_datasets.zero_shot.custom.prepare import LINEAR

    words = ["bin/train", f"--dataset={values.dataset}", "--preset=cpu"]
    if LINEAR in prepared.data.notes:
        words.append("--generator_output=linear")
    # With --split=tune fewer classes are there to learn from.
    seen = len(prepared.made.seen) - len(prepared.made.validation)
    if seen < Config.matching_classes:
        words.append(f"--matching_classes={seen}")
    if values.data_dir:
        words.append(f"--data_dir={values.data_dir}")
    return shlex.join(words)
