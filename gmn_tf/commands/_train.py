"""bin/train and bin/prepare."""

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command, start_tensorflow
from gmn_tf.config import Config

OF_THE_DATA = ("dataset", "features_file", "embedding")


@command(
    *shared.TRAINING,
    define.string(
        "workdir",
        None,
        "Folder for results; default: runs/<dataset>-<variant>-<seed>, with "
        "the embedding and the split between if they are not att and test.",
    ),
    define.boolean(
        "baseline",
        True,
        "Whether real_only is trained and scored too, to compare with.",
    ),
    define.integer(
        "validate_every",
        0,
        "Steps between scores on the validation classes, with --split=tune "
        "alone: writes validation.csv (Fig. 5); 0: none.",
        0,
    ),
    after_interrupt="The same command goes on from the last checkpoint.",
)
def train(values) -> None:
    """Trains a variant on a data set and scores it.

    bin/train --dataset=synthetic --variant=cwgan_gm
    """
    log = shared.logger(values)
    config = shared.resolve(values)
    start_tensorflow()
    from gmn_tf import api
    from gmn_tf.runs import experiment, report
    from gmn_tf.runs.workdir import Workdir
    from gmn_tf.training import validation

    validation.check_tune_split(config, values.validate_every)
    strategy, execution = shared.make_execution(values)
    workdir = Workdir(values.workdir or _default_workdir(config))
    workdir.check_settings_match(config)
    data = shared.load_data(config, values)
    monitoring_options = experiment.MonitoringOptions(
        values.quiet,
        values.log_every,
        values.picture_every,
        values.validate_every,
        values.checkpoint_every,
    )
    run = api.train(
        config,
        data,
        workdir.path,
        strategy=strategy,
        monitoring_options=monitoring_options,
        execution=execution,
        with_baseline=values.baseline,
        log=log,
    )
    if run is not None:
        log(report.scores_table(run.scores))
        log(f"Results: {workdir}; watch: tensorboard --logdir={workdir}")


@command(
    *(shared.SETTINGS[name] for name in OF_THE_DATA),
    *shared.DATA,
    define.strings(
        "beam_option",
        None,
        "A flag of the Apache Beam pipeline that prepares the data, as in "
        "--beam_option=--runner=FlinkRunner; may be repeated. Needs "
        "pip install 'gmn_tf[beam]'.",
    ),
)
def prepare(values) -> None:
    """Makes a data set ready for bin/train, which otherwise does it itself.

    bin/prepare --dataset=cub --manual_dir=xlsa17
    """
    log = shared.logger(values)
    chosen = shared.set_by_flags(values, OF_THE_DATA)
    # Runs choose how to scale embeddings; data fits if any way does.
    config = Config().replace({**chosen, "embedding_norm": "none"})
    start_tensorflow()
    from gmn_tf.runs import report

    data = shared.load_data(config, values, values.beam_option)
    log(report.data_summary(data))
    log(f"Prepared: {data.name} in {data.data_dir}")


def _default_workdir(config: Config) -> str:
    """runs/<dataset>-<variant>-<seed>, and what differs from the defaults."""
    data = [config.dataset]
    if config.embedding != Config.embedding:
        data.append(config.embedding)
    if config.split != Config.split:
        data.append(config.split)
    return f"runs/{'-'.join(data)}-{config.variant}-{config.seed}"
