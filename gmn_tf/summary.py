"""Runs that differ only in their seed -> mean and std over the seeds."""

import csv
import json
import pathlib

import numpy as np

from gmn_tf.errors import InputError

SCORES = ("t1", "u", "s", "h")
# What makes two runs the same experiment, beside all settings but the seed.
SHOWN = ("dataset", "embedding", "features_file", "variant", "split", "steps")


def over_seeds(paths: list[str]) -> list[dict]:
    """One row per experiment, from the folders of its finished runs.

    The `real_only` baseline of each run is an experiment too, unless the same
    data has runs of that variant.

    Args:
        paths: folders written by bin/train.

    Returns:
        Rows with the settings shown, `seeds`, and for each score the mean and
        the standard deviation over generator seeds, in percent.

    Raises:
        InputError: if there is no folder, or one holds no finished run.
    """
    if not paths:
        raise InputError(
            "Nothing to summarise.",
            "folders of finished runs",
            "no argument",
            "name them, as in: bin/summary runs/flo-*",
        )
    groups = {}
    for path in paths:
        config, metrics = _read(pathlib.Path(path))
        _add(groups, config, metrics)
        if "baseline" in metrics:
            baseline = {**config, "variant": "real_only", "steps": 0}
            _add(groups, baseline, metrics["baseline"])
    return [_row(json.loads(key), runs) for key, runs in groups.items()]


def markdown(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    heading = ["variant", "data", "steps", "seeds", "T-1", "u", "s", "h"]
    lines = [heading, ["---"] * len(heading)]
    for row in rows:
        lines.append(
            [
                row["variant"],
                f"{row['dataset']} {row['embedding']}",
                str(row["steps"]),
                str(row["seeds"]),
                *(f"{row[s]:.1f} ± {row[f'{s}_std']:.1f}" for s in SCORES),
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(rows: list[dict], out: str) -> None:
    """Writes OUT.md and OUT.csv."""
    path = pathlib.Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text(markdown(rows) + "\n", encoding="utf-8")
    with open(
        path.with_suffix(".csv"), "w", newline="", encoding="utf-8"
    ) as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _read(path: pathlib.Path) -> tuple[dict, dict]:
    try:
        config, metrics = (
            json.loads((path / name).read_text(encoding="utf-8"))
            for name in ("config.json", "metrics.json")
        )
        return config["config"], metrics
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} holds no finished run.",
            "config.json and metrics.json, as bin/train writes them",
            str(error),
            "leave it out, or let bin/train finish there",
        ) from error


def _add(groups: dict, config: dict, metrics: dict) -> None:
    shown = {name: config[name] for name in SHOWN}
    if config["variant"] == "real_only":
        shown["steps"] = 0
        rest = {}
    else:
        rest = {k: v for k, v in config.items() if k != "seed"}
    key = json.dumps({**rest, **shown}, sort_keys=True)
    # Keyed by seed: a seed's baseline is the same beside every variant.
    groups.setdefault(key, {})[config["seed"]] = {
        score: metrics[score]["mean"] for score in SCORES
    }


def _row(config: dict, runs: dict) -> dict:
    row = {name: config[name] for name in SHOWN} | {"seeds": len(runs)}
    for score in SCORES:
        values = [run[score] for run in runs.values()]
        row[score] = round(float(np.mean(values)), 3)
        row[f"{score}_std"] = round(float(np.std(values)), 3)
    return row
