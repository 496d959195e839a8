"""A finished run that the tests of predicting and serving share."""

import pytest

from gmn_tf.inference.prediction import Predictor
from gmn_tf.runs import experiment
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit
from tests.support import quick

SOURCE = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f00d"}


@pytest.fixture(scope="session")
def finished_run(tiny_config, tiny_data, tmp_path_factory):
    """A run of the tiny set, made in a moment."""
    config = tiny_config.replace({"seen_penalty": 0.25})
    workdir = Workdir(tmp_path_factory.mktemp("runs") / "run")
    workdir.start(config, SOURCE)
    with quick.training():
        experiment.run(
            config,
            tiny_data,
            workdir,
            fit.make_strategy("one"),
            experiment.MonitoringOptions(quiet=True),
        )
    return FinishedRun(workdir, config, tiny_data)


@pytest.fixture(scope="session")
def predictor(finished_run):
    """What that run predicts with."""
    return Predictor.load(str(finished_run.workdir))
