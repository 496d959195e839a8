"""Section 4: the separate protocol (Table 2, and Table 3's double dagger).

For each of T-1, u and s the number of synthetic features (n_zsl, n_u, n_s) and
the classifier's learning rate are chosen separately, on the tune splits, with a
generator that was trained there; then they are used once on the test splits.
h combines two models and is not the score of one classifier: compare it only
with results of the same protocol.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics
from gmn_tf.runs import experiment
from gmn_tf.runs.candidates import candidates
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.utils import progress
from gmn_tf.utils.errors import check_same

TASKS = ("t1", "u", "s")


@on_disk.reporting_data_loss()
def run(test: FinishedRun, tune: FinishedRun, quiet: bool) -> dict:
    """Chooses settings on the tune splits, and scores them on the test splits.

    Args:
        test: a run on the test splits.
        tune: the same on the tune splits.
        quiet: print nothing.

    Returns:
        The contents of separate.json of the test run: those of metrics.json,
        the chosen settings and all that were tried.

    Raises:
        InputError: if the runs differ in more than their split.
    """
    # A penalty of seen classes would only trade s for u.
    test, tune = (
        dataclasses.replace(one, config=experiment.plain(one.config))
        for one in (test, tune)
    )
    check_same_runs(test.identity, tune.identity)
    generators = test.load_generator(), tune.load_generator()
    rounds = len(candidates(tune.config, generators[1] is not None))
    rounds += len(TASKS) * test.config.classifier_seeds
    total = rounds * test.config.classifier_epochs
    with progress.progress("classifiers", total, quiet) as advance:
        chosen, tried = choose(tune.config, tune.data, generators[1], advance)
        scores = score(test.config, test.data, generators[0], chosen, advance)
    record = {
        **experiment.scores_record(test.config, scores, []),
        "protocol": metrics.SEPARATE,
        "chosen": chosen,
        "tried": tried,
    }
    test.workdir.write_json("separate.json", record)
    return record


def check_same_runs(test: dict, tune: dict) -> None:
    """Raises InputError unless two runs differ only in their split.

    Args:
        test: what `FinishedRun.identity` says of --workdir.
        tune: the same of --tune_workdir.
    """
    check_same(
        "The separate protocol needs runs that differ only in their split.",
        {**test, "split": "test and tune"},
        {**tune, "split": f"{test['split']} and {tune['split']}"},
        "Train the same on the same files with --split=tune, and name its "
        "folder.",
    )


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
        generator: trained on them; None for the variant real_only.
        on_epoch: called after each epoch of a classifier.

    Returns:
        For each task the best settings; and all that were tried, with their
        scores on the tune splits in percent.
    """
    tried = []
    for settings in candidates(config, generator is not None):
        changed = config.replace({**settings, "classifier_seeds": 1})
        models = experiment.fit_classifiers(changed, data, generator, on_epoch)
        scores = metrics.score(models[0], data)
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
) -> list[metrics.Scores]:
    """Scores the chosen settings, each by its own task.

    Args:
        config: of the run on the test splits.
        data: the test splits.
        generator: trained on them; None for the variant real_only.
        chosen: from `choose`.
        on_epoch: called after each epoch of a classifier.

    Returns:
        One for each classifier seed; accuracies of unseen classes are those
        of the classifier for u, of seen ones those of the one for s.
    """
    by_task = {
        task: [
            metrics.score(model, data)
            for model in experiment.fit_classifiers(
                config.replace(settings), data, generator, on_epoch
            )
        ]
        for task, settings in chosen.items()
    }
    unseen = np.arange(data.num_classes) >= data.num_seen
    return [
        metrics.Scores(
            t1=t1.t1,
            u=u.u,
            s=s.s,
            h=metrics.harmonic_mean(u.u, s.s),
            class_accuracies=np.where(
                unseen, u.class_accuracies, s.class_accuracies
            ),
        )
        for t1, u, s in zip(*(by_task[task] for task in TASKS))
    ]
