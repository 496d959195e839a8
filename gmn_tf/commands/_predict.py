"""bin/predict."""

import os
import pathlib
import sys

from absl import flags

from gmn_tf.commands import command_line
from gmn_tf.commands._shared import define_memory_flag, log, open_run
from gmn_tf.utils.errors import InputError

SUFFIXES = (".csv", ".json")


def predict() -> None:
    """Tells the likeliest classes of features or images, with probabilities.

    bin/predict --workdir=runs/mybirds-cwgan_gm-1 --images=DIR --out=birds.csv
    """
    define_predictor_flags()
    flags.DEFINE_string(
        "features",
        None,
        "Folder of bin/extract_features, or a .npy, .npz or .csv file.",
    )
    flags.DEFINE_string(
        "images",
        None,
        "An image, or a folder with images, whose features are extracted by "
        "the backbone the run was trained with.",
    )
    define_weights_flag()
    flags.DEFINE_enum(
        "unreadable",
        "stop",
        ["stop", "skip"],
        "Whether to stop at images that cannot be read, or leave them out.",
    )
    flags.DEFINE_integer("top_k", 5, "How many classes to tell of each.", 1)
    flags.DEFINE_string(
        "out",
        None,
        "File for the predictions, .csv or .json; default: CSV on the "
        "terminal.",
    )
    command_line.run(_predict, predict.__doc__)


def define_predictor_flags() -> None:
    """Flags of what is to predict: the run, and classes added to it."""
    flags.DEFINE_string("workdir", None, "Folder of a finished bin/train.")
    flags.DEFINE_string(
        "classes",
        None,
        "CSV file like the classes.csv of bin/prepare_data: classes the run "
        "has never heard of, which can be the answer too.",
    )
    flags.DEFINE_boolean(
        "synthesize",
        False,
        "Whether features of these classes are synthesised and the final "
        "classifiers fitted again, which takes seconds and the run's data; "
        "without it their descriptions alone decide, at once, and such a class "
        "seldom wins against those the classifiers were fitted on.",
    )
    flags.DEFINE_string(
        "data_dir", None, "Where the run's data is now, if it was moved."
    )
    define_memory_flag()
    flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")


def define_weights_flag() -> None:
    """The flag of commands that load a run's backbone."""
    flags.DEFINE_string(
        "weights",
        None,
        "Where the backbone's file of weights is now, if it was moved.",
    )


def make_predictor(values):
    """The predictor that the flags ask for."""
    from gmn_tf.inference import prediction
    from gmn_tf.runs.workdir import Workdir
    from gmn_tf.utils import progress
    from gmn_tf_datasets.zero_shot.custom import classes

    if not values.workdir:
        raise InputError(
            "Which run shall predict?",
            "the folder of a finished run, as in "
            "--workdir=runs/synthetic-cwgan_gm-1",
            "nothing",
            "give --workdir",
        )
    if not values.classes:
        if values.synthesize:
            raise InputError(
                "What shall be synthesised?",
                "--classes, a file of new classes, beside --synthesize",
                "--synthesize alone",
                "name the file, or leave --synthesize out",
            )
        return prediction.Predictor.load(values.workdir)
    if not values.synthesize:
        predictor = prediction.Predictor.load(values.workdir)
        added = predictor.classes.in_order(classes.read_new(values.classes))
        return predictor.with_classes(added.names, added.values)
    known = prediction.read_label_map(Workdir(values.workdir))
    added = known.in_order(classes.read_new(values.classes))
    run = open_run(values.workdir, values)
    epochs = run.config.classifier_seeds * run.config.classifier_epochs
    with progress.progress("classifiers", epochs, values.quiet) as advance:
        return prediction.synthesised(run, added.names, added.values, advance)


def load_backbone(predictor, values):
    """The backbone that the run's features come from."""
    from gmn_tf.images import backbones

    if predictor.classes.backbone is None:
        raise InputError(
            "Nobody has recorded what the run's features come from.",
            "a run on data of bin/extract_features and bin/prepare_data",
            values.workdir,
            "extract the features as the training's were, and give --features; "
            "or make new ones of the training's images, with "
            "bin/prepare_data, and train on these",
        )
    return backbones.from_description(
        predictor.classes.backbone, values.weights
    )


def _predict(values, arguments) -> None:
    command_line.check_no_arguments(arguments)
    if bool(values.features) == bool(values.images):
        raise InputError(
            "Predict on what?",
            "either --features or --images",
            "both" if values.features else "neither",
            "give one of them",
        )
    out = pathlib.Path(values.out).expanduser() if values.out else None
    if out and out.suffix not in SUFFIXES:
        raise InputError(
            f"Cannot write predictions to {out}.",
            "a file that ends in .csv or .json",
            repr(out.suffix),
            "change --out",
        )
    # TensorFlow would tell of each image that cannot be read.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    command_line.start_tensorflow()
    from gmn_tf.inference import prediction_files
    from gmn_tf.utils import files

    predictor = make_predictor(values)
    features, samples = _features(predictor, values)
    tops = predictor.top(features, values.top_k)
    write = prediction_files.WRITERS[out.suffix if out else ".csv"]
    text = write(samples, tops, predictor.classes)
    if not out:
        sys.stdout.write(text)
        return
    files.write_text(out, text)
    log(values, f"{len(tops)} predictions over {_told(predictor)}: {out}")


def _features(predictor, values):
    """Features of files or of images, and the names of the samples."""
    from gmn_tf_datasets.zero_shot.custom import features

    if values.images:
        return _extracted(predictor, values)
    found = features.read(values.features)
    predictor.classes.check_features_match(
        found.values.shape[1], found.backbone
    )
    return found.values, found.names or [*map(str, range(len(found.values)))]


def _extracted(predictor, values):
    """Features of the images, by the backbone of the run, and their paths."""
    from gmn_tf.images import extraction, image_folder
    from gmn_tf.utils import progress

    paths = image_folder.find(pathlib.Path(values.images).expanduser())
    backbone = load_backbone(predictor, values)
    with progress.progress(
        "Features", len(paths), values.quiet, "image"
    ) as advance:
        features, unreadable = extraction.features_of(paths, backbone, advance)
    if unreadable and values.unreadable == "stop":
        raise InputError(
            f"{len(unreadable)} of {len(paths)} images cannot be read.",
            "whole JPEG, PNG, GIF, BMP or WebP files",
            ", ".join(f"{path} ({why})" for path, why in unreadable[:5]),
            "mend or remove them, or leave them out with --unreadable=skip",
        )
    for path, why in unreadable:
        print(f"Left out: {path} ({why})", file=sys.stderr)
    left_out = {path for path, _ in unreadable}
    names = [str(path) for path in paths if str(path) not in left_out]
    return features, names


def _told(predictor) -> str:
    kinds = predictor.classes.kinds
    return (
        ", ".join(
            f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)
        )
        + " classes"
    )
