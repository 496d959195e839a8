"""Tables of runs, with a row for each run and protocol.

Results stay in them when the folders of the runs are removed. A row has the
name, the protocol, the scores, the data, versions, and all settings, so that it
stays true when a default changes. No TensorFlow is needed.
"""

import dataclasses
import pathlib
from collections.abc import Collection, Mapping

import numpy as np

from gmn_tf.config import Config
from gmn_tf.method.metrics import JOINT, SCORES, SEPARATE
from gmn_tf.runs import report
from gmn_tf.utils import files
from gmn_tf.utils import tables as csv_tables
from gmn_tf.utils.errors import InputError, first_line, listed

RESULTS = {JOINT: "metrics.json", SEPARATE: "separate.json"}
CALIBRATED, BASELINE = "calibrated_", "baseline_"
# What Python raises for a file with other content.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)
_FIRST = ("dataset", "embedding", "variant", "split", "steps", "seed")
_SETTINGS = tuple(field.name for field in dataclasses.fields(Config))
_COLUMNS = {
    *("run", "protocol", "data", "split_fingerprint", "versions"),
    *_SETTINGS,
    *(
        f"{start}{score}_{part}"
        for start in ("", CALIBRATED, BASELINE)
        for score in SCORES
        for part in report.PARTS
    ),
}


def read(path: str | pathlib.Path) -> list[dict]:
    """The rows of a run's folder, or of a table of such rows.

    Raises:
        InputError: if there is no finished run, or no such table.
    """
    path = pathlib.Path(path)
    try:
        rows = _read_folder(path) if path.is_dir() else _read_table(path)
        for row in rows:
            settings(row)
            for start in ("", BASELINE) if has_baseline(row) else ("",):
                if scores(row, start)["s"] is None:
                    raise ValueError("seen classes have no score")
        return rows
    except _DAMAGED as error:
        kind = "" if isinstance(error, InputError) else type(error).__name__
        raise InputError(
            f"{path} holds no finished run.",
            "a folder with config.json and metrics.json, as bin/train writes "
            "them, or a table of runs, as bin/summary writes it",
            f"{kind}: {first_line(error)}".removeprefix(": "),
            "Leave it out, or let bin/train finish there.",
        ) from error


def settings(row: Mapping) -> Config:
    """The settings of a row; those that it lacks have their default."""
    return Config(**{name: row[name] for name in _SETTINGS if name in row})


def scores(row: Mapping, start: str = "") -> dict[str, float | None]:
    """The mean of each score of a row in percent; None for an unknown one.

    With `BASELINE` as the start of columns, the scores of the baseline.
    """
    return {score: number(row.get(f"{start}{score}_mean")) for score in SCORES}


def over_seeds(runs: Collection[Mapping]) -> dict[str, float | None]:
    """Mean and standard deviation of each score, as in `h` and `h_std`.

    Args:
        runs: from `scores`, one for each generator seed; one alone has no
            deviation, which is None.
    """
    columns = {}
    for score in SCORES:
        # As floats: None, for a score that is unknown, becomes NaN.
        values = np.array([run[score] for run in runs], float)
        columns[score] = float(np.mean(values))
        deviation = float(np.std(values)) if len(values) > 1 else None
        columns[f"{score}_std"] = deviation
    return columns


def has_baseline(row: Mapping) -> bool:
    """Whether the row has scores of a baseline."""
    return row.get(f"{BASELINE}s_mean", "") != ""


def number(value: float | str | None) -> float | None:
    """A score in percent, from a cell or a JSON file."""
    if value in (None, ""):  # No unseen class had a sample to score.
        return None
    if isinstance(value, str):
        value = csv_tables.number(value)
    if isinstance(value, bool) or not 0.0 <= value <= 100.0:
        raise ValueError(f"{value!r} is not a score in percent")
    return value


def _read_table(path: pathlib.Path) -> list[dict]:
    rows = csv_tables.read(path, ("run", "protocol", "data"))
    if unknown := {name for row in rows for name in row} - _COLUMNS:
        raise ValueError(f"the columns {listed(sorted(unknown))}")
    if unknown := {row["protocol"] for row in rows} - set(RESULTS):
        raise ValueError(f"the protocols {listed(sorted(unknown))}")
    return rows


def _read_folder(folder: pathlib.Path) -> list[dict]:
    # `read` says what is expected, and what to do.
    stored = files.read_json(folder / "config.json", "", "")
    config = Config(**stored["config"]).to_dict()
    versions = stored.get("versions", {}).items()
    rows = []
    for protocol, name in RESULTS.items():
        if protocol == SEPARATE and not (folder / name).exists():
            continue
        metrics = files.read_json(folder / name, "", "")
        measured = report.flat(metrics)
        if "baseline" in metrics:
            measured |= report.flat(metrics["baseline"], BASELINE)
        if any(isinstance(value, str) for value in measured.values()):
            raise ValueError("a score is a text")
        if protocol == JOINT and (folder / "calibration.csv").exists():
            # The best h that bin/evaluate --calibrate has found.
            best = max(
                csv_tables.read(folder / "calibration.csv", ("h_mean",)),
                key=lambda row: csv_tables.number(row["h_mean"]),
            )
            for part in report.PARTS:
                measured[f"{CALIBRATED}h_{part}"] = number(best[f"h_{part}"])
        rows.append(
            {
                "run": folder.absolute().name,
                "protocol": protocol,
                **{name: config[name] for name in _FIRST},
                **measured,
                "data": stored["data"]["name"],
                "split_fingerprint": stored["data"].get("split_fingerprint"),
                "versions": ", ".join(map(" ".join, versions)),
                **config,
            }
        )
    return rows
