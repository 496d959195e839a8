"""--preset=auto: settings for data that nobody has tuned for.

Two trials on the tune splits choose by h of the validation classes, each
setting in turn (`classifier_search`). The first has no generator: it finds how
features and descriptions are scaled best, with a prototype classifier on real
features alone. The second trains a generator on data scaled like that, and
adds a bilinear classifier on real and synthetic features. What is best of all
that was tried is chosen, with or without the generator.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from gmn_tf.config import Config
from gmn_tf.data import embeddings, feature_scaling
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.metrics import BASELINE
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs.report import table_csv
from gmn_tf.search import figure, report
from gmn_tf.search.folder import BEST, SearchFolder, ranked
from gmn_tf.search.search import AUTO, Search
from gmn_tf.search.space import CALIBRATED, Space
from gmn_tf.search.trials import TrialRunner
from gmn_tf.utils import progress

MINUTES = 5.0
OBJECTIVE = "h"
PENALTY = "seen_penalty"
MARGIN = 0.5  # a smaller gain in h is within the noise of a seed
# Of the training of each classifier, whatever the number of samples: its steps
# of 256, and what is left of the learning rate at the end.
STEPS, RATE_LEFT = 600, 0.3
EPOCHS = 2, 300  # at least and at most


class Stage(NamedTuple):
    """A trial.

    Attributes:
        name: what it tries, for the user.
        settings: what it begins with, on top of the best so far.
        space: what it tries, in this order, each beginning with the first
            value.
        share: of all the time, after which it is not begun any more.
    """

    name: str
    settings: Mapping
    space: Mapping[str, tuple]
    share: float


STAGES = (
    Stage(
        "Real features alone",
        {
            "variant": BASELINE,
            "classifier": "prototype",
            "classifier_rows": "real",
            "classifier_weights": "1",
        },
        {
            "prototype_mask": (0.0, 0.3, 0.5),
            "embedding_norm": (
                *(embeddings.STANDARD_L2, embeddings.L2, embeddings.STANDARD),
            ),
            "prototype_dropout": (0.0, 0.3),
            "feature_scaling": (feature_scaling.UNIT, feature_scaling.STANDARD),
            PENALTY: (CALIBRATED,),
        },
        1.0,
    ),
    Stage(
        "Real and synthetic features",
        {"classifier": "bilinear+prototype", "classifier_rows": "both,real"},
        {
            "classifier_weights": ("2,1", "1,1", "1,2", "1,0"),
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
    """
    epochs = round(STEPS * config.classifier_batch_size / len(data.train))
    epochs = int(np.clip(epochs, *EPOCHS))
    sized = {
        "prototype_epochs": epochs,
        "classifier_epochs": epochs,
        "classifier_decay": round(RATE_LEFT ** (1.0 / epochs), 4),
        "matching_classes": min(config.matching_classes, data.num_seen),
    }
    trials = stages(config, fixed)
    tried = {n: v for stage in trials for n, v in stage.space.items()}
    variants = tuple(stage.settings["variant"] for stage in trials)
    return Search(
        config.replace({**sized, **fixed, "split": "tune"}),
        Space({}, {"variant": variants}, tried),
        AUTO,
        OBJECTIVE,
        max_trials=len(trials),
    )


def stages(config: Config, fixed: Mapping) -> list[Stage]:
    """The trials, without what the user has fixed."""
    if "classifier" in fixed:  # whose parts these belong to
        fixed = {"classifier_rows", "classifier_weights", *fixed}
    trials = []
    for stage in STAGES:
        settings = {"variant": config.variant, **stage.settings}
        if trials and not VARIANTS[config.variant].has_generator:
            break
        left = {n: v for n, v in settings.items() if n not in fixed}
        left["variant"] = settings["variant"]
        space = {n: v for n, v in stage.space.items() if n not in fixed}
        trials.append(stage._replace(settings=left, space=space))
    return trials


def choose(
    runner: TrialRunner,
    fixed: Mapping,
    minutes: float,
    log: Callable[[str], None],
) -> Config:
    """Runs the trials that are left, and chooses the best settings.

    Writes best.json, choices.csv and choices.png beside trials.csv.

    Args:
        runner: runs a trial; its search is that of `make_search`.
        fixed: settings that the user has given.
        minutes: no trial, and no value of a setting, is begun that would
            probably end later.
        log: gets lines for the user.

    Returns:
        The settings, for training on the test splits.

    Raises:
        InputError: if no trial succeeded.
    """
    begun, folder = time.monotonic(), runner.folder
    if (folder.path / BEST).exists():
        log(f"The settings are those of {folder.path / BEST}.")
        return runner.search.config.replace(folder.read_json(BEST))
    config, seconds = runner.search.config, 60.0 * minutes
    log(
        "Choosing settings by h of the validation classes, within about "
        f"{progress.duration(seconds)}. No test record is read."
    )
    for number, stage in enumerate(stages(config, fixed)):
        spent = time.monotonic() - begun
        log(f"{stage.name}:")
        if spent > stage.share * seconds:
            log(
                f"  not tried, {progress.duration(spent)} after the start; "
                f"more than --minutes={minutes:g} would give it time."
            )
            continue
        settings = {}
        for best in ranked(folder.results(), OBJECTIVE)[:1]:
            settings = {**best["generator"], **best["classifier"]}
        # The first values come first, not those of an earlier trial.
        first = {n: v[0] for n, v in stage.space.items() if n != PENALTY}
        result = runner.run(
            str(number),
            {**settings, **stage.settings, **first},
            config.steps,
            stage.space,
            on_choice=lambda one: log(f"  {_line(one)}"),
            deadline=begun + seconds,
            margin=MARGIN,
        )
        if "reason" in result:
            log(f"  failed: {result['reason']}")
    report.write(folder)
    log("\n" + _conclusion(folder))
    return config.replace(folder.read_json(BEST))


def _line(choice: Mapping) -> str:
    scores = f"h {choice['h']:.1f}, T-1 {choice['t1']:.1f}"
    if not choice["setting"]:
        return scores
    return (
        f"{choice['setting']}={choice['value']} instead of "
        f"{choice['instead_of']}: {scores} ({choice['gain']:+.1f})"
    )


def _conclusion(folder: SearchFolder) -> str:
    """Writes choices.csv and choices.png; says what was chosen."""
    config, _, results = folder.read()
    rows = [
        {"trial": one["trial"], **choice}
        for one in results
        for choice in one.get("choices", ())
    ]
    folder.write_text("choices.csv", table_csv(rows))
    names = {n: stage.name for n, stage in enumerate(STAGES, start=1)}
    title = f"{config.dataset}: what each choice was worth"
    picture = figure.draw_choices(rows, names, title)
    folder.save_picture("choices.png", picture)
    best, *others = ranked(results, OBJECTIVE)
    lines = [f"Chosen: {names[best['trial']]}, h {best['h']:.1f}"]
    lines += [f"  ({names[o['trial']]}: h {o['h']:.1f})" for o in others]
    settings = {**best["generator"], **best["classifier"]}
    lines += [f"  {name}: {value}" for name, value in settings.items()]
    lines.append(
        f"Settings: {folder.path / BEST}; what was tried: choices.csv "
        "and choices.png there."
    )
    return "\n".join(lines)
