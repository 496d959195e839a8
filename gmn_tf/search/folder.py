"""The files of a search, and the rules of their folder.

config.json     the settings that trials begin with, the data, versions
search.json     the space, the tuner, the objective, and the precision that was
                asked for; that of the trials is in config.json
oracle.json     KerasTuner's memory, with a trial.json in each trial's folder
preset/         the settings of config.json themselves, as if a trial
trial_N/        of trial N + 1: result.json: settings and scores, or why it
                failed;
                tried.csv: its final classifiers; logs/: for TensorBoard;
                checkpoints/: while the search runs
trials.csv      all trials, the best first; trials.png
best.json       the best settings, for bin/train --config
choices.csv     and .png: with --tuner=auto, what each choice was worth, in
                place of trials.png
"""

import pathlib
import re
from collections.abc import Callable, Mapping

from gmn_tf.config import AUTO, Config
from gmn_tf.method import metrics
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, check_same, counted

PRESET = "preset"
RESULT = "result.json"
SEARCH = "search.json"
BEST = "best.json"
PRECISION = "precision"
MEMORY = ("oracle.json", "trial_*/trial.json")  # of KerasTuner
AGAIN = (
    "Remove this file, and give the command that began the search again: it "
    "keeps what is whole, and writes the file anew."
)


class SearchFolder(Workdir):
    """The folder of one search.

    Args:
        path: the folder; it is made by `start_search`.
    """

    def __init__(self, path: str):
        super().__init__(pathlib.Path(path).absolute())

    def start_search(
        self, config: Config, source: Mapping, search: Mapping
    ) -> None:
        """Makes the folder, and writes what is searched.

        Args:
            config: the settings that trials begin with.
            source: what the data is, as for `Workdir.start`.
            search: plain values of what is searched, and how.

        Raises:
            InputError: if the folder belongs to another search or a run, or
                cannot be written.
        """
        if self.finished():
            raise InputError(
                f"{self.path} is the folder of a run.",
                "a folder of its own for the search",
                str(self.path),
                "Choose another --workdir.",
            )
        self.start(config, dict(source))
        if not (self.path / SEARCH).exists():
            asked = {PRECISION: config.precision}
            self.write_json(SEARCH, {**search, **asked})
        there = self._read_search()
        there.pop(PRECISION, None)  # `start` has compared it
        check_same(
            f"{self.path} holds another search.",
            there,
            search,
            "Choose another --workdir, or remove that folder.",
        )

    def trial(self, name: str) -> Workdir:
        """The folder of a trial."""
        return Workdir(
            self.path / (PRESET if name == PRESET else f"trial_{name}")
        )

    def read(self) -> tuple[Config, dict, list[dict]]:
        """The initial settings, search.json, and all results.

        The settings have the precision that was asked for. With `auto`, the
        machine that began the search has decided it for all trials; where its
        result is trained, another machine may decide.

        Raises:
            InputError: if this is not the folder of a search, or no trial has
                succeeded.
        """
        if not (self.path / SEARCH).exists():
            raise InputError(
                f"{self.path} is not the folder of a search.",
                "a folder that bin/tune has written",
                "no search.json in it",
                "Correct --workdir, or run bin/tune first.",
            )
        search, results = self._read_search(), self.results()
        if not ranked(results, search["objective"]):
            raise _none_succeeded(results)
        config = self.read_config()[0]
        if search.get(PRECISION) == AUTO:
            config = config.replace({PRECISION: AUTO})
        return config, search, results

    def results(self) -> list[dict]:
        """What has been found: the preset, then trials in their order.

        Each has `trial` (`preset`, or a number from 1 on), `steps`, settings
        of the `generator`, `seconds`, and either settings of the `classifier`
        and scores, or a `reason` and, if known, what to do (`action`). Where no
        temperature was found, `no_temperature` is the reason. With --tuner=auto
        there are also its `title`, whether it is `eligible`, and `choices`.
        """
        found = {}
        for path in self._result_files():
            name = path.parent.name
            number = 0 if name == PRESET else int(name[6:]) + 1
            result = _read(path)
            if not _is_result(result):
                raise _changed(path)
            found[number] = {"trial": number or PRESET, **result}
        return [found[number] for number in sorted(found)]

    def _result_files(self) -> list[pathlib.Path]:
        """Those of trials; there may be other folders, such as copies."""
        return [
            path
            for path in sorted(self.path.glob(f"*/{RESULT}"))
            if path.parent.name == PRESET
            or re.fullmatch(r"trial_\d+", path.parent.name)
        ]

    def discard_damaged(self, log: Callable[[str], object]) -> bool:
        """Removes results that were cut short, so that their trials run again.

        Returns:
            Whether a trial lost its result, other than that of the preset.
        """
        found = False
        for path in self._result_files():
            try:
                _read(path)
            except InputError:
                log(f"{path} is damaged; that trial is run again.")
                path.unlink()
                found = found or path.parent.name != PRESET
        return found

    def read_json(self, name: str) -> dict:
        return _read(self.path / name)

    def has_memory(self) -> bool:
        """Whether KerasTuner has begun a search here."""
        return any(any(self.path.glob(pattern)) for pattern in MEMORY)

    def remove_memory(self) -> None:
        """Removes what KerasTuner remembers, and trials that have not ended.

        Those may be drawn again with other settings.
        """
        for pattern in MEMORY:
            for path in self.path.glob(pattern):
                path.unlink()
        for path in self.path.glob("trial_*/checkpoints"):
            Workdir(path.parent).remove_checkpoints()

    def remove_trial_checkpoints(self) -> None:
        """Makes room, once the search has come to its end."""
        for path in self.path.glob("*/checkpoints"):
            Workdir(path.parent).remove_checkpoints()

    def _read_search(self) -> dict:
        match search := self.read_json(SEARCH):
            case {"objective": str() as objective, "space": {"generator": {}}}:
                if objective in metrics.SCORES:
                    return search
        raise _changed(self.path / SEARCH)


def ranked(results: list[dict], objective: str) -> list[dict]:
    """Those that may be chosen, the best first."""
    return [
        one
        for one in succeeded(results, objective)
        if one.get("eligible", True)
    ]


def succeeded(results: list[dict], objective: str) -> list[dict]:
    """Those that have scores, the best first."""
    scored = [one for one in results if "reason" not in one]
    return sorted(scored, key=lambda one: -one[objective])


def was_tried(result: Mapping) -> bool:
    """Whether a trial was run; another one was left out for lack of time."""
    return result.get("tried", True)


def _is_result(content) -> bool:
    """Whether a trial's result.json says what is read from it."""
    match content:
        case {"steps": int(), "generator": {}, "reason": str()}:
            scores = []
        case {"steps": int(), "generator": {}, "classifier": {}}:
            scores = [content.get(name) for name in metrics.SCORES]
        case _:
            return False
    return all(
        isinstance(value, int | float) and 0.0 <= value < float("inf")
        for value in (content.get("seconds"), *scores)
    ) and all(score <= 100.0 for score in scores)


def _none_succeeded(results: list[dict]) -> InputError:
    """Of trials that all failed for one reason, it is that reason."""
    failed = [one for one in results if was_tried(one) and "reason" in one]
    reasons = [one["reason"] for one in failed]
    action = "Continue the search."
    if failed:
        action = failed[-1].get("action", "Change what the reason names.")
    if len(set(reasons)) == 1:
        return InputError(
            reasons[0],
            "one trial or more that succeeds",
            f"{counted(len(reasons), 'trial')}, and this reason for each",
            action,
        )
    return InputError(
        "No trial has succeeded.",
        "one or more that did",
        f"{len(reasons)} that failed"
        + (f", the last: {reasons[-1]}" if reasons else ""),
        action,
    )


def _changed(path: pathlib.Path) -> InputError:
    return InputError(
        f"{path} is not as bin/tune writes it.",
        "a file that nothing else has changed",
        "entries that are missing, or of another kind",
        AGAIN,
    )


def _read(path: pathlib.Path) -> dict:
    return files.read_json(path, "a whole file of bin/tune", AGAIN)
