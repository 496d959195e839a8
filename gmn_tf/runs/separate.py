"""Section 4: the separate protocol (Table 2, and Table 3's double dagger).

For each of T-1, u and s the number of synthetic features (n_zsl, n_u, n_s) and
the classifier's learning rate are chosen separately, on the tune splits, with a
generator that was trained there; then they are used once on the test splits.
h combines two models and is not the score of one classifier: compare it only
with results of the same protocol.
"""

import dataclasses

import numpy as np

from gmn_tf.data import on_disk
from gmn_tf.method import metrics
from gmn_tf.runs import experiment
from gmn_tf.runs.candidates import candidates
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.training import final_classifiers
from gmn_tf.utils import progress
from gmn_tf.utils.errors import check_same

TASKS = ("t1", "u", "s")


@on_disk.reporting_data_loss()
def run(test: FinishedRun, tune: FinishedRun, quiet: bool) -> dict:
    """Chooses settings on the tune splits, and scores them on the test splits.

    Args:
        test: a run on the test splits.
        tune: the same on the tune splits.
        quiet: whether to print nothing.

    Returns:
        The contents of separate.json of the test run: those of metrics.json,
        the chosen settings and all that were tried.

    Raises:
        InputError: if the runs differ in more than their split.
    """
    # A penalty of seen classes would only trade s for u.
    plain = {"seen_penalty": 0.0, "temperature": 0.0}
    test, tune = (
        dataclasses.replace(one, config=one.config.replace(plain))
        for one in (test, tune)
    )
    check_same_runs(test.identity, tune.identity)
    generators = test.load_generator(), tune.load_generator()
    settings = candidates(tune.config, generators[1] is not None)
    alone = test.config.replace({"classifier_seeds": 1})
    total = len(settings) * final_classifiers.epochs(alone)
    total += len(TASKS) * final_classifiers.epochs(test.config)
    with progress.progress("classifiers", total, quiet) as advance:
        tried = []  # on the tune splits, with one classifier each
        for one in settings:
            (scores,) = _score(
                tune, {**one, "classifier_seeds": 1}, generators[1], advance
            )
            tried.append({**one, **{t: getattr(scores, t) for t in TASKS}})
        chosen = {}
        for task in TASKS:
            scores = [one[task] for one in tried]
            chosen[task] = settings[scores.index(max(scores))]
        by_task = [
            _score(test, chosen[task], generators[0], advance) for task in TASKS
        ]
    unseen = np.arange(test.data.num_classes) >= test.data.num_seen
    scores = [
        metrics.Scores(
            t1=t1.t1,
            u=u.u,
            s=s.s,
            h=metrics.harmonic_mean(u.u, s.s),
            # Of unseen classes by the classifier for u, of seen ones for s.
            class_accuracies=np.where(
                unseen, u.class_accuracies, s.class_accuracies
            ),
        )
        for t1, u, s in zip(*by_task)
    ]
    record = {
        **experiment.scores_record(test.config, scores),
        "protocol": metrics.SEPARATE,
        "chosen": chosen,
        "tried": tried,
    }
    test.workdir.write_json("separate.json", record)
    return record


def check_same_runs(test: dict, tune: dict) -> None:
    """Raises InputError unless two identities differ only in their split."""
    check_same(
        "The separate protocol needs runs that differ only in their split.",
        {**test, "split": "test and tune"},
        {**tune, "split": f"{test['split']} and {tune['split']}"},
        "Train the same on the same files with --split=tune, and name its "
        "folder.",
    )


def _score(run, settings, generator, on_epoch) -> list[metrics.Scores]:
    """Scores of new final classifiers, with some settings changed."""
    models = final_classifiers.fit(
        run.config.replace(settings), run.data, generator, on_epoch
    )
    return [metrics.score(model, run.data) for model in models]
