"""The files of bin/reproduce: tables, figures, and one page with everything.

The page needs no network and no other file: it contains the figures.
"""

import dataclasses
import importlib.resources
import pathlib
import re
import shlex
from collections.abc import Mapping, Sequence

import jinja2
from matplotlib.figure import Figure

from gmn_tf.method.metrics import SCORES
from gmn_tf.reproduction import figures, plan
from gmn_tf.reproduction.results import (
    PROTOCOLS,
    Results,
    class_changes,
    curves,
    table_rows,
)
from gmn_tf.runs import report
from gmn_tf.utils import files
from gmn_tf.utils.figures import save

PROTOCOL_NOTES = {
    "separate": "Separate protocol: the number of synthetic features and the "
    "classifier's learning rate are chosen separately for T-1, u and s, on "
    "validation classes; h combines two classifiers.",
    "joint": "Joint protocol: one classifier gives T-1, u and s. ‡: separate "
    "protocol, as in Table 2; compare it only with that table.",
}
TITLE = "Gradient matching networks: results"
READING = (
    "Scores in percent, mean ± standard deviation over generator seeds. T-1: "
    "unseen classes among unseen candidates; u, s: unseen and seen classes "
    "among all candidates; h: harmonic mean of u and s. Rows from the paper, "
    "on its ResNet-101 features, or from another source are for comparison."
)
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
        number: that of the paper, as in `table2`; the name of its file, which
            has it for all data sets.
        dataset: as in `plan.Request`.
        title: what it is.
        note: how to read it.
        heading: names of the columns.
        lines: texts to read.
        records: the same in full precision, by column, for CSV.
        texts: the columns of text.
        warned: columns of what must not be done.
        grey: the numbers of lines that are grey.
    """

    number: str
    dataset: str
    title: str
    note: str
    heading: Sequence[str]
    lines: Sequence[Sequence[str]]
    records: Sequence[Mapping]
    texts: Sequence[str] = ()
    warned: Sequence[str] = ()
    grey: Sequence[int] = ()

    @property
    def key(self) -> str:
        """Its place in the page."""
        return f"{self.number}-{self.dataset.replace(':', '-')}"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure for one data set: the start of its files' names, its title."""

    key: str
    title: str
    figure: Figure


def write(
    request: plan.Request, results: Results, command: Sequence[str]
) -> None:
    """Writes the results of finished jobs into `request.out`.

    Args:
        request: what was asked for.
        results: what was measured.
        command: the words of the command line that reproduces these results.
    """
    jobs = plan.plan(request)
    results.collect(jobs)
    results.write()
    publish(
        ("index.html", "tables.md"),
        request,
        TITLE,
        READING,
        *_collect(request, results),
        command,
        [job for job in jobs if results.has(job)],
    )


def publish(
    names: tuple[str, str],
    request,
    title: str,
    reading: str,
    tables: Sequence[Table],
    pictures: Sequence[Picture],
    command: Sequence[str],
    jobs: Sequence[plan.Job],
) -> None:
    """Writes tables as a page, as Markdown and as CSV, and pictures.

    Args:
        names: of the page and of the Markdown file.
        request: has the folder `out`, `preset` and `flags`.
        title: of the page.
        reading: how to read all tables.
        tables: shown first.
        pictures: shown below.
        command: the words of the command line that reproduces it.
        jobs: that are done.
    """
    command_line = _command_line(command)
    common = _command_line([f"--preset={request.preset}", *request.flags])
    settings = f"All runs: {common}."
    made = f"Made by `{command_line}`. {settings}"
    markdown = [f"# {title}", "", made, "", reading, ""]
    records = {}
    for table in tables:
        markdown += [f"## {table.title}", "", table.note, ""]
        markdown += [report.markdown_table(table.heading, table.lines), ""]
        records.setdefault(table.number, []).extend(
            {"dataset": table.dataset, **row} for row in table.records
        )
    files.write_text(request.out / names[1], "\n".join(markdown))
    for number, rows in records.items():
        files.write_csv(request.out / f"{number}.csv", rows)
    template = importlib.resources.files(__package__).joinpath("page.html")
    page = jinja2.Environment(autoescape=True).from_string(
        template.read_text(encoding="utf-8")
    )
    text = page.render(
        title=title,
        reading=reading,
        tables=tables,
        figures=[(one, _save(one, request.out)) for one in pictures],
        command=command_line,
        settings=settings,
        jobs=[
            (
                job.name,
                _command_line([f"bin/{job.command[0]}", *job.command[1:]]),
            )
            for job in jobs
        ],
    )
    files.write_text(request.out / names[0], text)


def _command_line(words: Sequence[str]) -> str:
    """The words for a shell, with DIR in place of this machine's folders.

    These are those of data, and all paths that begin at the root or at home.
    """
    folders = "|".join(plan.DATA_FOLDER_FLAGS)
    place = re.compile(
        rf"^(--(?:{folders})=).*|^(--\w+=)[/~].*", flags=re.DOTALL
    )
    return shlex.join(place.sub(r"\1\2DIR", word) for word in words)


def _collect(request, results) -> tuple[list[Table], list[Picture]]:
    tables, drawn = [], []
    for dataset in request.datasets:
        for number in request.tables:
            rows = table_rows(results, number, dataset, request.seeds)
            if any(row["seeds"] for row in rows):
                tables.append(_score_table(number, dataset, rows))
        if "4" in request.figures:
            seeds, changes = class_changes(results, dataset, request.seeds)
            if changes:
                tables.append(_change_table(dataset, seeds, changes))
        for number, along, draw in (
            ("3", "n", figures.curves_by_variant),
            ("5", "step", figures.variants_together),
        ):
            if number not in request.figures:
                continue
            found = curves(results, number, along, dataset, request.seeds)
            if found:
                title = f"Fig. {number}, {dataset}: {FIGURE_TITLES[number]}"
                key = f"figure{number}-{dataset.replace(':', '-')}"
                drawn.append(Picture(key, title, draw(found, along, title)))
    return tables, drawn


def _score_table(number, dataset, rows) -> Table:
    lines = []
    for row in rows:
        scores = report.cells_over_seeds(row)
        seeds = str(row["seeds"] or "")
        lines.append([row["variant"], seeds, *scores, row["source"]])
    return Table(
        number=f"table{number}",
        dataset=dataset,
        title=f"Table {number}, {dataset}",
        note=PROTOCOL_NOTES[PROTOCOLS[number]],
        heading=("variant", "seeds", *SCORES.values(), "source"),
        lines=lines,
        records=rows,
        texts=("source",),
        grey=[n for n, row in enumerate(rows) if row["source"] != "measured"],
    )


def _change_table(dataset, seeds, changes) -> Table:
    shown = changes
    if len(changes) > 2 * CLASSES_SHOWN:
        shown = changes[:CLASSES_SHOWN] + changes[-CLASSES_SHOWN:]
    return Table(
        number="figure4",
        dataset=dataset,
        title=f"Fig. 4, {dataset}: {FIGURE_TITLES['4']}",
        note="Accuracy among all classes in percent; joint protocol; "
        + (f"mean over {seeds} seeds." if seeds > 1 else "one seed."),
        heading=("unseen class", *list(changes[0])[1:]),
        lines=[
            [name, f"{one:.1f}", f"{other:.1f}", f"{change:+.1f}"]
            for name, one, other, change in (row.values() for row in shown)
        ],
        records=changes,
    )


def _save(picture: Picture, out: pathlib.Path) -> str:
    """Writes a picture, and returns it as an element for a page."""
    for kind in ("png", "svg"):
        path = out / f"{picture.key}.{kind}"
        with files.replacing(path) as temporary:
            save(picture.figure, temporary, kind)
    text = path.read_text(encoding="utf-8")
    # As wide as the page lets it be.
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*" height="[^"]*"',
        r"\1",
        text[text.index("<svg") :],
        count=1,
    )
