"""--preset=auto: settings for data that nobody has tuned for.

Three trials on the tune splits choose by h of the validation classes, each
setting in turn (`classifier_search`). The first finds in seconds how features
and descriptions are scaled best, with a discriminant classifier on real
features alone. The second adds a prototype classifier. The third trains a
generator, and adds a bilinear classifier on real and synthetic features. What
is best of all that was tried is chosen, with or without the generator.
"""

import math
import time
from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from etils import epy

from gmn_tf.config import BOTH, Config
from gmn_tf.data import embeddings, feature_scaling
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.metrics import BASELINE
from gmn_tf.method.variants import CLASSIFICATION, VARIANTS
from gmn_tf.search import space_input
from gmn_tf.search.folder import BEST, SearchFolder, ranked, succeeded
from gmn_tf.search.search import AUTO, Search
from gmn_tf.search.space import CALIBRATED, Space
from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError, counted

with epy.lazy_imports():  # they take seconds
    from gmn_tf.runs import shortfalls
    from gmn_tf.search import report, trials

MINUTES = 5.0
OBJECTIVE = "h"
PENALTY = "seen_penalty"
MARGIN = 0.5  # a smaller gain in h is within the noise of a seed
# Of the training of each classifier, whatever the number of samples: its steps
# of 256, and what is left of the learning rate at the end.
STEPS, RATE_LEFT = 600, 0.3
EPOCHS = 2, 300  # at least and at most
# Of the parts of a joined embedding but one, and for how many of the norms.
JOINED_WEIGHT, JOINED_NORMS = 0.2, 2


class Stage(NamedTuple):
    """A trial.

    Attributes:
        name: what it tries, for the user.
        settings: what it begins with, on top of the best so far.
        space: what it tries, in this order, each beginning with the first
            value.
        share: of all the time, after which it is not begun any more.
        eligible: whether its settings may be chosen; those of other variants
            than the user's only show where the next trial begins.
    """

    name: str
    settings: Mapping
    space: Mapping[str, tuple]
    share: float
    eligible: bool = True


STAGES = (
    Stage(
        "Real features, in closed form",
        {
            "variant": BASELINE,
            "classifier": "discriminant",
            "classifier_rows": "real",
            "classifier_weights": "1",
        },
        {
            # `arcsinh` also for columns with units of their own.
            "feature_scaling": (feature_scaling.UNIT, feature_scaling.ARCSINH),
            "embedding_norm": (
                *(embeddings.STANDARD_L2, embeddings.L2, embeddings.STANDARD),
            ),
            "discriminant_shrinkage": (3.0, 1.0, 10.0),
            PENALTY: (CALIBRATED,),
        },
        1.0,
    ),
    Stage(
        "Real features, with a network",
        {
            "variant": BASELINE,
            "classifier": "discriminant+prototype",
            "classifier_rows": "real",
        },
        {
            "classifier_weights": ("2,1", "1,1", "4,1"),
            "prototype_mask": (0.0, 0.3, 0.5),
            "prototype_dropout": (0.0, 0.3),
            PENALTY: (CALIBRATED,),
        },
        0.8,
    ),
    Stage(
        "Real and synthetic features",
        {
            "classifier": "bilinear+discriminant+prototype",
            "classifier_rows": "both,real,real",
        },
        {
            "classifier_weights": ("1,2,1", "1,4,1", "1,2,0", "2,2,1"),
            "synthetic_per_class": (25, 100),
            "classifier_learning_rate": (0.03, 0.1),
            PENALTY: (CALIBRATED,),
        },
        0.6,
    ),
)


def make_search(config: Config, data: ZeroShotData, fixed: Mapping) -> Search:
    """What is searched.

    Args:
        config: the settings to begin with.
        data: the tune splits, as they are.
        fixed: settings that the user has given; they are not searched.

    Raises:
        InputError: for data that is scaled, or of which nothing can be scored,
            or if everything is fixed.
    """
    scaling = data.feature_scaling.kind
    if data.split == "test" or scaling != feature_scaling.NONE:
        raise InputError(
            "Settings cannot be chosen on this data.",
            "the tune splits, their features as they are",
            f"split={data.split!r}, feature_scaling={scaling!r}",
            "Load it by gmn_tf.load_data(gmn_tf.unscaled(config)).",
        )
    if not (len(data.seen) and len(data.unseen)):
        raise InputError(
            "There is nothing to choose settings by.",
            "held-back samples of seen classes and of validation classes",
            f"{len(data.seen)} and {len(data.unseen)} samples",
            "Give more samples per class, or train with --preset=cpu.",
        )
    feature_scaling.check_differ(data.train.features)

    def epochs_of(batch_size: int) -> int:
        epochs = round(STEPS * batch_size / len(data.train))
        return int(np.clip(epochs, *EPOCHS))

    given = config.replace(fixed)
    epochs = epochs_of(given.classifier_batch_size)
    sized = {
        "prototype_epochs": epochs_of(given.prototype_batch_size),
        "classifier_epochs": epochs,
        "classifier_decay": round(RATE_LEFT ** (1.0 / epochs), 4),
        "matching_classes": min(config.matching_classes, data.num_seen),
    }
    return Search(
        config.replace({**sized, **fixed, "split": "tune"}),
        space(config, fixed),
        AUTO,
        OBJECTIVE,
        max_trials=len(stages(config, fixed)),
    )


def space(config: Config, fixed: Container[str]) -> Space:
    """All that is tried, in one."""
    trials = stages(config, fixed)
    variants = tuple(stage.settings["variant"] for stage in trials)
    tried = {}
    for stage in trials:
        for name, values in stage.space.items():
            tried[name] = (*tried.get(name, ()), *values)
    tried = {name: tuple(dict.fromkeys(each)) for name, each in tried.items()}
    return Space({}, {"variant": tuple(dict.fromkeys(variants))}, tried)


def _embedding_norms(config: Config, norms: Sequence[str]) -> tuple[str, ...]:
    """What is tried: for a joined embedding, parts that weigh less, too."""
    parts = config.embedding.count("+") + 1
    joined = [
        ",".join(norm if place == whole else less for place in range(parts))
        for norm in norms[: JOINED_NORMS * (parts > 1)]
        for less in [f"{JOINED_WEIGHT}*{norm}"]
        for whole in range(parts)
    ]
    return (*norms, *joined)


def stages(config: Config, fixed: Container[str]) -> list[Stage]:
    """The trials, without what the user has fixed, or what has no effect.

    Raises:
        InputError: if everything is fixed.
    """
    kept = set()  # what belongs to the classifiers that the user has named
    if "classifier" in fixed:
        kept = {"classifier_rows", "classifier_weights"}
    trials = []
    for stage in STAGES:
        settings = {"variant": config.variant, **stage.settings}
        # Without a generator, or where nothing learns from its samples.
        if "variant" not in stage.settings and not (
            VARIANTS[config.variant].has_generator
            and (
                "classifier_rows" not in fixed or BOTH in config.classifier_rows
            )
        ):
            break
        left = {
            name: value
            for name, value in settings.items()
            if name == "variant" or not (name in fixed or name in kept)
        }
        variant = VARIANTS[left["variant"]]
        guided = CLASSIFICATION in variant.guidance
        unused = space_input.unused_by_classifiers(
            [left.get("classifier", config.classifier)], guided
        )
        if guided:  # by a classifier whose settings another generator needs
            unused += space_input.OF_SGD
        tried = {
            name: _embedding_norms(config, values)
            if name == "embedding_norm"
            else values
            for name, values in stage.space.items()
            if not (name in fixed or name in kept or name.startswith(unused))
        }
        # The same as before, with nothing else to try.
        again = [left] == [
            {"variant": one.settings["variant"]} for one in trials
        ]
        if again and not tried.keys() - {PENALTY}:
            continue
        eligible = "variant" not in fixed or left["variant"] == config.variant
        # Another variant without a generator is the same with its classifier.
        eligible |= not VARIANTS[config.variant].has_generator
        trials.append(
            stage._replace(settings=left, space=tried, eligible=eligible)
        )
    if len(trials) == 1 + sum(not one.eligible for one in trials) and not any(
        stage.space for stage in trials
    ):
        raise InputError(
            "There is nothing left to choose.",
            "a setting or more that no flag and no --config has fixed",
            "all that --preset=auto would choose",
            "Leave out --preset=auto, or some of these settings.",
        )
    return trials


def choose(
    runner: "trials.TrialRunner",
    fixed: Container[str],
    minutes: float,
    log: Callable[[str], None],
) -> Config:
    """Runs the trials that are left, and chooses the best settings.

    Writes best.json, choices.csv and choices.png beside trials.csv.

    Args:
        runner: runs a trial; its search is that of `make_search`.
        fixed: settings that the user has given.
        minutes: no trial, and no value of a setting, is begun that would
            probably end later. What was spent before an interruption on
            trials that had ended counts.
        log: gets lines for the user.

    Returns:
        The settings, for training on the test splits.

    Raises:
        InputError: if no trial succeeded.
        StoppedError: after a signal to stop, once the step is saved.
    """
    folder, config = runner.folder, runner.search.config
    folder.discard_damaged(log)
    trials, seconds = stages(config, fixed), 60.0 * minutes
    data = runner.data
    held_back = data.num_classes - data.num_seen
    if len(folder.results()) == len(trials):
        log(f"{folder} already contains this search; its results:")
    else:
        log(
            f"Choosing settings by h of {len(data.unseen)} samples of "
            f"{counted(held_back, 'validation class', 'validation classes')} "
            f"and {len(data.seen)} of {data.num_seen} others, within about "
            f"{progress.duration(seconds)}. No test record is read."
        )
    if note := shortfalls.few_classes({}, held_back):
        log(note)
    for number, stage in enumerate(trials):
        log(f"{stage.name}:")
        result = _result(runner, number, stage, seconds, log)
        folder.trial(str(number)).remove_checkpoints()
        if "reason" in result:
            log(f"  {report.without_scores(result)}")
    report.write(folder)
    log("\n" + _conclusion(folder, held_back))
    best = folder.read_json(BEST)
    return config.replace({n: best[n] for n in best if n not in fixed})


def _result(
    runner: "trials.TrialRunner",
    number: int,
    stage: Stage,
    seconds: float,
    log: Callable[[str], None],
) -> dict:
    """That of a trial, which is run if it was not before."""

    def log_choice(choice):
        log(f"  {_line(choice)}")

    before = runner.folder.results()
    for result in before:
        if result["trial"] == number + 1:
            for choice in result.get("choices", ()):
                log_choice(choice)
            return result
    recorded = {"title": stage.name, "eligible": stage.eligible}
    spent = sum(result["seconds"] for result in before)
    if spent > stage.share * seconds and ranked(before, OBJECTIVE):
        return runner.skip(
            str(number),
            f"too little time left, {progress.duration(spent)} after the "
            f"start; it is begun within the first {100 * stage.share:.0f} % of "
            "--minutes, so that a new search needs --minutes="
            f"{_minutes(spent / stage.share)} or more",
            recorded,
        )
    settings = {}
    for best in succeeded(before, OBJECTIVE)[:1]:
        settings = {**best["generator"], **best["classifier"]}
    # The first values come first, not those of an earlier trial.
    first = {n: v[0] for n, v in stage.space.items() if n != PENALTY}
    return runner.run(
        str(number),
        {**settings, **stage.settings, **first},
        runner.search.config.steps,
        stage.space,
        on_choice=log_choice,
        deadline=time.monotonic() + seconds - spent,
        margin=MARGIN,
        recorded=recorded,
    )


def _minutes(seconds: float) -> str:
    """A value of --minutes that is not less, of two digits or so."""
    minutes = seconds / 60.0
    places = 1 if minutes < 10.0 else 0
    return f"{math.ceil(minutes * 10**places) / 10**places:g}"


def _line(choice: Mapping) -> str:
    """A choice, as text."""
    text = ""
    if choice["setting"]:
        text = "{setting}={value} instead of {instead_of}: ".format(**choice)
    if choice["reason"]:
        return text + choice["reason"]
    text += f"h {choice['h']:.1f}, T-1 {choice['t1']:.1f}"
    if choice["gain"] is not None:
        text += f" ({round(choice['gain'], 1) + 0.0:+.1f})"  # not -0.0
    return text


def _conclusion(folder: SearchFolder, validation: int) -> str:
    """What was chosen, by so many validation classes."""
    _, _, results = folder.read()
    best = ranked(results, OBJECTIVE)[0]
    lines = [f"Chosen: {best['title']}, h {best['h']:.1f}"]
    lines += [
        f"  ({one['title']}: h {one['h']:.1f})"
        for one in results
        if one is not best and "reason" not in one
    ]
    settings = {**best["generator"], **best["classifier"]}
    lines += [f"  {n}: {report.shown(n, v)}" for n, v in settings.items()]
    lines += report.notes(best, validation)
    lines.append(
        f"Settings: {folder.path / BEST}; what was tried: choices.csv "
        "and choices.png there."
    )
    return "\n".join(lines)
