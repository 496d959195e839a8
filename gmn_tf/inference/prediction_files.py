"""Predictions as CSV or JSON, written as they are made."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from gmn_tf.data.label_map import LabelMap

Top = Sequence[tuple[str | None, float]]


def without_unlikely(tops: Iterable[Top], least: float) -> Iterator[Top]:
    """Answers, of which those below a probability lose all their classes.

    Returns:
        Of each sample its classes, or one pair of None and the probability of
        the likeliest class, for no answer.
    """
    for top in tops:
        yield top if top[0][1] >= least else [(None, top[0][1])]


def write_csv(
    file: TextIO,
    samples: Iterable[str],
    tops: Iterable[Top],
    classes: LabelMap,
) -> None:
    """One line per sample and class, likeliest first.

    No answer is one line without a class, with the largest probability.

    Args:
        file: open for writing.
        samples: `n` names.
        tops: of each, classes and probabilities, as `Predictor.top` gives.
        classes: the label map, with the kind of each class.
    """
    kinds = {None: None, **dict(zip(classes.names, classes.kinds))}
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["sample", "rank", "class", "kind", "probability"])
    for sample, top in zip(samples, tops):
        for rank, (name, probability) in enumerate(top, start=1):
            shown = f"{probability:.6f}"
            lines.writerow([sample, rank, name, kinds[name], shown])


def write_json(
    file: TextIO,
    samples: Iterable[str],
    tops: Iterable[Top],
    classes: LabelMap,
) -> None:
    """The same as a list with one object per sample."""
    kinds = {None: None, **dict(zip(classes.names, classes.kinds))}
    before = "[\n"
    for sample, top in zip(samples, tops):
        found = [
            {"class": name, "kind": kinds[name], "probability": probability}
            for name, probability in top
        ]
        one = {"sample": sample, "classes": found}
        text = json.dumps(one, indent=1, ensure_ascii=False)
        file.write(before + " " + text.replace("\n", "\n "))
        before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


WRITERS = {".csv": write_csv, ".json": write_json}
