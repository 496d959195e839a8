"""bin/tune."""

import sys

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command, start_tensorflow
from gmn_tf.utils.errors import InputError

# As in `search.search` and `metrics`, which take seconds to import.
TUNERS = ("bayesian", "hyperband", "random")
OBJECTIVES = ("h", "t1", "u", "s")
TRIALS = 20


@command(
    *shared.TRAINING,
    define.string("workdir", None, "Folder of the search."),
    define.enum(
        "tuner", "bayesian", TUNERS, "How the settings of trials are drawn."
    ),
    define.integer(
        "max_trials",
        None,
        f"Trials in all; default: {TRIALS}, and with --tuner=hyperband one "
        "round of 23, most of which take a ninth of the --steps.",
        1,
    ),
    define.enum(
        "objective",
        "h",
        OBJECTIVES,
        "The score of the validation classes that decides; t1 is T-1.",
    ),
    define.strings(
        "space",
        [],
        "Values to try: a JSON file, or NAME=VALUES as in noise_dim=[64,128] "
        'or \'learning_rate={"min": 0.0001, "max": 0.01, "log": true}\'; may '
        "be repeated.",
    ),
    define.boolean(
        "summary",
        False,
        "Print and write what has been found, and search no further.",
    ),
    define.boolean(
        "show_space", False, "Print what would be tried, and search nothing."
    ),
    define.rule_for_several(
        ["workdir", "show_space"],
        lambda given: given["workdir"] or given["show_space"],
        "Flag --workdir must have a value.",
    ),
    define.rule(
        "split",
        lambda split: split != "test",
        "A search with --split=test would choose settings on the test splits.",
    ),
    after_interrupt="The same command goes on from the last checkpoint.",
)
def tune(values) -> None:
    """Searches for settings on the validation classes.

    bin/tune --dataset=synthetic --preset=cpu --workdir=runs/tune

    A setting given by its flag is fixed, and the others are searched. The same
    command goes on where it was stopped. The result, best.json, is for
    bin/train --config.
    """
    start_tensorflow()
    from gmn_tf.search import report
    from gmn_tf.search.folder import SearchFolder

    if values.summary:
        print(report.write(SearchFolder(values.workdir)))
        return
    search = _search(values)
    if values.show_space:
        print(search.space.to_json())
    else:
        _run(search, SearchFolder(values.workdir), values)


def _search(values):
    from gmn_tf.search import space_input
    from gmn_tf.search.search import HYPERBAND, Search

    config = shared.resolve(values).replace({"split": "tune"})
    # A file says where to begin; what a flag says is fixed.
    fixed = [name for name in shared.set_by_flags(values) if name != "split"]
    space = space_input.make(
        values.preset,
        config,
        fixed,
        space_input.read_changes(values.space),
    )
    trials = values.max_trials
    if trials is None and values.tuner != HYPERBAND:
        trials = TRIALS
    return Search(
        config.replace(space.fixed),
        space,
        values.tuner,
        values.objective,
        trials,
    )


def _run(search, folder, values) -> None:
    log = shared.logger(values)
    from gmn_tf.runs import experiment
    from gmn_tf.search import report, trials, tuner
    from gmn_tf.training import fit, workers
    from gmn_tf.utils import locks

    tuner.check_cluster_complete()
    strategy, execution = shared.make_execution(values)
    if workers.several(strategy):
        raise InputError(
            "A search distributes trials, not steps.",
            "--strategy=auto, one or mirrored",
            f"--strategy={values.strategy}",
            "Distribute it by KerasTuner's variables, as docs/ explains.",
        )
    data = shared.load_data(search.config, values)
    for steps in search.budgets:
        config = search.config.replace({"steps": steps})
        fit.check_feasible(config, data, strategy, execution)
    folder.start_search(search.config, data.source, search.to_dict())
    monitoring_options = experiment.MonitoringOptions(
        # A bar for each trial would fill a file.
        quiet=values.quiet or not sys.stdout.isatty(),
        log_every=values.log_every,
        picture_every=values.picture_every,
        checkpoint_every=values.checkpoint_every,
    )
    runner = trials.TrialRunner(
        search, data, folder, strategy, execution, monitoring_options
    )

    if tuner.is_worker():  # it shares the folder with its chief
        tuner.run(runner, log)
        return
    with locks.exclusive(folder.path):
        tuner.run(runner, log)
        folder.remove_trial_checkpoints()
        log("\n" + report.write(folder))
