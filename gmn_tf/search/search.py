"""What is searched, and how: settings, tuner, objective, number of trials."""

import dataclasses

import keras_tuner

from gmn_tf.config import Config
from gmn_tf.search.space import Space
from gmn_tf.utils.errors import InputError

BAYESIAN, HYPERBAND, RANDOM = "bayesian", "hyperband", "random"
TUNERS = (BAYESIAN, HYPERBAND, RANDOM)
# Hyperband gives trials 1/9 of the steps, 1/3, or all, and lets the better
# third go on.
FACTOR = 3
BUDGETS = 9
HYPERBAND_TRIALS = 23  # when it has run once through
NO_LIMIT = 10**6


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
        config: the settings that trials begin with; `split` is `tune`.
        space: what trials draw and try.
        tuner: one of `TUNERS`.
        objective: the score that decides, a key of `metrics.SCORES`.
        max_trials: trials in all; None lets Hyperband run once through.
    """

    config: Config
    space: Space
    tuner: str
    objective: str
    max_trials: int | None

    def __post_init__(self):
        if self.tuner == HYPERBAND and self.config.steps < BUDGETS:
            raise InputError(
                "Hyperband cannot divide so few steps.",
                f"--steps of at least {BUDGETS}",
                str(self.config.steps),
                "Give more, or choose another --tuner.",
            )

    def to_dict(self) -> dict:
        """What must not change until the search has ended."""
        return {
            "tuner": self.tuner,
            "objective": self.objective,
            "space": self.space.to_dict(),
        }

    @property
    def total(self) -> int:
        """Trials in all."""
        return self.max_trials or HYPERBAND_TRIALS

    @property
    def rounds(self) -> int:
        """How often Hyperband may run through."""
        return NO_LIMIT if self.max_trials else 1

    @property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of steps that a trial may get."""
        if self.tuner != HYPERBAND:
            return (self.config.steps,)
        return tuple(self.config.steps * part // BUDGETS for part in (1, 3, 9))

    def oracle(self) -> keras_tuner.Oracle:
        """KerasTuner's half: what to try next."""
        settings = {
            "objective": keras_tuner.Objective(self.objective, "max"),
            "hyperparameters": self.space.parameters(),
            "seed": self.config.seed + 1,  # it takes 0 for none
        }
        if self.tuner == HYPERBAND:
            oracle = keras_tuner.oracles.HyperbandOracle(
                max_epochs=BUDGETS,
                factor=FACTOR,
                hyperband_iterations=self.rounds,
                **settings,
            )
        elif self.tuner == RANDOM:
            oracle = keras_tuner.oracles.RandomSearchOracle(**settings)
        else:
            oracle = keras_tuner.oracles.BayesianOptimizationOracle(
                # Its default, three for each setting, would leave few others.
                num_initial_points=max(3, self.total // 3),
                **settings,
            )
        oracle.max_trials = self.max_trials
        oracle.verbose = 0  # GeneratorTuner logs each trial
        return oracle
