"""Tables 2 and 3, Fig. 3-5: which runs they need, as commands.

A cell is one call of bin/train or bin/evaluate for one data set, variant and
seed. Cells share what they can: a run on the test splits serves both tables
and Fig. 3, one on the tune splits the separate protocol and Fig. 5.
"""

import dataclasses
import pathlib
from collections.abc import Iterable

from gmn_tf.suggest import refuse_unknown

TABLES = {
    "2": (
        "real_only",
        "wgan_cls",
        "cwgan",
        "wgan_gm",
        "cwgan_gm",
        "wgan_gm_transductive",
    ),
    "3": ("cwgan_cls", "cwgan_gm", "cwgan_cycle", "cwgan_cls_cycle"),
}
FIGURES = {
    "3": ("wgan_gm", "cwgan_gm"),
    "4": ("cwgan", "cwgan_gm"),
    "5": ("wgan", "gm", "wgan_gm", "wgan_gm_transductive"),
}
COUNTS = (10, 25, 50, 100, 250, 500)  # synthetic features in Fig. 3
POINTS = 10  # of a curve in Fig. 5


@dataclasses.dataclass(frozen=True)
class Cell:
    """A command that is run once.

    Attributes:
        name: tells cells apart, and says what is done.
        kind: cells of one kind take about the same time.
        command: a function of `gmn_tf.commands`, and its arguments.
        result: the file that is there when it is done.
    """

    name: str
    kind: str
    command: tuple[str, ...]
    result: pathlib.Path

    @property
    def done(self) -> bool:
        return self.result.exists()


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be reproduced.

    Attributes:
        tables: of `TABLES`.
        figures: of `FIGURES`.
        datasets: names, each with an embedding other than att after a colon.
        seeds: number of generator seeds, from 1 on.
        steps: generator steps of the preset, for the points of Fig. 5.
        flags: for bin/train, beside those of a cell.
        out: the folder of all results.
    """

    tables: tuple[str, ...]
    figures: tuple[str, ...]
    datasets: tuple[str, ...]
    seeds: int
    steps: int
    flags: tuple[str, ...]
    out: pathlib.Path

    def __post_init__(self):
        for table in self.tables:
            refuse_unknown("tables", table, tuple(TABLES))
        for figure in self.figures:
            refuse_unknown("figures", figure, tuple(FIGURES))


def run_folder(
    out: pathlib.Path, dataset: str, split: str, variant: str, seed: int
) -> pathlib.Path:
    """Where a run lies."""
    name = dataset.replace(":", "-")
    return out / "runs" / f"{name}-{split}-{variant}-{seed}"


def plan(request: Request) -> list[Cell]:
    """All cells, seed by seed, so that whole tables come early."""
    cells = {}
    for seed in range(1, request.seeds + 1):
        for dataset in request.datasets:
            for cell in _cells(request, dataset, seed):
                cells.setdefault(cell.name, cell)
    return list(cells.values())


def _cells(request: Request, dataset: str, seed: int) -> Iterable[Cell]:
    for variant in _variants(request, ("2", "3"), ("3", "4")):
        yield _train(request, dataset, "test", variant, seed)
    for variant in _variants(request, ("2",), ("5",)):
        yield _train(request, dataset, "tune", variant, seed)
    for variant in _variants(request, ("2",), ()):
        yield _evaluate(
            request,
            dataset,
            variant,
            seed,
            "separate.json",
            f"--tune_workdir="
            f"{run_folder(request.out, dataset, 'tune', variant, seed)}",
        )
    for variant in _variants(request, (), ("3",)):
        yield _evaluate(
            request,
            dataset,
            variant,
            seed,
            "curve.png",
            f"--synthetic_per_class={','.join(map(str, COUNTS))}",
        )


def _variants(request, tables, figures) -> list[str]:
    """Those of the tables and figures that are asked for, each once."""
    rows = [TABLES[one] for one in tables if one in request.tables]
    rows += [FIGURES[one] for one in figures if one in request.figures]
    return list(dict.fromkeys(variant for row in rows for variant in row))


def _train(request, dataset, split, variant, seed) -> Cell:
    folder = run_folder(request.out, dataset, split, variant, seed)
    name, _, embedding = dataset.partition(":")
    arguments = [
        f"--dataset={name}",
        *([f"--embedding={embedding}"] if embedding else []),
        f"--variant={variant}",
        f"--split={split}",
        f"--seed={seed}",
        f"--workdir={folder}",
        *request.flags,
    ]
    if split == "tune" and variant in _variants(request, (), ("5",)):
        every = max(1, request.steps // POINTS)
        arguments.append(f"--validate_every={every}")
    return Cell(
        name=folder.name,
        kind=f"{dataset} {split}"
        + (" real_only" if variant == "real_only" else ""),
        command=("train", *arguments),
        result=folder / "metrics.json",
    )


def _evaluate(request, dataset, variant, seed, result, *arguments) -> Cell:
    folder = run_folder(request.out, dataset, "test", variant, seed)
    what = result.partition(".")[0]
    return Cell(
        name=f"{folder.name} {what}",
        kind=f"{dataset} {what}",
        command=("evaluate", f"--workdir={folder}", *arguments),
        result=folder / result,
    )
