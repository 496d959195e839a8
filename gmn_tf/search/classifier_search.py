"""The cheap half of a search: settings that need no new generator.

Section 3.4's final classifier is trained again and again on one generator's
samples, each setting tried in turn, the others at the best so far. Where one
that scales the data changes, those before it are tried again: they were tried
on other data.
"""

import collections
import functools
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import calibration, metrics
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import temperature
from gmn_tf.search.space import CALIBRATED, PENALTY, as_text
from gmn_tf.training import final_classifiers
from gmn_tf.utils import progress
from gmn_tf.utils.errors import (
    InputError,
    LostDataError,
    UnwritableError,
    first_line,
)

# Settings of the data, which may be in the space if there is no generator.
NORM = "embedding_norm"
SCALINGS = {NORM, "feature_scaling"}
LESS = 0.2  # weight of a part of a joined embedding
NO_TIME = "too little time left"  # why a value has no scores
NO_TEMPERATURE = "no_temperature"  # why none was found for a row
# Of a row, what is no setting.
BESIDE_SETTINGS = (*SCORES, "preset", NO_TEMPERATURE)
# What ends one of several attempts, which may diverge or need too much memory.
FAILURES = (InputError, MemoryError, tf.errors.ResourceExhaustedError)
# Of these, what other settings would not change: it ends all attempts.
ACCIDENTS = (LostDataError, UnwritableError)


def search(
    config: Config,
    data: ZeroShotData,
    generator,
    space: Mapping[str, tuple],
    objective: str,
    on_epoch: Callable[[], None] = lambda: None,
    on_choice: Callable[[dict], None] = lambda choice: None,
    deadline: float = math.inf,
    margin: float = 0.0,
    choose_penalty: Callable[[list[dict]], dict] = calibration.middle,
) -> list[dict]:
    """Scores one classifier for each setting that is tried.

    Args:
        config: the settings to begin with.
        data: the tune splits, scaled as `config` says, or as they are if the
            space has a scaling.
        generator: trained on them; None for real samples only.
        space: settings of the classifier, and the values to try. Of a joined
            embedding, less of each part is tried too, once it is scaled.
        objective: the score that decides, a key of `metrics.SCORES`.
        on_epoch: called after each epoch of a classifier.
        on_choice: called with what was tried: `setting`, its `value`,
            `instead_of` which, the scores, and the `gain` in the objective
            over that, whatever other values of this setting gave; at first
            without these. A value without scores has a `reason`: why it
            failed, or one that begins with `NO_TIME`.
        deadline: of `time.monotonic`; no other value is tried that would
            probably need longer.
        margin: points by which a value has to be better than those before it.
            Of several that are, and that differ by less, T-1 decides.
        choose_penalty: gives one entry of `calibration.curve`.

    Returns:
        All that were tried, the chosen one first, then by their scores: the
        settings of `space`, and the scores in percent. The row of the unchanged
        `config` has `preset: True`; it is the last one if the space lacks its
        values. A row without a temperature (0) says under `NO_TEMPERATURE` why.

    Raises:
        InputError: if every classifier diverged.
    """
    calibrate = space.get(PENALTY) == (CALIBRATED,)
    lists = {n: v for n, v in space.items() if v != (CALIBRATED,)}
    config = config.replace({"classifier_seeds": 1})
    begun = {name: getattr(config, name) for name in lists}
    current = {n: begun[n] if begun[n] in v else v[0] for n, v in lists.items()}
    fitted, longest, reasons = {}, 0.0, []
    scaled = functools.lru_cache(1)(data.rescaled)

    def chosen(name: str, value, so_far=None, scores=None, reason=None):
        """What `on_choice` is called with."""
        choice = dict.fromkeys(("setting", "value", "instead_of"))
        if name:
            choice["setting"], choice["value"] = name, as_text(value)
            choice["instead_of"] = as_text(current[name])
        choice |= {score: scores and scores[score] for score in SCORES}
        compared = so_far and scores
        choice["gain"] = compared and scores[objective] - so_far[objective]
        return choice | {"reason": reason}

    def tried(settings: Mapping, name: str = "", so_far=None) -> list[dict]:
        nonlocal longest
        begun_at = time.monotonic()
        try:
            changed = config.replace(settings)
            used = data
            if not SCALINGS.isdisjoint(lists):
                used = scaled(changed.feature_scaling, changed.embedding_norm)
            (model,) = final_classifiers.fit(
                changed, used, generator, on_epoch, fitted
            )
        except ACCIDENTS:
            raise
        except FAILURES as error:  # other settings may not
            reasons.append(first_line(error))
            on_choice(chosen(name, settings.get(name), reason=reasons[-1]))
            return []
        model.penalise_seen(data.num_seen, changed.seen_penalty)
        found = [(changed, metrics.mean_and_std([metrics.score(model, used)]))]
        # For the other scores the best penalty would be none, or all.
        if calibrate and objective == "h":
            model.penalise_seen(data.num_seen, 0.0)
            entry = choose_penalty(calibration.curve([model], used))
            changed = changed.replace({PENALTY: entry["penalty"]})
            found.append((changed, entry))
        rows = []
        for one, scores in found:
            model.penalise_seen(data.num_seen, one.seen_penalty)
            fit = temperature.fitted([model], used)
            heat = {"temperature": fit.temperature}
            if fit.reason:
                heat = {"temperature": 0.0, NO_TEMPERATURE: fit.reason}
            values = {n: getattr(one, n) for n in (*lists, PENALTY)}
            means = {name: scores[name]["mean"] for name in SCORES}
            rows.append({**values, **heat, **means})
        longest = max(longest, time.monotonic() - begun_at)
        on_choice(chosen(name, settings.get(name), so_far, rows[-1]))
        return rows

    if current == begun:
        rows = tried(begun)
        preset = rows[:1]
    else:
        rows, preset = tried(current)[-1:], tried(begun)[:1]
    for row in preset:
        row["preset"] = True
    best = rows[-1] if rows else None  # with the penalty that was chosen
    left = collections.deque(lists.items())
    while left:
        (name, values), found = left.popleft(), []
        for value in values:
            if value == current[name]:
                continue
            if time.monotonic() + longest < deadline:
                found += tried({**current, name: value}, name, best)[-1:]
            else:
                needed = f"about {progress.duration(longest)} needed"
                reason = f"{NO_TIME} ({needed})"
                on_choice(chosen(name, value, reason=reason))
        least = -math.inf if best is None else best[objective] + margin
        if better := [row for row in found if row[objective] > least]:
            best = _top(better, objective, margin)
            current = {other: best[other] for other in lists}
            if name in SCALINGS:
                before = itertools.takewhile(name.__ne__, lists)
                left.extendleft(
                    (one, lists[one]) for one in before if one in SCALINGS
                )
        if name == NORM:
            joined = less_of_a_part(config.embedding, current[NORM])
            if joined and joined != values:
                left.appendleft((NORM, joined))
        rows += found
    if not rows:
        alike = len(set(reasons)) == 1
        raise InputError(
            # What a search reports, should all its trials fail alike.
            reasons[-1]
            if alike
            else f"Every final classifier failed, the last: {reasons[-1]}",
            "one or more that learn",
            f"{len(reasons)} that failed",
            "Change what the reason names, as in a smaller "
            "--classifier_learning_rate.",
        )
    rows.sort(key=lambda row: (row is not best, -row[objective]))
    return rows + [row for row in preset if row not in rows]


def less_of_a_part(embedding: str, norm: str) -> tuple[str, ...]:
    """Values of --embedding_norm with less of one more part of an embedding.

    Of a joined one, as `att+words`; there is none if all parts but one weigh
    less already.
    """
    norms = norm.split(",")
    if len(norms) == 1:
        norms *= embedding.count("+") + 1
    whole = [place for place, one in enumerate(norms) if "*" not in one]
    if len(whole) < 2:
        return ()
    return tuple(
        ",".join(
            [*norms[:place], f"{LESS}*{norms[place]}", *norms[place + 1 :]]
        )
        for place in whole
    )


def _top(rows: Sequence[Mapping], objective: str, margin: float) -> Mapping:
    """The best row; of those within the margin, that of the largest T-1.

    Such differences in h are chance, and T-1 does not depend on a penalty.
    """
    largest = max(row[objective] for row in rows)
    close = [row for row in rows if row[objective] >= largest - margin]
    return max(close, key=lambda row: (row["t1"], row[objective]))


def epochs(config: Config, space: Mapping[str, tuple]) -> int:
    """An estimate of the epochs of all classifiers together."""
    further = sum(len(v) - 1 for v in space.values())
    if NORM in space:
        further += len(less_of_a_part(config.embedding, space[NORM][0]))
    one = config.replace({"classifier_seeds": 1})
    return (1 + further) * final_classifiers.epochs(one)
