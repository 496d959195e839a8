"""Finished runs: scoring them again, Fig. 3, calibration."""

import dataclasses
from collections.abc import Sequence

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import calibration, metrics, probabilities, variants
from gmn_tf.method.classifiers import table
from gmn_tf.method.classifiers.base import Classifier
from gmn_tf.method.feedback import FeedbackGenerator
from gmn_tf.method.generator import Generator
from gmn_tf.method.probabilities import HeldBack
from gmn_tf.method.representation import RepresentedGenerator
from gmn_tf.runs import experiment, mistakes, plots, report
from gmn_tf.runs.workdir import Workdir, identity
from gmn_tf.training import checks, final_classifiers
from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError, check_same


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A finished run with its settings and its data."""

    workdir: Workdir
    config: Config
    data: ZeroShotData

    @property
    def title(self) -> str:
        """What the run is, as the title of a figure."""
        one = self.config
        return (
            f"{one.dataset}, {one.variant}, {one.split} split, seed {one.seed}"
        )

    @property
    def identity(self) -> dict:
        """All settings, and what the data is: equal for equal runs."""
        return identity(self.config, self.workdir.read_config()[1])

    @property
    def scores(self) -> dict:
        """The contents of its metrics.json: `mean` and `std` of each score."""
        return self.workdir.read_json("metrics.json")

    def load_generator(self):
        """The generator of the run; None for the variant real_only."""
        if not variants.VARIANTS[self.config.variant].has_generator:
            return None
        kinds = Generator, FeedbackGenerator, RepresentedGenerator
        generator = self.workdir.load_model("generator", kinds)
        reader = generator.representation or generator
        self._check_sizes(
            {
                "feature_dim": reader.feature_dim,
                "embedding_dim": generator.embedding_dim,
            }
        )
        return generator

    def require_generator(self, action: str):
        """The generator; InputError with the `action` if the run has none."""
        checks.check_generator(self.config, self.workdir, action)
        return self.load_generator()

    def load_classifiers(self, name: str = "classifier") -> list:
        """The final classifiers, or those of the `baseline`."""
        models = load_classifiers(self.workdir, self.config, name)
        for model in models:
            self._check_sizes(model.sizes)
        return models

    def _check_sizes(self, saved: dict) -> None:
        """Raises InputError if a saved model does not fit the data."""
        given = {
            "feature_dim": self.data.feature_dim,
            "embedding_dim": self.data.embeddings.shape[1],
            "num_classes": self.data.num_classes,
        }
        check_sizes(
            "The data is not what the saved model was trained on.",
            saved,
            given,
            "Prepare the data with the --features_file and --embedding of the "
            "run.",
        )


def load_classifiers(
    workdir: Workdir, config: Config, name: str = "classifier"
) -> list[Classifier]:
    """The saved final classifiers of a run, or those of its `baseline`.

    Raises:
        InputError: if one cannot be loaded.
    """
    for part in config.classifier_parts:
        table.fit(part.name)  # Keras then knows the layers of a plugin
    return [
        workdir.load_model(f"{name}_{number}", Classifier)
        for number in range(final_classifiers.num_models(config))
    ]


def common_title(runs: Sequence[FinishedRun]) -> str:
    """The title of runs that differ only in their seed."""
    first, *others = runs
    if not others:
        return first.title
    *seeds, last = [str(run.config.seed) for run in runs]
    common = first.title.rpartition(",")[0]
    return f"{common}, seeds {', '.join(seeds)} and {last}"


def check_sizes(problem: str, saved: dict, given: dict, action: str) -> None:
    """Raises InputError where a saved model has other sizes than given.

    A linear classifier has no embedding_dim; nor has a label map to which no
    class can be added.
    """
    known = [name for name in given if given[name] and saved.get(name)]
    check_same(
        problem,
        {name: saved[name] for name in known},
        {name: given[name] for name in known},
        action,
    )


@on_disk.reporting_data_loss()
def evaluate(run: FinishedRun, quiet: bool = True) -> dict:
    """Scores the saved classifiers of a run again.

    Writes the files of `mistakes` if one is missing. Shows its progress unless
    `quiet`.

    Returns:
        The same as metrics.json, always with what the data can give.
    """
    recorded = run.scores
    names = ["classifier"] + ["baseline"] * ("baseline" in recorded)
    models = [run.load_classifiers(name) for name in names]
    source = models[0][0].temperature, mistakes.fitted_on(recorded)
    source = *source, mistakes.not_fitted(recorded)
    record, _, found = experiment.measured(
        run.config, run.data, models, source, quiet=quiet
    )
    if not mistakes.written(run.workdir):
        mistakes.write(run.workdir, run.data, found, report.heading(record))
    return record


@on_disk.reporting_data_loss()
def synthetic_count_curve(
    run: FinishedRun, counts: Sequence[int], quiet: bool
) -> list[dict]:
    """Fig. 3: scores against the number of synthetic features per class.

    Writes curve.csv and curve.png.

    Raises:
        InputError: if the run has no generator.
    """
    generator = run.require_generator(checks.WITHOUT_CURVE)
    rows = []
    each = final_classifiers.epochs(run.config)
    with progress.progress("classifiers", len(counts) * each, quiet) as advance:
        for count in counts:
            changed = run.config.replace({"synthetic_per_class": count})
            models = final_classifiers.fit(
                changed, run.data, generator, advance
            )
            scores = [metrics.score(model, run.data) for model in models]
            rows.append({"n": count, **metrics.mean_and_std(scores)})
    run.workdir.write_text("curve.csv", report.curve_csv(rows, "n"))
    figure = plots.synthetic_count_curve(rows, run.title)
    run.workdir.save_picture("curve.png", figure)
    return rows


@on_disk.reporting_data_loss()
def calibrate(runs: Sequence[FinishedRun]) -> list[dict]:
    """Scores against one penalty of seen classes, on the tune splits.

    Writes calibration.csv and calibration.png, the same for each run.

    Args:
        runs: one, or several that differ only in their seed.

    Returns:
        What `calibration.curve` does, over the classifiers of all runs.

    Raises:
        InputError: for runs on the test splits, runs that differ in more
            than their seed, or two of the same seed.
    """
    for run in runs:
        checks.check_calibration(run.config, run.workdir)
    first, *others = runs
    for other in others:
        check_same(
            f"{first.workdir} and {other.workdir} differ in more than their "
            "seed.",
            {**first.identity, "seed": None},
            {**other.identity, "seed": None},
            "Calibrate them one by one.",
        )
    _check_other_seeds(runs)
    models = [model for run in runs for model in run.load_classifiers()]
    for model in models:
        model.penalise_seen(first.data.num_seen, 0.0)
        model.temperature = 1.0
    rows = calibration.curve(models, first.data)
    text = report.curve_csv(rows, "penalty")
    figure = plots.calibration_curve(rows, common_title(runs))
    for run in runs:
        run.workdir.write_text("calibration.csv", text)
        run.workdir.save_picture("calibration.png", figure)
    return rows


def _check_other_seeds(runs: Sequence[FinishedRun]) -> None:
    """Raises InputError for two runs of one seed, which would count twice."""
    by_seed = {}
    for run in runs:
        seed = run.config.seed
        if seed in by_seed:
            raise InputError(
                "Two of these runs have the same seed.",
                "runs of different seeds, each named once",
                f"seed {seed}: {by_seed[seed].workdir} and {run.workdir}",
                "Leave one of them out.",
            )
        by_seed[seed] = run


@on_disk.reporting_data_loss()
def temperature(
    runs: Sequence[FinishedRun], penalty: float
) -> probabilities.Fitted:
    """The temperature of runs on the tune splits, with a penalty.

    Takes the runs that `calibrate` takes.
    """
    held_back = []
    for run in runs:
        models = run.load_classifiers()
        for model in models:
            model.penalise_seen(run.data.num_seen, penalty)
            model.temperature = 1.0
        predictions = [metrics.predict(model, run.data) for model in models]
        held_back.append(HeldBack.of(predictions, run.data))
    return probabilities.fit_temperature(HeldBack.joined(held_back))
