"""What is searched, and how: settings, tuner, objective, number of trials."""

import dataclasses

from etils import epy

from gmn_tf.config import Config
from gmn_tf.search.space import Space
from gmn_tf.utils.errors import InputError, counted

with epy.lazy_imports():  # it takes seconds
    import keras_tuner

BAYESIAN, HYPERBAND, RANDOM = "bayesian", "hyperband", "random"
AUTO = "auto"  # whose trials are those of `stages.STAGES`
# Trials by default; with 23, Hyperband has run once through.
TRIALS = {BAYESIAN: 20, HYPERBAND: 23, RANDOM: 20}
# Hyperband gives trials 1/9 of the steps, 1/3, or all, and continues
# the better third.
FACTOR = 3
BUDGETS = 9


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
        config: the settings that trials begin with; `split` is `tune`.
        space: what trials draw and try.
        tuner: a key of `TRIALS`, or `AUTO`.
        objective: the score that decides, a key of `metrics.SCORES`.
        max_trials: trials in all.
    """

    config: Config
    space: Space
    tuner: str
    objective: str
    max_trials: int

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
        """Trials in all: no more than the space has combinations.

        With Hyperband, some trials continue others with the same settings.
        """
        if self.tuner == HYPERBAND:
            return self.max_trials
        return min(self.max_trials, self.space.combinations)

    def note_on_size(self) -> str:
        """What the user should know about a small space, or nothing."""
        count = self.space.combinations
        if count >= self.max_trials:
            return ""
        return (
            f"The space has {counted(count, 'combination')} of values, fewer "
            f"than --max_trials={self.max_trials}: the search ends when all "
            "have been tried."
        )

    @property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of steps that a trial may get."""
        if self.tuner != HYPERBAND:
            return (self.config.steps,)
        return tuple(self.config.steps * part // BUDGETS for part in (1, 3, 9))

    def oracle(self) -> "keras_tuner.Oracle":
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
                hyperband_iterations=None,  # up to `max_trials`
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
        oracle.max_trials = self.total
        oracle.verbose = 0  # GeneratorTuner logs each trial
        return oracle
