"""bin/prepare_data."""

import os
import shlex

from absl import flags
from etils import epath

from gmn_tf import command_line
from gmn_tf.commands._shared import (
    absolute,
    define_memory_flag,
    say,
)
from gmn_tf.config import Config
from gmn_tf.errors import InputError


def prepare_data() -> None:
    """Makes a folder of your own data ready for every other command.

    bin/prepare_data --source=mybirds --dataset=mybirds

    The folder holds classes.csv (class, seen or unseen, the numbers that
    describe it) and features with their classes, or --features names the
    folder of these. datasets/zero_shot/OWN_DATA.md tells more.
    """
    flags.DEFINE_string("source", None, "Folder with classes.csv.")
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
    define_memory_flag()
    flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")
    command_line.run(_prepare_data, prepare_data.__doc__)


def _prepare_data(values, arguments) -> None:
    command_line.refuse_arguments(arguments)
    for flag, example in (("source", "mybirds"), ("dataset", "mybirds")):
        if not values[flag].value:
            raise InputError(
                f"--{flag} is missing.",
                "the folder of the data and a name for it",
                "nothing",
                f"give both, as in --{flag}={example}",
            )
    command_line.start_tensorflow()
    from gmn_tf import data
    from gmn_tf_datasets.zero_shot import own_data, own_summary

    default = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    data_dir = absolute(values.data_dir or default)
    prepared = own_data.prepare(
        values.dataset,
        values.source,
        data_dir=data_dir,
        features_dir=values.features or _extracted(values, data_dir),
        replace=values.replace,
        quiet=values.quiet,
    )
    # Read back as a run does it: what does not fit is told of here.
    data.load(prepared.name, data_dir, memory=values.memory_gb * 2**30)
    say(values, f"{values.dataset}, as found in {values.source}:\n")
    say(values, own_summary.table(prepared))
    for old in prepared.replaced:
        say(values, f"Removed: the older preparation {old}")
    was = "Prepared" if prepared.is_new else "Prepared before, unchanged"
    say(values, f"\n{was}: {prepared.name} in {data_dir}")
    say(values, f"Next: {_next_command(values, prepared)}")


def _extracted(values, data_dir: str) -> str | None:
    """Folder of features made here, if the data has images alone."""
    from gmn_tf.images import backbone_table
    from gmn_tf_datasets.zero_shot import own_classes, own_features

    source = epath.Path(values.source).expanduser()
    names = own_features.FEATURE_FILES
    if not source.is_dir() or any((source / name).exists() for name in names):
        return None
    images = own_features.find_images(source, own_classes.read(source))
    if images is None:
        return None
    backbone_table.check(values.backbone, values.weights)
    from gmn_tf.images import backbones, extraction, extraction_summary

    out = f"{data_dir}/features/{values.dataset}-{values.backbone}"
    say(values, f"There are images and no features; these go to {out}")
    backbone = backbones.load(values.backbone, values.weights)
    summary = extraction.extract(images, out, backbone, quiet=values.quiet)
    say(values, extraction_summary.text(summary).rpartition("\n")[0] + "\n")
    return out


def _next_command(values, prepared) -> str:
    """bin/train with what these data need."""
    from gmn_tf_datasets.zero_shot import own_data

    words = ["bin/train", f"--dataset={values.dataset}", "--preset=cpu"]
    if own_data.LINEAR in prepared.data.notes:
        words.append("--generator_output=linear")
    seen = len(prepared.made.seen)
    if seen < Config.matching_classes:
        words.append(f"--matching_classes={seen}")
    if values.data_dir:
        words.append(f"--data_dir={values.data_dir}")
    return shlex.join(words)
