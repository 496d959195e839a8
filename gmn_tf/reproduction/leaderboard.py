"""The leaderboard: which jobs it needs, and what they have found.

A job measures all entries that share a generator, on one data set:

* `tune` chooses their settings on the tune splits, with the first seed;
* `test` scores them on the test splits, with one seed;
* `peek` finds what would be reported if all were chosen on test. It runs
  last, and nothing reads what it finds but the page.

No TensorFlow is needed.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.method.metrics import SCORES
from gmn_tf.reproduction import plan
from gmn_tf.reproduction.plan import Job
from gmn_tf.runs import report, tables
from gmn_tf.runs.entries import ENTRIES
from gmn_tf.utils import files, values
from gmn_tf.utils import tables as csv_tables
from gmn_tf.utils.errors import InputError, check_choice, check_same
from gmn_tf.utils.versions import versions

NAME = "leaderboard"  # of the table, its files, and the folder of its jobs
TUNE, TEST, PEEK = STAGES = ("tune", "test", "peek")
SPLITS = {TUNE: "tune", TEST: "test", PEEK: "test"}
# The table of each stage's results, one row for each entry and seed.
FILES = {TUNE: "chosen", TEST: "scores", PEEK: "peeked"}
RESULT = "result.json"
MINUTES = 15.0
_SETTINGS = tuple(field.name for field in dataclasses.fields(Config))


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be compared.

    Attributes:
        datasets: names, each with an embedding other than att after a colon.
        seeds: number of generator seeds, from 1 on.
        preset: the settings that all entries begin with.
        flags: for bin/train, as `--name=value`: settings, and where data is.
        out: the folder of all results.
        entries: names of `ENTRIES`; none for all.
        minutes: that the search of an entry takes at most.

    Raises:
        InputError: for a name or a flag that does not exist.
    """

    datasets: tuple[str, ...]
    seeds: int
    preset: str
    flags: tuple[str, ...]
    out: pathlib.Path
    entries: tuple[str, ...] = ()
    minutes: float = MINUTES

    def __post_init__(self):
        for name in self.entries:
            check_choice("entries", name, ENTRIES)
        for dataset in self.datasets:
            for names in self.groups().values():
                self.config(dataset, names[0])
        others = plan.OTHER_FLAGS - plan.DATA_FLAGS
        self.data_flags()
        for name in (plan.read_flag(flag)[0] for flag in self.flags):
            if name in others:
                raise InputError(
                    f"--{name} is no flag of the leaderboard's jobs.",
                    "settings, and where the data is",
                    f"--{name}",
                    "Leave it out.",
                )

    def config(self, dataset: str, name: str) -> Config:
        """The settings of an entry's generator on a data set."""
        if self.preset == "best":
            raise InputError(
                "The settings of --preset=best were chosen for one entry.",
                "release, paper, cpu, or auto for data without a preset",
                f"--preset={self.preset}",
                "Choose another preset.",
            )
        entry = ENTRIES[name]
        chosen = plan.chosen_settings(dataset, self.flags)
        chosen |= {"variant": entry.variant, **entry.generator}
        preset = configs.preset(chosen["dataset"], self.preset, chosen)
        return Config().replace({**preset, **chosen})

    def data_flags(self) -> dict:
        """Where the data is, by the names of flags, as `load_data` takes it."""
        given = dict(map(plan.read_flag, self.flags))
        found = {n: v for n, v in given.items() if n in plan.DATA_FLAGS}
        if "memory_gb" in found:
            try:
                found["memory_gb"] = values.single(float, found["memory_gb"])
            except ValueError as error:
                raise InputError(
                    "Bad value for --memory_gb.",
                    values.KINDS[float],
                    found["memory_gb"],
                    "Correct the value.",
                ) from error
        return found

    def groups(self) -> dict[str, list[str]]:
        """The names of entries that share a generator, by its name."""
        found, settings = {}, {}
        for name, entry in ENTRIES.items():
            if self.entries and name not in self.entries:
                continue
            found.setdefault(entry.group, []).append(name)
            check_same(
                f"The entry {name} has the generator {entry.group} of another "
                "entry with other settings.",
                dict(settings.setdefault(entry.group, entry.generator)),
                dict(entry.generator),
                "Give both the same settings, or one that the other lacks.",
            )
        return found


@dataclasses.dataclass(frozen=True)
class Part:
    """What a job measures."""

    stage: str
    dataset: str
    group: str
    entries: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """That of the job, and of its folder."""
        place = self.dataset.replace(":", "-")
        return f"{place}-{self.stage}-{self.group}-{self.seed}"

    def folder(self, out: pathlib.Path) -> pathlib.Path:
        """The folder of its result."""
        return out / NAME / self.name


def parts(request: Request) -> list[Part]:
    """All parts: what is tuned, then seed by seed, then what peeks."""
    groups = {group: tuple(one) for group, one in request.groups().items()}
    return [
        Part(stage, dataset, group, entries, seed)
        for stage, seed in (
            (TUNE, 1),
            *((TEST, seed) for seed in range(1, request.seeds + 1)),
            *((PEEK, seed) for seed in range(1, request.seeds + 1)),
        )
        for dataset in request.datasets
        for group, entries in groups.items()
    ]


def jobs(request: Request) -> list[Job]:
    """The parts as commands."""
    found = []
    for part in parts(request):
        config = request.config(part.dataset, part.entries[0])
        began = {}
        for name in part.entries if part.stage == TUNE else ():
            own = {**ENTRIES[name].classifier_settings(), "split": "tune"}
            began[name] = config.replace({**own, "seed": 1}).to_dict()
        command = [
            "reproduce",
            f"--tables={NAME}",
            f"--job={part.name}",
            f"--datasets={part.dataset}",
            f"--seeds={request.seeds}",
            f"--preset={request.preset}",
            f"--minutes={request.minutes:g}",
            f"--out={request.out}",
        ]
        if request.entries:
            command.append(f"--entries={','.join(request.entries)}")
        modules = [config.plugins, *map(ENTRIES.owner, part.entries)]
        if modules := list(dict.fromkeys(filter(None, modules))):
            command.append(f"--plugins={','.join(modules)}")
        kind = "generator" if ENTRIES[part.entries[0]].has_generator else "none"
        found.append(
            Job(
                name=part.name,
                kind=f"{part.dataset} {part.stage} {kind} {len(part.entries)}",
                command=(*command, "--", *request.flags),
                result=part.folder(request.out) / RESULT,
                settings=began,
                stage=f"{part.stage} {part.seed}",
            )
        )
    return found


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
                key = row["dataset"], row["entry"], int(row["seed"])
                self.rows[stage][key] = _typed(row)
        for row in self._read("tried"):
            key = row["dataset"], row["entry"]
            self.tried.setdefault(key, []).append(row)

    def _read(self, name: str) -> list[dict]:
        path = self.place / f"{name}.csv"
        return csv_tables.read(path) if path.exists() else []

    def missing(self, part: Part) -> list[str]:
        """The entries of a part that have no result yet."""
        self._collect(part)
        return [
            name
            for name in part.entries
            if (part.dataset, name, part.seed) not in self.rows[part.stage]
        ]

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
            text = report.table_csv(rows)
            files.write_text(self.place / f"{name}.csv", text)


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
    for name in (*SCORES, "minutes", "peeked_h"):
        if row.get(name):
            row[name] = float(row[name])
    for name in ("parameters", "trials"):
        if row.get(name):
            row[name] = int(row[name])
    if "second" in row:
        row["second"] = row["second"] in (True, "True")
    if not row.get("reason"):
        row.pop("reason", None)
    return row


def leaderboard(results: Results, request: Request, dataset: str) -> list[dict]:
    """The rows of a data set, the best clean h first, failures last.

    Returns:
        Dictionaries with what an entry is, the number of `seeds` it was scored
        with, mean and standard deviation of each score in percent, as in `h`
        and `h_std`, the mean `minutes` of training, the `parameters`, `tune_h`,
        `trials` and `search_minutes` on the tune splits, `peeked_h` with its
        deviation, and the `reason` of a failure, or the `peeked_reason` if it
        concerns that column alone.
    """
    rows = []
    for name in (n for names in request.groups().values() for n in names):
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
            [
                results.rows[stage][dataset, name, seed]
                for seed in range(1, request.seeds + 1)
                if (dataset, name, seed) in results.rows[stage]
            ]
            for stage in (TEST, PEEK)
        )
        row["reason"] = _reason([tuned, *scored])
        row["peeked_reason"] = _reason(peeked)
        scored, peeked = (
            [one for one in each if "reason" not in one]
            for each in (scored, peeked)
        )
        row["seeds"] = len(scored)
        if scored:
            row |= tables.over_seeds(scored)
            row["minutes"] = float(np.mean([r["minutes"] for r in scored]))
            row["parameters"] = int(scored[0]["parameters"])
        for column, source in (
            ("tune_h", "h"),
            ("trials", "trials"),
            ("search_minutes", "minutes"),
            ("settings", "settings"),
        ):
            row[column] = tuned.get(source)
        if peeked:
            highest = [one["peeked_h"] for one in peeked]
            row["peeked_h"] = float(np.mean(highest))
            row["peeked_h_std"] = float(np.std(highest))
        rows.append(row)
    return sorted(rows, key=lambda row: -row.get("h", -1.0))


def _reason(results: Iterable[Mapping]) -> str:
    """Why the first of those that failed did; empty if none has."""
    return next(filter(None, (one.get("reason") for one in results)), "")
