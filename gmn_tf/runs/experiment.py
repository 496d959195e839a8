"""One experiment: trains a generator and final classifiers, and scores them.

All files of a run are written here, into its `Workdir`.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.label_map import LabelMap
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics, variants
from gmn_tf.method.classifiers.base import Classifier
from gmn_tf.runs import (
    data_limits,
    mistakes,
    plots,
    report,
    shortfalls,
    temperature,
)
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import (
    checks,
    final_classifiers,
    fit,
    monitored_samples,
    monitoring,
    validation,
    workers,
)
from gmn_tf.training.callbacks import ProgressBar
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils import progress, tables


@dataclasses.dataclass(frozen=True)
class MonitoringOptions:
    """How a run is monitored; no option changes a result.

    Attributes:
        quiet: print nothing.
        log_every: steps between entries for TensorBoard.
        picture_every: steps between pictures for TensorBoard.
        validate_every: steps between scores on the validation classes; 0: none,
            which the test splits require.
        checkpoint_every: steps between checkpoints, from which an interrupted
            run resumes; 0: none.
    """

    quiet: bool = False
    log_every: int = 50
    picture_every: int = 500
    validate_every: int = 0
    checkpoint_every: int = 500


@on_disk.reporting_data_loss()
def run(
    config: Config,
    data: ZeroShotData,
    workdir: Workdir,
    strategy: tf.distribute.Strategy,
    monitoring_options: MonitoringOptions,
    execution: fit.Execution = fit.DEFAULT_EXECUTION,
    with_baseline: bool = True,
    with_limits: bool = True,
) -> dict:
    """Trains and scores a whole run, and writes its files.

    Args:
        config: the settings.
        data: what to learn from, and to score on.
        workdir: gets the files of the run.
        strategy: how training is spread over devices.
        monitoring_options: how the run is monitored.
        execution: how steps are run.
        with_baseline: whether to train and score `real_only` too, unless that
            is the variant.
        with_limits: whether to measure what the data can give.

    Returns:
        What metrics.json holds.
    """
    checks.check_tune_split(config, monitoring_options.validate_every)
    generator = None
    if variants.VARIANTS[config.variant].has_generator:
        generator = train_generator(
            config, data, workdir, strategy, monitoring_options, execution
        )
        workdir.save_model("generator", generator)
    with_baseline = with_baseline and generator is not None
    # Without a generator, classifiers can be fitted again to calibrate them.
    crossed = generator is None and config.split == "test"
    crossed = crossed and not config.temperature
    rounds = 1 + with_baseline + crossed
    epochs = final_classifiers.epochs(config) * rounds
    unit = final_classifiers.unit(config)
    with progress.progress(
        "classifiers", epochs, monitoring_options.quiet, unit
    ) as advance:
        models = {}
        models["classifier"] = final_classifiers.fit(
            config, data, generator, advance
        )
        if with_baseline:
            plain = config.replace({"seen_penalty": 0.0})
            models["baseline"] = final_classifiers.fit(
                plain, data, None, advance
            )
        fit_again = functools.partial(
            final_classifiers.fit, config, generator=None, on_epoch=advance
        )
        source = temperature.choose(
            config, data, models["classifier"], fit_again if crossed else None
        )
        for model in models["classifier"]:
            model.temperature = source[0]
    for name, kind in models.items():
        for number, model in enumerate(kind):
            workdir.save_model(f"{name}_{number}", model)
    workdir.write_json("classes.json", LabelMap.of(data).to_dict())
    result = _write_scores(
        *(config, data, workdir, models.values(), source, with_limits),
        monitoring_options.quiet,
    )
    workdir.remove_checkpoints()
    return result


def train_generator(
    config: Config,
    data: ZeroShotData,
    workdir: Workdir,
    strategy: tf.distribute.Strategy,
    monitoring_options: MonitoringOptions,
    execution: fit.Execution = fit.DEFAULT_EXECUTION,
):
    """Trains a generator, or resumes from the checkpoints in the folder.

    Takes the same arguments as `run`. Of several processes that train together,
    each calls this, and the first one writes checkpoints and logs.
    """
    is_chief = workers.is_chief(strategy)
    every = monitoring_options.checkpoint_every
    saved = Checkpoints(workdir.checkpoints, every, is_chief) if every else None

    with contextlib.ExitStack() as bars:

        def callbacks(first_step):
            if not is_chief:
                return ()
            given = config, data, workdir, monitoring_options, first_step
            return _callbacks(*given, bars)

        model = fit.train(config, data, strategy, callbacks, execution, saved)
    finished = saved is not None and saved.restored >= config.steps
    if finished and is_chief and not monitoring_options.quiet:
        print(
            "The generator is finished; the final classifiers are fitted "
            "from the beginning.",
            flush=True,
        )
    return model.synthesiser


def scores_record(
    config: Config, scores: list, baseline_scores: list = ()
) -> dict:
    """The contents of metrics.json, in percent."""
    names = ("dataset", "variant", "split", "steps", "seed")
    record = {name: getattr(config, name) for name in names}
    record["classifier_seeds"] = len(scores)
    record |= {"protocol": metrics.JOINT, **metrics.mean_and_std(scores)}
    if config.classifier != Config.classifier:
        record["classifier"] = config.classifier
    if config.seen_penalty:
        record["seen_penalty"] = config.seen_penalty
    if baseline_scores:
        record["baseline"] = metrics.mean_and_std(baseline_scores)
    return record


def measured(
    config: Config,
    data: ZeroShotData,
    models: Iterable[list[Classifier]],
    source: tuple[float, str | None, str],
    with_limits: bool = True,
    quiet: bool = True,
) -> tuple[dict, list[list[metrics.Scores]], mistakes.Mistakes]:
    """Scores classifiers, and measures what their answers are worth.

    Args:
        config: the settings.
        data: what was learned from, and is scored on.
        models: the final classifiers, and those of the baseline if there are
            any.
        source: their temperature, where it comes from, and why there is none.
        with_limits: whether to measure what the data can give.
        quiet: whether to show no progress.

    Returns:
        The contents of metrics.json; the scores of all classifiers; the
        mistakes of the final ones.
    """
    models = [*models]
    total = 2 * sum(map(len, models)) + 1 + data_limits.PARTS * with_limits
    with progress.progress(
        "scores", total, quiet, unit="part", leave=False
    ) as advance:

        def done(result):
            advance()
            return result

        predictions = [
            [done(metrics.predict(one, data)) for one in kind]
            for kind in models
        ]
        scores = [
            [done(metrics.score_predictions(one, data)) for one in kind]
            for kind in predictions
        ]
        record = scores_record(config, *scores)
        found = done(mistakes.measure(predictions[0], data, *source))
        record["calibration"] = found.record
        if with_limits:
            record["limits"] = data_limits.measure(data, advance)
    if with_limits:
        limits = record["limits"]
        limits["seen_alone"] = data_limits.seen_alone(scores[0])
        limits["advice"] = shortfalls.sentences(record, config.to_dict())
    return record, scores, found


def _write_scores(
    config, data, workdir, models, source, with_limits, quiet
) -> dict:
    record, scores, found = measured(
        config, data, models, source, with_limits, quiet
    )
    accuracies = [
        np.stack([one.class_accuracies for one in kind]) for kind in scores
    ]
    classes = data.class_names, data.num_seen
    text = report.class_accuracy_csv(*classes, *accuracies)
    workdir.write_text("class_accuracy.csv", text)
    figure = plots.class_accuracy_bars(
        *classes, *accuracies, title=report.heading(record)
    )
    workdir.save_picture("class_accuracy.png", figure)
    drawn = mistakes.write(workdir, data, found, report.heading(record))
    pictures = {
        name: (workdir.path / f"{name}.png").read_bytes()
        for name in ("class_accuracy", *drawn)
    }
    monitoring.write_result(workdir.logs, config.to_dict(), record, pictures)
    workdir.write_json("metrics.json", record)
    return record


def _callbacks(config, data, workdir, monitoring_options, first_step, bars):
    callbacks = []
    if not monitoring_options.quiet:
        if first_step:
            print(f"Continuing after step {first_step}.", flush=True)
        bar = progress.progress(
            "generator", config.steps, False, "step", start=first_step
        )
        callbacks = [ProgressBar(bars.enter_context(bar), first_step)]
    callbacks.append(
        monitoring.TrainingMonitor(
            workdir.logs,
            data,
            monitored_samples.monitored_samples(data, config.split),
            monitoring_options.log_every,
            monitoring_options.picture_every,
            first_step=first_step,
        )
    )
    if monitoring_options.validate_every:
        path = workdir.path / "validation.csv"
        before = []
        if first_step and path.exists():
            before = report.read_curve(tables.read(path), "step")

        def score(generator):
            one = config.replace({"classifier_seeds": 1})
            models = final_classifiers.fit(one, data, generator)
            return [metrics.score(model, data) for model in models]

        def write(rows):
            workdir.write_text(path.name, report.curve_csv(rows, "step"))

        callbacks.append(
            validation.ValidationMonitor(
                workdir.logs,
                score,
                monitoring_options.validate_every,
                write,
                first_step,
                [row for row in before if row["step"] <= first_step],
            )
        )
    return callbacks
