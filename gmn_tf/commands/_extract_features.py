"""bin/extract_features."""

import pathlib
import shlex

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command, start_tensorflow
from gmn_tf.images import backbone_table
from gmn_tf.utils.errors import counted

BACKBONE = define.string(
    "backbone",
    "resnet101",
    "Network that computes features of images, without its top layers and "
    "averaged over the image: " + ", ".join(backbone_table.BACKBONES) + "; or "
    "hub:PRESET, or the folder of a preset of KerasHub.",
)
WEIGHTS = define.string(
    "weights",
    backbone_table.IMAGENET,
    "Weights of the network: imagenet, which is downloaded once; a file "
    "written by model.save_weights; or random, for trials only. A preset of "
    "KerasHub has its own.",
)


@command(
    define.string(
        "images", None, "Folder with one folder of images per class."
    ),
    define.string(
        "out", None, "Folder for features.npy, labels.csv and extraction.json."
    ),
    define.required(["images", "out"]),
    BACKBONE,
    WEIGHTS,
    shared.UNREADABLE,
    define.integer("batch_size", 32, "Images in a batch of the network.", 1),
    shared.QUIET,
    after_interrupt="The same command continues after the last batch that was "
    "stored.",
)
def extract_features(values) -> None:
    """Computes features of images that lie in one folder per class.

    bin/extract_features --images=DIR --out=DIR --backbone=resnet101

    Images are DIR/CLASS/IMAGE. After an interruption, the same command
    continues, and computes again what has changed since.
    """
    log = shared.logger(values)
    from gmn_tf.images import image_folder

    backbone_table.check(values.backbone, values.weights)
    images = pathlib.Path(values.images).expanduser()
    listing = image_folder.scan(images)
    log(
        f"{images} has {counted(len(listing.images), 'image')} in "
        f"{counted(len(listing.classes), 'folder')} of classes.",
    )
    # TensorFlow warns of each image it cannot read, and does not say which.
    start_tensorflow(log_level=2)
    from gmn_tf import api

    summary = api.extract_features(
        images,
        pathlib.Path(values.out).expanduser(),
        values.backbone,
        values.weights,
        unreadable=values.unreadable,
        batch_size=values.batch_size,
        quiet=values.quiet,
    )
    log(str(summary))
    known = (images.parent / "classes.csv").exists()
    words = (
        "bin/prepare_data",
        f"--source={images.parent if known else 'DIR'}",
        f"--features={summary.out}",
        "--dataset=NAME",
    )
    where = "" if known else "  # DIR has the classes.csv"
    log(f"Next: {shlex.join(words)}{where}")
