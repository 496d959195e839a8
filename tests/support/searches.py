"""Small searches on the tiny set."""

from gmn_tf.runs import experiment
from gmn_tf.search import space, trials, tuner
from gmn_tf.search.folder import SearchFolder
from gmn_tf.training import fit
from tests.support.runs import SOURCE

MONITORING = experiment.MonitoringOptions(quiet=True, checkpoint_every=2)
SPACE = {
    "noise_dim": [2, 3, 4, 5],
    "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
    "synthetic_per_class": [2, 5],
    "seen_penalty": space.CALIBRATED,
}


def runner_of(search, tune_data, path):
    """What runs the trials of a search in a folder."""
    folder = SearchFolder(path)
    folder.start_search(search.config, SOURCE, search.to_dict())
    return trials.TrialRunner(
        search,
        tune_data,
        folder,
        fit.make_strategy("one"),
        fit.DEFAULT_EXECUTION,
        MONITORING,
    )


def run(search, tune_data, path):
    """Runs a search; its results, and what it said."""
    logged = []
    made = runner_of(search, tune_data, path)
    tuner.run(made, logged.append)
    return made.folder, "\n".join(logged)


def without_times(folder):
    """The results of a search, less what another run need not repeat."""
    return [
        {name: value for name, value in one.items() if name != "seconds"}
        for one in folder.results()
    ]
