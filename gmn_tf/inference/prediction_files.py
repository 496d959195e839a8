"""Predictions as CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence

from gmn_tf.data.label_map import LabelMap


def to_csv(
    samples: Sequence[str],
    tops: Sequence[Sequence[tuple[str, float]]],
    classes: LabelMap,
) -> str:
    """One line per sample and class, likeliest first.

    Args:
        samples: `n` names.
        tops: of each, classes and probabilities, as `Predictor.top` gives.
        classes: the label map, with the kind of each class.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sample", "rank", "class", "kind", "probability"])
    kinds = dict(zip(classes.names, classes.kinds))
    for sample, top in zip(samples, tops):
        writer.writerows(
            (sample, rank, name, kinds[name], f"{probability:.6f}")
            for rank, (name, probability) in enumerate(top, start=1)
        )
    return text.getvalue()


def to_json(
    samples: Sequence[str],
    tops: Sequence[Sequence[tuple[str, float]]],
    classes: LabelMap,
) -> str:
    """The same as a list with one object per sample."""
    kinds = dict(zip(classes.names, classes.kinds))
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
