#!/usr/bin/env python3
r"""Counts the training steps until final classifiers reach an h.

    benchmarks/time_to_score.py --dataset=flo --manual_dir=DIR \
        --features_file=mobilenet.mat --until=51.1

Every so many steps, final classifiers are trained with the generator as it is
and scored on the test splits, which is right for timing alone: nothing may be
chosen by these scores. Training ends with the first that is high enough.
Seconds are those of the training steps.
"""

import tempfile
import time

from gmn_tf.commands import command_line

command_line.start_tensorflow()

from absl import app, flags

from gmn_tf import api
from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics
from gmn_tf.settings import configure
from gmn_tf.training import final_classifiers, fit
from gmn_tf.training.validation import ValidationMonitor

FLAGS = flags.FLAGS


def steps_to_score(
    config: Config, data: ZeroShotData, h: float, every: int, log=print
) -> list[dict]:
    """Trains until `h` is reached, for `config.steps` steps at most.

    Args:
        config: the settings of the run.
        data: what it learns from, and is scored on.
        h: in percent.
        every: steps between two scores.
        log: gets a line for each.

    Returns:
        For each score, from the first to the last: `step`, `h` (the mean over
        classifier seeds), and `seconds` of training until then.
    """
    found, scoring = [], 0.0
    begun = time.perf_counter()

    def score(generator):
        nonlocal scoring
        began = time.perf_counter()
        found.append({"seconds": began - begun - scoring})
        models = final_classifiers.fit(config, data, generator)
        scores = [metrics.score(model, data) for model in models]
        scoring += time.perf_counter() - began
        return scores

    def stop_if_reached(rows):
        found[-1] |= {"step": rows[-1]["step"], "h": rows[-1]["h"]["mean"]}
        log("step {step}: h {h:.1f}, {seconds:.0f} s".format(**found[-1]))
        monitor.model.stop_training = found[-1]["h"] >= h

    with tempfile.TemporaryDirectory() as folder:
        monitor = ValidationMonitor(folder, score, every, stop_if_reached)
        fit.train(config, data, fit.make_strategy("one"), lambda _: [monitor])
    return found


def main(_):
    # As in results/release_settings.
    config = configure(
        FLAGS.dataset,
        steps=FLAGS.steps,
        classifier_epochs=40,
        classifier_seeds=2,
        features_file=FLAGS.features_file,
        precision=FLAGS.precision,
        seed=FLAGS.seed,
    )
    data = api.load_data(
        config, data_dir=FLAGS.data_dir, manual_dir=FLAGS.manual_dir
    )
    found = steps_to_score(
        config,
        data,
        FLAGS.until,
        FLAGS.every,
        lambda text: print(text, flush=True),
    )
    reached = found[-1]["h"] >= FLAGS.until
    print("reached" if reached else "not reached")


if __name__ == "__main__":
    flags.DEFINE_string("dataset", "flo", "Name of the data set.")
    flags.DEFINE_string("manual_dir", None, "As of bin/train.")
    flags.DEFINE_string("data_dir", None, "As of bin/train.")
    flags.DEFINE_string("features_file", "res101.mat", "As of bin/train.")
    flags.DEFINE_string("precision", "float32", "As of bin/train.")
    flags.DEFINE_integer("seed", 1, "As of bin/train.")
    flags.DEFINE_float("until", None, "The h to reach.", required=True)
    flags.DEFINE_integer("every", 100, "Steps between scores.", 1)
    flags.DEFINE_integer("steps", 1000, "The most steps.", 1)
    app.run(main)
