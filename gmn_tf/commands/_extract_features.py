"""bin/extract_features."""

import os
import pathlib

from absl import flags

from gmn_tf.commands import command_line
from gmn_tf.commands._shared import log
from gmn_tf.images import backbone_table
from gmn_tf.images.backbone_table import BACKBONES
from gmn_tf.utils.errors import InputError, check_choice

UNREADABLE = ("stop", "skip")


def extract_features() -> None:
    """Turns images, in one folder per class, into features.

    bin/extract_features --images=DIR --out=DIR --backbone=resnet101

    Images are DIR/CLASS/IMAGE. The same command goes on where it was stopped,
    and computes again what has changed since.
    """
    flags.DEFINE_string("images", None, "Folder with a folder for each class.")
    flags.DEFINE_string(
        "out", None, "Folder for features.npy, labels.csv, extraction.json."
    )
    flags.DEFINE_string(
        "backbone",
        "resnet101",
        "The network, without its top and pooled by the mean: "
        + ", ".join(BACKBONES)
        + ".",
    )
    flags.DEFINE_string(
        "weights",
        backbone_table.IMAGENET,
        "imagenet, which is downloaded once; or a file of the network's "
        "weights, as model.save_weights writes it; or random, to try out what "
        "recognises nothing.",
    )
    flags.DEFINE_string(
        "unreadable",
        "stop",
        "At images that cannot be read: stop, or skip and list them.",
    )
    flags.DEFINE_integer(
        "batch_size", 32, "Images that the network sees at once.", 1
    )
    flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")
    # TensorFlow warns of each image it cannot read, and does not say which.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    command_line.run(
        _extract_features,
        extract_features.__doc__,
        "The same command goes on from the last part that was kept.",
    )


def _extract_features(values, arguments) -> None:
    command_line.check_no_arguments(arguments)
    _check_present(values)
    check_choice("unreadable", values.unreadable, UNREADABLE)
    backbone_table.check(values.backbone, values.weights)
    images = pathlib.Path(values.images).expanduser()
    _tell_of_the_images(values, images)
    command_line.start_tensorflow()
    from gmn_tf.images import backbones, extraction

    summary = extraction.run(
        images,
        pathlib.Path(values.out).expanduser(),
        backbones.load(values.backbone, values.weights),
        values.unreadable,
        values.batch_size,
        values.quiet,
    )
    log(values, str(summary))
    known = (images.parent / "classes.csv").exists()
    log(
        values,
        f"Next: bin/prepare_data --source={images.parent if known else 'DIR'} "
        f"--features={summary.out} --dataset=NAME"
        + ("" if known else ", where DIR has the classes.csv"),
    )


def _check_present(values) -> None:
    for name, what in (("images", "the images"), ("out", "the features")):
        if not values[name].value:
            raise InputError(
                f"Which folder is for {what}?",
                f"--{name}=DIR",
                "none",
                "give one; --help shows an example",
            )


def _tell_of_the_images(values, images: pathlib.Path) -> None:
    """Says what there is to do, before what takes long begins."""
    from gmn_tf.images import image_folder

    listing = image_folder.scan(images)
    log(
        values,
        f"{images} has {len(listing.images)} images in {len(listing.classes)} "
        "folders of classes.",
    )
