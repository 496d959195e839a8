"""bin/tune."""

import dataclasses
import sys

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command
from gmn_tf.search import sharing, space_input, stages
from gmn_tf.search.folder import SearchFolder
from gmn_tf.search.search import AUTO, TRIALS, Search

TUNERS = (*TRIALS, AUTO)
OBJECTIVES = ("h", "t1", "u", "s")


@command(
    *shared.TRAINING,
    define.string("workdir", None, "Folder for all files of the search."),
    define.enum(
        "tuner",
        "bayesian",
        TUNERS,
        "How settings of trials are drawn; auto: the short search of "
        "bin/train --preset=auto.",
    ),
    shared.MINUTES,
    define.integer(
        "max_trials",
        None,
        "Trials in all; default: 20, or with --tuner=hyperband 23, most of "
        "which train for a ninth of --steps.",
        1,
    ),
    define.enum(
        "objective",
        "h",
        OBJECTIVES,
        "Score of the validation classes that is maximised; t1 is T-1.",
    ),
    define.strings(
        "space",
        [],
        "Values to try: a JSON file, or NAME=VALUES as in noise_dim=[64,128] "
        'or \'learning_rate={"min": 0.0001, "max": 0.01, "log": true}\'',
    ),
    define.boolean(
        "summary",
        False,
        "Print and write the results so far, without searching.",
    ),
    define.boolean(
        "show_space",
        False,
        "Print the settings and values to be searched, without searching.",
    ),
    define.rule_for_several(
        ["workdir", "show_space"],
        lambda given: given["workdir"] or given["show_space"],
        "Flag --workdir must have a value.",
    ),
    define.rule_for_several(
        ["minutes", "tuner"],
        lambda given: given["minutes"] is None or given["tuner"] == AUTO,
        "Flag --minutes belongs to --tuner=auto.",
    ),
    define.rule_for_several(
        ["tuner", "max_trials", "space", "objective"],
        lambda given: (
            given["tuner"] != AUTO
            or (given["max_trials"], given["space"], given["objective"])
            == (None, [], "h")
        ),
        "--tuner=auto has its own trials and space, and maximises h.",
    ),
    define.rule(
        "split",
        lambda split: split != "test",
        "A search with --split=test would choose settings on the test splits.",
    ),
    after_interrupt="The same command continues from the last checkpoint.",
)
def tune(values) -> None:
    """Searches for the best settings on the validation classes.

    bin/tune --dataset=synthetic --preset=cpu --workdir=runs/tune

    A setting given by its flag is fixed, and the others are searched; with
    --tuner=auto those of --config are fixed, too. After an interruption, the
    same command continues. The best settings are written to best.json, which
    bin/train --config reads.
    """
    log = shared.logger(values)
    folder = SearchFolder(values.workdir) if values.workdir else None
    if values.summary and not values.show_space:
        folder.read()
        shared.begin(values, f"The search in {folder.path}.")
        from gmn_tf.search import report

        print(report.write(folder))
        return
    if values.tuner == AUTO:
        _tune_automatically(values, folder, log)
        return
    config = shared.resolve(values).replace({"split": "tune"})
    # A file says where to begin; what a flag says is fixed.
    fixed = [name for name in shared.set_by_flags(values) if name != "split"]
    changes = space_input.read_changes(values.space)
    space = space_input.make(values.preset, config, fixed, changes)
    if values.show_space:
        print(space.to_json())
        return
    search = Search(
        config.replace(space.fixed),
        space,
        values.tuner,
        values.objective,
        values.max_trials or TRIALS[values.tuner],
    )
    sharing.check()
    if values.strategy == "multi_worker":
        raise sharing.not_by_workers(values.strategy)
    shared.check_training(search.config, values)
    shared.begin(
        values,
        f"A search for settings for {search.config.dataset}, in {folder.path}.",
    )
    from gmn_tf.search import report, trials, tuner
    from gmn_tf.training import fit

    # A bar for each trial would fill a file.
    options = shared.training_options(
        values, quiet=values.quiet or not sys.stdout.isatty()
    )
    strategy, execution = options["strategy"], options["execution"]
    data = shared.load_data(search.config, values)
    space = space_input.make(
        values.preset, config, fixed, changes, data.num_seen
    )
    search = dataclasses.replace(
        search, config=config.replace(space.fixed), space=space
    )
    tried = space.generator.get("matching_classes", ())
    largest = tried["max"] if isinstance(tried, dict) else max(tried, default=0)
    different = [{"steps": steps} for steps in search.budgets]
    if largest:
        different.append({"matching_classes": largest})
    for settings in different:
        config = search.config.replace(settings)
        fit.check_feasible(config, data, strategy, execution)
    begun = search.config, data.source, search.to_dict()
    runner = trials.TrialRunner(search, data, folder, **options)
    if sharing.is_worker():  # it shares the folder with its chief
        folder.start_search(*begun)
        tuner.run(runner, log, values.wait_minutes)
        return
    with folder.exclusive():
        folder.start_search(*begun)
        tuner.run(runner, log, values.wait_minutes)
        folder.remove_trial_checkpoints()
        held_back = data.num_classes - data.num_seen
        log("\n" + report.write(folder, held_back))


def _tune_automatically(values, folder: SearchFolder, log) -> None:
    """The short search of bin/train --preset=auto, alone."""
    preset = values.preset if values["preset"].present else AUTO
    config = shared.resolve(values, preset)
    if values.show_space:
        tried = stages.space(config, shared.chosen_settings(values))
        print(tried.to_json())
        return
    sharing.check()
    if sharing.is_chief() or sharing.is_worker():
        raise sharing.not_automatic()
    if values.strategy == "multi_worker":
        raise sharing.not_by_workers(values.strategy)
    shared.check_training(config, values)
    shared.begin(
        values, f"A search for settings for {config.dataset}, in {folder.path}."
    )
    from gmn_tf.search import report

    options = shared.training_options(values, quiet=values.quiet)
    shared.choose_settings(config, folder.path, values, options, log)
    log("\n" + report.write(folder))
