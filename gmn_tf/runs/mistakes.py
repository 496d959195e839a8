"""What the answers of a run are worth: confusions, and when not to answer.

Files of a run, beside the accuracy of each class:

confusions.csv    and .png: which classes are taken for which
reject_curve.csv  and .png: accuracy against the share of samples answered
"""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics, probabilities
from gmn_tf.method.metrics import Predictions
from gmn_tf.method.probabilities import Answers, HeldBack
from gmn_tf.runs import mistake_plots, shortfalls
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.files import csv_text

FILES = ("confusions", "reject_curve")
MOST_CLASSES = 5000  # of a matrix of confusions, which takes C^2 numbers


class Mistakes(NamedTuple):
    """What is measured on the samples held back.

    Attributes:
        record: the block `calibration` of metrics.json.
        confusions: `[C, C]` shares; see `metrics.confusions`. None for more
            than `MOST_CLASSES` classes.
        curve: see `probabilities.reject_curve`.
    """

    record: dict
    confusions: np.ndarray | None
    curve: list[dict]


def measure(
    predictions: Sequence[Predictions],
    data: ZeroShotData,
    temperature: float,
    source: str | None,
    reason: str = "",
) -> Mistakes:
    """Measures final classifiers on the samples held back.

    Args:
        predictions: of each classifier, at the temperature.
        data: what they are scored on.
        temperature: by which their scores are divided.
        source: where it comes from; None if nothing was fitted.
        reason: why nothing could be fitted, if that was tried.
    """
    held_back = HeldBack.of(predictions, data, temperature)
    record = {"temperature": temperature, "fitted_on": source}
    if reason:
        record["reason"] = reason
    record |= probabilities.calibration(held_back, temperature)
    answers = Answers.of(held_back, temperature)
    curve = probabilities.reject_curve(answers)
    if data.num_classes > MOST_CLASSES:
        return Mistakes(record, None, curve)
    shares = np.mean(
        [
            metrics.confusions(
                held_back.labels,
                np.concatenate(
                    [
                        metrics.Best.of(part, data.num_seen).of_all()
                        for part in one
                    ]
                ),
                data.num_classes,
            )
            for one in predictions
        ],
        axis=0,
    )
    return Mistakes(record, shares, curve)


def written(workdir: Workdir) -> bool:
    """Whether the files are there."""
    names = [f"{name}.{end}" for name in FILES for end in ("csv", "png")]
    return all((workdir.path / name).exists() for name in names)


def write(
    workdir: Workdir, data: ZeroShotData, found: Mistakes, title: str
) -> list[str]:
    """Writes the files; returns their names."""
    classes = data.class_names, data.num_seen
    made = {}
    if found.confusions is not None:
        made[FILES[0]] = (
            confusions_csv(*classes, found.confusions),
            mistake_plots.confusions(*classes, found.confusions, title),
        )
    made[FILES[1]] = (
        reject_curve_csv(found.curve),
        mistake_plots.reject_curve(found.curve, title),
    )
    for name, (table, picture) in made.items():
        workdir.write_text(f"{name}.csv", table)
        workdir.save_picture(f"{name}.png", picture)
    return list(made)


def confusions_csv(
    class_names: Sequence[str], num_seen: int, confusions: np.ndarray
) -> str:
    """CSV with a row for each class and each class that it is taken for.

    Args:
        class_names: `C` names, seen classes first.
        num_seen: S.
        confusions: `[C, C]` shares; rows of NaN are left out.
    """

    def seen(label):
        return "yes" if label < num_seen else "no"

    return csv_text(
        [
            {
                "class": class_names[label],
                "seen": seen(label),
                "taken_for": class_names[other],
                "taken_for_seen": seen(other),
                "percent": f"{100.0 * shares[other]:.4f}",
            }
            for label, shares in enumerate(confusions)
            for other in np.argsort(-shares, kind="stable")
            if shares[other] > 0.0
        ]
    )


def reject_curve_csv(curve: Sequence[dict]) -> str:
    """CSV of the reject curve, in percent."""
    return csv_text(
        [
            {
                name if name == "min_probability" else f"{name}_percent": (
                    None if value is None else f"{value:.4f}"
                )
                for name, value in row.items()
            }
            for row in curve
        ]
    )


def fitted_on(metrics: dict) -> str | None:
    """Where the temperature of a run is from, by its metrics.json."""
    return _recorded(metrics).get("fitted_on")


def not_fitted(metrics: dict) -> str:
    """Why it has none, if that was tried; else empty."""
    return _recorded(metrics).get("reason", "")


def _recorded(metrics: dict) -> dict:
    record = metrics.get("calibration")
    return record if isinstance(record, dict) else {}


def uncalibrated(reason: str) -> str:
    """Why there is no temperature, or else how to find one."""
    if reason:
        return f"No temperature is applied: {reason}."
    return f"To find a --temperature: {shortfalls.HOW_TO_CALIBRATE}."


def sentence(record: dict) -> str:
    """The calibration of a run, for the terminal."""

    def percent(name):
        return "-" if record[name] is None else f"{record[name]:.1f} %"

    if record["fitted_on"] is None:
        advice = textwrap.fill(
            uncalibrated(record.get("reason", "")),
            80,
            break_on_hyphens=False,
            break_long_words=False,
        )
        return (
            "Probabilities are not calibrated: expected calibration error "
            f"{percent('ece')}.\n{advice}"
        )
    return (
        f"Expected calibration error of the probabilities: {percent('ece')} "
        f"({percent('ece_before')} before),\nof answers that are seen classes "
        f"{percent('ece_answered_seen')}, unseen classes "
        f"{percent('ece_answered_unseen')}.\n"
        f"Temperature {record['temperature']:g}, from: {record['fitted_on']}."
    )
