"""What a search leaves behind, and the rules of the folder it is left in.

config.json     the settings that trials begin with, the data, versions
search.json     the space, the tuner, the objective
oracle.json     KerasTuner's memory, with a trial.json in each trial's folder
preset/         the settings of config.json themselves, as if a trial
trial_N/        of trial N + 1: result.json: settings and scores, or why it
                failed;
                tried.csv: its final classifiers; logs/: for TensorBoard;
                checkpoints/: while the search runs
trials.csv      all trials, the best first; trials.png
best.json       the best settings, for bin/train --config
"""

import json
import pathlib
import re
from collections.abc import Mapping

from gmn_tf.config import Config
from gmn_tf.method import metrics
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError

PRESET = "preset"
RESULT = "result.json"


class SearchFolder:
    """The folder of one search.

    Args:
        path: the folder; it is made by `start`.
    """

    def __init__(self, path: str):
        self.path = pathlib.Path(path).absolute()
        self.workdir = Workdir(self.path)

    def __str__(self) -> str:
        return str(self.workdir)

    def start(self, config: Config, source: Mapping, search: Mapping) -> None:
        """Makes the folder, and writes what is searched.

        Args:
            config: the settings that trials begin with.
            source: what the data is, as for `Workdir.start`.
            search: plain values of what is searched, and how.

        Raises:
            InputError: if the folder belongs to another search or a run, or
                cannot be written.
        """
        if self.workdir.finished():
            raise InputError(
                f"{self.path} is the folder of a run.",
                "a folder of its own for the search",
                str(self.path),
                "choose another --workdir",
            )
        self.workdir.start(config, dict(source))
        if not (self.path / "search.json").exists():
            self.workdir.write_json("search.json", dict(search))
        old = self.workdir.read_json("search.json")
        if not _is_search(old):
            raise _not_written_here(self.path / "search.json")
        changed = [name for name in search if search[name] != old.get(name)]
        if changed:
            raise InputError(
                f"{self.path} holds another search.",
                _told(old, changed),
                _told(search, changed),
                "choose another --workdir, or remove that folder",
            )

    def alone(self):
        """Keeps a second search out while this one works; see `Workdir`."""
        return self.workdir.exclusive()

    def trial(self, name: str) -> Workdir:
        """The folder of a trial."""
        return Workdir(
            self.path / (PRESET if name == PRESET else f"trial_{name}")
        )

    def read(self) -> tuple[Config, dict, list[dict]]:
        """The settings begun with, search.json, and all results.

        Raises:
            InputError: if this is not the folder of a search, or no trial has
                ended well.
        """
        if not (self.path / "search.json").exists():
            raise InputError(
                f"{self.path} is not the folder of a search.",
                "a folder that bin/tune has written",
                "no search.json in it",
                "check --workdir, or run bin/tune first",
            )
        search = self.workdir.read_json("search.json")
        if not _is_search(search):
            raise _not_written_here(self.path / "search.json")
        results = self.results()
        if not ranked(results, search["objective"]):
            reasons = [one["reason"] for one in results]
            raise InputError(
                "No trial has ended well.",
                "one or more that did",
                f"{len(results)} that failed"
                + (f", the last: {reasons[-1]}" if reasons else ""),
                "narrow the space" if reasons else "let the search go on",
            )
        return self.workdir.read_config()[0], search, results

    def results(self) -> list[dict]:
        """What has been found: the preset, then trials in their order.

        Each has `trial` (`preset`, or a number from 1 on), `steps`, settings
        of the `generator`, `seconds`, and either settings of the `classifier`
        and scores, or a `reason`.
        """
        found = []
        for path in self.path.glob(f"*/{RESULT}"):
            name = path.parent.name
            number = PRESET
            if name != PRESET:
                if not re.fullmatch(r"trial_\d+", name):
                    continue  # such as a copy that somebody has made
                number = int(name.rpartition("_")[2]) + 1
            result = Workdir(path.parent).read_json(RESULT)
            if not _is_result(result):
                raise _not_written_here(path)
            found.append({"trial": number, **result})
        return sorted(
            found, key=lambda one: 0 if one["trial"] == PRESET else one["trial"]
        )

    def remove_checkpoints(self) -> None:
        """Makes room, once the search has come to its end."""
        for path in self.path.glob("*/checkpoints"):
            Workdir(path.parent).remove_checkpoints()


def ranked(results: list[dict], objective: str) -> list[dict]:
    """Those that ended well, the best first."""
    well = [one for one in results if "reason" not in one]
    return sorted(well, key=lambda one: -one[objective])


def best_config(config: Config, best: Mapping) -> Config:
    """The settings of a result, for the test splits."""
    return config.replace(
        {
            **best["generator"],
            **best["classifier"],
            "steps": best["steps"],
            "split": "test",
        }
    )


def _is_search(content) -> bool:
    """Whether search.json says what is read from it."""
    match content:
        case {"objective": objective, "space": {"generator": dict()}}:
            return objective in metrics.SCORES
    return False


def _is_result(content) -> bool:
    """Whether a trial's result.json says what is read from it."""
    match content:
        case {"reason": str(), "steps": int(), "generator": dict()}:
            return _is_number(content.get("seconds"))
        case {"classifier": dict(), "steps": int(), "generator": dict()}:
            numbers = [content.get(name) for name in metrics.SCORES]
            return _is_number(content.get("seconds")) and all(
                _is_number(score) and score <= 100.0 for score in numbers
            )
    return False


def _is_number(value) -> bool:
    return isinstance(value, int | float) and 0.0 <= value < float("inf")


def _not_written_here(path: pathlib.Path) -> InputError:
    return InputError(
        f"{path} is not as bin/tune writes it.",
        "a file that nothing else has changed",
        "entries that are missing, or of another kind",
        "remove it, or the trial's folder, and let the search go on",
    )


def _told(search: Mapping, names) -> str:
    return ", ".join(f"{name}={json.dumps(search.get(name))}" for name in names)
