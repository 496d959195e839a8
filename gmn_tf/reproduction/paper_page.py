"""What bin/reproduce writes: tables, figures, and one page with everything.

The page needs no network and no other file: pictures are inside it.
"""

import csv
import dataclasses
import importlib.resources
import io
import math
import re
import shlex
from collections.abc import Mapping, Sequence

import jinja2
from matplotlib.figure import Figure

from gmn_tf.reproduction import paper_figures, paper_results, plan
from gmn_tf.reproduction.paper_results import SCORES, Row

HEADING = ("variant", "seeds", "T-1", "u", "s", "h", "source")
PROTOCOL_NOTES = {
    "separate": "Separate protocol: the number of synthetic features and the "
    "classifier's learning rate are chosen for T-1, u and s apart, on "
    "validation classes; h combines two classifiers.",
    "joint": "Joint protocol: one classifier gives T-1, u and s. ‡: separate "
    "protocol, as in Table 2; compare it with the like alone.",
}
FIGURE_TITLES = {
    "3": "scores against the number of synthetic features",
    "4": "unseen classes that gain and lose most by matching",
    "5": "u of validation classes while the generator trains",
}
CLASSES_SHOWN = 5  # that gain most, and that lose most


@dataclasses.dataclass(frozen=True)
class Table:
    """A table for one data set.

    Attributes:
        key: start of its file's name.
        title: what it is.
        note: how to read it.
        heading: names of the columns.
        lines: texts to read.
        records: the same in full precision, by column, for CSV.
    """

    key: str
    title: str
    note: str
    heading: Sequence[str]
    lines: Sequence[Sequence[str]]
    records: Sequence[Mapping]


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure for one data set."""

    key: str
    title: str
    figure: Figure


def write(request: plan.Request, command: str, settings: str) -> list[str]:
    """Writes all that finished cells allow.

    Args:
        request: what was asked for.
        command: the command line that gives these results again.
        settings: what all runs have in common, in words.

    Returns:
        Names of the files in `request.out`.
    """
    tables, figures = collect(request)
    written = []

    def save(name: str, content: str) -> None:
        path = request.out / name
        temporary = path.with_name(f".{name}")
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)
        written.append(name)

    for table in tables:
        save(f"{table.key}.csv", _csv(table))
    for picture in figures:
        for kind in ("png", "svg"):
            path = request.out / f"{picture.key}.{kind}"
            picture.figure.savefig(path, dpi=150)
            written.append(path.name)
    save("tables.md", _markdown(tables, command, settings))
    save(
        "index.html",
        _template().render(
            tables=tables,
            figures=[(one, _svg(one.figure)) for one in figures],
            command=command,
            settings=settings,
            cells=[
                (
                    cell.name,
                    shlex.join(["bin/" + cell.command[0], *cell.command[1:]]),
                )
                for cell in plan.plan(request)
                if cell.done
            ],
        ),
    )
    return written


def collect(
    request: plan.Request,
) -> tuple[list[Table], list[Picture]]:
    """The tables and figures that finished cells allow."""
    tables, figures = [], []
    for dataset in request.datasets:
        name = dataset.replace(":", "-")
        for number in request.tables:
            rows = paper_results.table(
                request.out, number, dataset, request.seeds
            )
            if any(row.seeds for row in rows):
                tables.append(_score_table(number, dataset, name, rows))
        if "4" in request.figures:
            seeds, changes = paper_results.class_changes(
                request.out, dataset, request.seeds
            )
            if changes:
                tables.append(_change_table(dataset, name, seeds, changes))
        for number, along, read in (
            ("3", "n", paper_results.count_curves),
            ("5", "step", paper_results.validation_curves),
        ):
            curves = {}
            if number in request.figures:
                curves = read(request.out, dataset, request.seeds)
            if curves:
                title = f"Fig. {number}, {dataset}: {FIGURE_TITLES[number]}"
                draw = (
                    paper_figures.curves_by_variant
                    if number == "3"
                    else paper_figures.variants_together
                )
                figure = draw(curves, along, title)
                figures.append(Picture(f"figure{number}-{name}", title, figure))
    return tables, figures


def _score_table(number, dataset, name, rows: list[Row]) -> Table:
    protocol = paper_results.PROTOCOLS[number]
    return Table(
        key=f"table{number}-{name}",
        title=f"Table {number}, {dataset}",
        note=PROTOCOL_NOTES[protocol],
        heading=HEADING,
        lines=[
            [
                row.variant,
                str(row.seeds or ""),
                *(_score(*row.scores[score]) for score in SCORES),
                row.source,
            ]
            for row in rows
        ],
        records=[
            {"variant": row.variant, "source": row.source, "seeds": row.seeds}
            | {
                f"{score}{part}": row.scores[score][place]
                for score in SCORES
                for place, part in enumerate(("", "_std"))
            }
            for row in rows
        ],
    )


def _change_table(dataset, name, seeds, changes) -> Table:
    first, second = plan.FIGURES["4"]
    shown = changes
    if len(changes) > 2 * CLASSES_SHOWN:
        shown = changes[:CLASSES_SHOWN] + changes[-CLASSES_SHOWN:]
    return Table(
        key=f"figure4-{name}",
        title=f"Fig. 4, {dataset}: {FIGURE_TITLES['4']}",
        note="Accuracy among all classes in percent; joint protocol; "
        + (f"mean over {seeds} seeds." if seeds > 1 else "one seed."),
        heading=("unseen class", first, second, "change"),
        lines=[
            [label, f"{one:.1f}", f"{other:.1f}", f"{change:+.1f}"]
            for label, one, other, change in shown
        ],
        records=[
            {"class": label, first: one, second: other, "change": change}
            for label, one, other, change in changes
        ],
    )


def _score(mean: float, std: float | None) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.1f}" if std is None else f"{mean:.1f} ± {std:.1f}"


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, table.records[0], lineterminator="\n")
    writer.writeheader()
    for record in table.records:
        writer.writerow(
            {k: "" if v != v else v for k, v in record.items()}  # v: NaN
        )
    return text.getvalue()


def _markdown(tables: list[Table], command: str, settings: str) -> str:
    parts = [f"Made by `{command}`. {settings}", ""]
    for table in tables:
        parts += [f"## {table.title}", "", table.note, ""]
        for line in (table.heading, ["---"] * len(table.heading), *table.lines):
            parts.append("| " + " | ".join(line) + " |")
        parts.append("")
    return "\n".join(parts)


def _svg(figure: Figure) -> str:
    """The picture as an element for a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # As wide as the page lets it be.
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", text, count=1
    )


def _template() -> jinja2.Template:
    text = (
        importlib.resources.files("gmn_tf")
        .joinpath("paper_page.html")
        .read_text(encoding="utf-8")
    )
    return jinja2.Environment(autoescape=True).from_string(text)
