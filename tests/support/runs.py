"""Finished runs of toys, for tests of what a run leaves behind."""

import json
import pathlib

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


def rounded(path: pathlib.Path):
    """The content of a JSON file, its numbers rounded to four digits.

    Products of other blocks of rows round differently on some machines, so that
    probabilities of features on disk are not those in memory to the last bit.
    """
    return json.loads(
        path.read_text(), parse_float=lambda text: round(float(text), 4)
    )
