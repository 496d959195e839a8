"""bin/evaluate."""

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command, start_tensorflow
from gmn_tf.utils.errors import InputError


def _are_counts(texts: list[str] | None) -> bool:
    return not texts or all(
        text.isdecimal() and int(text) > 0 for text in texts
    )


@command(
    define.string("workdir", None, "Folder of a run of bin/train."),
    shared.MOVED_DATA_DIR,
    shared.MEMORY,
    shared.QUIET,
    define.string(
        "tune_workdir",
        None,
        "Folder of the same run on --split=tune: scores by the separate "
        "protocol, which chooses settings for T-1, u and s one by one on the "
        "tune splits; writes separate.json.",
    ),
    define.listed(
        "synthetic_per_class",
        None,
        "Numbers such as 10,25,50: writes the curve of Fig. 3 to curve.csv "
        "and curve.png.",
    ),
    define.boolean(
        "calibrate",
        None,
        "Finds the --seen_penalty with the largest h, for a run on "
        "--split=tune or several that differ in their seed; writes "
        "calibration.csv and calibration.png.",
    ),
    define.rule(
        "synthetic_per_class",
        _are_counts,
        "--synthetic_per_class takes positive whole numbers with commas "
        "between them, as in 10,25,50.",
    ),
    define.exclusive(["tune_workdir", "synthetic_per_class", "calibrate"]),
    takes_arguments=True,
)
def evaluate(values, arguments) -> None:
    """Scores a finished run again, by one protocol or the other.

    Or draws its curve of Fig. 3, or finds by how much to lower the scores of
    seen classes.

    bin/evaluate --workdir=runs/synthetic-cwgan_gm-1
    """
    folders = ([values.workdir] if values.workdir else []) + arguments
    if not folders or (len(folders) > 1 and not values.calibrate):
        raise InputError(
            "bin/evaluate needs one run.",
            "the folder of a finished run, as in "
            "bin/evaluate --workdir=runs/synthetic-cwgan_gm-1",
            " ".join(folders) or "no folder",
            "Name one folder, or with --calibrate several of other seeds.",
        )
    start_tensorflow()
    runs = [shared.open_run(folder, values) for folder in folders]
    if values.calibrate:
        _calibrate(runs, values)
    elif values.tune_workdir:
        _evaluate_separately(runs[0], values)
    elif values.synthetic_per_class:
        _draw_curve(runs[0], values)
    else:
        _evaluate_again(runs[0], values)


def _evaluate_again(run, values) -> None:
    log = shared.logger(values)
    from gmn_tf.runs import finished, report

    recorded = run.workdir.read_json("metrics.json")
    metrics = finished.evaluate(run)
    log(report.scores_table(metrics))
    different = [k for k in metrics if metrics[k] != recorded.get(k)]
    if different:
        raise InputError(
            "The scores differ from those the run recorded.",
            f"{different[0]} {recorded.get(different[0])} (metrics.json)",
            f"{different[0]} {metrics[different[0]]}",
            "Compare the versions in config.json with those installed.",
        )
    log("The same as recorded in metrics.json.")


def _evaluate_separately(run, values) -> None:
    log = shared.logger(values)
    from gmn_tf.runs import report, separate

    tune = shared.open_run(values.tune_workdir, values)
    metrics = separate.run(run, tune, values.quiet)
    if run.config.seen_penalty:
        log("The penalty of seen classes is not used here.")
    log(report.scores_table(metrics))
    log(report.chosen_table(metrics))
    log(f"Written to {run.workdir}: separate.json")


def _draw_curve(run, values) -> None:
    log = shared.logger(values)
    from gmn_tf.runs import finished, report

    counts = sorted({int(text) for text in values.synthetic_per_class})
    rows = finished.synthetic_count_curve(run, counts, values.quiet)
    log(report.curve_table(rows))
    log(f"Written to {run.workdir}: curve.csv, curve.png")


def _calibrate(runs, values) -> None:
    log = shared.logger(values)
    from gmn_tf.method import calibration
    from gmn_tf.runs import finished, report

    rows = finished.calibrate(runs)
    (without,) = [row for row in rows if row["penalty"] == 0.0]
    names = ", ".join(run.title for run in runs)
    log(f"{names}: {runs[0].config.steps} generator steps\n")
    log(report.calibration_table(without, calibration.best(rows)))
    written = ", ".join(str(run.workdir) for run in runs)
    log(f"Written to {written}: calibration.csv, calibration.png")
