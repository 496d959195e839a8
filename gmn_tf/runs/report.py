"""Reports of runs in words and tables, for the terminal and as CSV.

A score is a dictionary of `mean` and `std`, in percent, as in metrics.json.
"""

import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from gmn_tf.data.embeddings import STANDARD
from gmn_tf.data.feature_scaling import NONE
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.classifiers.table import CLASSIFIERS
from gmn_tf.method.metrics import BASELINE, SCORES
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs import shortfalls
from gmn_tf.utils.errors import counted
from gmn_tf.utils.files import csv_text
from gmn_tf_datasets.zero_shot import splits

PARTS = ("mean", "std")
LEGEND = """\
T-1: unseen classes among unseen candidates; u, s: unseen and seen classes
among all candidates; h: harmonic mean of u and s. In percent,
"""
UNSCORED = """\
T-1, u and h are unknown, because no unseen class has a sample to score. The
same command with --split=tune estimates them on the validation classes."""


def scores_table(
    metrics: Mapping, others: Mapping[str, Mapping] | None = None
) -> str:
    """The scores of a run beside those of its baseline.

    Args:
        metrics: the contents of metrics.json.
        others: scores of what was not trained, by name.

    Returns:
        Lines to print, without a line end after the last.
    """
    seeds = metrics["classifier_seeds"]
    baseline = metrics.get("baseline")
    rows = [_row(metrics["variant"], metrics, seeds)]
    if baseline:
        rows.append(_row(BASELINE, baseline, seeds))
    rows += [_row(name, scores, 1) for name, scores in (others or {}).items()]
    parts = [heading(metrics), "", _aligned(rows), "", _legend(seeds)]
    if metrics["h"]["mean"] is None:
        parts.append(UNSCORED)
    elif baseline:
        parts.append(_comparison(metrics["h"], baseline["h"], seeds))
        if "seen_penalty" in metrics:
            parts.append(
                f"{BASELINE} has no penalty; one could improve it, too."
            )
        for name in metrics.get("classifier", "").split("+"):
            if name in CLASSIFIERS and not CLASSIFIERS[name].describes:
                parts.append(
                    f"{BASELINE} has bilinear in place of {name}, which needs "
                    "samples of every class."
                )
    return "\n".join(parts)


def limits_table(metrics: Mapping) -> str:
    """What the data can give, beside what a run reached, and advice.

    Args:
        metrics: the contents of metrics.json, with the block `limits`.
    """
    limits = metrics["limits"]

    def text(name):
        return "-" if limits[name] is None else f"{limits[name]:.1f}"

    alone, candidates = text("seen_alone"), limits["left_out_candidates"]
    explained = limits["left_out_r2"]
    part = "" if explained is None else f"; R² of their means {explained:.2f}"
    rows = {
        "chance": f"T-1 {text('chance_t1')}, u and s {text('chance_u_s')}",
        "linear probe": f"{text('linear_probe')} among seen classes "
        f"by a linear classifier; this run {alone}",
        "nearest class mean": f"{text('nearest_class_mean')} among seen "
        f"classes; chance {text('chance_seen')}",
        "classes left out": "- (too few seen classes)"
        if limits["left_out"] is None
        else f"{text('left_out')} among about {candidates:.0f}, "
        + (
            f"mostly chance ({limits['seen_classes']} seen)"
            if shortfalls.is_few(limits)
            else "a rough estimate of T-1"
        )
        + part,
        "descriptions": f"rank {limits['description_rank']} for "
        f"{limits['described_classes']} classes",
    }
    width = max(map(len, rows)) + 3
    lines = ["What the data can give (percent, from training samples):"]
    lines += [f"  {name.ljust(width)}{row}" for name, row in rows.items()]
    for sentence in limits["advice"]:
        lines += ["", textwrap.fill(sentence, 80, break_on_hyphens=False)]
    return "\n".join(lines)


def chosen_table(metrics: Mapping) -> str:
    """The settings that the separate protocol chose for each score."""
    lines = [
        "Chosen on the tune splits (h combines the classifiers of u and s):"
    ]
    for task, settings in metrics["chosen"].items():
        values = [f"{name} {value:g}" for name, value in settings.items()]
        lines.append(f"  {SCORES[task]}: {', '.join(values)}")
    return "\n".join(lines)


def class_accuracy_csv(
    class_names: Sequence[str],
    num_seen: int,
    accuracies: np.ndarray,
    baseline: np.ndarray | None = None,
) -> str:
    """CSV with one row per class, in percent.

    Args:
        class_names: `C` names, seen classes first.
        num_seen: S.
        accuracies: `[classifiers, C]` shares from 0 to 1; NaN for a class
            without a sample to score, whose cells stay empty.
        baseline: the same for the variant real_only, or None.
    """
    if baseline is None:
        baseline = np.full((1, len(class_names)), np.nan)
    columns = {
        "accuracy_percent": accuracies.mean(axis=0),
        "std_percent": accuracies.std(axis=0),
        f"{BASELINE}_percent": baseline.mean(axis=0),
    }
    return csv_text(
        [
            {
                "class": name,
                "seen": "yes" if label < num_seen else "no",
                **{k: _cell(100.0 * v[label]) for k, v in columns.items()},
            }
            for label, name in enumerate(class_names)
        ]
    )


def curve_csv(rows: Iterable[Mapping], along: str) -> str:
    """CSV of Fig. 3 or 5: scores in percent along a variable.

    Args:
        rows: dictionaries with the scores `t1`, `u`, `s`, `h` and the variable.
        along: its name, such as `n`, the number of synthetic features per
            class.
    """
    return csv_text(
        [
            {along: row[along]} | {k: _cell(v) for k, v in flat(row).items()}
            for row in rows
        ]
    )


def flat(scores: Mapping[str, Mapping], start: str = "") -> dict:
    """The columns `t1_mean`, `t1_std` and so on of some scores."""
    return {
        f"{start}{score}_{part}": scores[score][part]
        for score in SCORES
        for part in PARTS
    }


def read_curve(lines: Iterable[Mapping[str, str]], along: str) -> list[dict]:
    """The rows that `curve_csv` has written, from the lines of its CSV."""
    return [
        {along: int(line[along])}
        | {
            score: {p: float(line[f"{score}_{p}"] or "nan") for p in PARTS}
            for score in SCORES
        }
        for line in lines
    ]


def curve_table(rows: Sequence[Mapping], classifiers: int) -> str:
    """The curve of Fig. 3 for the terminal, over so many classifiers."""
    table = [_row(str(row["n"]), row, classifiers) for row in rows]
    return f"{_aligned(table, 'n per class')}\n\n{_legend(classifiers)}"


def trials_table(results: Sequence[Mapping]) -> str:
    """Scores of a search's trials."""
    rows = [
        [str(one["trial"]), *(f"{one[name]:.1f}" for name in SCORES)]
        for one in results
    ]
    return _aligned(rows, "trial")


def calibration_table(
    without: Mapping, chosen: Mapping, classifiers: int, runs: int
) -> str:
    """Scores without a penalty, and with the one chosen on the tune splits.

    Args:
        without: the scores without a penalty.
        chosen: those with the chosen one.
        classifiers: how many were scored, of all runs together.
        runs: how many runs these are from.
    """
    table = [
        _row(f"{row['penalty']:g}", row, classifiers)
        for row in (without, chosen)
    ]
    text = (
        "In the middle of the penalties whose h on the tune splits is near the "
        f"largest:\n--seen_penalty={chosen['penalty']:g}"
    )
    parts = _aligned(table, "penalty"), _legend(classifiers, runs), text
    return "\n\n".join(parts)


def data_summary(data: ZeroShotData, left_out: Collection[str] = ()) -> str:
    """A summary of the data, with notes on its quality but for `left_out`."""
    notes = data.metadata.get("notes", ())
    unseen = data.num_classes - data.num_seen
    tuning = bool(np.any(data.validation_classes >= data.num_seen))
    kind = f"unseen{' (validation)' if tuning else ''} class"
    lines = [
        f"{data.metadata.get('dataset', 'data')}: {data.num_seen} seen and "
        f"{counted(unseen, kind, f'{kind}es')}, features of "
        f"{data.feature_dim} dimensions, embeddings of "
        f"{data.embeddings.shape[1]}.",
        f"{counted(len(data.train), 'sample')} to learn from; to score: "
        f"{len(data.seen)} of seen and {len(data.unseen)} of unseen classes.",
        *_scaling_summary(data),
        *(f"Note: {note}" for note in notes if note not in left_out),
    ]
    return "\n".join(lines)


def cautions(data: ZeroShotData) -> list[str]:
    """What to know of validation on this data, loaded with the test splits."""
    counts = np.bincount(data.train.labels, minlength=data.num_classes)
    validation = data.validation_classes
    return splits.cautions(
        [data.class_names[label] for label in validation],
        counts[validation],
        data.num_seen - len(validation),
    )


def _scaling_summary(data: ZeroShotData) -> list[str]:
    """How features and embeddings were scaled, if by statistics."""
    scaling = data.feature_scaling
    lines = []
    if scaling.kind != NONE:
        lines.append(f"Features are scaled by the training samples: {scaling}.")
    if STANDARD in data.embedding_norm:
        lines.append(
            f"Embeddings are scaled by the seen classes: {data.embedding_norm}."
        )
    return lines


def heading(metrics: Mapping) -> str:
    """One line that says what was scored, and how."""
    seeds = metrics["classifier_seeds"]
    parts = [f"{metrics['protocol']} protocol", f"{metrics['split']} split"]
    if VARIANTS[metrics["variant"]].has_generator:
        parts.append(f"{metrics['steps']} generator steps")
    if "classifier" in metrics:
        parts.append(f"classifier {metrics['classifier']}")
    if "seen_penalty" in metrics:
        parts.append(f"seen penalty {metrics['seen_penalty']:g}")
    parts.append(f"seed {metrics['seed']}")
    parts.append(counted(seeds, "classifier"))
    return f"{metrics['dataset']}, {metrics['variant']}: {', '.join(parts)}"


def _legend(classifiers: int, runs: int = 1) -> str:
    """What the scores are, and what their ± is over."""
    spread = "of one classifier"
    if classifiers > 1:
        spread = f"mean ± standard deviation over {classifiers} classifiers"
    if runs > 1:
        spread += f" of {runs} runs"
    return f"{LEGEND}{spread}."


def _comparison(own: Mapping, other: Mapping, seeds: int) -> str:
    # Of the rounded values, which a reader can check in the table.
    points = round(own["mean"], 1) - round(other["mean"], 1)
    if abs(points) < 0.05:
        return f"With this seed, h is the same as that of {BASELINE}."
    direction = "above" if points > 0 else "below"
    within = seeds > 1 and abs(points) <= own["std"] + other["std"]
    return (
        f"With this seed, h is {abs(points):.1f} points {direction} that of "
        + BASELINE
        + (",\nwithin the spread between classifiers." if within else ".")
    )


def _row(name: str, scores: Mapping, seeds: int = 2) -> list[str]:
    return [name] + [
        mean_and_std(**scores[key], number=seeds) for key in SCORES
    ]


def mean_and_std(mean: float | None, std: float | None, number: int) -> str:
    """A score as text; a mean of one number has no deviation."""
    if mean is None or np.isnan(mean):
        return "-"
    return f"{mean:.1f} ± {std:.1f}" if number > 1 else f"{mean:.1f}"


def cells_over_seeds(row: Mapping, names: Iterable[str] = SCORES) -> list[str]:
    """The cells of a row with `seeds` and columns as in `tables.over_seeds`."""
    return [
        mean_and_std(row[name], row[f"{name}_std"], row["seeds"])
        if name in row
        else ""
        for name in names
    ]


def markdown_table(
    heading: Sequence[str], lines: Iterable[Sequence[str]]
) -> str:
    """A Markdown table of texts."""
    rows = heading, ["---"] * len(heading), *lines
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _aligned(rows: list[list[str]], corner: str = "") -> str:
    """Rows under the scores' names, in columns of equal width."""
    rows = [[corner, *SCORES.values()], *rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for name, *cells in rows:
        right = [cell.rjust(width) for cell, width in zip(cells, widths[1:])]
        lines.append("   ".join([name.ljust(widths[0]), *right]))
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.4f}"
