"""bin/train and bin/prepare."""

import dataclasses

from absl import flags

from gmn_tf.commands import command_line
from gmn_tf.commands._shared import (
    define_config_flags,
    define_data_flags,
    define_execution_flags,
    define_setting_flag,
    define_setting_flags,
    load_data,
    log,
    make_execution,
    resolve,
)
from gmn_tf.config import Config


def train() -> None:
    """Trains a variant on a data set and scores it.

    bin/train --dataset=synthetic --variant=cwgan_gm
    """
    define_setting_flags()
    define_config_flags()
    define_data_flags()
    define_execution_flags()
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder for results; default: runs/<dataset>-<variant>-<seed>, with "
        "the embedding and the split between if they are not att and test.",
    )
    flags.DEFINE_boolean(
        "baseline",
        True,
        "Whether real_only is trained and scored too, to compare with.",
    )
    flags.DEFINE_integer(
        "validate_every",
        0,
        "Steps between scores on the validation classes, with --split=tune "
        "alone: writes validation.csv (Fig. 5); 0: none.",
        0,
    )
    command_line.run(
        _train,
        train.__doc__,
        "The same command goes on from the last checkpoint.",
    )


def prepare() -> None:
    """Makes a data set ready for bin/train, which otherwise does it itself.

    bin/prepare --dataset=cub --manual_dir=xlsa17
    """
    for field in dataclasses.fields(Config):
        if field.name in ("dataset", "features_file", "embedding"):
            define_setting_flag(field)
    define_data_flags()
    flags.DEFINE_multi_string(
        "beam_option",
        None,
        "A flag of an Apache Beam pipeline that is to do it, as in "
        "--beam_option=--runner=FlinkRunner; may be repeated. Needs "
        "pip install 'gmn_tf[beam]'.",
    )
    command_line.run(_prepare_alone, prepare.__doc__)


def _train(values, arguments) -> None:
    command_line.check_no_arguments(arguments)
    config = resolve(values)
    command_line.start_tensorflow()
    from gmn_tf import api
    from gmn_tf.runs import experiment, report
    from gmn_tf.runs.workdir import Workdir
    from gmn_tf.training import validation

    validation.check_tune_split(config, values.validate_every)
    strategy, execution = make_execution(values)
    workdir = Workdir(values.workdir or _default_workdir(config))
    workdir.check_settings_match(config)
    data = load_data(config, values)
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
        log=lambda text: log(values, text),
    )
    if run is not None:
        log(values, report.scores_table(run.scores))
        log(
            values, f"Results: {workdir}; watch: tensorboard --logdir={workdir}"
        )


def _prepare_alone(values, arguments) -> None:
    command_line.check_no_arguments(arguments)
    chosen = {
        name: values[name].value
        for name in ("dataset", "features_file", "embedding")
        if values[name].value is not None
    }
    # Runs choose how to scale embeddings; data fits if any way does.
    config = Config().replace({**chosen, "embedding_norm": "none"})
    command_line.start_tensorflow()
    from gmn_tf.runs import report

    data = load_data(config, values, values.beam_option)
    log(values, report.data_summary(data))
    log(values, f"Prepared: {data.name} in {data.data_dir}")


def _default_workdir(config: Config) -> str:
    """runs/<dataset>-<variant>-<seed>, and what else is not as usual."""
    data = [config.dataset]
    if config.embedding != Config.embedding:
        data.append(config.embedding)
    if config.split != Config.split:
        data.append(config.split)
    return f"runs/{'-'.join(data)}-{config.variant}-{config.seed}"
