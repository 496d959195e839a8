"""What a job of the leaderboard measures, for entries that share a generator.

`choose` sees the tune splits alone, and decides all settings and the penalty.
`score` scores them once on the test splits. `peek` does what must not be done:
it takes what is best *on test*, to show what that habit is worth. Nothing that
it finds goes into the other two.
"""

import pathlib
import time
from collections.abc import Callable, Mapping

from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import calibration, metrics
from gmn_tf.method.metrics import SCORES
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs.entries import Entry
from gmn_tf.runs.workdir import Workdir
from gmn_tf.search import classifier_search
from gmn_tf.search.space import CALIBRATED, MARGIN, PENALTY, as_text
from gmn_tf.training import final_classifiers, fit
from gmn_tf.training.callbacks import StepCallback
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, first_line

OBJECTIVE = "h"
SNAPSHOTS = 4  # of a generator, evenly over its training, that `peek` scores
CHECKPOINT_EVERY = 500
TRAINED = "trained.json"
SECONDS = "seconds.json"  # of training, in the folder of checkpoints


class Snapshots(StepCallback):
    """Keeps the generator at some steps of its training.

    Args:
        every: steps between two of them.
        keep: called with the step and the model.
        first_step: steps done before this call of `fit`.
    """

    def __init__(self, every: int, keep: Callable, first_step: int):
        super().__init__(first_step)
        self.every, self.keep, self._kept = every, keep, first_step

    def after_step(self, logs):
        if self.passed(self.every, self._kept):
            self.keep(self.step, self.model)
            self._kept = self.step


class TimedCheckpoints(Checkpoints):
    """Checkpoints that know how long it took to get there.

    What an interruption has cost beside that is not known. Takes the arguments
    of `Checkpoints`.
    """

    def __init__(self, folder: str, every: int):
        super().__init__(folder, every)
        self._times = pathlib.Path(folder) / SECONDS
        self._begun, self._before = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """How long training has taken, without what was lost."""
        return self._before + time.monotonic() - self._begun

    def restore(self, model) -> int:
        step = super().restore(model)
        self._before = self._known().get(f"{step}", 0.0)
        return step

    def save(self, step: int) -> None:
        # First: a checkpoint without its time would be one of no time.
        files.write_json(
            self._times, {**self._known(), f"{step}": self.seconds}
        )
        super().save(step)

    def _known(self) -> dict:
        """Seconds of training by the step of a checkpoint, as text."""
        if not self._times.exists():
            return {}
        action = f"Remove {self._times.parent}: training begins again."
        return files.read_json(self._times, "seconds by step", action)


class Generators:
    """The generators of one split and seed, each trained once.

    Args:
        data: what they learn from.
        folder: keeps them, each in a folder of its own.
    """

    def __init__(self, data: ZeroShotData, folder: pathlib.Path):
        self.data, self.folder = data, folder

    def trained(self, name: str, config: Config) -> tuple[dict, Callable]:
        """Trains a generator, or finds it.

        Args:
            name: of its folder.
            config: the settings; a variant without a generator has none.

        Returns:
            Its `seconds` of training, its `parameters` and the `steps` at which
            it was kept; and a function from such a step to the generator.
        """
        record = {"seconds": 0.0, "parameters": 0, "steps": [config.steps]}
        variant = VARIANTS[config.variant]
        if not variant.has_generator:
            return record, lambda step: None
        workdir = Workdir(str(self.folder / name))
        if not (workdir.path / TRAINED).exists():
            workdir.start(config, self.data.source)
            decided = workdir.decided(config)
            workdir.write_json(TRAINED, self._train(workdir, decided))
            workdir.remove_checkpoints()
        workdir.check_same_run(config, self.data.source)
        record = workdir.read_json(TRAINED)
        return record, lambda step: workdir.load_model(f"generator_{step}")

    def decided(self, name: str, config: Config) -> Config:
        """The settings with the precision of a generator, or this machine's."""
        return Workdir(str(self.folder / name)).decided(config)

    def _train(self, workdir: Workdir, config: Config) -> dict:
        every = max(1, config.steps // SNAPSHOTS)
        saved = TimedCheckpoints(workdir.checkpoints, CHECKPOINT_EVERY)

        def keep(step, model):
            workdir.save_model(f"generator_{step}", model.synthesiser)

        def callbacks(first_step):
            return (Snapshots(every, keep, first_step),)

        model = fit.train(
            config,
            self.data,
            fit.make_strategy("one"),
            callbacks,
            checkpoints=saved,
        )
        seconds = saved.seconds
        keep(config.steps, model)
        kept = [
            int(path.stem.rpartition("_")[2])
            for path in workdir.path.glob("generator_*.keras")
        ]
        return {
            "seconds": round(seconds, 1),
            "parameters": model.synthesiser.count_params(),
            "steps": sorted(kept),
        }


def choose(
    entries: Mapping[str, Entry],
    config: Config,
    generators: Generators,
    minutes: float,
) -> dict:
    """Settings of each entry, by h on the tune splits.

    Args:
        entries: that share a generator, by name.
        config: the settings of their generator.
        generators: of the tune splits and the first seed.
        minutes: for each entry; its generator counts in full, also if another
            entry has trained it. What has begun is finished.

    Returns:
        By name: the `settings` of the final classifier that were found,
        whether the `second` generator was better, `h` on the tune splits, the
        `trials` and `minutes` it took, what was `tried`, and the `config` that
        it began with; or the `reason` why there are no settings.
    """
    _check_split(generators.data, "tune")
    return {
        name: _with_reason(_choose, entry, config, generators, minutes)
        for name, entry in entries.items()
    }


def _choose(entry, config, generators, minutes) -> dict:
    limit, seconds = 60.0 * minutes, 0.0
    best, tried, left = None, [], entry.tried
    settings = entry.classifier_settings()
    for drawn in ({}, entry.second) if entry.second else ({},):

        def note(choice, drawn=drawn):
            tried.append({**choice, "generator": _texts(drawn)})

        if tried and seconds >= limit:
            note({"reason": classifier_search.NO_TIME})
            break
        try:
            own, record, load = _trained(entry, config, generators, drawn)
            seconds += record["seconds"]
            begun = time.monotonic()
            # With the first generator that trains.
            values, left = left, {}
            top = classifier_search.search(
                own.replace(settings),
                generators.data,
                load(record["steps"][-1]),
                {**values, PENALTY: (CALIBRATED,)},
                OBJECTIVE,
                on_choice=note,
                deadline=begun + limit - seconds,
                margin=MARGIN,
                choose_penalty=calibration.largest,
            )[0]
        except classifier_search.ACCIDENTS:
            raise
        except classifier_search.FAILURES as error:
            failure = error
            # Its generator has failed, or its classifiers, which are noted.
            if not tried or tried[-1]["generator"] != _texts(drawn):
                note({"reason": first_line(error)})
            continue
        seconds += time.monotonic() - begun
        settings |= {name: top[name] for name in values}
        if best is None or top[OBJECTIVE] > best[OBJECTIVE] + MARGIN:
            found = {name: settings[name] for name in entry.tried}
            best = {
                OBJECTIVE: top[OBJECTIVE],
                "second": bool(drawn),
                "settings": _texts({**found, PENALTY: top[PENALTY]}),
            }
    if best is None:
        raise failure
    began = config.replace(entry.classifier_settings())
    scored = [
        one
        for one in tried
        if not (one["reason"] or "").startswith(classifier_search.NO_TIME)
    ]
    return {
        **best,
        "trials": len(scored),
        "minutes": round(seconds / 60.0, 3),
        "tried": tried,
        "config": began.to_dict(),
    }


def _trained(entry, config, generators, drawn: Mapping):
    """The settings of a generator, and the generator as `trained` gives it."""
    own = config.replace(drawn)
    named = [f"{name}={value}" for name, value in _texts(drawn).items()]
    folder = "-".join([entry.group, *named])
    found = generators.trained(folder, own)
    return generators.decided(folder, own), *found


def score(
    entries: Mapping[str, Entry],
    config: Config,
    generators: Generators,
    chosen: Mapping[str, Mapping],
) -> dict:
    """Scores on the test splits, with settings that were chosen before.

    Args:
        entries: as for `choose`.
        config: as for `choose`.
        generators: of the test splits and one seed.
        chosen: what `choose` returned.

    Returns:
        By name: the mean of each score over the final classifiers, in percent,
        `minutes` of training, the `parameters` of the generator and one final
        classifier, and the whole `config`; or the `reason` why there are none.
    """
    _check_split(generators.data, "test")
    return {
        name: _with_reason(_score, entry, config, generators, chosen[name])
        for name, entry in entries.items()
    }


def _score(entry, config, generators, chosen) -> dict:
    if "reason" in chosen:
        return {"reason": f"no settings: {chosen['reason']}"}
    settled, record, load = _settled(entry, config, generators, chosen)
    generator = load(record["steps"][-1])
    begun = time.monotonic()
    models = final_classifiers.fit(settled, generators.data, generator)
    seconds = record["seconds"] + time.monotonic() - begun
    found = metrics.mean_and_std(
        [metrics.score(model, generators.data) for model in models]
    )
    return {
        **{name: found[name]["mean"] for name in SCORES},
        "minutes": round(seconds / 60.0, 3),
        "parameters": record["parameters"] + models[0].count_params(),
        "config": settled.to_dict(),
    }


def peek(
    entries: Mapping[str, Entry],
    config: Config,
    generators: Generators,
    chosen: Mapping[str, Mapping],
) -> dict:
    """The h that is reported if all is chosen on test, which must not be done.

    The settings of the final classifier and the penalty are those that are
    best on test at the last step, and then the step of the generator is; the
    settings of the generator are the clean ones. Takes the same as `score`.

    Returns:
        By name: `peeked_h` in percent, the `peeked_step` and the
        `peeked_settings` that gave it, and the `precision`; or the `reason` why
        there are none.
    """
    _check_split(generators.data, "test")
    return {
        name: _with_reason(_peek, entry, config, generators, chosen[name])
        for name, entry in entries.items()
    }


def _peek(entry, config, generators, chosen) -> dict:
    if "reason" in chosen:
        return {"reason": f"no settings: {chosen['reason']}"}
    if not len(generators.data.unseen):
        return {"reason": "no unseen class has a sample to score"}
    settled, record, load = _settled(entry, config, generators, chosen)
    tried = {PENALTY: (CALIBRATED,), **entry.tried}
    settled = settled.replace(entry.classifier_settings())
    best = None
    for step in reversed(record["steps"]):
        top = classifier_search.search(
            *(settled, generators.data, load(step), tried, OBJECTIVE),
            choose_penalty=calibration.largest,
        )[0]
        if best is None:
            found = {name: top[name] for name in entry.tried}
            settled, tried = settled.replace(found), {PENALTY: (CALIBRATED,)}
        if best is None or top[OBJECTIVE] > best["peeked_h"]:
            settings = {**found, PENALTY: top[PENALTY]}
            best = {"peeked_h": top[OBJECTIVE], "peeked_step": step}
            best["peeked_settings"] = _texts(settings)
    return {**best, "precision": settled.precision}


def _settled(entry, config, generators, chosen):
    """The final settings of an entry, and its generator as `trained`."""
    drawn = entry.second if chosen["second"] else {}
    own, record, load = _trained(entry, config, generators, drawn)
    final = {**entry.classifier_settings(), **chosen["settings"]}
    return own.replace(final), record, load


def _with_reason(measure: Callable, entry: Entry, *arguments) -> dict:
    """What was measured; a failure of one entry is no failure of others."""
    try:
        return measure(entry, *arguments)
    except classifier_search.ACCIDENTS:
        raise
    except classifier_search.FAILURES as error:
        return {"reason": first_line(error)}


def _texts(settings: Mapping) -> dict:
    """Settings as JSON and CSV have them."""
    return {name: as_text(value) for name, value in settings.items()}


def _check_split(data: ZeroShotData, split: str) -> None:
    if data.split != split:
        raise InputError(
            "This is measured on other splits.",
            f"the {split} splits",
            f"split={data.split!r}",
            "Load the data with the settings of the job.",
        )
