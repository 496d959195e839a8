"""Section 4: the separate protocol (Table 2, and Table 3's double dagger).

For each of T-1, u and s the number of synthetic features (n_zsl, n_u, n_s) and
the classifier's learning rate are chosen apart, on the tune splits, where a
generator of its own was trained; then they are used once on the test splits.
h combines two models, so it is no score of any one classifier: compare it
with the like alone.
"""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np

from gmn_tf.config import SEPARATE_FACTORS, Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics as evaluation
from gmn_tf.runs import experiment
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError

TASKS = ("t1", "u", "s")


@on_disk.reporting_data_loss()
def run(test: FinishedRun, tune: FinishedRun, quiet: bool) -> dict:
    """Chooses settings on the tune splits, and scores them on the test splits.

    Args:
        test: a run on the test splits.
        tune: the same on the tune splits.
        quiet: print nothing.

    Returns:
        What separate.json of the test run holds: as metrics.json, with what
        was chosen and all that was tried.

    Raises:
        InputError: if the runs differ in more than their split.
    """
    # Lower scores of seen classes would only trade s for u.
    test, tune = (
        dataclasses.replace(one, config=experiment.plain(one.config))
        for one in (test, tune)
    )
    check_same_runs(test.config, tune.config)
    check_source_matches(test.workdir, tune.workdir)
    generators = test.load_generator(), tune.load_generator()
    rounds = len(candidates(tune.config, generators[1] is not None))
    rounds += len(TASKS) * test.config.classifier_seeds
    total = rounds * test.config.classifier_epochs
    with progress.progress("classifiers", total, quiet) as advance:
        chosen, tried = choose(tune.config, tune.data, generators[1], advance)
        scores = score(test.config, test.data, generators[0], chosen, advance)
    metrics = experiment.metrics(test.config, scores, [])
    metrics |= {
        "protocol": evaluation.SEPARATE,
        "chosen": chosen,
        "tried": tried,
    }
    test.workdir.write_json("separate.json", metrics)
    return metrics


def check_same_runs(test: Config, tune: Config) -> None:
    """Raises InputError unless the runs differ in their split alone."""
    expected = test.replace({"split": "tune"}).to_dict()
    given = tune.to_dict()
    changed = [name for name in expected if expected[name] != given[name]]
    if test.split != "test" or changed:
        raise InputError(
            "The separate protocol needs two runs that differ in their split "
            "alone.",
            "--workdir with split=test, --tune_workdir with split=tune",
            f"split={test.split} and split={tune.split}"
            + "".join(
                f"; {name}={expected[name]!r} and {given[name]!r}"
                for name in changed
                if name != "split"
            ),
            "train the same with --split=tune, and name its folder",
        )


def check_source_matches(test: Workdir, tune: Workdir) -> None:
    """Raises InputError unless both runs were made with the same data."""
    sources = [workdir.read_config()[1] for workdir in (test, tune)]
    for name in ("name", "split_fingerprint"):
        expected, given = (source[name] for source in sources)
        if expected != given:
            # Another split may hold test rows where this one has tuning rows.
            raise InputError(
                "The separate protocol needs two runs on the same data.",
                f"{name} {expected} ({test})",
                f"{name} {given} ({tune})",
                "train again on the same files",
            )


def candidates(config: Config, has_generator: bool) -> list[dict]:
    """All settings that are tried, each once."""
    factors = dict(SEPARATE_FACTORS)
    if not has_generator:
        del factors["synthetic_per_class"]
    values = {
        name: dict.fromkeys(
            # Counts are whole, and at least 1.
            max(1, round(factor * getattr(config, name)))
            if isinstance(getattr(config, name), int)
            else factor * getattr(config, name)
            for factor in factors[name]
        )
        for name in factors
    }
    return [
        dict(zip(values, combination))
        for combination in itertools.product(*values.values())
    ]


def choose(
    config: Config,
    data: ZeroShotData,
    generator,
    on_epoch: Callable[[], None] = lambda: None,
) -> tuple[dict[str, dict], list[dict]]:
    """Tries all candidates with one classifier each.

    Args:
        config: of the run on the tune splits.
        data: the tune splits.
        generator: trained on them; None for real samples alone.
        on_epoch: called after each epoch of a classifier.

    Returns:
        For each task the best settings; and all that were tried, with their
        scores on the tune splits in percent.
    """
    tried = []
    for settings in candidates(config, generator is not None):
        changed = config.replace({**settings, "classifier_seeds": 1})
        models = experiment.fit_classifiers(changed, data, generator, on_epoch)
        scores = evaluation.score(models[0], data)
        tried.append(
            {**settings, **{task: getattr(scores, task) for task in TASKS}}
        )
    best = {
        task: max(tried, key=lambda one, task=task: one[task]) for task in TASKS
    }
    return {
        task: {k: v for k, v in one.items() if k not in TASKS}
        for task, one in best.items()
    }, tried


def score(
    config: Config,
    data: ZeroShotData,
    generator,
    chosen: dict[str, dict],
    on_epoch: Callable[[], None] = lambda: None,
) -> list[evaluation.Scores]:
    """Scores the chosen settings, each by its own task.

    Args:
        config: of the run on the test splits.
        data: the test splits.
        generator: trained on them; None for real samples alone.
        chosen: from `choose`.
        on_epoch: called after each epoch of a classifier.

    Returns:
        One for each classifier seed; accuracies of unseen classes are those
        of the classifier for u, of seen ones those of the one for s.
    """
    by_task = {
        task: [
            evaluation.score(model, data)
            for model in experiment.fit_classifiers(
                config.replace(settings), data, generator, on_epoch
            )
        ]
        for task, settings in chosen.items()
    }
    unseen = np.arange(data.num_classes) >= data.num_seen
    return [
        evaluation.Scores(
            t1=t1.t1,
            u=u.u,
            s=s.s,
            h=evaluation.harmonic_mean(u.u, s.s),
            class_accuracies=np.where(
                unseen, u.class_accuracies, s.class_accuracies
            ),
        )
        for t1, u, s in zip(*(by_task[task] for task in TASKS))
    ]
