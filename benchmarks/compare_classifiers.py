#!/usr/bin/env python3
"""Does the generator help? Each final classifier, with it and without.

    benchmarks/compare_classifiers.py --config=runs/auto/search/best.json \
        --manual_dir=DIR --workdir=runs/classifiers/flo

For each seed one generator is trained on the tune splits and one on the test
splits, with the settings of --config, and with --variant=cwgan_gm if that has
none. Each classifier of `ROWS` is trained on real samples, or on real and
synthetic ones. Where a row has settings to try,
the first seed's tune splits decide; the penalty of seen classes is the one
that `bin/evaluate --calibrate` finds on the tune splits of all seeds (in the
results, the one with the largest h there). Only then the test splits are
scored, with that penalty and, to show the price of a clean choice, with the one
that is best there. The same command continues where it was stopped. Writes
scores.csv into --workdir.

`bin/reproduce --tables=leaderboard` compares these and other systems in the
same way (docs/leaderboard.md). This file keeps results/classifiers reproducible
until the leaderboard has taken their place.
"""

import functools
import itertools
import json
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from gmn_tf.commands import command_line

command_line.start_tensorflow()

import numpy as np
from absl import app, flags

from gmn_tf import api
from gmn_tf.config import Config, read_config_file
from gmn_tf.method import calibration, metrics, variants
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import experiment
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import final_classifiers, fit
from gmn_tf.utils import files

FLAGS = flags.FLAGS
flags.DEFINE_string("config", None, "JSON file of settings, as of bin/train.")
flags.DEFINE_string("manual_dir", None, "As of bin/train.")
flags.DEFINE_string("data_dir", None, "As of bin/train.")
flags.DEFINE_string("workdir", None, "Folder for generators and results.")
flags.DEFINE_integer("seeds", 3, "Seeds 1 to N.", 1)
flags.DEFINE_list("rows", None, "Some of the rows, by number; default: all.")
flags.mark_flags_as_required(["config", "workdir"])

REAL, BOTH = "real", "both"
RATES = [{"classifier_learning_rate": r} for r in (0.01, 0.1)]


class Row(NamedTuple):
    """A classifier.

    Attributes:
        classifier: its name, or several with `+`.
        rows: what it is trained on.
        settings: on top of those of --config.
        tried: further settings, the best of which the first seed chooses.
    """

    classifier: str
    rows: str
    settings: Mapping
    tried: list[Mapping]


PRIORS = [
    {"prototype_prior": r, "synthetic_per_class": 10} for r in (3.0, 30.0)
]
OF_TWO = [{"classifier_weights": w} for w in ("2,1", "4,1")]
OF_THREE = [{"classifier_weights": w} for w in ("1,2,1", "1,4,1")]
ROWS = (
    Row("bilinear", REAL, {}, RATES),
    Row("devise", REAL, {}, RATES),
    Row("ale", REAL, {}, RATES),
    Row("prototype", REAL, {}, [{}]),
    Row("prototype", REAL, {"prototype_normalisation": "class"}, [{}]),
    Row("discriminant", REAL, {}, [{}]),
    Row("discriminant+prototype", REAL, {}, OF_TWO),
    Row("bilinear", BOTH, {}, RATES),
    Row("linear", BOTH, {}, RATES),
    Row("devise", BOTH, {}, RATES),
    Row("ale", BOTH, {}, RATES),
    Row("prototype", BOTH, {}, PRIORS),
    Row("discriminant", BOTH, {}, [{}]),
    Row(
        "bilinear+discriminant+prototype",
        f"{BOTH},{REAL},{REAL}",
        {},
        OF_THREE,
    ),
)


def settings_of(row: Row, tried: Mapping) -> dict:
    """What a row changes in the settings."""
    return {
        "classifier": row.classifier,
        "classifier_rows": row.rows,
        "classifier_weights": "1",
        "seen_penalty": 0.0,
        **row.settings,
        **tried,
    }


class Side:
    """A seed's data and generator on the tune or the test splits."""

    def __init__(self, config: Config):
        self.config, self.fitted = config, {}
        self.data = api.load_data(
            config, data_dir=FLAGS.data_dir, manual_dir=FLAGS.manual_dir
        )

    @functools.cached_property
    def generator(self):
        """Trained once, and then kept in the folder."""
        name = f"{self.config.split}_{self.config.seed}"
        workdir = Workdir(str(pathlib.Path(FLAGS.workdir, name)))
        if not (workdir.path / "generator.keras").exists():
            workdir.path.mkdir(parents=True, exist_ok=True)
            trained = experiment.train_generator(
                self.config,
                self.data,
                workdir,
                fit.make_strategy("one"),
                experiment.MonitoringOptions(quiet=True),
            )
            workdir.save_model("generator", trained)
            workdir.remove_checkpoints()
        return workdir.load_model("generator")

    def models(self, row: Row, tried: Mapping) -> list:
        config = self.config.replace(settings_of(row, tried))
        generator = self.generator if BOTH in row.rows else None
        return final_classifiers.fit(
            config, self.data, generator, fitted=self.fitted
        )


def at_penalty(models: list, side: Side, penalty: float) -> list[dict]:
    found = []
    for model in models:
        model.penalise_seen(side.data.num_seen, penalty)
        scores = metrics.score(model, side.data)
        found.append({name: getattr(scores, name) for name in SCORES})
        model.penalise_seen(side.data.num_seen, 0.0)
    return found


def result(row: Row, sides: Mapping) -> dict:
    """Settings from the tune splits, scores of the test splits."""
    seeds = range(1, FLAGS.seeds + 1)
    first = sides["tune", 1]
    curves = [
        calibration.middle(
            calibration.curve(first.models(row, one), first.data)
        )
        for one in row.tried
    ]
    best = int(np.argmax([one["h"]["mean"] for one in curves]))
    tried = row.tried[best]
    # All seeds' classifiers on the tune splits share one penalty.
    tune = [m for s in seeds for m in sides["tune", s].models(row, tried)]
    chosen = calibration.middle(calibration.curve(tune, first.data))
    by_seed, bounds = [], []
    for seed in seeds:
        side = sides["test", seed]
        models = side.models(row, tried)
        scores = at_penalty(models, side, chosen["penalty"])
        by_seed.append(
            {n: float(np.mean([one[n] for one in scores])) for n in SCORES}
        )
        bound = calibration.largest(calibration.curve(models, side.data))
        bounds.append(bound["h"]["mean"])
    line = {"classifier": row.classifier, "rows": row.rows}
    line["settings"] = json.dumps({**row.settings, **tried})
    line["penalty"] = f"{chosen['penalty']:.4g}"
    line["seeds"] = FLAGS.seeds
    for name in SCORES:
        values = [one[name] for one in by_seed]
        line[name] = f"{np.mean(values):.3f}"
        line[f"{name}_std"] = f"{np.std(values):.3f}"
    line["tune_h"] = f"{chosen['h']['mean']:.3f}"
    line["best_penalty_h"] = f"{np.mean(bounds):.3f}"
    line["best_penalty_h_std"] = f"{np.std(bounds):.3f}"
    return line


def main(_) -> None:
    given = read_config_file(FLAGS.config)
    config = Config().replace({**given, "seen_penalty": 0.0})
    if not variants.VARIANTS[config.variant].has_generator:
        config = config.replace({"variant": Config.variant})
    sides = {
        (split, seed): Side(config.replace({"split": split, "seed": seed}))
        for split, seed in itertools.product(
            ("tune", "test"), range(1, FLAGS.seeds + 1)
        )
    }
    # The folder keeps to the settings and data that its generators are of.
    Workdir(FLAGS.workdir).start(config, sides["tune", 1].data.source)
    numbers = FLAGS.rows or range(len(ROWS))
    lines = []
    for number in map(int, numbers):
        path = pathlib.Path(FLAGS.workdir, f"row_{number}.json")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(path, result(ROWS[number], sides))
        lines.append(json.loads(path.read_text()))
        shown = {n: lines[-1][n] for n in ("classifier", "rows", *SCORES)}
        print(shown, flush=True)
    files.write_csv(pathlib.Path(FLAGS.workdir, "scores.csv"), lines)


if __name__ == "__main__":
    app.run(main)
