"""Hyper-parameter search on the tune splits, by KerasTuner.

Each trial draws settings of the generator, trains one, and then tries
settings of the final classifier on it (`classifier_search`). No record of a
test split is read.
"""

import contextlib
import io
import json
import pathlib
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping

import grpc
import keras_tuner
from sklearn.exceptions import ConvergenceWarning

from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import shortfalls
from gmn_tf.search import report, sharing
from gmn_tf.search.folder import PRESET, RESULT
from gmn_tf.search.search import BUDGETS, HYPERBAND
from gmn_tf.search.trials import TrialRunner
from gmn_tf.utils import files, waiting
from gmn_tf.utils.errors import InputError, first_line

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
        self._lost = ""
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
            super().__init__(
                oracle=runner.search.oracle(),
                directory=str(path.parent),
                project_name=path.name,
            )
        if self._lost:
            log(
                f"KerasTuner's files are damaged ({self._lost}). It begins "
                "again; trials that have results are not run again."
            )
        if not sharing.is_worker():  # some may have been interrupted by a kill
            again = self.oracle._retry_queue
            for name, trial in self.oracle.trials.items():
                if trial.status == "RUNNING" and name not in again:
                    again.append(name)
        # Without it, a process killed in its first trial would start again.
        self.save()

    def _populate_initial_space(self):
        folder = self.runner.folder
        if sharing.is_worker() or not folder.has_memory():
            return
        try:
            self.oracle.reload()
            _check_complete(self.oracle)
        except Exception as error:
            # What was cut short makes KerasTuner raise almost anything.
            self._lost = f"{type(error).__name__}: {first_line(error)}"
            folder.remove_memory()
            self.oracle = self.runner.search.oracle()
            self.oracle._set_project_dir(self.directory, self.project_name)

    def _get_tuner_fname(self):
        # It holds nothing. Without it, KerasTuner leaves reloading to us.
        return str(self.runner.folder.path / "tuner.json")

    def save(self):
        if not sharing.is_worker():
            self.oracle.save()

    def pre_create_trial(self):
        if sharing.is_worker():  # KerasTuner asks again at once
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
        workdir = folder.trial(trial.trial_id)
        recorded = self._recorded(number, settings, steps)
        if recorded is not None:  # before KerasTuner's files were damaged
            if recorded["generator"] != settings:
                trial.hyperparameters.values.update(recorded["generator"])
            self.log(f"Trial {number} was run before.")
            return _scores(recorded)
        (workdir.path / RESULT).unlink(missing_ok=True)  # of other settings
        shown = {**settings, "steps": steps}
        values = ", ".join(f"{name}={value}" for name, value in shown.items())
        self.log(f"Trial {number} of {search.total}: {values}")
        if parent is not None:
            self.log(f"It continues the steps of trial {int(parent) + 1}.")
            source = pathlib.Path(folder.trial(parent).checkpoints)
            target = pathlib.Path(workdir.checkpoints)
            # Without the source, it takes those steps again, with the same
            # result; with a target, the trial was interrupted.
            if source.exists() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with files.replacing(target) as copy:
                    shutil.copytree(source, copy)
        saved = pathlib.Path(workdir.checkpoints).glob("*-*.index")
        if done := [int(path.stem.rpartition("-")[2]) for path in saved]:
            self.log(f"It continues after step {max(done)}.")
        result = self.runner.run(trial.trial_id, settings, steps)
        if search.tuner != HYPERBAND:
            workdir.remove_checkpoints()
        left = None if sharing.is_worker() else search.total - number
        self.log(report.outcome(folder.results(), number, left))
        return _scores(result)

    def _recorded(self, number: int, settings: dict, steps: int) -> dict | None:
        """The result of a trial that KerasTuner does not remember.

        Hyperband cannot use those of other settings than it has drawn.
        """
        folder, search = self.runner.folder, self.runner.search
        for result in folder.results():
            if result["trial"] == number:
                if result["generator"] == settings and result["steps"] == steps:
                    return result
                if search.tuner != HYPERBAND:
                    return result
        return None

    def _run_and_update_trial(self, trial):
        # KerasTuner would count any other error as a trial that failed.
        try:
            super()._run_and_update_trial(trial)
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error


def run(
    runner: TrialRunner,
    log: Callable[[str], None],
    wait_minutes: float = waiting.MINUTES,
) -> None:
    """Runs the trials of a search that are left, and that of the preset.

    KerasTuner's environment variables make this process the chief, or a worker
    that runs the chief's trials.

    Args:
        runner: runs a trial.
        log: gets lines for the user.
        wait_minutes: how long a chief or a worker waits for the others.

    Raises:
        InputError: if the others do not come or answer.
        StoppedError: after a signal to stop, once all is saved.
    """
    if sharing.is_worker():
        _run_worker(runner, log, wait_minutes)
        return
    search = runner.search
    if note := search.note_on_size():
        log(note)
    data = runner.data
    if note := shortfalls.few_classes({}, data.num_classes - data.num_seen):
        log(note)
    if runner.folder.discard_damaged(log):
        runner.folder.remove_memory()  # which has them as ended
    if sharing.is_chief():
        address = sharing.chief_address()
        log(f"The workers run the trials; this chief is at {address}.")
    else:
        _run_preset(runner, log)
    with _writing_whole_files():
        tuner = GeneratorTuner(runner, log)
        # A chief ends with its workers' last question; there may be none to
        # ask.
        if len(tuner.oracle.end_order) < search.total:
            if sharing.is_chief():
                tuner.save()
                sharing.serve(tuner.oracle, wait_minutes, log)
            else:
                _search(tuner)
        ended = len(tuner.oracle.end_order)
    if ended < search.total:
        log(f"After {ended} trials, the space had no other settings.")
    if sharing.is_chief():  # earlier, the workers would have had to wait
        _run_preset(runner, log)


def _run_worker(runner: TrialRunner, log, wait_minutes: float) -> None:
    address = sharing.chief_address()
    log(f"The chief at {address} chooses the settings of each trial.")
    with sharing.with_chief(wait_minutes, log), _writing_whole_files():
        _search(GeneratorTuner(runner, log))


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
            f"a chief at {sharing.chief_address()}",
            first_line(cause),
            "Start it again, and then this worker.",
        ) from error


def _scores(result: Mapping) -> dict[str, float]:
    # A failed trial scores 0. If KerasTuner counted it as failed, it would not
    # learn to avoid such settings, and Hyperband would promote no trial.
    return {name: result.get(name, 0.0) for name in SCORES}


def _check_complete(oracle: keras_tuner.Oracle) -> None:
    """Raises ValueError for a memory that lacks what it refers to."""
    named = [*oracle.start_order, *oracle.end_order, *oracle._retry_queue]
    for bracket in getattr(oracle, "_brackets", ()):
        named += [one["id"] for part in bracket["rounds"] for one in part]
    if missing := sorted({*named} - oracle.trials.keys()):
        raise ValueError(f"trials without a file: {', '.join(missing)}")
    for name in oracle.end_order:
        if not isinstance(oracle.trials[name].score, int | float):
            raise ValueError(f"trial {name} has ended without a score")


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
