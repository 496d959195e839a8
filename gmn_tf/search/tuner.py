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
import time
import warnings
from collections.abc import Callable, Iterator

import grpc
import keras_tuner
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning

from gmn_tf.method.metrics import SCORES
from gmn_tf.search import report
from gmn_tf.search.folder import PRESET
from gmn_tf.search.search import BUDGETS, HYPERBAND
from gmn_tf.search.trials import TrialRunner
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, first_line

# What KerasTuner reads from the environment: who this process is, which is the
# chief if it has that in its name, and where the chief listens.
TUNER_ID = "KERASTUNER_TUNER_ID"
ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
WAITING_SECONDS = 0.2  # of a worker before it asks for a trial


class GeneratorTuner(keras_tuner.Tuner):
    """KerasTuner's other half: runs the trials, one after another.

    Args:
        runner: runs a trial.
        log: gets lines for the user.
    """

    def __init__(self, runner: TrialRunner, log: Callable[[str], None]):
        path = runner.folder.path
        self.runner, self.log = runner, log
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
            super().__init__(
                oracle=runner.search.oracle(),
                directory=str(path.parent),
                project_name=path.name,
            )
        if not is_worker():  # These trials may have been interrupted by a kill.
            waiting = self.oracle._retry_queue
            for name, trial in self.oracle.trials.items():
                if trial.status == "RUNNING" and name not in waiting:
                    waiting.append(name)
        # Without it, a process killed in its first trial would start again.
        self.save()

    def pre_create_trial(self):
        if is_worker():  # KerasTuner asks again at once, and may have to wait
            time.sleep(WAITING_SECONDS)

    def run_trial(self, trial):
        search, folder = self.runner.search, self.runner.folder
        drawn = trial.hyperparameters.values
        settings = search.space.settings(drawn)
        steps, parent = search.config.steps, None
        if search.tuner == HYPERBAND:
            steps = steps * drawn["tuner/epochs"] // BUDGETS
            parent = drawn.get("tuner/trial_id")
        number = int(trial.trial_id) + 1
        shown = {**settings, "steps": steps}
        values = ", ".join(f"{name}={value}" for name, value in shown.items())
        self.log(f"Trial {number} of {search.max_trials}: {values}")
        workdir = folder.trial(trial.trial_id)
        if parent is not None:
            self.log(f"It continues the steps of trial {int(parent) + 1}.")
            source = pathlib.Path(folder.trial(parent).checkpoints)
            target = pathlib.Path(workdir.checkpoints)
            # Without the source, it takes those steps again, with the same
            # result; with a target, it was interrupted.
            if source.exists() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with files.replacing(target) as copy:
                    shutil.copytree(source, copy)
        saved = tf.train.latest_checkpoint(workdir.checkpoints)
        if saved:
            self.log(f"It continues after step {saved.rpartition('-')[2]}.")
        result = self.runner.run(trial.trial_id, settings, steps)
        if search.tuner != HYPERBAND:
            workdir.remove_checkpoints()
        left = None if is_worker() else search.max_trials - number
        self.log(report.outcome(folder.results(), number, left))
        # A failed trial scores 0. If KerasTuner counted it as failed, it would
        # not learn to avoid such settings, and Hyperband would promote no
        # trial.
        return {name: result.get(name, 0.0) for name in SCORES}

    def _run_and_update_trial(self, trial):
        # KerasTuner would count any other error as a trial that failed.
        try:
            super()._run_and_update_trial(trial)
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error


def run(runner: TrialRunner, log: Callable[[str], None]) -> None:
    """Runs the trials of a search that are left, and that of the preset.

    KerasTuner's environment variables make this process the chief or a worker.

    Args:
        runner: runs a trial.
        log: gets lines for the user.

    Raises:
        StoppedError: after a signal to stop, once all is saved.
    """
    if is_chief():
        log(f"The workers run the trials; this chief is at {_address()}.")
    elif is_worker():
        log(f"The chief at {_address()} chooses the settings of each trial.")
    else:
        _run_preset(runner, log)
    with _writing_whole_files():
        tuner = GeneratorTuner(runner, log)
        # A chief ends with its workers' last question; there may be none to
        # ask. (Only a chief knows the order in which trials ended.)
        total = runner.search.max_trials
        if not is_chief() or len(tuner.oracle.end_order) < total:
            _search(tuner)
    if is_chief():  # earlier, the workers would have had to wait for it
        _run_preset(runner, log)


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
            first_line(cause),
            "Start it again, and then this worker.",
        ) from error


def is_chief() -> bool:
    """Whether this process has others run the trials."""
    return "chief" in os.environ.get(TUNER_ID, "")


def is_worker() -> bool:
    """Whether this process runs trials for a chief."""
    return TUNER_ID in os.environ and not is_chief()


def check_cluster_complete() -> None:
    """Raises InputError unless all of the environment is set, or nothing."""
    given = [name for name in (TUNER_ID, *ADDRESS) if name in os.environ]
    if given and len(given) < 3:
        raise InputError(
            "KerasTuner's distributed mode is only partly configured.",
            ", ".join((TUNER_ID, *ADDRESS)),
            f"{', '.join(given)} alone",
            "Set all three variables for each process, or none.",
        )


def _address() -> str:
    return ":".join(os.environ[name] for name in ADDRESS)


def _run_preset(runner: TrialRunner, log) -> None:
    log("The preset's settings, to compare with:")
    runner.run(PRESET, {}, runner.search.config.steps)
    log(report.outcome(runner.folder.results(), PRESET, None))


@contextlib.contextmanager
def _writing_whole_files() -> Iterator[None]:
    """KerasTuner writes its files whole or not at all.

    By itself it writes them in place, and could not read what a process that
    was killed meanwhile had written.
    """

    def save_json(path: str, content: dict) -> str:
        text = json.dumps(content)
        files.write_text(pathlib.Path(path), text)
        return text

    utils = keras_tuner.src.utils
    original, utils.save_json = utils.save_json, save_json
    try:
        yield
    finally:
        utils.save_json = original
