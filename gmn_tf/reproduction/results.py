"""Results of finished jobs, and the rows and curves made from them.

`Results` reads the folders of finished runs and writes their results into a few
tables, from which everything can be written again without the folders. Rows and
curves are means and standard deviations over generator seeds, of the mean over
the classifiers of each run. No TensorFlow is needed.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from gmn_tf.method.metrics import JOINT, SCORES, SEPARATE
from gmn_tf.reproduction import plan
from gmn_tf.runs import report, tables
from gmn_tf.runs.workdir import as_begun
from gmn_tf.utils import files
from gmn_tf.utils import tables as csv_tables
from gmn_tf.utils.errors import check_same

PROTOCOLS = {"2": SEPARATE, "3": JOINT}
# The file in a run's folder with its points, by figure.
POINTS = {"3": "curve.csv", "4": "class_accuracy.csv", "5": "validation.csv"}


class Results:
    """The results in a folder: of every run, by protocol, and for each figure.

    Args:
        out: the folder. It gets runs.csv (scores and settings), tried.csv (what
            the separate protocol tried on the tune splits) and, for each figure
            N, figureN_runs.csv (the points of each run).
    """

    def __init__(self, out: pathlib.Path):
        self.out = out
        self.runs = {}
        if (out / "runs.csv").exists():
            self._add_scores(tables.read(out / "runs.csv"))
        # The rows of the other tables, by table and run.
        self.by_run = {"tried": {}}
        self.by_run |= {f"figure{figure}_runs": {} for figure in POINTS}
        for name, by_run in self.by_run.items():
            if (out / f"{name}.csv").exists():
                for row in csv_tables.read(out / f"{name}.csv"):
                    by_run.setdefault(row.pop("run"), []).append(row)

    def points(self, figure: str, run: str) -> list[dict]:
        """The rows of a run behind a figure; an empty list if unknown."""
        return self.by_run[f"figure{figure}_runs"].get(run, [])

    def has(self, job: plan.Job) -> bool:
        """Whether a job is done: its file is there, or its rows are."""
        return job.result.exists() or (
            (job.run, job.protocol or JOINT) in self.runs
            and (job.figure is None or bool(self.points(job.figure, job.run)))
        )

    def collect(self, jobs: Sequence[plan.Job]) -> None:
        """Reads the folders of finished jobs; raises InputError if damaged."""
        for job in jobs:
            trained = job.result.with_name(tables.RESULTS[JOINT])
            if not (job.result.exists() and trained.exists()):
                continue
            if job.protocol:
                self._add_scores(tables.read(job.result.parent))
            if job.protocol == SEPARATE:
                self.by_run["tried"][job.run] = _tried(job.result)
            points = job.result.with_name(POINTS.get(job.figure, "none"))
            if job.figure and points.exists():
                self.by_run[f"figure{job.figure}_runs"][job.run] = [
                    row
                    for row in csv_tables.read(points)
                    # Fig. 4 is of unseen classes that have samples to score.
                    if job.figure != "4"
                    or (row["seen"] == "no" and row["accuracy_percent"])
                ]

    def check_same_settings(self, jobs: Sequence[plan.Job]) -> None:
        """Raises InputError if results of other settings are there."""
        for job in jobs:
            row = self.runs.get((job.run, job.protocol or JOINT))
            if row is None or not self.has(job):
                continue
            found = tables.settings(row).to_dict()
            points = job.figure and self.points(job.figure, job.run)
            if job.figure == "3":
                found["counts"] = [int(row["n"]) for row in points]
            if job.figure == "5" and points:
                found["validate_every"] = int(points[0]["step"])
            if job.protocol == SEPARATE:
                names = job.settings["tried"][0]
                found["tried"] = [
                    {k: float(one[k]) for k in names if one.get(k)}
                    for one in self.by_run["tried"].get(job.run, [])
                ]
            check_same(
                f"{self.out} holds results of other settings ({job.name}).",
                found,
                as_begun(job.settings, found),
                "Choose another --out, or give the flags of these results.",
            )

    def write(self) -> None:
        """Writes the tables, sorted by the names of the runs."""
        if self.runs:
            rows = [self.runs[key] for key in sorted(self.runs)]
            files.write_csv(self.out / "runs.csv", rows)
        for name, by_run in self.by_run.items():
            rows = [
                {"run": run} | row
                for run in sorted(by_run)
                for row in by_run[run]
            ]
            if rows:
                files.write_csv(self.out / f"{name}.csv", rows)

    def _add_scores(self, rows: Sequence[dict]) -> None:
        for row in rows:
            self.runs[row["run"], row["protocol"]] = row


def _tried(path: pathlib.Path) -> list[dict]:
    """What separate.json tried, and the tasks that each was chosen for."""
    metrics = files.read_json(
        path,
        "separate.json as bin/evaluate writes it",
        f"Remove {path}, so that it is made again.",
    )
    tried = metrics["tried"]
    for one in tried:
        tasks = [
            task
            for task, chosen in metrics["chosen"].items()
            if chosen.items() <= one.items()
        ]
        one["chosen_for"] = " ".join(tasks)
    return tried


def table_rows(
    results: Results, number: str, dataset: str, seeds: int
) -> list[dict]:
    """Rows of a table of the paper, and those to compare with beside them.

    Args:
        results: what was measured.
        number: `2` or `3`.
        dataset: as in `plan.Request`.
        seeds: how many, from 1 on.

    Returns:
        Dictionaries with `variant`, `source` (`measured`, or where a number to
        compare with is from), `seeds` (0 for those), and for each score its
        mean and, as in `t1_std`, its standard deviation (None if unknown).
    """
    wanted = [(one, PROTOCOLS[number], "") for one in plan.TABLES[number]]
    if number == "3":
        added = ("real_only", "cwgan")  # for comparison
        wanted = [*((variant, JOINT, "") for variant in added), *wanted]
        wanted.append((plan.DAGGER, SEPARATE, " ‡"))
    name, _, embedding = dataset.partition(":")
    published = csv_tables.read(
        pathlib.Path(__file__).with_name("published.csv")
    )
    rows = []
    for variant, protocol, mark in wanted:
        runs = [
            tables.scores(results.runs[run, protocol])
            for run in _run_names(dataset, "test", variant, seeds)
            if (run, protocol) in results.runs
        ]
        if runs:
            row = {"variant": variant + mark, "source": "measured"}
            row |= {"seeds": len(runs), **tables.over_seeds(runs)}
            rows.append(row)
        for line in published:
            if (
                (line["protocol"], line["dataset"]) == (protocol, name)
                and line["variant"] == variant
                and line["embedding"] in ("", embedding or "att")
            ):
                row = {"variant": variant + mark, "source": line["source"]}
                row["seeds"] = 0
                for score in SCORES:
                    row |= {score: float(line[score]), f"{score}_std": None}
                rows.append(row)
    return rows


def curves(
    results: Results, figure: str, along: str, dataset: str, seeds: int
) -> dict:
    """The curves of Fig. 3 (test splits) or of Fig. 5 (tune splits).

    Args:
        results: what was measured.
        figure: `3` or `5`.
        along: the column that scores are drawn against: `n`, the number of
            synthetic features, or `step`.
        dataset: as in `plan.Request`.
        seeds: how many, from 1 on.

    Returns:
        For each variant that has finished runs: rows with a value of `along`
        and with mean and standard deviation of each score; and the number of
        seeds.
    """
    split = "test" if figure == "3" else "tune"
    found = {}
    for variant in plan.FIGURES[figure]:
        runs = [
            report.read_curve(points, along)
            for name in _run_names(dataset, split, variant, seeds)
            if (points := results.points(figure, name))
        ]
        rows = []
        for points in zip(*runs):  # of one place along the curve
            rows.append({along: points[0][along]})
            for score in SCORES:
                means = [one[score]["mean"] for one in points]
                rows[-1][score] = {"mean": np.mean(means), "std": np.std(means)}
        if runs:
            found[variant] = rows, len(runs)
    return found


def class_changes(
    results: Results, dataset: str, seeds: int
) -> tuple[int, list[dict]]:
    """Fig. 4: what matching adds to the accuracy of each unseen class.

    Returns:
        How many seeds both variants have; and of each `class` its accuracy by
        either variant in percent (means over those seeds), and the `change`,
        the largest gain first.
    """
    variants = plan.FIGURES["4"]
    number, classes = 0, {}
    for seed in range(1, seeds + 1):
        names = [plan.run_name(dataset, "test", v, seed) for v in variants]
        pair = [results.points("4", name) for name in names]
        number += all(pair)
        for rows in zip(*pair):  # those of one class
            values = [float(row["accuracy_percent"]) for row in rows]
            classes.setdefault(rows[0]["class"], []).append(values)
    rows = []
    for name, values in classes.items():
        first, second = (float(np.mean(column)) for column in zip(*values))
        row = {"class": name, **dict(zip(variants, (first, second)))}
        rows.append({**row, "change": second - first})
    return number, sorted(rows, key=lambda row: -row["change"])


def _run_names(dataset, split, variant, seeds) -> list[str]:
    return [
        plan.run_name(dataset, split, variant, seed)
        for seed in range(1, seeds + 1)
    ]
