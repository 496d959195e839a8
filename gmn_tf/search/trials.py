"""A trial of a search: one generator, and the classifiers tried on it."""

import dataclasses
import math
import time
import types
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.metrics import SCORES
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs import experiment
from gmn_tf.search import classifier_search
from gmn_tf.search.classifier_search import SCALINGS
from gmn_tf.search.folder import RESULT, SearchFolder
from gmn_tf.search.search import Search
from gmn_tf.search.space import as_text
from gmn_tf.training import final_classifiers, monitoring
from gmn_tf.training.fit import Execution
from gmn_tf.utils import progress
from gmn_tf.utils.errors import InputError, first_line
from gmn_tf.utils.files import csv_text


@dataclasses.dataclass(frozen=True)
class TrialRunner:
    """Runs the trials of a search.

    Attributes:
        search: what is searched.
        data: the tune splits, their features as they are.
        folder: where all is kept.
        strategy: how training is spread over devices.
        execution: how steps are run.
        monitoring_options: how training is watched.
    """

    search: Search
    data: ZeroShotData
    folder: SearchFolder
    strategy: tf.distribute.Strategy
    execution: Execution
    monitoring_options: experiment.MonitoringOptions

    def run(
        self,
        name: str,
        settings: dict,
        steps: int,
        space: Mapping[str, tuple] | None = None,
        on_choice: Callable[[dict], None] = lambda choice: None,
        deadline: float = math.inf,
        margin: float = 0.0,
        recorded: Mapping = types.MappingProxyType({}),
    ) -> dict:
        """Trains a generator and tries classifiers, or continues to do so.

        Args:
            name: the trial's.
            settings: what the trial drew.
            steps: generator steps.
            space: what it tries of the classifier; default: that of the search.
            on_choice: see `classifier_search.search`.
            deadline: see there.
            margin: see there.
            recorded: what else result.json says.

        Returns:
            The contents of result.json: see `SearchFolder.results`.

        Raises:
            LostDataError: for data that is lost, which is no trial's failure.
            UnwritableError: if a disk is full, which is none either.
        """
        workdir = self.folder.trial(name)
        if (workdir.path / RESULT).exists():
            return workdir.read_json(RESULT)
        begun = time.monotonic()
        workdir.path.mkdir(parents=True, exist_ok=True)
        result = {**recorded, "steps": steps, "generator": settings}
        config = self.folder.decided(self.search.config)
        config = config.replace({**settings, "steps": steps})
        try:
            choices = []
            rows = self._try(
                config,
                workdir,
                self.search.space.classifier if space is None else space,
                on_choice=lambda one: choices.append(one) or on_choice(one),
                deadline=deadline,
                margin=margin,
            )
        except classifier_search.ACCIDENTS:
            raise
        except classifier_search.FAILURES as error:
            result["reason"] = first_line(error)
            if isinstance(error, InputError):
                result["action"] = error.action
            workdir.remove_checkpoints()
        else:
            best = rows[0]
            preset = next((row for row in rows if row.get("preset")), None)
            result |= {
                "classifier": {
                    name: value
                    for name, value in best.items()
                    if name not in classifier_search.BESIDE_SETTINGS
                },
                **{name: best[name] for name in SCORES},
                "choices": choices,
                # Nothing, if that classifier diverged.
                "with_preset_classifier": preset
                and {name: preset[name] for name in SCORES},
            }
            if reason := best.get(classifier_search.NO_TEMPERATURE):
                result[classifier_search.NO_TEMPERATURE] = reason
            workdir.write_text("tried.csv", csv_text(rows))
            metrics = {name: {"mean": best[name]} for name in SCORES}
            metrics["steps"] = steps
            shown = {
                n: as_text(getattr(config, n))
                for n in self.search.space.generator
            }
            shown |= {"steps": steps, **result["classifier"]}
            monitoring.write_result(workdir.logs, shown, metrics)
        result["seconds"] = round(time.monotonic() - begun, 1)
        workdir.write_json(RESULT, result)
        return result

    def skip(self, name: str, reason: str, recorded: Mapping) -> dict:
        """Records that a trial was not run; takes and returns as `run`."""
        result = {**recorded, "steps": self.search.config.steps, "tried": False}
        result |= {"generator": {}, "reason": reason, "seconds": 0.0}
        workdir = self.folder.trial(name)
        workdir.path.mkdir(parents=True, exist_ok=True)
        workdir.write_json(RESULT, result)
        return result

    @on_disk.reporting_data_loss()
    def _try(self, config: Config, workdir, space, **options) -> list[dict]:
        keras.backend.clear_session()  # the last trial has left its graphs
        generator, data = None, self.data
        if SCALINGS.isdisjoint(space):
            scalings = config.feature_scaling, config.embedding_norm
            data = data.rescaled(*scalings)
        if VARIANTS[config.variant].has_generator:
            generator = experiment.train_generator(
                config,
                data,
                workdir,
                self.strategy,
                self.monitoring_options,
                self.execution,
            )
        epochs = classifier_search.epochs(config, space)
        # Of several kinds, some may be trained in epochs.
        several = "classifier" in space
        unit = "epoch" if several else final_classifiers.unit(config)
        with progress.progress(
            "classifiers",
            epochs,
            self.monitoring_options.quiet,
            unit,
            leave=False,
        ) as advance:
            return classifier_search.search(
                *(config, data, generator, space, self.search.objective),
                advance,
                **options,
            )
