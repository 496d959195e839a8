"""Runs that differ only in their seed -> mean and std over the seeds."""

import itertools
import json
import pathlib
import statistics

import numpy as np

from gmn_tf.method import metrics
from gmn_tf.runs import report, tables
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError

CALIBRATED = "calibrated_h"
MOST_COLUMNS = 3  # of settings that distinguish rows, in a Markdown table
SHOWN = ("dataset", "embedding", "features_file", "variant", "split", "steps")


def table(paths: list[str]) -> list[dict]:
    """One row per experiment, from finished runs, by the joint protocol.

    The `real_only` baseline of each run is an experiment too, unless the same
    data has runs of that variant.

    Args:
        paths: folders written by bin/train, or tables written by `write`.

    Returns:
        Rows with the settings shown, other settings in which rows differ,
        `seeds`, and for each score the mean and the standard deviation over
        generator seeds, in percent; and where runs have been calibrated
        together, `calibrated_h`: the best over penalties, over all classifiers,
        and on the samples it was chosen on.

    Raises:
        InputError: if there is no path, or one holds no finished run.
    """
    groups = {}
    for path in paths:
        for row in tables.read(path):
            if row["protocol"] != metrics.JOINT:
                continue
            for settings, seed, scores in _experiments(row):
                key = json.dumps(settings, sort_keys=True)
                # By seed: a baseline is the same beside every variant.
                groups.setdefault(key, {})[seed] = scores
    if not groups:
        raise InputError(
            "There is nothing to summarise.",
            "folders or tables of finished runs",
            "none",
            "Name them, as in: bin/summary runs/flo-*",
        )
    settings = [json.loads(key) for key in groups]
    others = _differing(settings)
    return [
        _row(one, runs, others) for one, runs in zip(settings, groups.values())
    ]


def is_unfinished(path: str) -> bool:
    """Whether a run was begun in this folder and has not ended."""
    folder = pathlib.Path(path)
    return (folder / "config.json").exists() and not (
        folder / "metrics.json"
    ).exists()


def markdown(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    after = list(rows[0]).index("seeds")
    others = list(rows[0])[len(SHOWN) : after]
    if len({row["features_file"] for row in rows}) > 1:
        others.insert(0, "features_file")
    joined = len(others) > MOST_COLUMNS
    named = ["other settings"] if joined else others
    heading = ["variant", "data", "split", "steps", *named, "seeds"]
    heading += ["T-1", "u", "s", "h"]
    scores = list(metrics.SCORES)
    if any(CALIBRATED in row for row in rows):
        heading.append("best h by a penalty, on the same samples")
        scores.append(CALIBRATED)
    lines = []
    for row in rows:
        settings = [str(row[name]) for name in others]
        if joined:
            settings = [_unusual(row, rows, others)]
        lines.append(
            [
                row["variant"],
                f"{row['dataset']} {row['embedding']}",
                row["split"],
                str(row["steps"]),
                *settings,
                str(row["seeds"]),
                *(
                    report.mean_and_std(
                        row[score], row[f"{score}_std"], row["seeds"]
                    )
                    if score in row
                    else ""
                    for score in scores
                ),
            ]
        )
    return report.markdown_table(heading, lines)


def _unusual(row: dict, rows: list[dict], names: list[str]) -> str:
    """The settings of a row that are not those of most rows."""
    usual = {
        name: statistics.mode(str(other[name]) for other in rows)
        for name in names
    }
    return ", ".join(
        f"{name}={row[name]}"
        for name in names
        if str(row[name]) not in (usual[name], "")
    )


def write(rows: list[dict], out: str, paths: list[str] = ()) -> None:
    """Writes the table as OUT.md and OUT.csv, and its runs as OUT_runs.csv.

    Args:
        rows: from `table`.
        out: the start of the names.
        paths: what the table is of.
    """
    runs = [row for path in paths for row in tables.read(path)]
    files.write_text(pathlib.Path(f"{out}.md"), markdown(rows) + "\n")
    files.write_text(pathlib.Path(f"{out}.csv"), report.table_csv(rows))
    if runs:
        tables.write(f"{out}_runs.csv", runs)


def _experiments(row: dict) -> list[tuple[dict, int, dict]]:
    """Settings, seed and scores of a run, and of its baseline."""
    config = tables.settings(row).to_dict()
    seed = config.pop("seed")
    settings = {**config, "data": row["data"]}
    if config["variant"] == metrics.BASELINE:
        settings = _of_baseline(settings)
    scores = tables.scores(row)
    best = [tables.number(row.get(f"{CALIBRATED}_{p}")) for p in report.PARTS]
    found = [(settings, seed, {**scores, CALIBRATED: tuple(best)})]
    if tables.has_baseline(row):
        plain = _of_baseline({**settings, "seen_penalty": 0.0})
        found.append((plain, seed, tables.scores(row, tables.BASELINE)))
    return found


def _of_baseline(settings: dict) -> dict:
    """The settings that a classifier on real samples only depends on."""
    return {
        name: value
        for name, value in settings.items()
        if name in (*SHOWN, "embedding_norm", "seen_penalty", "data")
        or name.startswith("classifier_")
    } | {"variant": metrics.BASELINE, "steps": 0}


def _differing(settings: list[dict]) -> list[str]:
    """The settings in which rows differ that have the same `SHOWN` ones."""
    names = []
    for first, second in itertools.combinations(settings, 2):
        if all(first[name] == second[name] for name in SHOWN):
            names += [
                name
                for name in first | second
                if name not in names and first.get(name) != second.get(name)
            ]
    return names


def _row(config: dict, runs: dict, others: list[str]) -> dict:
    row = {name: config[name] for name in SHOWN}
    row |= {name: config.get(name, "") for name in others}
    row["seeds"] = len(runs)
    for score in metrics.SCORES:
        # As floats: None, for what nobody could score, becomes NaN.
        values = np.array([run[score] for run in runs.values()], float)
        row[score] = round(float(np.mean(values)), 3)
        row[f"{score}_std"] = round(float(np.std(values)), 3)
    best = {run.get(CALIBRATED, (None, None)) for run in runs.values()}
    if len(best) == 1 and (None, None) not in best:  # one penalty for all
        ((row[CALIBRATED], row[f"{CALIBRATED}_std"]),) = best
    return row
