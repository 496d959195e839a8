"""What tests of searches share: data, small searches, trials of no time."""

import contextlib

import pytest

from gmn_tf.data import zero_shot_data
from gmn_tf.method.metrics import SCORES
from gmn_tf.search import space, space_input, trials
from gmn_tf.search.search import Search
from tests.support.searches import SPACE


@pytest.fixture(scope="module", autouse=True)
def _quick_training(quick_training):
    """What is searched is the point; dozens of trials are trained for it."""


@pytest.fixture(scope="session")
def tune_data(tiny_name, tiny_dir):
    return zero_shot_data.load(tiny_name, tiny_dir, "tune")


@pytest.fixture(scope="session")
def search_for(tiny_config):
    """Makes a search from what differs from a small random one."""

    def make(kind="random", objective="h", max_trials=3, tried=SPACE, steps=4):
        # Without gradient matching, the dearest part of a step.
        config = tiny_config.replace(
            {
                "split": "tune",
                "steps": steps,
                "variant": "cwgan",
                "critic_steps": 1,
            }
        )
        own = (*space.GENERATOR, *space.CLASSIFIER)
        fixed = [name for name in own if name not in tried]
        made = space_input.make("cpu", config, fixed, tried)
        return Search(config, made, kind, objective, max_trials)

    return make


@pytest.fixture
def quick_trials():
    """Trials that train nothing; those of a high rate fail."""
    with without_training():
        yield


@contextlib.contextmanager
def without_training():
    """What `quick_trials` does."""

    def run_quickly(self, name, settings, steps):
        result = {"steps": steps, "generator": settings, "seconds": 1.0}
        if settings.get("learning_rate", 0.0) > 1.0:
            result["reason"] = "it diverged"
        else:
            score = 10.0 + settings.get("noise_dim", 0)
            result["classifier"] = {"seen_penalty": 0.5}
            result |= dict.fromkeys(SCORES, score)
            result["with_preset_classifier"] = None
        workdir = self.folder.trial(name)
        workdir.path.mkdir(exist_ok=True)
        workdir.write_json("result.json", result)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials.TrialRunner, "run", run_quickly)
        yield
