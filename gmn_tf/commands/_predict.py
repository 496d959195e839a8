"""bin/predict."""

import collections
import contextlib
import pathlib
import sys

from gmn_tf.commands import define, shared
from gmn_tf.commands._describe import ENCODER
from gmn_tf.commands.command_line import command
from gmn_tf.training import checks
from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError, counted, listed

SUFFIXES = (".csv", ".json")
# Of commands that predict, or write a model that does: the run, and classes
# added to it.
PREDICTOR = (
    define.string("workdir", None, "Folder of a finished run."),
    define.required(["workdir"]),
    define.string(
        "classes",
        None,
        "CSV file of classes that are new to the run and become possible "
        "answers; it has the format of classes.csv for bin/prepare_data, which "
        "may have embeddings.npy beside it. If "
        "bin/describe described the classes of the run, names are enough, or "
        "names and texts.",
    ),
    ENCODER,
    define.boolean(
        "synthesize",
        False,
        "Whether to synthesise features of the new classes and to fit the "
        "final classifiers again, which takes seconds and needs the run's "
        "data and a generator. Otherwise a new class is known by its "
        "description alone, which takes no time. In a run without a generator "
        "nothing is lost by that; elsewhere the class seldom wins against "
        "those that the classifiers were fitted on.",
    ),
    define.rule_for_several(
        ["synthesize", "classes"],
        lambda given: given["classes"] or not given["synthesize"],
        "--synthesize needs --classes, a file of new classes.",
    ),
    shared.MOVED_DATA_DIR,
    shared.MEMORY,
    shared.QUIET,
    shared.MOVED_WEIGHTS,
    define.integer("top_k", 5, "Number of classes in an answer.", 1),
)


@command(
    *PREDICTOR,
    define.string(
        "features",
        None,
        "Folder written by bin/extract_features, or a .npy, .npz or .csv file.",
    ),
    define.string(
        "images",
        None,
        "An image or a folder of images; the backbone that the run was "
        "trained with extracts their features.",
    ),
    define.exclusive(["features", "images"], required=True),
    shared.UNREADABLE,
    define.number(
        "min_probability",
        0.0,
        "Samples whose likeliest class is less likely than this get no answer; "
        "reject_curve.csv of the run has how many these are, and how accurate "
        "the other answers.",
        0.0,
        1.0,
    ),
    define.string(
        "out",
        None,
        "File for the predictions, .csv or .json; default: CSV on the "
        "terminal.",
    ),
    define.rule(
        "out",
        lambda path: not path or pathlib.PurePath(path).suffix in SUFFIXES,
        "--out must end in .csv or .json.",
    ),
)
def predict(values) -> None:
    """Prints the likeliest classes of images or features, with probabilities.

    bin/predict --workdir=runs/mybirds-cwgan_gm-1 --images=DIR --out=birds.csv
    """
    log = shared.logger(values)
    check_predictor(values)
    # TensorFlow warns of each image it cannot read, and does not say which.
    shared.begin(values, f"Predicting with {values.workdir}.", log_level=2)
    from gmn_tf.inference import prediction_files
    from gmn_tf.utils import files

    predictor = make_predictor(values)
    features, samples = _features(predictor, values)
    tops = predictor.each_top(features, values.top_k)
    out = pathlib.Path(values.out).expanduser() if values.out else None
    write = prediction_files.WRITERS[out.suffix if out else ".csv"]
    rejected = []
    with contextlib.ExitStack() as stack:
        file = sys.stdout
        if out:
            path = stack.enter_context(files.replacing(out))
            file = stack.enter_context(path.open("w", encoding="utf-8"))
        # No bar between answers on the terminal.
        bar = progress.progress(
            "predictions", len(samples), values.quiet or not out, "sample"
        )
        advance = stack.enter_context(bar)
        tops = _answers(tops, samples, values, rejected, advance)
        write(file, samples, tops, predictor.classes)
    if values.min_probability:
        _say_rejected(rejected, len(samples), values)
    if not out:
        return
    kinds = collections.Counter(predictor.classes.kinds)
    classes = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    predictions = counted(len(samples), "prediction")
    log(f"{predictions} over {classes} classes: {out}")


def _answers(tops, samples, values, rejected, advance):
    """Answers, one by one; samples without one are added to `rejected`."""
    from gmn_tf.inference import prediction_files

    tops = prediction_files.without_unlikely(tops, values.min_probability)
    for sample, top in zip(samples, tops):
        if top[0][0] is None:
            rejected.append(sample)
        advance(1)
        yield top


def _say_rejected(rejected, count, values) -> None:
    """Says on the error stream which samples have no answer, and why."""
    from gmn_tf.runs import mistakes
    from gmn_tf.runs.workdir import Workdir

    least = values.min_probability
    lines = [
        f"{len(rejected)} of {counted(count, 'sample')} "
        f"{'has' if len(rejected) == 1 else 'have'} no answer, because no "
        f"class has a probability of {least:g}"
        + (f": {listed(rejected, 3)}." if rejected else ".")
    ]
    metrics = Workdir(values.workdir).read_json("metrics.json")
    if not mistakes.fitted_on(metrics):
        lines.append(
            "Note: the probabilities of this run are not calibrated, so that "
            f"{least:g} does not mean right {100 * least:g} times of 100. "
            + mistakes.uncalibrated(mistakes.not_fitted(metrics))
        )
    log = progress.logger(values.quiet)
    for line in lines:
        log(line)


def check_predictor(values) -> None:
    """Raises InputError for what can be seen before TensorFlow starts.

    Of new classes this is their table; words in it are encoded later.
    """
    (config,) = shared.check_runs([values.workdir])
    if values.synthesize:
        checks.check_generator(config, values.workdir, checks.WITHOUT_SYNTHESIS)
    if values.classes:
        from gmn_tf.inference import new_classes
        from gmn_tf.runs.workdir import Workdir

        known = Workdir(values.workdir).read_label_map()
        new_classes.check(values.classes, known)


def make_predictor(values):
    """The predictor that the flags ask for."""
    from gmn_tf.inference import prediction
    from gmn_tf.runs.workdir import Workdir
    from gmn_tf.training import final_classifiers

    if not values.classes:
        return prediction.Predictor.load(values.workdir)
    if not values.synthesize:
        predictor = prediction.Predictor.load(values.workdir)
        added = _new_classes(predictor.classes, values)
        return predictor.with_classes(added.names, added.values)
    known = Workdir(values.workdir).read_label_map()
    added = _new_classes(known, values)
    run = shared.open_run(values.workdir, values)
    epochs = final_classifiers.epochs(run.config)
    with progress.progress("classifiers", epochs, values.quiet) as advance:
        return prediction.synthesised(run, added.names, added.values, advance)


def _new_classes(known, values):
    """The classes of a file, with descriptions in the order of the run's."""
    from gmn_tf.inference import new_classes

    added = new_classes.read(
        values.classes, known, values.encoder, values.quiet
    )
    log = progress.logger(values.quiet)
    for note in added.notes:
        log(f"Note: {note}")
    return added


def load_backbone(predictor, values):
    """The backbone that the run's features come from."""
    from gmn_tf.images import backbones

    if predictor.classes.backbone is None:
        raise InputError(
            "It is not recorded which backbone made the run's features.",
            "a run on data of bin/extract_features and bin/prepare_data",
            values.workdir,
            "Extract these features with the backbone used in training and "
            "give --features. Or prepare the training images with "
            "bin/prepare_data and train again.",
        )
    return backbones.from_description(
        predictor.classes.backbone, values.weights
    )


def _features(predictor, values):
    """Features of files or of images, and the names of the samples."""
    from gmn_tf.images import extraction, image_folder
    from gmn_tf_datasets.zero_shot.custom import features

    if values.features:
        found = features.read(values.features)
        size = found.values.shape[1]
        predictor.classes.check_features_match(size, found.backbone)
        log = progress.logger(values.quiet)
        for note in found.notes:
            log(f"Note: {note}")
        names = found.names or [*map(str, range(len(found.values)))]
        return found.values, names
    folder = pathlib.Path(values.images).expanduser()
    paths, others = image_folder.find(folder)
    backbone = load_backbone(predictor, values)
    found = extraction.features_of(
        paths, backbone, values.unreadable, quiet=values.quiet
    )
    for line in _account(folder, paths, others, found):
        progress.logger(values.quiet)(line)
    return found.values, [
        str(p) for p in paths if str(p) not in found.unreadable
    ]


def _account(folder, paths, others, found) -> list[str]:
    """What became of every file in a folder."""
    from gmn_tf.images.image_folder import by_reason

    lines = []
    if found.turned:
        turned = counted(len(found.turned), "image")
        lines.append(f"{turned} turned upright, as EXIF orientation says.")
    if found.transparent:
        count = counted(len(found.transparent), "image")
        lines.append(
            f"{count} transparent in parts, where white shows through."
        )
    left_out = len(others) + len(found.unreadable)
    if left_out:
        lines.append(
            f"{folder} has {counted(len(paths) + len(others), 'file')}, of "
            f"which {left_out} {'is' if left_out == 1 else 'are'} left out:"
        )
        lines += [f"  {f} ({why})" for f, why in found.unreadable.items()]
        lines += [f"  {line}" for line in by_reason(others)]
    return lines
