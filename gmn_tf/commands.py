"""What the commands in bin/ do: flags, and one call each.

TensorFlow is imported inside the commands, so that --help and a misspelt flag
answer at once.
"""

import dataclasses
import os
import pathlib
import shlex
import sys

from absl import flags

from gmn_tf import command_line, configs
from gmn_tf.config import Config, read_config_file
from gmn_tf.errors import InputError


def train() -> None:
    """Trains a variant on a data set and scores it.

    bin/train --dataset=synthetic --variant=cwgan_gm
    """
    _define_setting_flags()
    _define_data_flags()
    flags.DEFINE_string(
        "config", None, "JSON file of settings, such as a run's config.json."
    )
    flags.DEFINE_string(
        "preset", "release", "Settings to start from: release, paper or cpu."
    )
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder for results; default: runs/<dataset>-<variant>-<seed>, with "
        "the embedding and the split between if they are not att and test.",
    )
    flags.DEFINE_string(
        "strategy", "auto", "Devices: auto, one, mirrored or multi_worker."
    )
    flags.DEFINE_string(
        "jit",
        "auto",
        "Whether XLA compiles the step: on, off, auto: on GPUs. Compiled, "
        "gradient matching draws other random numbers.",
    )
    flags.DEFINE_integer(
        "steps_per_execution",
        1,
        "Steps between two returns to Python, for small steps on fast devices.",
        1,
    )
    flags.DEFINE_integer(
        "log_every", 50, "Steps between entries for TensorBoard.", 1
    )
    flags.DEFINE_integer(
        "picture_every", 500, "Steps between pictures for TensorBoard.", 1
    )
    flags.DEFINE_boolean(
        "baseline",
        True,
        "Whether real_only is trained and scored too, to compare with.",
    )
    flags.DEFINE_integer(
        "validate_every",
        0,
        "Steps between scores on the validation classes, with --split=tune "
        "alone: writes validation.csv (Fig. 5); 0: none.",
        0,
    )
    command_line.run(_train, train.__doc__)


def prepare() -> None:
    """Makes a data set ready for bin/train, which otherwise does it itself.

    bin/prepare --dataset=cub --manual_dir=xlsa17
    """
    for field in dataclasses.fields(Config):
        if field.name in ("dataset", "features_file", "embedding"):
            _define_setting_flag(field)
    _define_data_flags()
    flags.DEFINE_multi_string(
        "beam_option",
        None,
        "A flag of an Apache Beam pipeline that is to do it, as in "
        "--beam_option=--runner=FlinkRunner; may be repeated. Needs "
        "pip install 'gmn_tf[beam]'.",
    )
    command_line.run(_prepare_alone, prepare.__doc__)


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
    _define_memory_flag()
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


def summary() -> None:
    """Puts finished runs into one table: mean and std over their seeds.

    bin/summary --out=results/flo runs/flo-*
    """
    flags.DEFINE_string(
        "out", None, "Writes the table as OUT.md and OUT.csv too."
    )
    command_line.run(_summary, summary.__doc__)


def reproduce() -> None:
    """Runs all that the paper's tables and figures need, and writes them.

    bin/reproduce --tables=2,3 --figures=3,4,5 --datasets=flo,cub:att+sent

    The same command goes on where it was stopped. Further flags of bin/train
    follow after two dashes, as in: -- --manual_dir=DIR --steps=500
    """
    flags.DEFINE_list("tables", ["2", "3"], "Tables of the paper: 2, 3.")
    flags.DEFINE_list("figures", ["3", "4", "5"], "Figures: 3, 4, 5.")
    flags.DEFINE_list(
        "datasets",
        ["synthetic"],
        "Data sets, each with its embedding after a colon if it is not att, as "
        "in flo,cub,cub:att+sent.",
    )
    flags.DEFINE_integer("seeds", 3, "Generator seeds, from 1 on.", 1)
    flags.DEFINE_string("preset", "cpu", "As in bin/train.")
    flags.DEFINE_string("out", "results/paper", "Folder of all results.")
    flags.DEFINE_integer("jobs", 1, "Runs at once, which share the cores.", 1)
    flags.DEFINE_boolean(
        "plan", False, "Say what is done and what is left, and do nothing."
    )
    command_line.run(
        _reproduce,
        reproduce.__doc__,
        "The same command goes on from the last finished run.",
    )


def _reproduce(values, arguments) -> None:
    from gmn_tf import cells, paper_page, reproduction

    out = pathlib.Path(values.out)
    request = reproduction.Request(
        tuple(values.tables),
        tuple(values.figures),
        tuple(values.datasets),
        values.seeds,
        values.preset,
        tuple(arguments),
        out,
    )
    plan = reproduction.plan(request)
    notes = cells.Notes(out)
    notes.refuse_others(plan)
    print(cells.summary(plan, notes, values.jobs), flush=True)
    if values.plan:
        for cell in plan:
            print(f"{'done' if cell.done else 'left'}  {cell.name}")
        return
    command = shlex.join(["bin/reproduce", *sys.argv[1:]])
    common = shlex.join([f"--preset={values.preset}", *arguments])
    settings = f"All runs: {common}."

    def write() -> list[str]:
        return paper_page.write(request, command, settings)

    failed = cells.run(plan, out, values.jobs, _flushed, write)
    write()
    print(f"Written to {out}: index.html, tables.md, and each part apart.")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(plan)} cells failed.",
            "runs that end well",
            ", ".join(cell.name for cell in failed[:5]),
            f"read their logs in {out / 'logs'}, and give the command again",
        )


def _flushed(text: str) -> None:
    print(text, flush=True)


def _train(values, arguments) -> None:
    command_line.refuse_arguments(arguments)
    config = _resolve(values)
    command_line.start_tensorflow()
    from gmn_tf import experiment, report, training, validation
    from gmn_tf.workdir import Workdir

    validation.refuse_test_split(config, values.validate_every)
    strategy = training.make_strategy(values.strategy)
    execution = training.Execution(values.jit, values.steps_per_execution)
    workdir = Workdir(values.workdir or _default_workdir(config))
    workdir.refuse_other_settings(config)
    name, data_dir = _prepare(config, values)
    data = _load(config, name, data_dir, values.memory_gb)
    training.refuse_impossible(config, data, strategy, execution)
    if not training.is_chief(strategy):
        training.train(config, data, strategy, execution=execution)
        return
    workdir.start(config, _source(name, data_dir, data))
    if workdir.finished():
        _say(values, f"{workdir} holds this run already; its results:\n")
        metrics = workdir.read_json("metrics.json")
    else:
        _say(values, report.data_summary(data))
        watching = experiment.Watching(
            values.quiet,
            values.log_every,
            values.picture_every,
            values.validate_every,
        )
        metrics = experiment.run(
            config,
            data,
            workdir,
            strategy,
            watching,
            execution,
            values.baseline,
        )
    _say(values, report.scores_table(metrics))
    _say(values, f"Results: {workdir}; watch: tensorboard --logdir={workdir}")


def _prepare_alone(values, arguments) -> None:
    command_line.refuse_arguments(arguments)
    chosen = {
        name: values[name].value
        for name in ("dataset", "features_file", "embedding")
        if values[name].value is not None
    }
    # Runs choose how to scale embeddings; data fits if any way does.
    config = Config().replace({**chosen, "embedding_norm": "none"})
    command_line.start_tensorflow()
    from gmn_tf import report

    name, data_dir = _prepare(config, values, values.beam_option)
    data = _load(config, name, data_dir, values.memory_gb)
    _say(values, report.data_summary(data))
    _say(values, f"Prepared: {name} in {data_dir}")


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
    runs = [_open_run(folder, values) for folder in folders]
    EVALUATIONS[asked[0] if asked else None](runs, values)


def _evaluate_again(runs, values) -> None:
    from gmn_tf import finished, report

    (run,) = runs
    recorded = run.workdir.read_json("metrics.json")
    metrics = finished.evaluate(run)
    _say(values, report.scores_table(metrics))
    different = [k for k in metrics if metrics[k] != recorded.get(k)]
    if different:
        raise InputError(
            "The scores differ from those the run recorded.",
            f"{different[0]} {recorded.get(different[0])} (metrics.json)",
            f"{different[0]} {metrics[different[0]]}",
            "compare the versions in config.json with those installed",
        )
    _say(values, "The same as recorded in metrics.json.")


def _evaluate_separately(runs, values) -> None:
    from gmn_tf import report, separate

    (run,) = runs
    tune = _open_run(values.tune_workdir, values)
    metrics = separate.run(run, tune, values.quiet)
    _say(values, report.scores_table(metrics))
    _say(values, report.chosen_table(metrics))
    _say(values, f"Written to {run.workdir}: separate.json")


def _evaluate_counts(runs, values) -> None:
    from gmn_tf import finished, report

    (run,) = runs
    counts = _counts(values.synthetic_per_class)
    rows = finished.synthetic_count_curve(run, counts, values.quiet)
    _say(values, report.curve_table(rows))
    _say(values, f"Written to {run.workdir}: curve.csv, curve.png")


def _evaluate_penalties(runs, values) -> None:
    from gmn_tf import calibration, finished, report

    rows = finished.calibrate(runs)
    (without,) = [row for row in rows if row["penalty"] == 0.0]
    _say(values, report.calibration_table(without, calibration.best(rows)))
    written = ", ".join(str(run.workdir) for run in runs)
    _say(values, f"Written to {written}: calibration.csv, calibration.png")


# What bin/evaluate does, by the flag that asks for it.
EVALUATIONS = {
    None: _evaluate_again,
    "tune_workdir": _evaluate_separately,
    "synthetic_per_class": _evaluate_counts,
    "calibrate": _evaluate_penalties,
}


def _open_run(folder: str, values):
    """A finished run with its settings and data."""
    from gmn_tf.finished import Run
    from gmn_tf.workdir import Workdir

    workdir = Workdir(folder)
    config, source = workdir.read_config()
    data_dir = _absolute(values.data_dir or source["data_dir"])
    data = _load(config, source["name"], data_dir, values.memory_gb)
    workdir.refuse_other(config, _source(source["name"], data_dir, data))
    return Run(workdir, config, data)


def _summary(values, paths) -> None:
    from gmn_tf import over_seeds

    unfinished = [path for path in paths if over_seeds.is_unfinished(path)]
    if unfinished:
        print(
            f"Left out, not finished: {', '.join(unfinished)}", file=sys.stderr
        )
    rows = over_seeds.table([p for p in paths if p not in unfinished])
    print(over_seeds.markdown(rows))
    if values.out:
        over_seeds.write(rows, values.out)


def _define_setting_flags() -> None:
    """One flag for each setting; left out, the preset decides."""
    for field in dataclasses.fields(Config):
        _define_setting_flag(field)


def _define_setting_flag(field: dataclasses.Field) -> None:
    default = field.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    text = f"{field.metadata['help']} (CUB: {default})"
    if field.metadata["choices"]:
        text += " One of: " + ", ".join(field.metadata["choices"]) + "."
    flags.DEFINE_string(field.name, None, text)


def _define_data_flags() -> None:
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where prepared data is kept; default: TFDS_DATA_DIR or "
        "~/tensorflow_datasets.",
    )
    flags.DEFINE_string(
        "manual_dir",
        None,
        "The unpacked xlsa17 folder, or a folder with the two .mat files; "
        "without it the data is downloaded.",
    )
    _define_memory_flag()
    flags.DEFINE_boolean("quiet", False, "Print nothing but errors.")


def _define_memory_flag() -> None:
    flags.DEFINE_float(
        "memory_gb",
        0.5,
        "Features that need more than this stay on disk, and are read when "
        "they are needed.",
        0.0,
    )


def _resolve(values) -> Config:
    """The settings: preset < file < flag."""
    from_flags = {
        field.name: values[field.name].value
        for field in dataclasses.fields(Config)
        if values[field.name].value is not None
    }
    from_file = read_config_file(values.config) if values.config else {}
    chosen = {**from_file, **from_flags}
    dataset = chosen.get("dataset", Config.dataset)
    preset = configs.preset(str(dataset), values.preset)
    return Config().replace({**preset, **chosen})


def _default_workdir(config: Config) -> str:
    """runs/<dataset>-<variant>-<seed>, and what else is not as usual."""
    data = [config.dataset]
    if config.embedding != Config.embedding:
        data.append(config.embedding)
    if config.split != Config.split:
        data.append(config.split)
    return f"runs/{'-'.join(data)}-{config.variant}-{config.seed}"


def _prepare(
    config: Config, values, beam_options: list[str] | None = None
) -> tuple[str, str]:
    """Name and place of the prepared data, which is made if need be."""
    from gmn_tf_datasets.zero_shot.prepare import prepare

    default = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    data_dir = _absolute(values.data_dir or default)
    name = prepare(
        config.dataset,
        data_dir=data_dir,
        manual_dir=values.manual_dir,
        features_file=config.features_file,
        embedding=config.embedding,
        quiet=values.quiet,
        beam_options=beam_options,
    )
    return name, data_dir


def _absolute(path: str) -> str:
    return str(pathlib.Path(path).expanduser().absolute())


def _load(config: Config, name: str, data_dir: str, memory_gb: float):
    from gmn_tf import data

    return data.load(
        name, data_dir, config.split, config.embedding_norm, memory_gb * 2**30
    )


def _source(name: str, data_dir: str, data) -> dict:
    return {
        "name": name,
        "data_dir": data_dir,
        "split_fingerprint": data.metadata["split_fingerprint"],
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


def _say(values, text: str) -> None:
    if not values.quiet:
        print(text, flush=True)
