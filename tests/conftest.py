"""Data shared by tests: a tiny set through the real builder and pipeline."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
# Several processes share the cores; threads of BLAS would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

# The process that hands tests out to others reads this file too, and needs
# nothing of TensorFlow: what takes seconds to import is imported where it is
# used.

# Files that take longest, so that no process is left with one at the end.
LONGEST = (
    *("workers_test.py", "end_to_end_test.py", "tuner_test.py"),
    *("plain_step_test.py", "tune_command_test.py", "listening_test.py"),
    *("auto_command_test.py", "checkpoints_test.py", "custom_images_test.py"),
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def optimise_graphs(choice: bool):
    """Whether TensorFlow optimises graphs before it runs them."""
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        options = {"disable_meta_optimizer": not choice}
        tf.config.optimizer.set_experimental_options(options)


@pytest.fixture(scope="session", autouse=True)
def graphs_as_traced():
    """Leaves graphs as they are: to optimise one takes longer than a toy does.

    Those of commands in processes of their own are optimised as a user's are.
    """
    optimise_graphs(False)


@pytest.fixture(scope="module")
def optimised_graphs():
    """For tests of what a graph computes."""
    optimise_graphs(True)
    yield
    optimise_graphs(False)


@pytest.fixture(scope="session")
def tiny_dir(tmp_path_factory):
    """A folder with the tiny set prepared in it."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="session")
def tiny_name(tiny_dir):
    """The TFDS name of the tiny set."""
    from gmn_tf_datasets.zero_shot.prepare import prepare
    from gmn_tf_datasets.zero_shot.synthetic import SyntheticParameters

    return prepare(
        "synthetic",
        data_dir=tiny_dir,
        quiet=True,
        synthetic_parameters=SyntheticParameters(
            num_classes=9,
            num_unseen=3,
            num_groups=3,
            embedding_dim=7,
            feature_dim=14,
            min_samples=10,
            max_samples=13,
        ),
    )


@pytest.fixture(scope="session")
def tiny_data(tiny_name, tiny_dir):
    """The tiny set, as a run sees it."""
    from gmn_tf.data import zero_shot_data

    return zero_shot_data.load(tiny_name, tiny_dir)


@pytest.fixture(scope="session")
def tiny_config():
    """The preset of the synthetic set, shrunk until it runs in a moment."""
    from gmn_tf.config import Config
    from gmn_tf.configs import preset

    return Config().replace(
        {
            **preset("synthetic"),
            "noise_dim": 3,
            "generator_units": (8,),
            "critic_units": (6,),
            "critic_steps": 2,
            "batch_size": 4,
            "steps": 3,
            "matching_classes": 3,
            "matching_real": 4,
            "matching_fake": 7,
            "synthetic_per_class": 5,
            "classifier_epochs": 2,
            "classifier_seeds": 2,
            "classifier_batch_size": 16,
        }
    )


@pytest.fixture(scope="module")
def quick_training():
    """For tests that only use what training makes; see `quick`."""
    from tests.support import quick

    with quick.training():
        yield


@pytest.fixture
def float64():
    """Makes Keras layers compute in double precision."""
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
