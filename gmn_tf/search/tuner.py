"""Hyper-parameter search on the tune splits, by KerasTuner.

Each trial draws settings of the generator, trains one, and then tries
settings of the final classifier on it (`classifier_search`). No record of a
test split is read.
"""

import contextlib
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

from gmn_tf.method.metrics import SCORES
from gmn_tf.runs.workdir import Workdir
from gmn_tf.search import search_report
from gmn_tf.search.search import BUDGETS, HYPERBAND, Search
from gmn_tf.search.search_folder import PRESET
from gmn_tf.search.trials import TrialRunner
from gmn_tf.utils.errors import InputError

# What KerasTuner reads from the environment: who this process is, which is the
# chief if it has that in its name, and where the chief listens.
TUNER_ID = "KERASTUNER_TUNER_ID"
ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
WAITING_SECONDS = 1.0  # of a worker that has nothing to do yet


class GeneratorTuner(keras_tuner.Tuner):
    """KerasTuner's other half: makes the trials, one after another.

    Args:
        laboratory: where they are made.
        log: gets lines for the user.
    """

    def __init__(self, laboratory: TrialRunner, log: Callable[[str], None]):
        path = laboratory.folder.path
        self.laboratory, self.log = laboratory, log
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
        self.log(f"Trial {number} of {search.total}: {told}, steps={steps}")
        workdir = folder.trial(trial.trial_id)
        if parent is not None:
            self.log(f"The steps of trial {int(parent) + 1} count for it.")
            _copy_checkpoints(folder.trial(parent), workdir)
        saved = tf.train.latest_checkpoint(workdir.checkpoints)
        if saved:
            self.log(f"It goes on after step {saved.rpartition('-')[2]}.")
        result = self.laboratory.run(trial.trial_id, settings, steps)
        if search.tuner != HYPERBAND:
            workdir.remove_checkpoints()
        left = None if is_worker() else search.total - number
        self.log(search_report.outcome(folder.results(), number, left))
        # What failed is worth nothing. Had KerasTuner to know that it failed,
        # it would not learn to keep away, and Hyperband would promote nobody.
        return {name: result.get(name, 0.0) for name in SCORES}

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


def run(laboratory: TrialRunner, log: Callable[[str], None]) -> None:
    """Makes the trials of a search that are left, and the preset's.

    KerasTuner's environment variables make a process the chief, which has
    others make the trials, or one of these.

    Args:
        laboratory: where trials are made.
        log: gets lines for the user.

    Raises:
        StoppedError: if told to stop by a signal, after saving.
    """
    if is_chief():
        log(
            f"The workers make the trials, and find this chief at {_address()}."
        )
    elif is_worker():
        log(f"The chief at {_address()} says what to try.")
    else:
        _run_preset(laboratory, log)
    tuner = GeneratorTuner(laboratory, log)
    # A chief ends with its workers' last question; there may be none to ask.
    if not (
        is_chief() and len(tuner.oracle.end_order) >= laboratory.search.total
    ):
        _search(tuner)
    if is_chief():  # earlier, the workers would have had to wait for it
        _run_preset(laboratory, log)


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


def check_cluster_complete() -> None:
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


def _run_preset(laboratory: TrialRunner, log) -> None:
    log("The settings as they are, to compare with:")
    laboratory.run(PRESET, {}, laboratory.search.config.steps)
    results = laboratory.folder.results()
    log(search_report.outcome(results, PRESET, None))


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
