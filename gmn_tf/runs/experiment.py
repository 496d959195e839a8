"""One experiment: a generator is trained, classifiers are, and all is scored.

Everything a run leaves is written here, into its `Workdir`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.label_map import LabelMap
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import classifier, synthesis, variants
from gmn_tf.method import metrics as evaluation
from gmn_tf.runs import plots, report
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import (
    fit,
    monitored_samples,
    monitoring,
    parts,
    validation,
    workers,
)
from gmn_tf.training.callbacks import ProgressLine
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils import progress


@dataclasses.dataclass(frozen=True)
class MonitoringOptions:
    """How a run is watched; none of it changes a number.

    Attributes:
        quiet: print nothing.
        log_every: steps between entries for TensorBoard.
        picture_every: steps between pictures for TensorBoard.
        validate_every: steps between scores on the validation classes; 0
            leaves them out, and the test splits allow nothing else.
        checkpoint_every: steps between checkpoints, from which a run that was
            interrupted goes on; 0 leaves them out.
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
) -> dict:
    """Trains, scores and writes down a whole run.

    Args:
        config: the settings.
        data: what to learn from, and to score on.
        workdir: gets all that the run leaves.
        strategy: how training is spread over devices.
        monitoring_options: how the run is watched.
        execution: how steps are run.
        with_baseline: whether `real_only` is trained and scored beside the
            variant, if that is another.

    Returns:
        What metrics.json holds.
    """
    validation.check_tune_split(config, monitoring_options.validate_every)
    generator = None
    if variants.VARIANTS[config.variant].has_generator:
        generator = train_generator(
            config, data, workdir, strategy, monitoring_options, execution
        )
        workdir.save_model("generator", generator)
    with_baseline = with_baseline and generator is not None
    epochs = config.classifier_seeds * config.classifier_epochs
    with progress.progress(
        "classifiers", epochs * (1 + with_baseline), monitoring_options.quiet
    ) as advance:
        main = fit_classifiers(config, data, generator, advance)
        baseline = (
            fit_classifiers(plain(config), data, None, advance)
            if with_baseline
            else []
        )
    for name, models in (("classifier", main), ("baseline", baseline)):
        for number, model in enumerate(models):
            workdir.save_model(f"{name}_{number}", model)
    workdir.write_json("classes.json", LabelMap.of(data).to_dict())
    result = _write_scores(config, data, workdir, main, baseline)
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
    """Trains a generator, or goes on with it from the folder's checkpoints.

    Args:
        config: the settings.
        data: what to learn from.
        workdir: gets checkpoints and logs.
        strategy: how training is spread over devices.
        monitoring_options: how the run is watched.
        execution: how steps are run.
    """
    model = fit.train(
        config,
        data,
        strategy,
        lambda first: _callbacks(
            config, data, workdir, monitoring_options, first
        ),
        execution,
        checkpoints(workdir, strategy, monitoring_options),
    )
    return model.generator


def fit_classifiers(
    config: Config,
    data: ZeroShotData,
    generator,
    on_epoch: Callable[[], None] = lambda: None,
) -> list[classifier.Classifier]:
    """The final classifiers, one per classifier seed.

    Args:
        config: the settings.
        data: what to learn from.
        generator: makes the samples of unseen classes; None leaves real ones
            alone.
        on_epoch: called after each epoch.
    """
    samples = data.train
    num_competing = data.num_seen
    if generator is not None:
        fake = draw_synthetic(config, data, generator)
        samples = synthesis.joined(samples, fake)
        num_competing = data.num_classes
    # Without samples of unseen classes only their embeddings tell them apart.
    linear = config.compatibility == "linear" and generator is not None
    models = [
        classifier.fit(
            samples,
            None if linear else data.embeddings,
            data.num_classes,
            parts.make_sgd(config),
            seed=1000 * config.seed + number,
            num_competing=num_competing,
            on_epoch=on_epoch,
        )
        for number in range(config.classifier_seeds)
    ]
    for model in models:
        model.penalise_seen(data.num_seen, config.seen_penalty)
    return models


def draw_synthetic(config: Config, data: ZeroShotData, generator) -> Samples:
    """D_fake: as many synthetic samples of each class as the settings say."""
    counts = synthesis.synthetic_counts(
        data.train,
        data.num_seen,
        data.num_classes,
        config.synthetic_per_class,
        config.seen_floor,
    )
    return synthesis.synthesise(generator, data.embeddings, counts, config.seed)


def plain(config: Config) -> Config:
    """The settings without a penalty of seen classes."""
    return config.replace({"seen_penalty": 0.0})


def metrics(config: Config, scores, baseline_scores) -> dict:
    """The contents of metrics.json, in percent."""
    penalty = config.seen_penalty
    return {
        "dataset": config.dataset,
        "variant": config.variant,
        "protocol": evaluation.JOINT,
        "split": config.split,
        "steps": config.steps,
        "seed": config.seed,
        "classifier_seeds": config.classifier_seeds,
        **({"seen_penalty": penalty} if penalty else {}),
        **evaluation.mean_and_std(scores),
        **(
            {"baseline": evaluation.mean_and_std(baseline_scores)}
            if baseline_scores
            else {}
        ),
    }


def _write_scores(config, data, workdir, main, baseline) -> dict:
    scores = [evaluation.score(model, data) for model in main]
    baseline_scores = [evaluation.score(model, data) for model in baseline]
    result = metrics(config, scores, baseline_scores)
    accuracies = np.stack([one.class_accuracies for one in scores])
    baseline_accuracies = (
        np.stack([one.class_accuracies for one in baseline_scores])
        if baseline_scores
        else None
    )
    workdir.write_text(
        "class_accuracy.csv",
        report.class_accuracy_csv(
            data.class_names, data.num_seen, accuracies, baseline_accuracies
        ),
    )
    figure = plots.class_accuracy_bars(
        accuracies.mean(axis=0),
        data.class_names,
        data.num_seen,
        accuracies.std(axis=0),
        None
        if baseline_accuracies is None
        else baseline_accuracies.mean(axis=0),
        title=report.heading(result),
    )
    workdir.save_picture("class_accuracy.png", figure)
    monitoring.write_result(workdir.logs, config.to_dict(), result, figure)
    workdir.write_json("metrics.json", result)
    return result


def checkpoints(
    workdir: Workdir,
    strategy: tf.distribute.Strategy,
    monitoring_options: MonitoringOptions,
) -> Checkpoints | None:
    """Where a run saves, and goes on from; None leaves that out."""
    if not monitoring_options.checkpoint_every:
        return None
    return Checkpoints(
        workdir.checkpoints,
        monitoring_options.checkpoint_every,
        workers.is_chief(strategy),
    )


def _callbacks(config, data, workdir, monitoring_options, first_step):
    if first_step and not monitoring_options.quiet:
        print(f"Going on after step {first_step}.", flush=True)
    monitor = monitoring.TrainingMonitor(
        workdir.logs,
        data,
        monitored_samples.monitored_samples(data, config.split),
        monitoring_options.log_every,
        monitoring_options.picture_every,
        first_step=first_step,
    )
    callbacks = [monitor]
    if monitoring_options.validate_every:
        one = config.replace({"classifier_seeds": 1})

        def score(generator):
            models = fit_classifiers(one, data, generator)
            return [evaluation.score(model, data) for model in models]

        def write(rows):
            workdir.write_text("validation.csv", report.curve_csv(rows, "step"))

        callbacks.append(
            validation.ValidationMonitor(
                workdir.logs,
                score,
                monitoring_options.validate_every,
                write,
                first_step,
                _validated(workdir, first_step),
            )
        )
    if not monitoring_options.quiet:
        callbacks.append(ProgressLine(first_step))
    return tuple(callbacks)


def _validated(workdir: Workdir, first_step: int) -> list[dict]:
    """What validation.csv says of the steps that are done."""
    path = workdir.path / "validation.csv"
    if not first_step or not path.exists():
        return []
    rows = report.read_curve(path.read_text(encoding="utf-8"), "step")
    return [row for row in rows if row["step"] <= first_step]
