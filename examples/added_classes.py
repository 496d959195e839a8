#!/usr/bin/env python3
"""How well a run recognises classes that were added after training.

    python examples/added_classes.py --out=results/added_classes runs/flo-*

Every fourth unseen class of each run is left out, and then added in the two
ways of bin/predict: by its description alone, or by synthetic features with
which the classifiers are fitted again. With an inductive variant, the second
way gives what the run would have given with those classes, since its generator
learns from seen classes alone. Writes the means over the runs, as CSV and
Markdown.
"""

import dataclasses
import pathlib
import time

import numpy as np

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command, start_tensorflow
from gmn_tf.utils.errors import InputError

EVERY = 4
COLUMNS = ("added", "u", "s", "h", "t1", "seconds")
HEADER = """\
| added | accuracy of the added classes | u | s | h | T-1 | seconds |
|---|---|---|---|---|---|---|
"""


@command(
    define.string("out", None, "Folder of the table."),
    shared.MOVED_DATA_DIR,
    shared.MEMORY,
    shared.QUIET,
    takes_arguments=True,
)
def compare(values, folders) -> None:
    """Compares the two ways over all runs, and writes the table.

    python examples/added_classes.py --out=results/added_classes runs/flo-*
    """
    log = shared.logger(values)
    if not folders:
        raise InputError(
            "No run is given.",
            "folders of finished runs",
            "none",
            "Name the folders, as in runs/flo-*.",
        )
    start_tensorflow()
    from gmn_tf.utils import files

    rows = []
    for folder in folders:
        run = shared.open_run(folder, values)
        rows += [{"run": run.title, **row} for row in ways(run)]
    table = HEADER
    for way in dict.fromkeys(row["way"] for row in rows):
        cells = [
            f"{np.mean(column):.1f} ± {np.std(column):.1f}"
            for column in (
                [row[name] for row in rows if row["way"] == way]
                for name in COLUMNS
            )
        ]
        table += f"| {way} | " + " | ".join(cells) + " |\n"
    log(f"{len(folders)} run(s): mean and standard deviation\n\n{table}")
    if values.out:
        out = pathlib.Path(values.out)
        files.write_csv(out / "scores.csv", rows)
        files.write_text(out / "scores.md", table)


def ways(run) -> list[dict]:
    """Scores of a run without the classes, and with them in both ways."""
    from gmn_tf.data.label_map import LabelMap
    from gmn_tf.inference import prediction
    from gmn_tf.training import final_classifiers

    data, count = added_last(run.data)
    names = data.class_names[-count:]
    raw = descriptions(data, names)
    short = dataclasses.replace(
        data,
        class_names=data.class_names[:-count],
        embeddings=data.embeddings[:-count],
    )
    run = dataclasses.replace(run, data=short)
    before = prediction.Predictor(
        LabelMap.of(short),
        tuple(final_classifiers.fit(run.config, short, run.load_generator())),
    )
    rows = []
    for way, add in (
        ("by description", lambda: before.with_classes(names, raw)),
        ("synthesised", lambda: prediction.synthesised(run, names, raw)),
    ):
        begun = time.monotonic()
        predictor = add()
        seconds = time.monotonic() - begun
        rows.append({"way": way, **score(predictor, data, count)})
        rows[-1]["seconds"] = round(seconds, 2)
    return rows


def added_last(data):
    """The data with every fourth unseen class at the end, and how many."""
    unseen = np.arange(data.num_seen, data.num_classes)
    added = unseen[EVERY - 1 :: EVERY]
    if not len(added):
        raise InputError(
            "There are too few unseen classes to leave some out.",
            f"{EVERY} or more",
            len(unseen),
            "Choose another data set.",
        )
    order = np.concatenate(
        [np.setdiff1d(np.arange(data.num_classes), added), added]
    )
    new_label = np.argsort(order).astype(np.int32)
    relabelled = dataclasses.replace(
        data.unseen, labels=new_label[data.unseen.labels]
    )
    return dataclasses.replace(
        data,
        class_names=tuple(data.class_names[c] for c in order),
        embeddings=data.embeddings[order],
        unseen=relabelled,
    ), len(added)


def descriptions(data, names) -> np.ndarray:
    """Raw embeddings of classes, as a user would have them."""
    known = list(data.metadata["class_names"])
    raw = np.concatenate(data.raw_embeddings, axis=1)
    return raw[[known.index(name) for name in names]]


def score(predictor, data, count: int) -> dict:
    """T-1, u, s, h, and the mean accuracy of the classes that were added."""
    from gmn_tf.data.feature_scaling import UNSCALED
    from gmn_tf.method import metrics

    # Features of a run's data are scaled already.
    classes = dataclasses.replace(predictor.classes, feature_scaling=UNSCALED)
    predictor = dataclasses.replace(predictor, classes=classes)
    found = metrics.score_predictions(
        metrics.Predictions(
            predictor.probabilities(data.seen.features[:]),
            predictor.probabilities(data.unseen.features[:]),
        ),
        data,
    )
    accuracies = found.class_accuracies[-count:]
    scores = {name: getattr(found, name) for name in ("t1", "u", "s", "h")}
    return {"added": 100.0 * float(np.nanmean(accuracies)), **scores}


if __name__ == "__main__":
    compare()
