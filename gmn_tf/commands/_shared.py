"""What several commands have in common: flags, data, output."""

import dataclasses
import pathlib

from absl import flags

from gmn_tf import configs
from gmn_tf.commands.command_line import flag
from gmn_tf.config import Config, read_config_file


def setting_flag(field: dataclasses.Field) -> flag:
    """The flag of one setting; left out, the preset decides."""
    default = field.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    text = f"{field.metadata['help']} (CUB: {default})"
    if choices := field.metadata["choices"]:
        return flag(flags.DEFINE_enum, field.name, None, choices, text)
    return flag(flags.DEFINE_string, field.name, None, text)


SETTINGS = {
    field.name: setting_flag(field) for field in dataclasses.fields(Config)
}
PRESET = flag(
    flags.DEFINE_enum,
    "preset",
    "release",
    configs.PRESETS,
    "Settings to start from.",
)
QUIET = flag(flags.DEFINE_boolean, "quiet", False, "Print nothing but errors.")
UNREADABLE = flag(
    flags.DEFINE_enum,
    "unreadable",
    "stop",
    ["stop", "skip"],
    "Whether to stop at images that cannot be read, or to leave them out.",
)
DATA_DIR = flag(
    flags.DEFINE_string,
    "data_dir",
    None,
    "Where prepared data is kept; default: TFDS_DATA_DIR or "
    "~/tensorflow_datasets.",
)
MOVED_DATA_DIR = flag(
    flags.DEFINE_string,
    "data_dir",
    None,
    "Where the run's data is now, if it was moved.",
)
MEMORY = flag(
    flags.DEFINE_float,
    "memory_gb",
    0.5,
    "Features that need more than this stay on disk, and are read when they "
    "are needed.",
    0.0,
)
# Of commands that prepare data.
DATA = (
    DATA_DIR,
    MEMORY,
    QUIET,
    flag(
        flags.DEFINE_string,
        "manual_dir",
        None,
        "The unpacked xlsa17 folder, or a folder with the two .mat files; "
        "without it the data is downloaded.",
    ),
)
# Of commands that train: where settings come from, and how training runs and
# is watched.
TRAINING = (
    *SETTINGS.values(),
    PRESET,
    *DATA,
    flag(
        flags.DEFINE_string,
        "config",
        None,
        "JSON file of settings, such as a run's config.json.",
    ),
    flag(
        flags.DEFINE_enum,
        "strategy",
        "auto",
        ["auto", "one", "mirrored", "multi_worker"],
        "Devices; auto: all GPUs of this machine, or its CPU.",
    ),
    flag(
        flags.DEFINE_enum,
        "jit",
        "auto",
        ["auto", "on", "off"],
        "Whether XLA compiles the step; auto: on GPUs. Compiled, gradient "
        "matching draws other random numbers.",
    ),
    flag(
        flags.DEFINE_integer,
        "steps_per_execution",
        1,
        "Steps between two returns to Python, for small steps on fast devices.",
        1,
    ),
    flag(
        flags.DEFINE_boolean,
        "deterministic",
        False,
        "Whether operations give the same bits each time, which makes GPUs "
        "slower; CPUs do so in any case.",
    ),
    flag(
        flags.DEFINE_integer,
        "log_every",
        50,
        "Steps between entries for TensorBoard.",
        1,
    ),
    flag(
        flags.DEFINE_integer,
        "picture_every",
        500,
        "Steps between pictures for TensorBoard.",
        1,
    ),
    flag(
        flags.DEFINE_integer,
        "checkpoint_every",
        500,
        "Steps between checkpoints, from the last of which the same command "
        "goes on after an interruption; 0: none.",
        0,
    ),
)


def make_execution(values) -> tuple:
    """The strategy and the execution that the flags ask for."""
    import tensorflow as tf

    from gmn_tf.training import fit

    if values.deterministic:
        tf.config.experimental.enable_op_determinism()
    return fit.make_strategy(values.strategy), fit.Execution(
        values.jit, values.steps_per_execution
    )


def chosen_settings(values) -> dict:
    """What the user gave a value: by a file, or a flag, which wins."""
    from_flags = {
        field.name: values[field.name].value
        for field in dataclasses.fields(Config)
        if values[field.name].value is not None
    }
    from_file = read_config_file(values.config) if values.config else {}
    return {**from_file, **from_flags}


def resolve(values) -> Config:
    """The settings: preset < file < flag."""
    chosen = chosen_settings(values)
    dataset = chosen.get("dataset", Config.dataset)
    preset = configs.preset(str(dataset), values.preset)
    return Config().replace({**preset, **chosen})


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


def absolute(path: str) -> str:
    """A path that means the same from another folder."""
    return str(pathlib.Path(path).expanduser().absolute())


def open_run(folder: str, values):
    """A finished run with its settings and data."""
    from gmn_tf.data import zero_shot_data
    from gmn_tf.runs.finished import FinishedRun
    from gmn_tf.runs.workdir import Workdir

    workdir = Workdir(folder)
    config, source = workdir.read_config()
    data_dir = absolute(values.data_dir or source["data_dir"])
    loaded = zero_shot_data.load(
        source["name"],
        data_dir,
        config.split,
        config.embedding_norm,
        values.memory_gb * 2**30,
    )
    workdir.check_same_run(config, loaded.source)
    return FinishedRun(workdir, config, loaded)


def log(values, text: str) -> None:
    """Prints, unless --quiet forbids it."""
    if not values.quiet:
        print(text, flush=True)
