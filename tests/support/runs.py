"""Finished runs of toys, for tests of what a run leaves behind."""

from gmn_tf.runs import experiment
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit

SOURCE = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f00d"}


def finished_run(config, data, folder, **options) -> FinishedRun:
    """Trains and scores a run; `options` are those of `experiment.run`."""
    workdir = Workdir(folder)
    workdir.start(config, SOURCE)
    experiment.run(
        config,
        data,
        workdir,
        fit.make_strategy("one"),
        experiment.MonitoringOptions(quiet=True),
        **options,
    )
    return FinishedRun(workdir, config, data)
