"""Hyper-parameter search on the tune splits, by KerasTuner.

Each trial draws settings of the generator, trains one, and then tries
settings of the final classifier on it (`classifier_search`). No record of a
test split is read.
"""

import contextlib
import dataclasses
import io
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable

import keras
import keras_tuner
import tensorflow as tf

from gmn_tf import (
    classifier_search,
    experiment,
    monitoring,
    progress,
    report,
    search_report,
)
from gmn_tf.config import Config
from gmn_tf.data import ZeroShotData
from gmn_tf.errors import InputError
from gmn_tf.search_folder import PRESET, RESULT, SearchFolder
from gmn_tf.search_space import Space
from gmn_tf.training import Execution
from gmn_tf.workdir import Workdir

BAYESIAN, HYPERBAND, RANDOM = "bayesian", "hyperband", "random"
TUNERS = (BAYESIAN, HYPERBAND, RANDOM)
# Hyperband gives trials 1/9 of the steps, 1/3, or all, and lets the better
# third go on.
FACTOR = 3
BUDGETS = 9
HYPERBAND_TRIALS = 23  # when it has run once through
NO_LIMIT = 10**6
# What KerasTuner reads from the environment: who this process is, which is the
# chief if it has that in its name, and where the chief listens.
TUNER_ID = "KERASTUNER_TUNER_ID"
ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
WAITING_SECONDS = 1.0  # of a worker that has nothing to do yet


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
        config: the settings that trials begin with; `split` is `tune`.
        space: what trials draw and try.
        tuner: one of `TUNERS`.
        objective: the score that decides, a key of `report.SCORES`.
        max_trials: trials in all; None lets Hyperband run once through.
    """

    config: Config
    space: Space
    tuner: str
    objective: str
    max_trials: int | None

    def __post_init__(self):
        if self.tuner == HYPERBAND and self.config.steps < BUDGETS:
            raise InputError(
                "Hyperband cannot divide so few steps.",
                f"--steps of at least {BUDGETS}",
                str(self.config.steps),
                "give more, or take another --tuner",
            )

    def to_dict(self) -> dict:
        """What must not change until the search has ended."""
        return {
            "tuner": self.tuner,
            "objective": self.objective,
            "space": self.space.to_dict(),
        }

    @property
    def total(self) -> int:
        """Trials in all."""
        return self.max_trials or HYPERBAND_TRIALS

    def oracle(self) -> keras_tuner.Oracle:
        """KerasTuner's half: what to try next."""
        settings = {
            "objective": keras_tuner.Objective(self.objective, "max"),
            "hyperparameters": self.space.parameters(),
            "seed": self.config.seed + 1,  # it takes 0 for none
            "max_consecutive_failed_trials": NO_LIMIT,
        }
        if self.tuner == HYPERBAND:
            oracle = keras_tuner.oracles.HyperbandOracle(
                max_epochs=BUDGETS,
                factor=FACTOR,
                hyperband_iterations=NO_LIMIT if self.max_trials else 1,
                **settings,
            )
        elif self.tuner == RANDOM:
            oracle = keras_tuner.oracles.RandomSearchOracle(**settings)
        else:
            oracle = keras_tuner.oracles.BayesianOptimizationOracle(
                # Its default, three for each setting, would leave few others.
                num_initial_points=max(3, self.total // 3),
                **settings,
            )
        oracle.max_trials = self.max_trials
        oracle.verbose = 0  # each trial is told of below
        return oracle


@dataclasses.dataclass(frozen=True)
class Laboratory:
    """Where trials are made.

    Attributes:
        search: what is searched.
        data: the tune splits.
        folder: where all of it is kept.
        strategy: how training is spread over devices.
        execution: how steps are run.
        watching: how training is watched.
    """

    search: Search
    data: ZeroShotData
    folder: SearchFolder
    strategy: tf.distribute.Strategy
    execution: Execution
    watching: experiment.Watching

    def run(self, name: str, settings: dict, steps: int) -> dict:
        """Trains a generator and tries classifiers, or goes on with that.

        Args:
            name: of the trial.
            settings: what it drew.
            steps: generator steps.

        Returns:
            The contents of result.json: see `SearchFolder.results`.
        """
        workdir = self.folder.trial(name)
        if (workdir.path / RESULT).exists():
            return workdir.read_json(RESULT)
        begun = time.monotonic()
        workdir.path.mkdir(parents=True, exist_ok=True)
        result = {"steps": steps, "generator": settings}
        config = self.search.config.replace({**settings, "steps": steps})
        try:
            rows = self._try(config, workdir)
        except (InputError, tf.errors.ResourceExhaustedError) as error:
            result["reason"] = str(error).splitlines()[0]
            workdir.remove_checkpoints()
        else:
            result |= _result(rows)
            workdir.write_text("tried.csv", report.table_csv(rows))
            self._write_logs(config, workdir, result)
        result["seconds"] = round(time.monotonic() - begun, 1)
        workdir.write_json(RESULT, result)
        return result

    def _try(self, config: Config, workdir: Workdir) -> list[dict]:
        keras.backend.clear_session()  # the last trial has left its graphs
        generator = experiment.train_generator(
            config,
            self.data,
            workdir,
            self.strategy,
            self.watching,
            self.execution,
        )
        space, objective = self.search.space.classifier, self.search.objective
        epochs = classifier_search.epochs(config, space)
        with progress.progress(
            "classifiers", epochs, self.watching.quiet
        ) as advance:
            return classifier_search.search(
                config, self.data, generator, space, objective, advance
            )

    def _write_logs(self, config, workdir, result) -> None:
        metrics = {
            **{name: {"mean": result[name]} for name in report.SCORES},
            "steps": config.steps,
        }
        monitoring.write_scores(workdir.logs, metrics)
        shown = {
            name: config.to_dict()[name]
            for name in (*self.search.space.generator, "steps")
        }
        monitoring.write_hparams(
            workdir.logs, shown | result["classifier"], metrics
        )


def _result(rows: list[dict]) -> dict:
    """Of the classifiers tried, the best one's settings and scores."""
    best = rows[0]
    (preset,) = [row for row in rows if row.get("preset")]
    return {
        "classifier": {
            name: value
            for name, value in best.items()
            if name not in (*report.SCORES, "preset")
        },
        **{name: best[name] for name in report.SCORES},
        "with_preset_classifier": {
            name: preset[name] for name in report.SCORES
        },
    }


class GeneratorTuner(keras_tuner.Tuner):
    """KerasTuner's other half: makes the trials, one after another.

    Args:
        laboratory: where they are made.
        say: gets lines for the user.
    """

    def __init__(self, laboratory: Laboratory, say: Callable[[str], None]):
        path = laboratory.folder.path
        self.laboratory, self.say = laboratory, say
        self._asked = False
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
            super().__init__(
                oracle=laboratory.search.oracle(),
                directory=str(path.parent),
                project_name=path.name,
            )
        self.save()  # or what is killed in its first trial would begin anew

    def pre_create_trial(self):
        # It is called again at once while there is nothing to do yet.
        if self._asked:
            time.sleep(WAITING_SECONDS)
        self._asked = True

    def on_trial_begin(self, trial):
        self._asked = False
        super().on_trial_begin(trial)

    def run_trial(self, trial):
        search, folder = self.laboratory.search, self.laboratory.folder
        drawn = trial.hyperparameters.values
        settings = search.space.settings(drawn)
        steps, parent = search.config.steps, None
        if search.tuner == HYPERBAND:
            steps = steps * drawn["tuner/epochs"] // BUDGETS
            parent = drawn.get("tuner/trial_id")
        number = int(trial.trial_id) + 1
        told = ", ".join(f"{name}={value}" for name, value in settings.items())
        self.say(f"Trial {number} of {search.total}: {told}, steps={steps}")
        if parent is not None:
            self.say(f"It goes on with trial {int(parent) + 1}.")
            _copy_checkpoints(
                folder.trial(parent), folder.trial(trial.trial_id)
            )
        try:
            result = self.laboratory.run(trial.trial_id, settings, steps)
        except Exception as error:
            # KerasTuner would count any other error as a trial that failed.
            raise keras_tuner.errors.FatalError(str(error)) from error
        left = None if is_worker() else search.total - number
        self.say(search_report.outcome(folder.results(), number, left))
        if "reason" in result:
            raise keras_tuner.errors.FailedTrialError(result["reason"])
        return {name: result[name] for name in report.SCORES}


def run(laboratory: Laboratory, say: Callable[[str], None]) -> None:
    """Makes the trials of a search that are left, and the preset's.

    KerasTuner's environment variables make a process the chief, which has
    others make the trials, or one of these.

    Args:
        laboratory: where trials are made.
        say: gets lines for the user.

    Raises:
        StoppedError: if told to stop by a signal, after saving.
    """
    if is_chief():
        say(
            f"The workers make the trials, and find this chief at {_address()}."
        )
    elif is_worker():
        say(f"The chief at {_address()} says what to try.")
    else:
        _run_preset(laboratory, say)
    tuner = GeneratorTuner(laboratory, say)
    try:
        tuner.search()
    except keras_tuner.errors.FatalError as error:
        raise (error.__cause__ or error) from None
    if is_chief():  # earlier, the workers would have had to wait for it
        _run_preset(laboratory, say)


def is_chief() -> bool:
    """Whether this process tells others what to try."""
    return _is_shared() and "chief" in os.environ[TUNER_ID]


def is_worker() -> bool:
    """Whether this process makes trials for a chief."""
    return _is_shared() and not is_chief()


def refuse_half_a_cluster() -> None:
    """Raises InputError unless all of the environment is set, or nothing."""
    given = [name for name in (TUNER_ID, *ADDRESS) if name in os.environ]
    if given and len(given) < 3:
        raise InputError(
            "The search is shared by half.",
            ", ".join((TUNER_ID, *ADDRESS)),
            f"{', '.join(given)} alone",
            "set all three for each process, or none",
        )


def _is_shared() -> bool:
    return TUNER_ID in os.environ


def _address() -> str:
    return ":".join(os.environ[name] for name in ADDRESS)


def _run_preset(laboratory: Laboratory, say) -> None:
    say("The settings as they are, to compare with:")
    laboratory.run(PRESET, {}, laboratory.search.config.steps)
    results = laboratory.folder.results()
    say(search_report.outcome(results, PRESET, None))


def _copy_checkpoints(source: Workdir, target: Workdir) -> None:
    """Lets a trial go on where another has ended."""
    if pathlib.Path(target.checkpoints).exists():
        return  # it was interrupted
    target.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.path) as folder:
        copy = shutil.copytree(source.checkpoints, f"{folder}/copy")
        os.replace(copy, target.checkpoints)
