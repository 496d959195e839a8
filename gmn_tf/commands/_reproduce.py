"""bin/reproduce."""

import pathlib
import shlex

from gmn_tf import configs
from gmn_tf.commands import define
from gmn_tf.commands.command_line import command
from gmn_tf.utils.errors import InputError, listed


@command(
    define.listed("tables", ["2", "3"], "Tables of the paper: 2, 3."),
    define.listed("figures", ["3", "4", "5"], "Figures of the paper: 3, 4, 5."),
    define.listed(
        "datasets",
        ["synthetic"],
        "Data sets, each followed by a colon and its embedding if that is not "
        "att, as in flo,cub,cub:att+sent.",
    ),
    define.integer("seeds", 3, "Generator seeds, from 1 onwards.", 1),
    define.enum("preset", "cpu", configs.PRESETS, "As in bin/train."),
    define.string("out", "results/paper", "Folder of all results."),
    define.integer(
        "jobs", 1, "Runs at the same time, which share the cores.", 1
    ),
    define.boolean(
        "plan", False, "Print what is done and what is left, and do nothing."
    ),
    takes_arguments=True,
    after_interrupt="The same command goes on from the last finished run.",
)
def reproduce(values, arguments) -> None:
    """Runs all that the paper's tables and figures need, and writes them.

    bin/reproduce --tables=2,3 --figures=3,4,5 --datasets=flo,cub:att+sent

    The same command goes on where it was stopped. Further flags of bin/train
    follow after two dashes, as in: -- --manual_dir=DIR --steps=500
    """
    from gmn_tf.reproduction import paper_page, runner
    from gmn_tf.reproduction import plan as reproduction

    out = pathlib.Path(values.out)
    request = reproduction.Request(
        tuple(values.tables),
        tuple(values.figures),
        tuple(values.datasets),
        values.seeds,
        values.preset,
        tuple(arguments),
        out,
    )
    plan = reproduction.plan(request)
    notes = runner.Notes(out)
    notes.check_same_jobs(plan)
    print(
        f"--preset={values.preset}. "
        + runner.summary(plan, notes, values.jobs),
        flush=True,
    )
    if values.plan:
        print("A cell is one call of bin/train or bin/evaluate:")
        for kind in dict.fromkeys(cell.kind for cell in plan):
            done = [cell.done for cell in plan if cell.kind == kind]
            print(f"  {kind}: {sum(done)} of {len(done)} done")
        return
    given = [values[n].serialize() for n in values if values[n].present]
    command = shlex.join(
        ["bin/reproduce", *given, *(["--", *arguments] if arguments else [])]
    )
    common = shlex.join([f"--preset={values.preset}", *arguments])
    settings = f"All runs: {common}."

    def write() -> list[str]:
        return paper_page.write(request, command, settings)

    failed = runner.run(plan, out, values.jobs, _flushed, write)
    write()
    print(f"Written to {out}: index.html, tables.md, and each part by itself.")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(plan)} cells failed.",
            "runs that end well",
            listed(cell.name for cell in failed),
            f"Read their logs in {out / 'logs'}, and give the command again.",
        )


def _flushed(text: str) -> None:
    print(text, flush=True)
