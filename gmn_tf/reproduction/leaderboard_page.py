"""The leaderboard as a page, as Markdown and as CSV, and its two figures."""

import json
from collections.abc import Sequence

from matplotlib.figure import Figure

from gmn_tf.method.metrics import SCORES
from gmn_tf.reproduction import leaderboard, page
from gmn_tf.reproduction.leaderboard import NAME, TUNE, Request
from gmn_tf.reproduction.leaderboard_results import FILES, Results, rows_of
from gmn_tf.runs import report
from gmn_tf.runs.entries import TRIALS
from gmn_tf.utils import figures
from gmn_tf.utils.errors import counted

TITLE = "Zero-shot learning systems on the same rows"
PEEKED = "h if chosen on test (do not report)"
HEADING = (
    *("system", *SCORES.values(), PEEKED, "h, tune"),
    *("minutes", "parameters", "seeds", "from", "classifier", "note"),
)
FROM_MEMORY = " †"
# From a point of a figure to its name.
LINE = {"arrowstyle": "-", "relpos": (0, 0.5), "color": "#bbbbbb", "lw": 0.6}


def write(request: Request, results: Results, command: Sequence[str]) -> None:
    """Writes the results of finished jobs; takes what `page.write` does."""
    jobs = leaderboard.jobs(request)
    results.collect(jobs)
    results.write()
    tables, pictures = [], []
    for dataset in results.datasets(request.datasets):
        rows = rows_of(results, request, dataset)
        if not rows:
            continue
        tables.append(_table(dataset, rows, dataset in request.datasets))
        for key, title, draw in (
            ("minutes", "h against minutes of training", against_minutes),
            ("peeked", "h, chosen cleanly and on test", against_peeked),
        ):
            if figure := draw(rows, f"{dataset}: {title}"):
                place = f"{NAME}-{key}-{dataset.replace(':', '-')}"
                pictures.append(
                    page.Picture(place, f"{dataset}: {title}", figure)
                )
    page.publish(
        (f"{NAME}.html", f"{NAME}.md"),
        request,
        TITLE,
        reading(request),
        tables,
        pictures,
        command,
        [job for job in jobs if results.has(job)],
    )


def reading(request: Request) -> str:
    """How all tables are read, and what all rows have in common."""
    return (
        f"Each system had the same budget: {TRIALS} trials, each a set of "
        "settings scored on the tune splits with seed 1, in at most "
        f"{request.minutes:g} minutes. The settings and the penalty of seen "
        "classes with the largest h there were then scored once on the test "
        "splits, with each seed, at the last step and epoch. Scores in "
        "percent, mean ± standard deviation over generator seeds. T-1: unseen "
        "classes among unseen candidates; u, s: unseen and seen classes among "
        "all candidates; h: harmonic mean of u and s. Minutes: training of the "
        "generator and the final classifiers, while other jobs may have run. "
        "Parameters: those of the generator and one final classifier. The "
        "column after h shows what must not be done: the h that is found if "
        "the step, the settings of the final classifier and the penalty are "
        "those that are best on test. †: written from memory of the paper."
    )


def _table(dataset: str, rows, asked: bool) -> page.Table:
    lines = []
    for row in rows:
        memory = FROM_MEMORY * row["from_memory"]
        several = {**row, "seeds": max(row["seeds"], 1)}
        note = f"failed: {row['reason']}" if row["reason"] else ""
        if not note and row["trials"] < TRIALS:
            note = f"{row['trials']:g} of {TRIALS} trials, no time for more"
        if not note and row["peeked_reason"]:
            note = f"choosing on test failed: {row['peeked_reason']}"
        lines.append(
            [
                row["title"] + memory,
                *report.cells_over_seeds(several),
                *report.cells_over_seeds(
                    {**row, "seeds": row.get("peeked_seeds")}, ["peeked_h"]
                ),
                report.mean_and_std(row["tune_h"], None, 1),
                f"{row['minutes']:.1f}" if "minutes" in row else "",
                f"{row['parameters'] / 1e6:.2f} M"
                if "parameters" in row
                else "",
                str(row["seeds"] or ""),
                row["paper"],
                row["classifier"],
                note,
            ]
        )
    found = [row for row in rows if "peeked_h" in row]
    note = "Nothing was chosen on test yet, to compare with."
    if found:
        gains = [row["peeked_gain"] for row in found]
        mean = sum(gains) / len(gains)
        note = (
            f"Choosing on test adds {mean:.1f} to h on average over "
            f"{counted(len(gains), 'system')}, {max(gains):.1f} at most."
        )
        if any(row["peeked_seeds"] < row["seeds"] for row in found):
            done = sorted(row["peeked_seeds"] for row in found)
            bounds = " to ".join(map(str, dict.fromkeys((done[0], done[-1]))))
            seeds = counted(max(row["seeds"] for row in found), "seed")
            note += (
                f" This was done with {bounds} of {seeds} and compared with h "
                "of the same."
            )
    if not asked:
        note += (
            " Measured by another command, perhaps with other minutes and "
            f"flags; its settings are in {NAME}/{FILES[TUNE]}.csv."
        )
    return page.Table(
        number=NAME,
        dataset=dataset,
        title=f"Systems on {dataset}",
        note=note,
        heading=HEADING,
        lines=lines,
        records=[
            {**row, "settings": row["settings"] and json.dumps(row["settings"])}
            for row in rows
        ],
        texts=("from", "classifier", "note"),
        warned=(PEEKED,),
        grey=[n for n, row in enumerate(rows) if row["reason"]],
    )


def against_minutes(rows, title: str) -> Figure | None:
    """h against the minutes of training; the names in a column beside it."""
    rows = [row for row in rows if "h" in row]
    if not rows:
        return None
    figure, axes = figures.new_figure(9.0, max(4.0, 1.2 + 0.2 * len(rows)))
    axes.set_xscale("log")
    for place, row in enumerate(rows):
        point = max(row["minutes"], 0.01), row["h"]
        colour = figures.COLOURS[0 if row["generator"] else 1]
        form = "o" if row["generator"] else "s"
        axes.errorbar(*point, row["h_std"], fmt=form, color=colour)
        axes.annotate(
            figures.plain_text(row["title"], 45),
            point,
            xytext=(1.05, 1.0 - (place + 0.5) / len(rows)),
            textcoords="axes fraction",
            verticalalignment="center",
            fontsize=8,
            color=colour,
            arrowprops=LINE,
        )
    axes.set_xlabel("Minutes of training (squares: no generator)")
    axes.set_ylabel("h (%)")
    axes.set_title(figures.plain_text(title, 90), loc="left")
    return figure


def against_peeked(rows, title: str) -> Figure | None:
    """What a clean choice gives, and what choosing on test would have."""
    rows = [row for row in rows if "peeked_h" in row]
    if not rows:
        return None
    figure, axes = figures.new_figure(9.0, 1.2 + 0.3 * len(rows))
    places = range(len(rows), 0, -1)
    peeked = [row["peeked_h"] for row in rows]
    clean = [row["peeked_h"] - row["peeked_gain"] for row in rows]
    axes.hlines(places, clean, peeked, color=figures.GREY, lw=1)
    drawn = [
        axes.plot(values, places, marker, color=figures.COLOURS[number])[0]
        for number, (values, marker) in enumerate(((clean, "o"), (peeked, "x")))
    ]
    titles = [figures.plain_text(row["title"], 45) for row in rows]
    axes.set_yticks(places, titles)
    axes.grid(axis="x", color="#dddddd")
    axes.set_xlabel("h (%), mean over generator seeds")
    figures.legend(
        figure,
        drawn,
        ["settings chosen on the tune splits", "chosen on test: not a result"],
        "outside lower center",
    )
    axes.set_title(figures.plain_text(title, 90), loc="left")
    return figure
