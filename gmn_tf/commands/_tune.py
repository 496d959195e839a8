"""bin/tune."""

import contextlib
import dataclasses
import sys

from absl import flags

from gmn_tf.commands import command_line
from gmn_tf.commands._shared import (
    define_config_flags,
    define_data_flags,
    define_execution_flags,
    define_setting_flags,
    load_data,
    make_execution,
    resolve,
)
from gmn_tf.config import Config
from gmn_tf.utils.errors import InputError, check_choice

# As in `tuning` and `report`, which take seconds to import.
TUNERS = ("bayesian", "hyperband", "random")
OBJECTIVES = ("h", "t1", "u", "s")
TRIALS = 20


def tune() -> None:
    """Searches for settings on the validation classes.

    bin/tune --dataset=synthetic --preset=cpu --workdir=runs/tune

    A setting given by its flag is fixed, and what is not fixed is searched.
    The same command goes on where it was stopped. The result, best.json, is
    for bin/train --config.
    """
    define_setting_flags()
    define_config_flags()
    define_data_flags()
    define_execution_flags()
    flags.DEFINE_string("workdir", None, "Folder of the search.")
    flags.DEFINE_string(
        "tuner", "bayesian", "How trials are drawn: " + ", ".join(TUNERS) + "."
    )
    flags.DEFINE_integer(
        "max_trials",
        None,
        f"Trials in all; default: {TRIALS}, and with --tuner=hyperband one "
        "round of 23, most of which take a ninth of the --steps.",
        1,
    )
    flags.DEFINE_string(
        "objective",
        "h",
        "The score of the validation classes that decides: h, t1 (T-1), u or "
        "s.",
    )
    flags.DEFINE_multi_string(
        "space",
        [],
        "What is tried: a JSON file, or NAME=VALUES as in noise_dim=[64,128] "
        'or \'learning_rate={"min": 0.0001, "max": 0.01, "log": true}\'; may '
        "be repeated.",
    )
    flags.DEFINE_boolean(
        "summary", False, "Show and write what has been found; search no more."
    )
    flags.DEFINE_boolean(
        "show_space", False, "Show what would be tried; search nothing."
    )
    command_line.run(
        _tune,
        tune.__doc__,
        "The same command goes on from the last checkpoint.",
    )


def _tune(values, arguments) -> None:
    command_line.check_no_arguments(arguments)
    check_choice("tuner", values.tuner, TUNERS)
    check_choice("objective", values.objective, OBJECTIVES)
    if not values.workdir and not values.show_space:
        raise InputError(
            "Where shall the search be kept?",
            "--workdir, a folder of its own",
            "none",
            "give one, as in --workdir=runs/tune/cub",
        )
    command_line.start_tensorflow()
    from gmn_tf.search import search_report
    from gmn_tf.search.search_folder import SearchFolder

    if values.summary:
        print(search_report.write(SearchFolder(values.workdir)))
        return
    search = _search(values)
    if values.show_space:
        print(search.space.to_json())
    else:
        _run(search, SearchFolder(values.workdir), values)


def _search(values):
    from gmn_tf.search import search_space_input, tuner

    config = resolve(values)
    if values.split == "test":
        raise InputError(
            "A search on the test splits would choose settings on them.",
            "--split=tune, or no --split",
            "--split=test",
            "leave --split out",
        )
    config = config.replace({"split": "tune"})
    # A file says where to begin; what a flag says is fixed.
    fixed = [
        field.name
        for field in dataclasses.fields(Config)
        if values[field.name].value is not None and field.name != "split"
    ]
    space = search_space_input.make(
        values.preset,
        config,
        fixed,
        search_space_input.read_changes(values.space),
    )
    trials = values.max_trials
    if trials is None and values.tuner != tuner.HYPERBAND:
        trials = TRIALS
    return tuner.Search(
        config.replace(space.fixed),
        space,
        values.tuner,
        values.objective,
        trials,
    )


def _run(search, folder, values) -> None:
    from gmn_tf.runs import experiment
    from gmn_tf.search import search_report, trials, tuner
    from gmn_tf.training import fit, workers

    tuner.check_cluster_complete()
    strategy, execution = make_execution(values)
    if workers.several(strategy):
        raise InputError(
            "A search is shared out by trials, not by steps.",
            "--strategy=auto, one or mirrored",
            f"--strategy={values.strategy}",
            "share it by KerasTuner's variables; see the README",
        )
    data = load_data(search.config, values)
    for steps in search.budgets:
        config = search.config.replace({"steps": steps})
        fit.check_feasible(config, data, strategy, execution)
    folder.start(search.config, data.source, search.to_dict())
    monitoring_options = experiment.MonitoringOptions(
        # A bar for each trial would fill a file.
        quiet=values.quiet or not sys.stdout.isatty(),
        log_every=values.log_every,
        picture_every=values.picture_every,
        checkpoint_every=values.checkpoint_every,
    )
    laboratory = trials.TrialRunner(
        search, data, folder, strategy, execution, monitoring_options
    )

    def log(text: str) -> None:
        log(values, text)

    # Workers share the folder with their chief.
    alone = contextlib.nullcontext if tuner.is_worker() else folder.alone
    with alone():
        tuner.run(laboratory, log)
        if not tuner.is_worker():
            folder.remove_checkpoints()
            log("\n" + search_report.write(folder))
