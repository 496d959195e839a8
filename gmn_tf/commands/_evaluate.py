"""bin/evaluate."""

from absl import flags

from gmn_tf.commands import command_line
from gmn_tf.commands._shared import (
    define_memory_flag,
    log,
    open_run,
)
from gmn_tf.utils.errors import InputError


def evaluate() -> None:
    """Scores a finished run again, by one protocol or the other.

    Or draws its curve of Fig. 3, or finds by how much to lower the scores of
    seen classes.

    bin/evaluate --workdir=runs/synthetic-cwgan_gm-1
    """
    flags.DEFINE_string("workdir", None, "Folder of a run of bin/train.")
    flags.DEFINE_string(
        "data_dir", None, "Where the data is now, if it was moved."
    )
    define_memory_flag()
    flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")
    flags.DEFINE_string(
        "tune_workdir",
        None,
        "Folder of the same run on --split=tune: scores by the separate "
        "protocol, settings for T-1, u and s chosen apart on the tune splits; "
        "writes separate.json.",
    )
    flags.DEFINE_string(
        "synthetic_per_class",
        None,
        "Numbers such as 10,25,50: writes the curve of Fig. 3 as curve.csv "
        "and curve.png.",
    )
    flags.DEFINE_boolean(
        "calibrate",
        False,
        "Of a run on --split=tune, or of several that differ in their seed: "
        "finds the --seen_penalty with the largest h; writes calibration.csv "
        "and calibration.png.",
    )
    command_line.run(_evaluate, evaluate.__doc__)


def _evaluate(values, arguments) -> None:
    folders = ([values.workdir] if values.workdir else []) + arguments
    asked = [name for name in EVALUATIONS if name and values[name].value]
    if len(asked) > 1:
        raise InputError(
            f"--{asked[0]} and --{asked[1]} do different things.",
            "one of them",
            "both",
            "give the command twice",
        )
    if not folders or (len(folders) > 1 and not values.calibrate):
        raise InputError(
            "Which run?",
            "the folder of a finished run, as in "
            "bin/evaluate --workdir=runs/synthetic-cwgan_gm-1",
            " ".join(folders) or "nothing",
            "name one folder (with --calibrate several, of other seeds)",
        )
    _counts(values.synthetic_per_class)
    command_line.start_tensorflow()
    runs = [open_run(folder, values) for folder in folders]
    EVALUATIONS[asked[0] if asked else None](runs, values)


def _evaluate_again(runs, values) -> None:
    from gmn_tf.runs import finished, report

    (run,) = runs
    recorded = run.workdir.read_json("metrics.json")
    metrics = finished.evaluate(run)
    log(values, report.scores_table(metrics))
    different = [k for k in metrics if metrics[k] != recorded.get(k)]
    if different:
        raise InputError(
            "The scores differ from those the run recorded.",
            f"{different[0]} {recorded.get(different[0])} (metrics.json)",
            f"{different[0]} {metrics[different[0]]}",
            "compare the versions in config.json with those installed",
        )
    log(values, "The same as recorded in metrics.json.")


def _evaluate_separately(runs, values) -> None:
    from gmn_tf.runs import report, separate

    (run,) = runs
    tune = open_run(values.tune_workdir, values)
    metrics = separate.run(run, tune, values.quiet)
    if run.config.seen_penalty:
        log(values, "The penalty of seen classes is not used here.")
    log(values, report.scores_table(metrics))
    log(values, report.chosen_table(metrics))
    log(values, f"Written to {run.workdir}: separate.json")


def _evaluate_counts(runs, values) -> None:
    from gmn_tf.runs import finished, report

    (run,) = runs
    counts = _counts(values.synthetic_per_class)
    rows = finished.synthetic_count_curve(run, counts, values.quiet)
    log(values, report.curve_table(rows))
    log(values, f"Written to {run.workdir}: curve.csv, curve.png")


def _evaluate_penalties(runs, values) -> None:
    from gmn_tf.method import calibration
    from gmn_tf.runs import finished, report

    rows = finished.calibrate(runs)
    (without,) = [row for row in rows if row["penalty"] == 0.0]
    names = ", ".join(run.title for run in runs)
    log(values, f"{names}: {runs[0].config.steps} generator steps\n")
    log(values, report.calibration_table(without, calibration.best(rows)))
    written = ", ".join(str(run.workdir) for run in runs)
    log(values, f"Written to {written}: calibration.csv, calibration.png")


# What bin/evaluate does, by the flag that asks for it.
EVALUATIONS = {
    None: _evaluate_again,
    "tune_workdir": _evaluate_separately,
    "synthetic_per_class": _evaluate_counts,
    "calibrate": _evaluate_penalties,
}


def _counts(text: str | None) -> list[int]:
    if text is None:
        return []
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise InputError(
            "Bad value for --synthetic_per_class.",
            "positive whole numbers, as in 10,25,50",
            repr(text),
            "separate the numbers by commas",
        )
    return sorted(set(counts))
