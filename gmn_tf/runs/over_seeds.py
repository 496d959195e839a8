"""Runs that differ only in their seed -> mean and std over the seeds."""

import csv
import itertools
import json
import pathlib
import statistics

import numpy as np

from gmn_tf.config import Config
from gmn_tf.method import metrics as evaluation
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError

CALIBRATED = "calibrated_h"
MOST_COLUMNS = 3  # of settings that tell rows apart, in a Markdown table
SHOWN = ("dataset", "embedding", "features_file", "variant", "split", "steps")


def table(paths: list[str]) -> list[dict]:
    """One row per experiment, from the folders of its finished runs.

    The `real_only` baseline of each run is an experiment too, unless the same
    data has runs of that variant.

    Args:
        paths: folders written by bin/train.

    Returns:
        Rows with the settings shown, those that alone tell two rows apart,
        `seeds`, and for each score the mean and the standard deviation over
        generator seeds, in percent; and where runs have been calibrated
        together, `calibrated_h`: the best over penalties, over all classifiers,
        and on the samples it was chosen on.

    Raises:
        InputError: if there is no folder, or one holds no finished run.
    """
    if not paths:
        raise InputError(
            "Nothing to summarise.",
            "folders of finished runs",
            "none",
            "name them, as in: bin/summary runs/flo-*",
        )
    groups = {}
    for path in paths:
        for settings, seed, scores in _read(pathlib.Path(path)):
            key = json.dumps(settings, sort_keys=True)
            # By seed, because a baseline is the same beside every variant.
            groups.setdefault(key, {})[seed] = scores
    settings = [json.loads(key) for key in groups]
    telling = _telling_apart(settings)
    return [
        _row(one, runs, telling) for one, runs in zip(settings, groups.values())
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
    telling = list(rows[0])[len(SHOWN) : after]
    if len({row["features_file"] for row in rows}) > 1:
        telling.insert(0, "features_file")
    joined = len(telling) > MOST_COLUMNS
    named = ["other settings"] if joined else telling
    heading = ["variant", "data", "split", "steps", *named, "seeds"]
    heading += ["T-1", "u", "s", "h"]
    scores = list(evaluation.SCORES)
    if any(CALIBRATED in row for row in rows):
        heading.append("best h by a penalty, on the same samples")
        scores.append(CALIBRATED)
    lines = [heading, ["---"] * len(heading)]
    for row in rows:
        lines.append(
            [
                row["variant"],
                f"{row['dataset']} {row['embedding']}",
                row["split"],
                str(row["steps"]),
                *(
                    [_unusual(row, rows, telling)]
                    if joined
                    else [str(row[name]) for name in telling]
                ),
                str(row["seeds"]),
                *(_mean_and_std(row, score) for score in scores),
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _unusual(row: dict, rows: list[dict], names: list[str]) -> str:
    """The settings of a row that most rows have otherwise."""
    usual = {
        name: statistics.mode(str(other[name]) for other in rows)
        for name in names
    }
    return ", ".join(
        f"{name}={row[name]}"
        for name in names
        if str(row[name]) not in (usual[name], "")
    )


def write(rows: list[dict], out: str) -> None:
    """Writes OUT.md and OUT.csv."""
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    with open(f"{out}.md", "w", encoding="utf-8") as file:
        file.write(markdown(rows) + "\n")
    with open(f"{out}.csv", "w", newline="", encoding="utf-8") as file:
        columns = max(rows, key=len)  # some rows may be calibrated
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {k: "" if _is_nan(v) else v for k, v in row.items()}
            )


def _is_nan(value) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _read(path: pathlib.Path) -> list[tuple[dict, int, dict]]:
    """Settings, seed and scores of a run, and of its baseline."""
    try:
        stored, metrics = (
            files.parse_json((path / name).read_text(encoding="utf-8"))
            for name in ("config.json", "metrics.json")
        )
        # Of older runs, what was no setting then has its default.
        config = Config(**stored["config"]).to_dict()
        data = stored["data"]["name"]
        is_baseline = config["variant"] == evaluation.BASELINE
        runs = [_run(config, data, metrics, is_baseline)]
        runs[0][-1].update(_calibrated(path))
        if "baseline" in metrics:
            plain = {**config, "seen_penalty": 0.0}
            runs.append(_run(plain, data, metrics["baseline"], True))
        return runs
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path} holds no finished run.",
            "config.json and metrics.json, as bin/train writes them",
            f"{type(error).__name__}: {error}",
            "leave it out, or let bin/train finish there",
        ) from error


def _run(config: dict, data: str, scores: dict, is_baseline: bool):
    settings = {k: v for k, v in config.items() if k != "seed"}
    if is_baseline:
        # What a classifier on real samples alone depends on, and no more.
        settings = {
            name: value
            for name, value in settings.items()
            if name in SHOWN
            or name in ("embedding_norm", "seen_penalty")
            or name.startswith("classifier_")
        } | {"variant": evaluation.BASELINE, "steps": 0}
    means = {
        score: _percent(scores[score]["mean"]) for score in evaluation.SCORES
    }
    if np.isnan(means["s"]):
        raise ValueError("seen classes have no score")
    return {**settings, "data": data}, config["seed"], means


def _percent(value: float | None) -> float:
    if value is None:  # No unseen class had a sample to score.
        return float("nan")
    if isinstance(value, bool) or not 0.0 <= value <= 100.0:
        raise ValueError(f"{value!r} is no score in percent")
    return value


def _calibrated(path: pathlib.Path) -> dict:
    """The best h that bin/evaluate --calibrate has found for a run, if any."""
    if not (path / "calibration.csv").exists():
        return {}
    with (path / "calibration.csv").open(newline="") as file:
        best = max(csv.DictReader(file), key=lambda row: float(row["h_mean"]))
    h = _percent(float(best["h_mean"])), _percent(float(best["h_std"]))
    return {CALIBRATED: h}


def _telling_apart(settings: list[dict]) -> list[str]:
    """What differs between rows that look the same by what is shown."""
    names = []
    for first, second in itertools.combinations(settings, 2):
        if all(first[name] == second[name] for name in SHOWN):
            names += [
                name
                for name in first | second
                if name not in names and first.get(name) != second.get(name)
            ]
    return names


def _row(config: dict, runs: dict, telling: list[str]) -> dict:
    row = {name: config[name] for name in SHOWN}
    row |= {name: config.get(name, "") for name in telling}
    row["seeds"] = len(runs)
    for score in evaluation.SCORES:
        values = [run[score] for run in runs.values()]
        row[score] = round(float(np.mean(values)), 3)
        row[f"{score}_std"] = round(float(np.std(values)), 3)
    best = {run.get(CALIBRATED) for run in runs.values()}
    if len(best) == 1 and None not in best:  # by one penalty for all seeds
        ((row[CALIBRATED], row[f"{CALIBRATED}_std"]),) = best
    return row


def _mean_and_std(row: dict, score: str) -> str:
    if score not in row:
        return ""
    if np.isnan(row[score]):
        return "-"
    if row["seeds"] == 1:
        return f"{row[score]:.1f}"
    return f"{row[score]:.1f} ± {row[f'{score}_std']:.1f}"
