"""What a person reads: tables for the terminal, CSV for a spreadsheet."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterator

import numpy as np
import tqdm

from gmn_tf.data import ZeroShotData

SCORES = {"t1": "T-1", "u": "u", "s": "s", "h": "h"}


def data_summary(data: ZeroShotData) -> str:
    """One line about what a run learns from."""
    unseen = data.num_classes - data.num_seen
    return (
        f"{data.metadata['dataset']}: {data.num_seen} seen and {unseen} unseen "
        f"classes; {len(data.train)} samples to train, {len(data.seen)} seen "
        f"and {len(data.unseen)} unseen to score; features "
        f"{data.feature_dim}-d, embeddings {data.embeddings.shape[1]}-d."
    )


def scores_table(metrics: dict) -> str:
    """The scores of a run beside those of real samples alone.

    Args:
        metrics: the contents of metrics.json.
    """
    rows = [("", *SCORES.values()), _row(metrics["variant"], metrics)]
    baseline = metrics.get("baseline")
    if baseline:
        rows.append(_row("real_only", baseline))
    heading = (
        f"{metrics['dataset']}, {metrics['protocol']} protocol, scored on the "
        f"{metrics['split']} split: {metrics['steps']} generator steps, seed "
        f"{metrics['seed']}; percent, mean ± std over "
        f"{metrics['classifier_seeds']} classifiers"
    )
    lines = ["", heading, "", _aligned(rows), ""]
    if baseline:
        gain = metrics["h"]["mean"] - baseline["h"]["mean"]
        lines += [
            f"h is {abs(gain):.1f} points {'above' if gain >= 0 else 'below'} "
            "that of the classifier trained on real samples alone.",
            "",
        ]
    return "\n".join(lines)


def curve_table(rows: list[dict]) -> str:
    """The curve of Fig. 3 as a table; rows as in `curve_csv`."""
    heading = ("synthetic per class", *SCORES.values())
    return _aligned([heading, *(_row(str(row["n"]), row) for row in rows)])


def curve_csv(rows: list[dict]) -> str:
    """The curve of Fig. 3 as CSV.

    Args:
        rows: for each number of synthetic features `n` the scores, each with
            `mean` and `std`.
    """
    columns = [f"{name}_{part}" for name in SCORES for part in ("mean", "std")]
    return _csv(
        [
            ["synthetic_per_class", *columns],
            *(
                [
                    row["n"],
                    *(
                        f"{row[name][part]:.4f}"
                        for name in SCORES
                        for part in ("mean", "std")
                    ),
                ]
                for row in rows
            ),
        ]
    )


def class_accuracy_csv(
    class_names,
    num_seen: int,
    accuracies: np.ndarray,
    baseline: np.ndarray | None,
) -> str:
    """Accuracy of each class in percent, as CSV.

    Args:
        class_names: `C` names, seen classes first.
        num_seen: S.
        accuracies: `[classifiers, C]`, 0..1; NaN for a class without samples.
        baseline: the same of the classifiers on real samples alone, or None.
    """
    rows = [["class", "seen", "accuracy", "std", "real_only"]]
    for label, name in enumerate(class_names):
        rows.append(
            [
                name,
                "yes" if label < num_seen else "no",
                _percent(accuracies[:, label].mean()),
                _percent(accuracies[:, label].std()),
                "" if baseline is None else _percent(baseline[:, label].mean()),
            ]
        )
    return _csv(rows)


@contextlib.contextmanager
def progress(
    what: str, total: int, quiet: bool
) -> Iterator[Callable[[], object]]:
    """A progress bar with the time left; gives the call that moves it on."""
    with tqdm.tqdm(
        total=total, desc=what, unit="epoch", disable=quiet, mininterval=0.5
    ) as bar:
        yield bar.update


def _row(name: str, scores: dict) -> tuple[str, ...]:
    return (
        name,
        *(
            f"{scores[score]['mean']:.1f} ± {scores[score]['std']:.1f}"
            for score in SCORES
        ),
    )


def _aligned(rows) -> str:
    """First column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )


def _percent(accuracy: float) -> str:
    return "" if np.isnan(accuracy) else f"{100.0 * accuracy:.2f}"


def _csv(rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
