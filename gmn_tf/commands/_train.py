"""bin/train and bin/prepare."""

import shlex

from gmn_tf import configs
from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command
from gmn_tf.config import Config
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs.workdir import SEARCH, Workdir
from gmn_tf.search import sharing
from gmn_tf.training import checks, unused_settings
from gmn_tf.utils.errors import InputError

OF_THE_DATA = ("dataset", "features_file", "embedding")


@command(
    *shared.TRAINING,
    define.string(
        "workdir",
        None,
        "Folder for results; default: runs/<dataset>-<variant>-<seed>, where "
        "an embedding other than att and a split other than test follow the "
        "data set, and --preset=auto stands for the variant that it chooses.",
    ),
    define.boolean(
        "baseline",
        True,
        "Whether real_only is also trained and scored, for comparison.",
    ),
    define.boolean(
        "limits",
        True,
        "Whether to measure what the data can give, beside the scores.",
    ),
    define.integer(
        "validate_every",
        0,
        "Steps between scores on the validation classes, which are written "
        "to validation.csv (Fig. 5); needs --split=tune; 0: no such scores.",
        0,
    ),
    shared.MINUTES,
    define.rule_for_several(
        ["minutes", "preset"],
        lambda given: (
            given["minutes"] is None or given["preset"] in ("auto", "best")
        ),
        "Flag --minutes belongs to --preset=auto.",
    ),
    after_interrupt="The same command continues from the last checkpoint.",
)
def train(values) -> None:
    """Trains a variant on a data set and scores it.

    bin/train --dataset=synthetic --variant=cwgan_gm
    """
    log = shared.logger(values)
    config = shared.resolve(values)
    checks.check_tune_split(config, values.validate_every)
    workdir = Workdir(values.workdir or _default_workdir(config, values))
    searched = _is_searched(config, values)
    if values.minutes is not None and not searched:
        raise InputError(
            f"--preset=best has all settings for {config.dataset} with "
            f"--embedding={config.embedding}.",
            "--minutes with a preset that searches, such as auto",
            f"--minutes={values.minutes:g}",
            "Leave --minutes out, or give --preset=auto.",
        )
    if searched:
        _check_own_search(workdir, values)
        if values.strategy == "multi_worker":
            raise sharing.not_by_workers(values.strategy)
    else:
        workdir.check_settings_match(config)
    shared.check_training(config, values)
    shared.begin(values, _sentence(config, searched, workdir))
    from gmn_tf import api
    from gmn_tf.runs import mistakes, report

    options = shared.training_options(
        values, quiet=values.quiet, validate_every=values.validate_every
    )
    if searched:
        config = _choose_settings(config, workdir, values, options, log)
        workdir.check_settings_match(config)
    if note := unused_settings.note(config, shared.set_by_flags(values)):
        log(f"Note: {note}")
    data = shared.load_data(config, values)
    run = api.train(
        config,
        data,
        workdir.path,
        **options,
        with_baseline=values.baseline,
        with_limits=values.limits,
        log=log,
    )
    if run is not None:
        log(report.scores_table(run.scores))
        if "calibration" in run.scores:
            log("\n" + mistakes.sentence(run.scores["calibration"]))
        if "limits" in run.scores:
            log("\n" + report.limits_table(run.scores) + "\n")
        watch = shlex.join(["tensorboard", f"--logdir={workdir}"])
        log(f"Results: {workdir}; watch: {watch}")


def _sentence(config: Config, searched: bool, workdir: Workdir) -> str:
    """What will be in the folder of a run."""
    if searched:
        return f"A search for settings for {config.dataset}, in {workdir}."
    steps = f"{config.steps} steps, "
    if not VARIANTS[config.variant].has_generator:
        steps = ""
    return (
        f"A run of {config.variant} on {config.dataset}, {steps}seed "
        f"{config.seed}, in {workdir}."
    )


def _is_searched(config: Config, values) -> bool:
    chosen = shared.chosen_settings(values)
    return configs.is_searched(config.dataset, values.preset, chosen)


def _default_workdir(config: Config, values) -> str:
    """A folder in runs/ that is named after what the run is."""
    variant = config.variant
    if _is_searched(config, values):
        # Which variant it will be is not known yet.
        variant = shared.chosen_settings(values).get("variant", "auto")
    differing = [
        getattr(config, name)
        for name in ("embedding", "split")
        if getattr(config, name) != getattr(Config, name)
    ]
    name = [config.dataset, *differing, variant, str(config.seed)]
    return f"runs/{'-'.join(name)}"


def _check_own_search(workdir: Workdir, values) -> None:
    folder = workdir.path / SEARCH
    if (workdir.path / "config.json").exists() and not folder.exists():
        raise InputError(
            f"{workdir} holds a run whose settings no search has chosen.",
            "a folder of its own for a run with --preset="
            f"{values.preset}, or one that it has begun",
            str(workdir),
            "Choose another --workdir, or remove that folder.",
        )


def _choose_settings(config, workdir, values, options, log) -> Config:
    """The settings found by a search in the run's folder."""
    if values.preset != "auto":
        chosen = shared.chosen_settings(values)
        flags = [
            f"--{name}={chosen[name]}"
            for name in configs.FOUND_FOR
            if name in chosen
        ]
        log(
            f"--preset=best has no settings for {config.dataset}"
            f"{' with ' * bool(flags)}{', '.join(flags)}: it searches, as "
            "--preset=auto."
        )
    folder = workdir.path / SEARCH
    found = shared.choose_settings(config, folder, values, options, log)
    log("")
    return found.replace({"split": config.split})


@command(
    *(shared.SETTINGS[name] for name in OF_THE_DATA),
    *shared.DATA,
    define.strings(
        "beam_option",
        None,
        "Flag of the Apache Beam pipeline that prepares the data, as in "
        "--beam_option=--runner=FlinkRunner; needs pip install 'gmn_tf[beam]'",
    ),
    shared.WRITE_MAT,
)
def prepare(values) -> None:
    """Prepares a data set, which bin/train otherwise does itself.

    bin/prepare --dataset=cub --manual_dir=xlsa17
    """
    log = shared.logger(values)
    chosen = shared.set_by_flags(values, OF_THE_DATA)
    # Runs choose how to scale embeddings; data fits if any way does.
    config = Config().replace({**chosen, "embedding_norm": "none"})
    shared.check_data(config, values)
    shared.begin(values, f"Data set {config.dataset}, prepared for all runs.")
    from gmn_tf.runs import report

    data = shared.load_data(config, values, values.beam_option)
    log(report.data_summary(data))
    for note in report.cautions(data):
        log(f"Note: {note}")
    log(f"Prepared: {data.name} in {data.data_dir}")
    shared.write_mat(data.name, data.data_dir, values, log)
