"""Runs that differ only in their seed -> mean and std over the seeds."""

import itertools
import json
import pathlib
import statistics

from gmn_tf.config import KERNEL, REAL
from gmn_tf.method import metrics
from gmn_tf.method.classifiers.table import all_prefixes
from gmn_tf.runs import report, tables
from gmn_tf.runs.workdir import SEARCH
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError

CALIBRATED = "calibrated_h"
MOST_COLUMNS = 3  # of settings that distinguish rows, in a Markdown table
_SCORE_COLUMNS = {f"{s}{end}" for s in metrics.SCORES for end in ("", "_std")}
_DATA = ("dataset", "embedding", "features_file", "split")
SHOWN = ("dataset", "embedding", "features_file", "variant", "split", "steps")
# What else a classifier on real samples depends on, beside its own settings.
OF_BASELINE = (
    *("feature_scaling", "embedding_norm", "seen_penalty", "precision"),
    *("data", "plugins", "plugin_settings"),
)
OF_KERNEL = ("representation", "kernel_width")  # with --representation=kernel


def table(paths: list[str]) -> list[dict]:
    """One row per experiment, from finished runs, by the joint protocol.

    The `real_only` baseline of each run is an experiment too, unless the same
    data has runs of that variant.

    Args:
        paths: folders written by bin/train, or tables of runs written by
            `write`.

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
    experiments = [json.loads(key) for key in groups]
    others = _differing(experiments)
    rows = []
    for settings, runs in zip(experiments, groups.values()):
        row = {name: settings[name] for name in SHOWN}
        row |= {name: settings.get(name, "") for name in others}
        row["seeds"] = len(runs)
        row |= tables.over_seeds(runs.values())
        best = {run.get(CALIBRATED, (None, None)) for run in runs.values()}
        if len(best) == 1 and (None, None) not in best:  # one penalty for all
            ((row[CALIBRATED], row[f"{CALIBRATED}_std"]),) = best
        rows.append(row)
    # The baseline comes last among the rows of the same data.
    by_data = {}
    for row in rows:
        by_data.setdefault(tuple(row[name] for name in _DATA), []).append(row)
    return [
        row
        for alike in by_data.values()
        for row in sorted(alike, key=lambda r: r["variant"] == metrics.BASELINE)
    ]


def is_unfinished(path: str) -> bool:
    """Whether a run was begun in this folder and has not ended."""
    folder = pathlib.Path(path)
    # With --preset=auto its settings are searched first.
    begun = any((folder / name).exists() for name in ("config.json", SEARCH))
    ended = (folder / "metrics.json").exists()
    return begun and not ended and not is_search(path)


def is_search(path: str) -> bool:
    """Whether this is the folder of a search, which has runs inside."""
    return (pathlib.Path(path) / "search.json").exists()


def markdown(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    others = list(rows[0])[len(SHOWN) : list(rows[0]).index("seeds")]
    if len({row["features_file"] for row in rows}) > 1:
        others.insert(0, "features_file")
    joined = len(others) > MOST_COLUMNS
    named = ["other settings"] if joined else others
    heading = ["variant", "data", "split", "steps", *named, "seeds"]
    heading += metrics.SCORES.values()
    scores = list(metrics.SCORES)
    if any(CALIBRATED in row for row in rows):
        heading.append("best h by a penalty, on the same samples")
        scores.append(CALIBRATED)
    # In one column, only what is not as in most rows.
    usual = {
        name: statistics.mode(str(row[name]) for row in rows) for name in others
    }
    lines = []
    for row in rows:
        settings = {name: str(row[name]) for name in others}
        if joined:
            unusual = [
                f"{name}={value}"
                for name, value in settings.items()
                if value not in (usual[name], "")
            ]
            settings = {"other settings": ", ".join(unusual)}
        lines.append(
            [
                row["variant"],
                f"{row['dataset']} {row['embedding']}",
                row["split"],
                str(row["steps"]),
                *settings.values(),
                str(row["seeds"]),
                *report.cells_over_seeds(row, scores),
            ]
        )
    return report.markdown_table(heading, lines)


def legend(rows: list[dict]) -> str:
    """What the numbers and the columns of settings mean, below the table."""
    lines = [
        "Percent; mean ± standard deviation over seeds, each the mean of its "
        "classifiers."
    ]
    if len(rows) > 1:
        lines.append(
            "Of settings, the table has those in which rows of the same "
            "variant, data, split and steps differ; OUT_runs.csv of --out=OUT "
            "has all."
        )
    return "\n".join(lines)


def write(rows: list[dict], out: str, paths: list[str] = ()) -> None:
    """Writes the rows of `table(paths)` as OUT.md and OUT.csv.

    The runs themselves, if paths are given, are written as OUT_runs.csv.
    """
    files.write_text(pathlib.Path(f"{out}.md"), markdown(rows) + "\n")
    # Rounded only here: the Markdown table rounds the scores themselves.
    rounded = [
        {
            name: round(value, 3)
            if name in _SCORE_COLUMNS and value is not None
            else value
            for name, value in row.items()
        }
        for row in rows
    ]
    files.write_csv(pathlib.Path(f"{out}.csv"), rounded)
    if runs := [row for path in paths for row in tables.read(path)]:
        files.write_csv(pathlib.Path(f"{out}_runs.csv"), runs)


def _experiments(row: dict) -> list[tuple[dict, int, dict]]:
    """Settings, seed and scores of a run, and of its baseline."""
    config = tables.settings(row).to_dict()
    seed = config.pop("seed")
    settings = {**config, "data": row["data"]}
    if config["variant"] == metrics.BASELINE:
        settings = _of_baseline(settings)
    best = [tables.number(row.get(f"{CALIBRATED}_{p}")) for p in report.PARTS]
    scores = tables.scores(row) | {CALIBRATED: tuple(best)}
    found = [(settings, seed, scores)]
    if tables.has_baseline(row):
        plain = _of_baseline({**settings, "seen_penalty": 0.0})
        found.append((plain, seed, tables.scores(row, tables.BASELINE)))
    return found


def _of_baseline(settings: dict) -> dict:
    """The settings that a classifier on real samples only depends on."""
    # Without a generator it sees the features, unless they are a kernel's.
    is_kernel = settings.get("representation") == KERNEL
    of_kernel = OF_KERNEL if is_kernel else ()
    return {
        name: value
        for name, value in settings.items()
        if name in (*SHOWN, *OF_BASELINE, *of_kernel)
        or name.startswith(("classifier", *all_prefixes()))
    } | {"variant": metrics.BASELINE, "steps": 0, "classifier_rows": REAL}


def _differing(settings: list[dict]) -> list[str]:
    """The settings in which rows differ that have the same `SHOWN` ones."""
    names = {}
    for first, second in itertools.combinations(settings, 2):
        if all(first[name] == second[name] for name in SHOWN):
            names |= {
                name: None
                for name in first | second
                if first.get(name) != second.get(name)
            }
    return list(names)
