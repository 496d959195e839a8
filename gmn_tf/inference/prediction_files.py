"""Predictions as CSV or JSON."""

import json
from collections.abc import Sequence

from gmn_tf.data.label_map import LabelMap
from gmn_tf.utils.files import csv_text

Top = Sequence[tuple[str | None, float]]


def without_unlikely(tops: Sequence[Top], least: float) -> list[Top]:
    """Answers, of which those below a probability lose all their classes.

    Returns:
        Of each sample its classes, or one pair of None and the probability of
        the likeliest class, for no answer.
    """
    return [top if top[0][1] >= least else [(None, top[0][1])] for top in tops]


def to_csv(
    samples: Sequence[str],
    tops: Sequence[Top],
    classes: LabelMap,
) -> str:
    """One line per sample and class, likeliest first.

    No answer is one line without a class, with the largest probability.

    Args:
        samples: `n` names.
        tops: of each, classes and probabilities, as `Predictor.top` gives.
        classes: the label map, with the kind of each class.
    """
    kinds = {None: None, **dict(zip(classes.names, classes.kinds))}
    return csv_text(
        [
            {
                "sample": sample,
                "rank": rank,
                "class": name,
                "kind": kinds[name],
                "probability": f"{probability:.6f}",
            }
            for sample, top in zip(samples, tops)
            for rank, (name, probability) in enumerate(top, start=1)
        ]
    )


def to_json(
    samples: Sequence[str],
    tops: Sequence[Top],
    classes: LabelMap,
) -> str:
    """The same as a list with one object per sample."""
    kinds = {None: None, **dict(zip(classes.names, classes.kinds))}
    content = [
        {
            "sample": sample,
            "classes": [
                {"class": name, "kind": kinds[name], "probability": probability}
                for name, probability in top
            ],
        }
        for sample, top in zip(samples, tops)
    ]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


WRITERS = {".csv": to_csv, ".json": to_json}
