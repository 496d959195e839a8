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
    from gmn_tf.reproduction import page, plan, runner
    from gmn_tf.reproduction.results import Results

    out = pathlib.Path(values.out)
    request = plan.Request(
        tuple(values.tables),
        tuple(values.figures),
        tuple(values.datasets),
        values.seeds,
        values.preset,
        tuple(arguments),
        out,
    )
    jobs = plan.plan(request)
    results = Results(out)
    results.collect(jobs)
    results.check_same_settings(jobs)
    state = runner.Journal(out).summary(jobs, results, values.jobs)
    print(f"--preset={values.preset}. {state}", flush=True)
    if values.plan:
        print("A job is one call of bin/train or bin/evaluate:")
        for kind in dict.fromkeys(job.kind for job in jobs):
            done = [results.has(job) for job in jobs if job.kind == kind]
            print(f"  {kind}: {sum(done)} of {len(done)} done")
        return
    given = [values[n].serialize() for n in values if values[n].present]
    command = shlex.join(
        ["bin/reproduce", *given, *(["--", *arguments] if arguments else [])]
    )

    def write() -> None:
        page.write(request, results, command)

    failed = runner.run(jobs, results, values.jobs, _flushed, write)
    write()
    print(f"Written to {out}: index.html, tables.md and what they are made of.")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(jobs)} jobs failed.",
            "jobs that end well",
            listed(job.name for job in failed),
            f"Read their logs in {out / 'logs'}, and give the command again.",
        )


def _flushed(text: str) -> None:
    print(text, flush=True)
