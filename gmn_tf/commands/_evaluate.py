"""bin/evaluate."""

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command
from gmn_tf.method.variants import VARIANTS
from gmn_tf.training import checks
from gmn_tf.utils.errors import InputError, check_same


@command(
    define.string("workdir", None, "Folder of a finished run."),
    shared.MOVED_DATA_DIR,
    shared.MEMORY,
    shared.QUIET,
    define.string(
        "tune_workdir",
        None,
        "Folder of the same run with --split=tune: score by the separate "
        "protocol, which chooses settings on the tune splits for each of T-1, "
        "u and s, and write separate.json.",
    ),
    define.listed(
        "synthetic_per_class",
        None,
        "Numbers of synthetic features per class, such as 10,25,50: write the "
        "curve of Fig. 3 to curve.csv and curve.png.",
    ),
    define.boolean(
        "calibrate",
        None,
        "Find the --seen_penalty in the middle of those whose h is near the "
        "largest, and the --temperature with the largest likelihood, for a run "
        "with --split=tune or several that differ in their seed; write "
        "calibration.csv and calibration.png.",
    ),
    define.rule(
        "synthetic_per_class",
        lambda texts: all(t.isdecimal() and int(t) for t in texts or ()),
        "--synthetic_per_class takes positive whole numbers with commas "
        "between them, as in 10,25,50.",
    ),
    define.exclusive(["tune_workdir", "synthetic_per_class", "calibrate"]),
    takes_arguments=True,
)
def evaluate(values, arguments) -> None:
    """Scores a finished run again, or evaluates it in another way.

    bin/evaluate --workdir=runs/synthetic-cwgan_gm-1

    Other ways are the separate protocol (--tune_workdir), the curve of Fig. 3
    (--synthetic_per_class), and a penalty of seen classes with a
    temperature (--calibrate).
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
    log = shared.logger(values)
    tuned = [values.tune_workdir] if values.tune_workdir else []
    configs = shared.check_runs([*folders, *tuned])
    for config, folder in zip(configs, folders):
        if values.calibrate:
            checks.check_calibration(config, folder)
        elif values.synthetic_per_class:
            checks.check_generator(config, folder, checks.WITHOUT_CURVE)
    shared.begin(values, f"Evaluating {', '.join([*folders, *tuned])}.")
    from gmn_tf.method import calibration
    from gmn_tf.runs import (
        finished,
        mistakes,
        report,
        separate,
        shortfalls,
        text_alone,
    )
    from gmn_tf.training import final_classifiers

    runs = [shared.open_run(folder, values) for folder in folders]
    run = runs[0]
    if values.calibrate:
        rows = finished.calibrate(runs)
        (without,) = [row for row in rows if row["penalty"] == 0.0]
        title = finished.common_title(runs)
        if VARIANTS[run.config.variant].has_generator:
            title += f": {run.config.steps} generator steps"
        log(f"{title}\n")
        chosen = calibration.middle(rows)
        fit = finished.temperature(runs, chosen["penalty"])
        classifiers = len(runs) * final_classifiers.num_models(run.config)
        log(report.calibration_table(without, chosen, classifiers, len(runs)))
        if fit.reason:
            log(f"No --temperature is found: {fit.reason}.")
        else:
            flag = f"--temperature={fit.temperature:g}"
            log(f"Largest likelihood with it: {flag}")
        data = run.data
        if note := shortfalls.few_classes(
            {"t1": chosen["t1"]["mean"]}, data.num_classes - data.num_seen
        ):
            log(f"Note: {note}")
        written = "calibration.csv, calibration.png"
    elif values.tune_workdir:
        tune = shared.open_run(values.tune_workdir, values)
        metrics = separate.run(run, tune, values.quiet)
        if run.config.seen_penalty:
            log("The penalty of seen classes is not used here.")
        log(report.scores_table(metrics))
        log(report.chosen_table(metrics))
        written = "separate.json"
    elif values.synthetic_per_class:
        counts = sorted({int(text) for text in values.synthetic_per_class})
        rows = finished.synthetic_count_curve(run, counts, values.quiet)
        seeds = final_classifiers.num_models(run.config)
        log(report.curve_table(rows, seeds))
        written = "curve.csv, curve.png"
    else:
        metrics = finished.evaluate(run, values.quiet)
        by_text = text_alone.scores(run.data, values.memory_gb * 2**30)
        others = {text_alone.NAME: by_text} if by_text else {}
        log(report.scores_table(metrics, others))
        log("\n" + mistakes.sentence(metrics["calibration"]))
        log("\n" + report.limits_table(metrics) + "\n")
        # Some runs have no limits, which no classifier has a part in, and
        # older ones were not calibrated.
        beside = {"limits": None, "calibration": None}
        check_same(
            "The scores differ from those in metrics.json.",
            {**run.scores, **beside},
            {**metrics, **beside},
            "Compare the versions in config.json with those installed.",
        )
        log("The same as recorded in metrics.json.")
        return
    log(f"Written to {', '.join(str(run.workdir) for run in runs)}: {written}")
