"""bin/reproduce."""

import functools
import pathlib

from gmn_tf import configs
from gmn_tf.commands import define
from gmn_tf.commands.command_line import command
from gmn_tf.utils.errors import InputError, listed


@command(
    define.listed("tables", ["2", "3"], "Tables of the paper: 2, 3."),
    define.rule(
        "tables", {"2", "3"}.issuperset, "--tables must be 2, 3 or both."
    ),
    define.listed("figures", ["3", "4", "5"], "Figures of the paper: 3, 4, 5."),
    define.rule(
        "figures",
        {"3", "4", "5"}.issuperset,
        "--figures must be some of 3, 4, 5.",
    ),
    define.listed(
        "datasets",
        ["synthetic"],
        "Data sets; an embedding other than att follows after a colon, as in "
        "flo,cub,cub:att+sent.",
    ),
    define.rule_for_several(
        ["tables", "figures"],
        lambda given: any(given.values()),
        "--tables and --figures are both empty.",
    ),
    define.rule("datasets", bool, "--datasets is empty."),
    define.integer(
        "seeds", 3, "Number of generator seeds, which start at 1.", 1
    ),
    define.enum("preset", "cpu", configs.PRESETS, "Settings to start from."),
    define.string("out", "runs/paper", "Folder for all results."),
    define.integer(
        "jobs", 1, "Runs at the same time; they share the cores.", 1
    ),
    define.boolean(
        "plan",
        False,
        "Print what is done and what is left, without running it.",
    ),
    takes_arguments=True,
    after_interrupt="The same command continues after the last finished run.",
)
def reproduce(values, arguments) -> None:
    """Runs all experiments of the paper's tables and figures and writes these.

    bin/reproduce --tables=2,3 --figures=3,4,5 --datasets=flo,cub:att+sent

    After an interruption, the same command continues. Further flags of
    bin/train follow after two dashes, as in: -- --manual_dir=DIR --steps=500
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
    log = functools.partial(print, flush=True)
    jobs = plan.plan(request)
    results = Results(out)
    results.collect(jobs)
    results.check_same_settings(jobs)
    state = runner.Journal(out).summary(jobs, results, values.jobs)
    log(f"--preset={values.preset}. {state}")
    if values.plan:
        print("A job is one call of bin/train or bin/evaluate:")
        for kind in dict.fromkeys(job.kind for job in jobs):
            alike = [job for job in jobs if job.kind == kind]
            done = sum(map(results.has, alike))
            print(f"  {plan.describe(alike)}: {done} of {len(alike)} done")
        return
    given = [values[n].serialize() for n in values if values[n].present]
    if arguments:
        given += ["--", *arguments]
    command_line = ["bin/reproduce", *given]
    write = functools.partial(page.write, request, results, command_line)
    failed = runner.run(jobs, results, values.jobs, log, write)
    write()
    print(f"Written to {out}: index.html, tables.md and what they are made of.")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(jobs)} jobs failed.",
            "jobs that end well",
            listed(job.name for job in failed),
            f"Read their logs in {out / 'logs'}, and give the command again.",
        )
