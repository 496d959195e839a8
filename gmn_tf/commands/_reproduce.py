"""bin/reproduce."""

import functools
import pathlib

from gmn_tf import configs
from gmn_tf.commands import define
from gmn_tf.commands.command_line import command, start_tensorflow
from gmn_tf.runs.entries import ENTRIES
from gmn_tf.settings import absolute_data_dir
from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError, check_choice, counted, listed

LEADERBOARD = "leaderboard"


@command(
    define.listed(
        "tables",
        ["2", "3"],
        "Tables of the paper: 2, 3; leaderboard: a comparison of all systems.",
    ),
    define.rule(
        "tables",
        {"2", "3", LEADERBOARD}.issuperset,
        "--tables must be some of 2, 3 and leaderboard.",
    ),
    define.listed(
        "figures",
        None,
        "Figures of the paper: 3, 4, 5; default: all, but none with "
        "--tables=leaderboard.",
    ),
    define.rule(
        "figures",
        lambda names: {"3", "4", "5"}.issuperset(names or ()),
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
        lambda given: given["tables"] or given["figures"] != [],
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
    define.listed(
        "entries",
        None,
        "Some of the systems of the leaderboard; default: all.",
    ),
    define.rule("entries", lambda names: names != [], "--entries is empty."),
    define.number(
        "minutes",
        15.0,
        "How long the search for settings of each system of the leaderboard "
        "takes at most; what has begun is finished.",
        0.0,
    ),
    define.string(
        "job",
        None,
        "Name of a job of the leaderboard, as in its folder: run it alone, in "
        "this process.",
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
    bin/reproduce --tables=leaderboard --datasets=flo,cub:att+sent

    After an interruption, the same command continues. Further flags of
    bin/train follow after two dashes, as in: -- --manual_dir=DIR --steps=500
    """
    of_paper = [name for name in values.tables if name != LEADERBOARD]
    figures = values.figures
    if figures is None:
        figures = ["3", "4", "5"] if of_paper else []
    if values.job:
        _run_job(values, arguments)
        return
    given = [values[n].serialize() for n in values if values[n].present]
    if arguments:
        given += ["--", *arguments]
    if not values.plan:
        _check_datasets(values, arguments)
    failed = []
    if of_paper or figures:
        failed += _reproduce_paper(values, of_paper, figures, arguments, given)
    if LEADERBOARD in values.tables:
        failed += _compare(values, arguments, given)
    if failed:
        raise InputError(
            f"{counted(len(failed), 'job')} failed.",
            "jobs that end well",
            listed(job.name for job in failed),
            f"Read the logs in {pathlib.Path(values.out) / 'logs'}, and give "
            "the command again.",
        )


def _check_datasets(values, arguments) -> None:
    """Raises InputError for a name of data that no job would find."""
    from gmn_tf.reproduction import plan

    given = dict(map(plan.read_flag, arguments))
    if "manual_dir" in given:
        return
    data_dir = pathlib.Path(absolute_data_dir(given.get("data_dir")))
    for dataset in values.datasets:
        dataset_names.check_known(dataset.partition(":")[0], data_dir)


def _reproduce_paper(values, tables, figures, arguments, given) -> list:
    """The paper's tables and figures; the jobs that failed."""
    from gmn_tf.reproduction import page, plan
    from gmn_tf.reproduction.results import Results

    request = plan.Request(
        tuple(tables),
        tuple(figures),
        tuple(values.datasets),
        values.seeds,
        values.preset,
        tuple(arguments),
        pathlib.Path(values.out),
    )
    jobs, results = plan.plan(request), Results(request.out)

    def describe():
        print("A job is one call of bin/train or bin/evaluate:")
        for kind in dict.fromkeys(job.kind for job in jobs):
            alike = [job for job in jobs if job.kind == kind]
            done = sum(map(results.has, alike))
            print(f"  {plan.describe(alike)}: {done} of {len(alike)} done")

    write = functools.partial(
        page.write, request, results, ["bin/reproduce", *given]
    )
    written = "index.html, tables.md and what they are made of"
    return _run(values, jobs, results, write, describe, written)


def _compare(values, arguments, given) -> list:
    """The leaderboard; the jobs that failed."""
    from gmn_tf.reproduction import leaderboard, leaderboard_page
    from gmn_tf.reproduction.leaderboard_results import Results

    request = _comparison(values, arguments)
    jobs, results = leaderboard.jobs(request), Results(request)

    def describe():
        print("A job measures the systems that share a generator:")
        for stage in dict.fromkeys(job.stage for job in jobs):
            alike = [job for job in jobs if job.stage == stage]
            done = sum(map(results.has, alike))
            print(f"  {stage}: {done} of {len(alike)} done")

    write = functools.partial(
        leaderboard_page.write, request, results, ["bin/reproduce", *given]
    )
    written = "leaderboard.html, leaderboard.md and what they are made of"
    failed = _run(values, jobs, results, write, describe, written)
    if reasons := results.failures():
        print(
            f"{counted(len(reasons), 'system')} failed: {listed(reasons)}. The "
            "notes in leaderboard.md say why."
        )
    return failed


def _run(values, jobs, results, write, describe, written: str) -> list:
    """Runs the jobs that are left and writes everything, or says the plan."""
    from gmn_tf.reproduction import runner

    log = functools.partial(print, flush=True)
    results.collect(jobs)
    results.check_same_settings(jobs)
    state = runner.Journal(results.out).summary(jobs, results, values.jobs)
    log(f"--preset={values.preset}. {state}")
    if values.plan:
        describe()
        return []
    failed = runner.run(jobs, results, values.jobs, log, write)
    write()
    print(f"Written to {results.out}: {written}.")
    return failed


def _comparison(values, arguments):
    """What is to be compared, by the flags."""
    from gmn_tf.reproduction import leaderboard

    return leaderboard.Request(
        tuple(values.datasets),
        values.seeds,
        values.preset,
        tuple(arguments),
        pathlib.Path(values.out),
        tuple(values.entries or ()),
        values.minutes,
    )


def _run_job(values, arguments) -> None:
    """One job of the leaderboard, in this process."""
    from gmn_tf.reproduction import leaderboard
    from gmn_tf.reproduction.leaderboard_results import Results

    request = _comparison(values, arguments)
    results = Results(request)
    check_choice("job", values.job, results.parts)
    part = results.parts[values.job]
    missing = results.missing(part)
    if not missing:
        print("This job is done.")
        return
    split = leaderboard.SPLITS[part.stage]
    chosen = {} if split == "tune" else results.chosen(part)
    entries = {name: ENTRIES[name] for name in missing}
    config = request.config(part.dataset, missing[0])
    config = config.replace({"split": split, "seed": part.seed})
    start_tensorflow()
    from gmn_tf import api
    from gmn_tf.search import comparison

    data = api.load_data(config, **request.data_flags())
    place = f"{part.dataset.replace(':', '-')}-{split}-{part.seed}"
    folder = request.out / leaderboard.NAME / "generators" / place
    generators = comparison.Generators(data, folder)
    if part.stage == leaderboard.TUNE:
        found = comparison.choose(entries, config, generators, values.minutes)
    else:
        measure = {
            leaderboard.TEST: comparison.score,
            leaderboard.PEEK: comparison.peek,
        }[part.stage]
        found = measure(entries, config, generators, chosen)
    results.add(part, found, data.source)
    print(f"Written: {part.folder(request.out)}")
