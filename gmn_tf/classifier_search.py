"""The cheap half of a search: settings that need no new generator.

Section 3.4's final classifier is trained again and again on one generator's
samples, each setting tried in turn, the others at the best so far.
"""

from collections.abc import Callable, Mapping

from gmn_tf import calibration, evaluation, experiment, report
from gmn_tf.config import Config
from gmn_tf.data import ZeroShotData
from gmn_tf.search_space import CALIBRATED


def search(
    config: Config,
    data: ZeroShotData,
    generator,
    space: Mapping[str, tuple],
    objective: str,
    on_epoch: Callable[[], None] = lambda: None,
) -> list[dict]:
    """Scores one classifier for each setting that is tried.

    Args:
        config: the settings to begin with.
        data: the tune splits.
        generator: trained on them.
        space: settings of the classifier, and the values to try.
        objective: the score that decides, a key of `report.SCORES`.
        on_epoch: called after each epoch of a classifier.

    Returns:
        All that were tried, the best first: the settings of `space`, and the
        scores in percent. That of `config` as it is has `preset: True`.
    """
    calibrate = space.get("seen_penalty") == (CALIBRATED,)
    lists = {n: v for n, v in space.items() if v != (CALIBRATED,)}
    config = config.replace({"classifier_seeds": 1})

    def tried(**settings) -> list[dict]:
        changed = config.replace(settings)
        (model,) = experiment.fit_classifiers(
            changed, data, generator, on_epoch
        )
        scores = evaluation.mean_and_std([evaluation.score(model, data)])
        rows = [_row(changed, lists, scores)]
        # For the other scores the best penalty would be none, or all.
        if calibrate and objective == "h":
            model.penalise_seen(data.num_seen, 0.0)
            scores = calibration.best(calibration.curve([model], data))
            changed = changed.replace({"seen_penalty": scores["penalty"]})
            rows.append(_row(changed, lists, scores))
        return rows

    rows = tried()
    rows[0]["preset"] = True
    for name, values in lists.items():
        best = max(rows, key=lambda row: row[objective])
        others = {other: best[other] for other in lists}
        for value in values:
            if value != others[name]:
                rows += tried(**{**others, name: value})[-1:]
    return sorted(rows, key=lambda row: -row[objective])


def _row(config: Config, names, scores: Mapping) -> dict:
    return {
        **{name: getattr(config, name) for name in (*names, "seen_penalty")},
        **{name: scores[name]["mean"] for name in report.SCORES},
    }


def epochs(config: Config, space: Mapping[str, tuple]) -> int:
    """An estimate of the epochs of all classifiers together."""
    others = sum(
        len(values) for name, values in space.items() if name != "seen_penalty"
    )
    return (1 + others) * config.classifier_epochs
