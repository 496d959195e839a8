"""A finished run that the tests of predicting and serving share."""

import pytest

from gmn_tf.inference.prediction import Predictor
from tests.support import quick, runs


@pytest.fixture(scope="session")
def finished_run(tiny_config, tiny_data, tmp_path_factory):
    """A run of the tiny set, made in a moment."""
    config = tiny_config.replace({"seen_penalty": 0.25})
    folder = tmp_path_factory.mktemp("runs") / "run"
    with quick.training():
        return runs.finished_run(config, tiny_data, folder)


@pytest.fixture(scope="session")
def predictor(finished_run):
    """What that run predicts with."""
    return Predictor.load(str(finished_run.workdir))
