"""Finished cells -> the rows of tables 2 and 3, the curves of Fig. 3-5.

Everything is a mean and a standard deviation over generator seeds, of what
each run tells as a mean over its classifiers. No TensorFlow is needed.
"""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from gmn_tf.reproduction import plan

SCORES = ("t1", "u", "s", "h")
PROTOCOLS = {"2": "separate", "3": "joint"}
RESULTS = {"separate": "separate.json", "joint": "metrics.json"}


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        variant: which model.
        source: `measured`, or where a number to compare with is from.
        seeds: how many generator seeds; 0 for those.
        scores: mean and standard deviation (None if unknown) by score.
    """

    variant: str
    source: str
    seeds: int
    scores: Mapping[str, tuple[float, float | None]]


def table(
    out: pathlib.Path, number: str, dataset: str, seeds: int
) -> list[Row]:
    """Rows of a table of the paper, and those to compare with beside them.

    Args:
        out: the folder of `reproduction.plan`.
        number: `2` or `3`.
        dataset: as in `reproduction.Request`.
        seeds: number of seeds.
    """
    protocol = PROTOCOLS[number]
    variants = plan.TABLES[number]
    if number == "3":
        variants = ("real_only", "cwgan", *variants)  # for comparison
    rows = [
        row
        for variant in variants
        for row in _rows(out, protocol, dataset, variant, seeds)
    ]
    if number == "3":
        rows += [
            dataclasses.replace(row, variant=f"{row.variant} ‡")
            for row in _rows(out, "separate", dataset, plan.DAGGER, seeds)
        ]
    return rows


def _rows(out, protocol, dataset, variant, seeds) -> list[Row]:
    """What was measured of a variant, if anything, and what to compare with."""
    found = [
        _scores(
            plan.run_folder(out, dataset, "test", variant, seed)
            / RESULTS[protocol]
        )
        for seed in range(1, seeds + 1)
    ]
    found = [one for one in found if one]
    return ([_row(variant, found)] if found else []) + [
        row for row in published(protocol, dataset) if row.variant == variant
    ]


def published(protocol: str, dataset: str) -> list[Row]:
    """Numbers to compare with for a data set, from published.csv."""
    name, _, embedding = dataset.partition(":")
    path = pathlib.Path(__file__).parent / "published.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(
                variant=line["variant"],
                source=line["source"],
                seeds=0,
                scores={score: (float(line[score]), None) for score in SCORES},
            )
            for line in csv.DictReader(file)
            if (line["protocol"], line["dataset"]) == (protocol, name)
            and line["embedding"] in ("", embedding or "att")
        ]


def count_curves(out: pathlib.Path, dataset: str, seeds: int) -> dict:
    """Fig. 3: scores against the number of synthetic features.

    Returns:
        For each variant the number of `seeds`, the numbers `n`, and for each
        score mean and standard deviation at each; empty without a finished
        run.
    """
    return _curves(out, dataset, seeds, "3", "test", "curve.csv", "n")


def validation_curves(out: pathlib.Path, dataset: str, seeds: int) -> dict:
    """Fig. 5: scores of validation classes against steps; as above."""
    return _curves(out, dataset, seeds, "5", "tune", "validation.csv", "step")


def class_changes(
    out: pathlib.Path, dataset: str, seeds: int
) -> tuple[int, list[tuple[str, float, float, float]]]:
    """Fig. 4: what matching adds to the accuracy of each unseen class.

    Returns:
        How many seeds both variants have; and of each class its name, the
        accuracy of the first variant and of the second in percent (means over
        those seeds), and the difference, the largest gain first.
    """
    runs = {
        variant: _class_accuracies(out, dataset, variant, seeds)
        for variant in plan.FIGURES["4"]
    }
    both = set.intersection(*map(set, runs.values()))
    if not both:
        return 0, []
    first, second = (
        {
            name: float(np.mean([of[seed][name] for seed in both]))
            for name in of[min(both)]
        }
        for of in runs.values()
    )
    rows = [
        (name, first[name], second[name], second[name] - first[name])
        for name in first
    ]
    return len(both), sorted(rows, key=lambda row: -row[3])


def _scores(path: pathlib.Path) -> dict | None:
    if not path.exists():
        return None
    metrics = json.loads(path.read_text(encoding="utf-8"))
    # JSON's null is a score that no unseen class has a sample for.
    return {score: _number(metrics[score]["mean"]) for score in SCORES}


def _number(value: float | str | None) -> float:
    return float("nan") if value in (None, "") else float(value)


def _row(variant: str, found: Sequence[Mapping]) -> Row:
    several = len(found) > 1
    return Row(
        variant=variant,
        source="measured",
        seeds=len(found),
        scores={
            score: (
                float(np.mean([one[score] for one in found])),
                float(np.std([one[score] for one in found]))
                if several
                else None,
            )
            for score in SCORES
        },
    )


def _curves(out, dataset, seeds, figure, split, file_name, along) -> dict:
    curves = {}
    for variant in plan.FIGURES[figure]:
        found = []
        for seed in range(1, seeds + 1):
            folder = plan.run_folder(out, dataset, split, variant, seed)
            finished = (folder / "metrics.json").exists()
            if finished and (folder / file_name).exists():
                found.append(_columns(folder / file_name))
        if found:
            curves[variant] = {along: found[0][along], "seeds": len(found)}
            for score in SCORES:
                values = np.array([one[f"{score}_mean"] for one in found])
                curves[variant][score] = values.mean(axis=0)
                curves[variant][f"{score}_std"] = values.std(axis=0)
    return curves


def _columns(path: pathlib.Path) -> dict[str, np.ndarray]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {
        name: np.array([_number(line[name]) for line in lines])
        for name in lines[0]
    }


def _class_accuracies(out, dataset, variant, seeds) -> dict[int, dict]:
    """Accuracy of each unseen class in percent, for each finished seed."""
    found = {}
    for seed in range(1, seeds + 1):
        folder = plan.run_folder(out, dataset, "test", variant, seed)
        if not (folder / "metrics.json").exists():
            continue
        path = folder / "class_accuracy.csv"
        with path.open(newline="", encoding="utf-8") as file:
            found[seed] = {
                line["class"]: float(line["accuracy_percent"])
                for line in csv.DictReader(file)
                if line["seen"] == "no" and line["accuracy_percent"]
            }
    return found
