"""What the jobs of the leaderboard have found, and the rows made of it.

No TensorFlow is needed.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gmn_tf.config import Config
from gmn_tf.method.metrics import SCORES
from gmn_tf.reproduction.leaderboard import (
    NAME,
    PEEK,
    RESULT,
    STAGES,
    TEST,
    TUNE,
    Part,
    Request,
    parts,
)
from gmn_tf.reproduction.plan import Job
from gmn_tf.reproduction.runner import log_file
from gmn_tf.runs import tables
from gmn_tf.runs.entries import ENTRIES
from gmn_tf.utils import files
from gmn_tf.utils import tables as csv_tables
from gmn_tf.utils.errors import InputError, check_same, first_line
from gmn_tf.utils.versions import versions

# The table of each stage's results, one row for each entry and seed.
FILES = {TUNE: "chosen", TEST: "scores", PEEK: "peeked"}
_SETTINGS = tuple(field.name for field in dataclasses.fields(Config))


class Results:
    """The results in a folder, by stage, data set, entry and seed.

    Args:
        request: what is compared. Its folder has chosen.csv, scores.csv and
            peeked.csv, and tried.csv with what was tried on the tune splits,
            all in a folder of their own.
    """

    def __init__(self, request: Request):
        self.out = request.out
        self.place = request.out / NAME
        self.parts = {part.name: part for part in parts(request)}
        self.rows = {stage: {} for stage in STAGES}
        self.tried = {}
        for stage, name in FILES.items():
            for row in self._read(name):
                self.rows[stage][row["dataset"], row["entry"], row["seed"]] = (
                    row
                )
        for row in self._read("tried"):
            key = row["dataset"], row["entry"]
            self.tried.setdefault(key, []).append(row)

    def datasets(self, asked: Sequence[str]) -> list[str]:
        """Those that are asked for, then others of which there are results."""
        others = [name for name, *_ in self.rows[TUNE]]
        return [*dict.fromkeys([*asked, *others])]

    def _read(self, name: str) -> list[dict]:
        path = self.place / f"{name}.csv"
        if not path.exists():
            return []
        seed = ("seed",) * (name in FILES.values())
        rows = csv_tables.read(path, ("dataset", "entry", *seed))
        try:
            return [_typed(row) if seed else row for row in rows]
        except ValueError as error:
            raise InputError(
                f"{path} is damaged.",
                "a table as a command of the leaderboard writes it",
                first_line(error),
                "Put back the file, or remove it: it is written again from "
                "the folders of jobs, as far as these were kept.",
            ) from error

    def missing(self, part: Part) -> list[str]:
        """The entries of a part that have no result yet.

        Of a job that ran here, and whose folder was removed, those that have
        failed are tried again.
        """
        self._collect(part)
        again = log_file(self.out, part.name).exists()
        again = again and not (part.folder(self.out) / RESULT).exists()
        found = {
            name: self.rows[part.stage].get((part.dataset, name, part.seed))
            for name in part.entries
        }
        return [
            name
            for name, row in found.items()
            if row is None or (again and "reason" in row)
        ]

    def failures(self) -> list[str]:
        """Data set and entry of what has failed in any stage."""
        return list(
            dict.fromkeys(
                f"{dataset} {name}"
                for rows in self.rows.values()
                for (dataset, name, _), row in rows.items()
                if "reason" in row
            )
        )

    def has(self, job: Job) -> bool:
        """Whether a job is done: all of its entries have a result."""
        return not self.missing(self.parts[job.name])

    def add(self, part: Part, found: Mapping, source: Mapping) -> None:
        """Writes what was measured beside what was known of other entries.

        Args:
            part: what was measured.
            found: by entry, as `gmn_tf.search.comparison` returns it.
            source: of the data.
        """
        path = part.folder(self.out) / RESULT
        known = read_result(path)["entries"] if path.exists() else {}
        data = {"data": source["name"]}
        data["split_fingerprint"] = source["split_fingerprint"]
        data["versions"] = ", ".join(map(" ".join, versions().items()))
        files.write_json(path, {"data": data, "entries": {**known, **found}})

    def chosen(self, part: Part) -> dict:
        """What the tune splits decided for the entries of a part.

        Raises:
            InputError: if nothing is known yet.
        """
        # A job that ended after the command that began it is in no table yet.
        self._collect(dataclasses.replace(part, stage=TUNE, seed=1))
        found = {}
        for name in part.entries:
            row = self.rows[TUNE].get((part.dataset, name, 1))
            if row is None:
                raise InputError(
                    f"No settings of {name} were chosen for {part.dataset}.",
                    "a finished job on the tune splits",
                    "none",
                    "Give the whole command again: it begins with that job.",
                )
            found[name] = row
        return found

    def collect(self, jobs: Sequence[Job]) -> None:
        """Reads the folders of finished jobs; raises InputError if damaged."""
        for job in jobs:
            self._collect(self.parts[job.name])

    def _collect(self, part: Part) -> None:
        path = part.folder(self.out) / RESULT
        if not path.exists():
            return
        content = read_result(path)
        for name, found in content["entries"].items():
            row = {"dataset": part.dataset, "entry": name, "seed": part.seed}
            row |= {
                n: v for n, v in found.items() if n not in ("tried", "config")
            }
            row |= content["data"]
            row |= {
                n: value
                for n, value in found.get("config", {}).items()
                if n not in row
            }
            self.rows[part.stage][part.dataset, name, part.seed] = row
            if part.stage == TUNE:
                self.tried[part.dataset, name] = [
                    {"dataset": part.dataset, "entry": name, **one}
                    for one in found.get("tried", ())
                ]

    def check_same_settings(self, jobs: Sequence[Job]) -> None:
        """Raises InputError if results of other settings are there."""
        for job in jobs:
            part = self.parts[job.name]
            for name, expected in job.settings.items():
                row = self.rows[TUNE].get((part.dataset, name, 1))
                if row is None or row.get("reason"):
                    continue
                found = {n: row[n] for n in _SETTINGS if n in row}
                found |= {"dataset": expected["dataset"], "seed": 1}
                check_same(
                    f"{self.place} holds results of other settings ({name}).",
                    Config().replace(found).to_dict(),
                    expected,
                    "Choose another --out, or give the flags of these results.",
                )

    def write(self) -> None:
        """Writes the tables."""
        for stage, name in FILES.items():
            self._write(name, self.rows[stage].values())
        self._write(
            "tried", [one for rows in self.tried.values() for one in rows]
        )

    def _write(self, name: str, rows: Iterable[Mapping]) -> None:
        rows = [
            {
                column: json.dumps(value) if isinstance(value, dict) else value
                for column, value in row.items()
            }
            for row in rows
        ]
        if rows:
            files.write_csv(self.place / f"{name}.csv", rows)


def read_result(path: pathlib.Path) -> dict:
    """The contents of a job's result.json."""
    content = files.read_json(
        path,
        "result.json as a job of the leaderboard writes it",
        f"Remove {path}, so that it is made again.",
    )
    match content:
        case {"entries": {}, "data": {}}:
            return content
    raise InputError(
        f"{path} is not the result of a job of the leaderboard.",
        'an object with "entries" and "data"',
        ", ".join(content),
        f"Remove {path}, so that it is made again.",
    )


def _typed(row: Mapping) -> dict:
    """A row of a table as a job has written it."""
    row = dict(row)
    for name in ("settings", "peeked_settings"):
        if row.get(name):
            row[name] = json.loads(row[name])
    for kind, names in (
        (float, (*SCORES, "minutes", "peeked_h")),
        (int, ("seed", "parameters", "trials")),
    ):
        for name in names:
            if name in row:  # empty where an entry has failed
                row[name] = kind(row[name]) if row[name] != "" else None
    if "second" in row:
        row["second"] = row["second"] in (True, "True")
    if not row.get("reason"):
        row.pop("reason", None)
    return row


def rows_of(results: Results, request: Request, dataset: str) -> list[dict]:
    """The rows of a data set, the best clean h first, failures last.

    Returns:
        Dictionaries with what an entry is, the number of `seeds` it was scored
        with, mean and standard deviation of each score in percent, as in `h`
        and `h_std`, the mean `minutes` of training, the `parameters`, `tune_h`,
        `trials` and `search_minutes` on the tune splits, the `peeked_h` of
        `peeked_seeds` with its deviation, `peeked_gain` over the clean h of
        the same seeds, and the `reason` of a failure, or the `peeked_reason` if
        it concerns that column alone.
    """
    names = [name for group in request.groups().values() for name in group]
    seeds = range(1, request.seeds + 1)
    if dataset not in request.datasets:  # all that another command has found
        names = list(ENTRIES)
        seeds = sorted({seed for *_, seed in results.rows[TEST]})
    rows = []
    for name in names:
        entry = ENTRIES[name]
        row = {
            "dataset": dataset,
            "entry": name,
            "title": entry.title,
            "paper": entry.paper,
            "from_memory": entry.from_memory,
            "generator": entry.variant if entry.has_generator else "",
            "classifier": entry.classifier,
        }
        tuned = results.rows[TUNE].get((dataset, name, 1))
        if tuned is None:
            continue
        scored, peeked = (
            {
                seed: results.rows[stage][dataset, name, seed]
                for seed in seeds
                if (dataset, name, seed) in results.rows[stage]
            }
            for stage in (TEST, PEEK)
        )
        row["reason"] = _reason([tuned, *scored.values()])
        row["peeked_reason"] = _reason(peeked.values())
        scored, peeked = (
            {seed: one for seed, one in each.items() if "reason" not in one}
            for each in (scored, peeked)
        )
        row["seeds"] = len(scored)
        if scored:
            clean = list(scored.values())
            row |= tables.over_seeds(clean)
            row["minutes"] = float(np.mean([r["minutes"] for r in clean]))
            row["parameters"] = int(clean[0]["parameters"])
        for column, source in (
            ("tune_h", "h"),
            ("trials", "trials"),
            ("search_minutes", "minutes"),
            ("settings", "settings"),
        ):
            row[column] = tuned.get(source)
        if both := sorted(scored.keys() & peeked.keys()):
            highest = np.array([peeked[seed]["peeked_h"] for seed in both])
            clean = [scored[seed]["h"] for seed in both]
            row["peeked_seeds"] = len(both)
            row["peeked_h"] = float(np.mean(highest))
            several = len(both) > 1
            row["peeked_h_std"] = float(np.std(highest)) if several else None
            row["peeked_gain"] = float(np.mean(highest - clean))
        rows.append(row)
    return sorted(rows, key=lambda row: -row.get("h", -1.0))


def _reason(results: Iterable[Mapping]) -> str:
    """Why the first of those that failed did; empty if none has."""
    return next(filter(None, (one.get("reason") for one in results)), "")
