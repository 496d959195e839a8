"""What is done with finished runs: scored again, Fig. 3, calibration."""

import dataclasses
from collections.abc import Sequence

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import calibration, metrics, variants
from gmn_tf.method.classifier import Classifier
from gmn_tf.method.generator import Generator
from gmn_tf.runs import experiment, plots, report
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A finished run with its settings and its data."""

    workdir: Workdir
    config: Config
    data: ZeroShotData

    @property
    def title(self) -> str:
        """What a picture of it shows."""
        config = self.config
        return (
            f"{config.dataset}, {config.variant}, {config.split} split, "
            f"seed {config.seed}"
        )

    @property
    def scores(self) -> dict:
        """The contents of its metrics.json: `mean` and `std` of each score."""
        return self.workdir.read_json("metrics.json")

    def load_generator(self):
        """Its generator; None for real samples alone."""
        if not variants.VARIANTS[self.config.variant].has_generator:
            return None
        generator = self.workdir.load_model("generator", Generator)
        check_sizes_match(
            {
                "feature_dim": generator.feature_dim,
                "embedding_dim": generator.embedding_dim,
            },
            self.data,
        )
        return generator

    def load_classifiers(self, name: str = "classifier") -> list:
        """Its final classifiers, or those called `baseline`."""
        models = [
            self.workdir.load_model(f"{name}_{number}", Classifier)
            for number in range(self.config.classifier_seeds)
        ]
        for model in models:
            check_sizes_match(model.sizes, self.data)
        return models


@on_disk.reporting_data_loss()
def evaluate(run: FinishedRun) -> dict:
    """Scores the saved classifiers of a run again; writes nothing.

    Returns:
        The same as metrics.json.
    """
    has_baseline = "baseline" in run.workdir.read_json("metrics.json")
    main, baseline = (
        [metrics.score(model, run.data) for model in models]
        for models in (
            run.load_classifiers(),
            run.load_classifiers("baseline") if has_baseline else [],
        )
    )
    return experiment.metrics(run.config, main, baseline)


@on_disk.reporting_data_loss()
def synthetic_count_curve(
    run: FinishedRun, counts: Sequence[int], quiet: bool
) -> list[dict]:
    """Fig. 3: scores against the number of synthetic features per class.

    Writes curve.csv and curve.png.

    Raises:
        InputError: if the run has no generator.
    """
    generator = run.load_generator()
    if generator is None:
        raise InputError(
            f"The variant {run.config.variant} makes no synthetic features.",
            "the folder of a run with a generator",
            str(run.workdir),
            "leave --synthetic_per_class out, or choose another --workdir",
        )
    rows = []
    each = run.config.classifier_seeds * run.config.classifier_epochs
    with progress.progress("classifiers", len(counts) * each, quiet) as advance:
        for count in counts:
            changed = run.config.replace({"synthetic_per_class": count})
            models = experiment.fit_classifiers(
                changed, run.data, generator, advance
            )
            scores = [metrics.score(model, run.data) for model in models]
            rows.append({"n": count, **metrics.mean_and_std(scores)})
    run.workdir.write_text("curve.csv", report.curve_csv(rows))
    figure = plots.synthetic_count_curve(rows, run.title)
    run.workdir.save_picture("curve.png", figure)
    return rows


@on_disk.reporting_data_loss()
def calibrate(runs: Sequence[FinishedRun]) -> list[dict]:
    """Scores against one penalty of seen classes, on the tune splits.

    Writes calibration.csv and calibration.png, the same for each run.

    Args:
        runs: one, or several that differ in their seed alone.

    Returns:
        What `calibration.curve` does, over the classifiers of all runs.

    Raises:
        InputError: for runs on the test splits, or that differ in more.
    """
    for run in runs:
        calibration.check_tune_split(run.config.split, run.workdir)
    first, *others = runs
    for other in others:
        _check_differ_in_seed_only(first, other)
    models = [model for run in runs for model in run.load_classifiers()]
    for model in models:
        model.penalise_seen(first.data.num_seen, 0.0)
    rows = calibration.curve(models, first.data)
    chosen = calibration.best(rows)["penalty"]
    title = first.title
    if others:
        title = title.rpartition(",")[0] + f", {len(runs)} seeds"
    for run in runs:
        run.workdir.write_text(
            "calibration.csv", report.curve_csv(rows, "penalty")
        )
        figure = plots.calibration_curve(rows, chosen, title)
        run.workdir.save_picture("calibration.png", figure)
    return rows


def check_sizes_match(saved: dict, data: ZeroShotData) -> None:
    """Raises InputError if a saved model does not fit the data.

    Args:
        saved: sizes of the model: `feature_dim`, `embedding_dim` and
            `num_classes`, as far as it has them.
        data: the data.
    """
    given = {
        "feature_dim": data.feature_dim,
        "embedding_dim": data.embeddings.shape[1],
        "num_classes": data.num_classes,
    }
    for name, size in given.items():
        if saved.get(name) not in (None, size):
            raise InputError(
                "The data is not what the saved model was trained on.",
                f"{name} {saved[name]}",
                f"{name} {size}",
                "prepare the data with the --features_file and --embedding of "
                "the run",
            )


def _check_differ_in_seed_only(first: FinishedRun, other: FinishedRun) -> None:
    told = []
    for run in (first, other):
        source = run.workdir.read_config()[1]
        told.append(
            {**run.config.replace({"seed": 1}).to_dict(), **source}
            | {"data_dir": None}  # the same data may lie elsewhere
        )
    changed = [name for name in told[0] if told[0][name] != told[1][name]]
    if changed:
        values = [", ".join(f"{n}={one[n]!r}" for n in changed) for one in told]
        raise InputError(
            "These runs differ in more than their seed.",
            f"{values[0]} ({first.workdir})",
            f"{values[1]} ({other.workdir})",
            "calibrate them one by one",
        )
