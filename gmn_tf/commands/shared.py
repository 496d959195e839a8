"""What several commands have in common: flags, data, output."""

import dataclasses
import pathlib
from collections.abc import Callable

from gmn_tf import configs
from gmn_tf.commands import define
from gmn_tf.commands.command_line import start_tensorflow
from gmn_tf.config import Config, read_config_file
from gmn_tf.settings import absolute_data_dir, unscaled
from gmn_tf.training import checks, cluster
from gmn_tf.utils import dataset_names, progress, waiting


def _setting(field):
    """The flag of one setting; left out, the preset decides."""
    default = field.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    decided = "default" if field.name == "dataset" else "default for CUB"
    text = f"{field.metadata['help']} ({decided}: {default})"
    if choices := field.metadata["choices"]:
        return define.enum(field.name, None, choices, text)
    return define.string(field.name, None, text)


SETTINGS = {each.name: _setting(each) for each in dataclasses.fields(Config)}
PRESET = define.enum(
    "preset", "release", configs.PRESETS, "Settings to start from."
)
MINUTES = define.number(
    "minutes",
    None,
    "How long the automatic search tries settings (default: 5); what has begun "
    "is finished.",
    0.0,
)
QUIET = define.boolean("quiet", False, "Print only errors.")
UNREADABLE = define.enum(
    "unreadable",
    "stop",
    ["stop", "skip"],
    "What to do about images that cannot be read: end with an error, or "
    "leave them out.",
)
DATA_DIR = define.string(
    "data_dir",
    None,
    "Folder of prepared data; default: TFDS_DATA_DIR or ~/tensorflow_datasets.",
)
MOVED_DATA_DIR = define.string(
    "data_dir", None, "Folder of the run's prepared data, if it was moved."
)
MOVED_WEIGHTS = define.string(
    "weights",
    None,
    "File of the backbone's weights, or folder of its preset, if it was moved.",
)
MEMORY = define.number(
    "memory_gb",
    0.5,
    "Features that need more memory than this, in GB, stay on disk and are "
    "read when they are needed; synthetic ones are drawn when they are needed.",
    0.0,
)
WRITE_MAT = define.string(
    "write_mat",
    None,
    "Folder to write the prepared data to as res101.mat and att_splits.mat, "
    "which other code for zero-shot learning reads.",
)
# Of commands that prepare data.
DATA = (
    DATA_DIR,
    MEMORY,
    QUIET,
    define.string(
        "manual_dir",
        None,
        "The unpacked xlsa17 folder, or a folder with the data set's two .mat "
        "files; without it, the data is downloaded.",
    ),
)
# Of commands that train: where settings come from, and how training runs and
# is watched.
TRAINING = (
    *(flag for name, flag in SETTINGS.items() if name != "plugins"),
    PRESET,
    *DATA,
    define.string(
        "config", None, "JSON file of settings, such as config.json of a run."
    ),
    define.enum(
        "strategy",
        "auto",
        ["auto", "one", "mirrored", "multi_worker"],
        "Devices to train on; auto: all GPUs of this machine, or its CPU if "
        "it has none.",
    ),
    define.number(
        "wait_minutes",
        waiting.MINUTES,
        "How long to wait for other processes, with --strategy=multi_worker or "
        "a search that several share, before giving up.",
        0.0,
    ),
    define.enum(
        "jit",
        "auto",
        ["auto", "on", "off"],
        "Whether XLA compiles the training step; auto: only on GPUs. With "
        "XLA, gradient matching draws other random numbers.",
    ),
    define.integer(
        "steps_per_execution",
        1,
        "Steps between two returns to Python; more than 1 makes small steps "
        "faster on fast devices.",
        1,
    ),
    define.boolean(
        "deterministic",
        False,
        "Whether operations always give the same bits, which makes GPUs "
        "slower; CPUs do so in any case.",
    ),
    define.integer(
        "log_every", 50, "Steps between entries for TensorBoard.", 1
    ),
    define.integer(
        "picture_every", 500, "Steps between pictures for TensorBoard.", 1
    ),
    define.integer(
        "checkpoint_every",
        500,
        "Steps between checkpoints; after an interruption, the same command "
        "continues from the last one; 0: no checkpoints.",
        0,
    ),
)


def training_options(values, **monitoring) -> dict:
    """How training runs and is watched: by the flags, and `monitoring`."""
    import tensorflow as tf

    from gmn_tf.runs.experiment import MonitoringOptions
    from gmn_tf.training import fit

    if values.deterministic:
        tf.config.experimental.enable_op_determinism()
    for name in ("log_every", "picture_every", "checkpoint_every"):
        monitoring[name] = values[name].value
    return {
        "strategy": fit.make_strategy(
            values.strategy, values.wait_minutes, logger(values)
        ),
        "execution": fit.Execution(values.jit, values.steps_per_execution),
        "monitoring_options": MonitoringOptions(**monitoring),
    }


def set_by_flags(values, names=SETTINGS) -> dict:
    """The settings that have a value by their flags."""
    given = {name: values[name].value for name in names}
    return {n: value for n, value in given.items() if value is not None}


def chosen_settings(values) -> dict:
    """What the user gave a value: by a file, or a flag, which wins."""
    from_file = read_config_file(values.config) if values.config else {}
    return {**from_file, **set_by_flags(values)}


def resolve(values, preset: str | None = None) -> Config:
    """The settings: preset (default: that of its flag) < file < flag."""
    chosen = chosen_settings(values)
    dataset = chosen.get("dataset", Config.dataset)
    preset = configs.preset(str(dataset), preset or values.preset, chosen)
    return Config().replace({**preset, **chosen})


def check_training(config: Config, values) -> None:
    """Raises InputError for what can be seen before TensorFlow starts."""
    checks.check_executions(config, values.steps_per_execution)
    if values.strategy == "multi_worker":
        cluster.check()
    check_data(config, values)


def check_data(config: Config, values) -> None:
    """Raises InputError for a data set that is not there, nor published."""
    data_dir = absolute_data_dir(values.data_dir)
    dataset_names.check_names(
        config.dataset, config.features_file, config.embedding
    )
    if values.manual_dir:
        manual_dir = pathlib.Path(values.manual_dir).expanduser()
        dataset_names.check_manual_dir(manual_dir)
    else:
        dataset_names.check_known(config.dataset, pathlib.Path(data_dir))
    # It takes half a second.
    from gmn_tf_datasets.zero_shot import prepare

    prepare.check(
        config.dataset,
        data_dir=data_dir,
        manual_dir=values.manual_dir,
        features_file=config.features_file,
        embedding=config.embedding,
    )


def check_runs(folders) -> list[Config]:
    """The settings of finished runs; InputError if one is not finished."""
    from gmn_tf.runs.workdir import Workdir

    found = []
    for folder in folders:
        workdir = Workdir(folder)
        config, _ = workdir.read_config()
        workdir.check_finished()
        found.append(config)
    return found


def load_data(config: Config, values, beam_options: list[str] | None = None):
    """The data that the flags ask for, which is prepared if need be."""
    from gmn_tf import api

    return api.load_data(
        config,
        data_dir=values.data_dir,
        manual_dir=values.manual_dir,
        memory_gb=values.memory_gb,
        quiet=values.quiet,
        beam_options=beam_options,
    )


def choose_settings(config: Config, folder, values, options: dict, log):
    """The settings that the automatic search finds, in a folder of its own.

    Args:
        config: the settings to begin with.
        folder: of the search.
        values: the flags, `MINUTES` among them.
        options: what `training_options` returned.
        log: gets lines for the user.
    """
    from gmn_tf import api
    from gmn_tf.search import auto

    watched = options["monitoring_options"]
    watched = dataclasses.replace(watched, validate_every=0)
    return api.choose_settings(
        config,
        load_data(unscaled(config), values),
        folder,
        fixed=chosen_settings(values),
        minutes=auto.MINUTES if values.minutes is None else values.minutes,
        log=log,
        **{**options, "monitoring_options": watched},
    )


def write_mat(name: str, data_dir: str, values, log) -> None:
    """Writes prepared data as .mat files, if a flag asks for it."""
    if values.write_mat:
        from gmn_tf import api

        paths = api.write_mat(name, values.write_mat, data_dir=data_dir)
        log(f"Written: {', '.join(map(str, paths))}")


def open_run(folder: str, values):
    """A finished run with its settings and data."""
    from gmn_tf.data import zero_shot_data
    from gmn_tf.runs.finished import FinishedRun
    from gmn_tf.runs.workdir import Workdir

    workdir = Workdir(folder)
    config, source = workdir.read_config()
    workdir.check_finished()
    loaded = zero_shot_data.load(
        source["name"],
        absolute_data_dir(values.data_dir or source["data_dir"]),
        config.split,
        config.embedding_norm,
        values.memory_gb * 2**30,
        config.feature_scaling,
    )
    workdir.check_same_run(config, loaded.source)
    return FinishedRun(workdir, config, loaded)


def begin(values, text: str, log_level: int = 1) -> None:
    """Says on stderr what the command does, and starts TensorFlow for it.

    TensorFlow takes seconds; a reader should know by then what is done, where.

    Args:
        values: the flags, `QUIET` among them.
        text: the line.
        log_level: see `start_tensorflow`.
    """
    progress.logger(values.quiet)(text)
    start_tensorflow(log_level)


def logger(values) -> Callable[[str], None]:
    """What prints a line, unless --quiet forbids it."""
    if values.quiet:
        return lambda text: None
    return progress.print_line
