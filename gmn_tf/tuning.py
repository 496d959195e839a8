"""Hyper-parameter search on the tune splits, by KerasTuner.

Each trial draws settings of the generator, trains one, and then tries
settings of the final classifier on it (`classifier_search`). No record of a
test split is read.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable

import grpc
import keras_tuner
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning

from gmn_tf import report, search_report
from gmn_tf.config import Config
from gmn_tf.errors import InputError
from gmn_tf.search_folder import PRESET
from gmn_tf.search_space import Space
from gmn_tf.trials import Laboratory
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

    @property
    def rounds(self) -> int:
        """How often Hyperband may run through."""
        return NO_LIMIT if self.max_trials else 1

    @property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of steps that a trial may get."""
        if self.tuner != HYPERBAND:
            return (self.config.steps,)
        return tuple(self.config.steps * part // BUDGETS for part in (1, 3, 9))

    def oracle(self) -> keras_tuner.Oracle:
        """KerasTuner's half: what to try next."""
        settings = {
            "objective": keras_tuner.Objective(self.objective, "max"),
            "hyperparameters": self.space.parameters(),
            "seed": self.config.seed + 1,  # it takes 0 for none
        }
        if self.tuner == HYPERBAND:
            oracle = keras_tuner.oracles.HyperbandOracle(
                max_epochs=BUDGETS,
                factor=FACTOR,
                hyperband_iterations=self.rounds,
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
        if not is_worker():
            self._repair(laboratory.search)
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
        workdir = folder.trial(trial.trial_id)
        if parent is not None:
            self.say(f"The steps of trial {int(parent) + 1} count for it.")
            _copy_checkpoints(folder.trial(parent), workdir)
        saved = tf.train.latest_checkpoint(workdir.checkpoints)
        if saved:
            self.say(f"It goes on after step {saved.rpartition('-')[2]}.")
        result = self.laboratory.run(trial.trial_id, settings, steps)
        if search.tuner != HYPERBAND:
            workdir.remove_checkpoints()
        left = None if is_worker() else search.total - number
        self.say(search_report.outcome(folder.results(), number, left))
        # What failed is worth nothing. Had KerasTuner to know that it failed,
        # it would not learn to keep away, and Hyperband would promote nobody.
        return {name: result.get(name, 0.0) for name in report.SCORES}

    def _run_and_update_trial(self, trial):
        # KerasTuner would count any other error as a trial that failed.
        try:
            super()._run_and_update_trial(trial)
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error

    def _repair(self, search: Search) -> None:
        """What was read from files: as if nobody had been killed there."""
        if search.tuner == HYPERBAND:  # another --max_trials
            self.oracle.hyperband_iterations = search.rounds
        for name, trial in self.oracle.trials.items():
            waiting = self.oracle._retry_queue
            if trial.status == "RUNNING" and name not in waiting:
                waiting.append(name)


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
    # A chief ends with its workers' last question; there may be none to ask.
    if not (
        is_chief() and len(tuner.oracle.end_order) >= laboratory.search.total
    ):
        _search(tuner)
    if is_chief():  # earlier, the workers would have had to wait for it
        _run_preset(laboratory, say)


def _search(tuner: GeneratorTuner) -> None:
    # Of a Gaussian process with few points; nothing a user could act on.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    try:
        tuner.search()
    except (keras_tuner.errors.FatalError, grpc.RpcError) as error:
        cause = error.__cause__ or error
        if not isinstance(cause, grpc.RpcError):
            raise cause from None
        raise InputError(
            "The chief does not answer.",
            f"a chief at {_address()}",
            (str(cause).splitlines() or [""])[0][:200],
            "start it again, and then this worker",
        ) from error


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


def _write_whole(path: str, content: dict) -> str:
    """Writes a JSON file, whole or not at all; gives the text."""
    text = json.dumps(content)
    folder, name = os.path.split(path)
    Workdir(folder).write_text(name, text)
    return text


# KerasTuner writes its files in place. Whoever is killed meanwhile could not
# read them again.
keras_tuner.src.utils.save_json = _write_whole


def _copy_checkpoints(source: Workdir, target: Workdir) -> None:
    """Lets a trial go on where another has ended."""
    if pathlib.Path(target.checkpoints).exists():
        return  # it was interrupted
    if not pathlib.Path(source.checkpoints).exists():
        return  # it takes those steps again, which gives the same
    target.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.path) as folder:
        copy = shutil.copytree(source.checkpoints, f"{folder}/copy")
        os.replace(copy, target.checkpoints)
