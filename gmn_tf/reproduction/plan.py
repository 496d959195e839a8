"""Tables 2 and 3, Fig. 3-5: which runs they need, as commands.

A job is one call of bin/train or bin/evaluate for one data set, variant and
seed. Jobs share what they can: a run on the test splits serves both tables and
Fig. 3 and 4, one on the tune splits the separate protocol and Fig. 5.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from gmn_tf import configs
from gmn_tf.config import Config, check_setting_names
from gmn_tf.method.metrics import BASELINE, JOINT, SEPARATE
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs.candidates import candidates
from gmn_tf.runs.tables import RESULTS
from gmn_tf.utils.errors import InputError, counted

TABLES = {
    "2": (
        "real_only",
        "wgan_cls",
        "cwgan",
        "wgan_gm",
        "cwgan_gm",
        "wgan_gm_transductive",
    ),
    "3": ("cwgan_cls", "cwgan_gm", "cwgan_cycle", "cwgan_cls_cycle"),
}
FIGURES = {
    "3": ("wgan_gm", "cwgan_gm"),
    "4": ("cwgan", "cwgan_gm"),
    "5": ("wgan", "gm", "wgan_gm", "wgan_gm_transductive"),
}
COUNTS = (10, 25, 50, 100, 250, 500)  # synthetic features in Fig. 3
POINTS = 10  # of a curve in Fig. 5
# Flags that a job has already, and those that decide no result.
JOB_FLAGS = {"dataset", "embedding", "variant", "split", "seed", "preset"}
JOB_FLAGS |= {"baseline", "validate_every", "workdir"}
DATA_FOLDER_FLAGS = ("data_dir", "manual_dir")
DATA_FLAGS = {*DATA_FOLDER_FLAGS, "memory_gb"}
EXECUTION_FLAGS = {"deterministic", "jit", "steps_per_execution", "strategy"}
MONITORING_FLAGS = {"checkpoint_every", "log_every", "picture_every"}
OTHER_FLAGS = DATA_FLAGS | EXECUTION_FLAGS | MONITORING_FLAGS
# Of those, what bin/evaluate takes too.
EVALUATION_FLAGS = {"data_dir", "memory_gb"}
# The paper takes features as they are, whatever a preset does.
AS_THEY_ARE = {
    "feature_scaling": "none",
    "embedding_norm": "l2",
    "generator_output": "relu",
}
DAGGER = "cwgan_gm"  # in Table 3 also with the separate protocol


@dataclasses.dataclass(frozen=True)
class Job:
    """A command that is run once.

    Attributes:
        name: unique, and says what is done.
        kind: jobs of one kind take about the same time.
        command: a function of `gmn_tf.commands`, and its arguments.
        result: the file that is written last, in the run's folder.
        settings: what decides the result, with all defaults filled in.
        protocol: that of its scores; None for a job without.
        figure: the figure that it has points for, if any.
        needs: files of other jobs without which it cannot run.
        stage: jobs of one stage may run at the same time.
    """

    name: str
    kind: str
    command: tuple[str, ...]
    result: pathlib.Path
    settings: Mapping = dataclasses.field(default_factory=dict)
    protocol: str | None = None
    figure: str | None = None
    needs: tuple[pathlib.Path, ...] = ()
    stage: str = ""

    @property
    def run(self) -> str:
        """The name of the run's folder."""
        return self.result.parent.name


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be reproduced.

    Attributes:
        tables: of `TABLES`.
        figures: of `FIGURES`.
        datasets: names, each with an embedding other than att after a colon.
        seeds: number of generator seeds, from 1 on.
        preset: as in bin/train.
        flags: for bin/train, beside those of a job, as `--name=value`.
        out: the folder of all results.

    Raises:
        InputError: for a flag that does not exist, or that jobs have already.
    """

    tables: tuple[str, ...]
    figures: tuple[str, ...]
    datasets: tuple[str, ...]
    seeds: int
    preset: str
    flags: tuple[str, ...]
    out: pathlib.Path

    def __post_init__(self):
        for dataset in self.datasets:
            self.config(dataset)

    def config(self, dataset: str) -> Config:
        """The settings that all runs on a data set have in common."""
        chosen = chosen_settings(dataset, self.flags)
        if self.preset in ("best", "auto"):
            raise InputError(
                f"The settings of --preset={self.preset} are chosen for scaled "
                "features, and the paper's tables have features as they are.",
                "release, paper or cpu",
                f"--preset={self.preset}",
                "Choose another preset.",
            )
        preset = configs.preset(chosen["dataset"], self.preset)
        return Config().replace({**preset, **AS_THEY_ARE, **chosen})


def chosen_settings(dataset: str, flags: Sequence[str]) -> dict:
    """The settings that a data set and flags for bin/train give.

    Args:
        dataset: its name, with an embedding other than att after a colon.
        flags: as `--name=value`.

    Raises:
        InputError: for a flag that does not exist, or that jobs have already.
    """
    chosen = {}
    for flag in flags:
        name, value = read_flag(flag)
        if name not in OTHER_FLAGS:
            chosen[name] = value
    chosen["dataset"], _, embedding = dataset.partition(":")
    if embedding:
        chosen["embedding"] = embedding
    return chosen


def read_flag(flag: str) -> tuple[str, str]:
    """Name and value of a flag that may follow after two dashes."""
    name, has_value, value = flag.removeprefix("--").partition("=")
    if not (flag.startswith("--") and has_value):
        raise InputError(
            f"Unexpected argument: {flag}",
            "flags of bin/train with their value, as in --manual_dir=DIR",
            flag,
            "Write --name=value.",
        )
    if name in JOB_FLAGS:
        raise InputError(
            f"--{name} cannot follow after the two dashes.",
            "flags that all runs have in common",
            flag,
            "Leave it out: --datasets, --tables, --figures, --seeds, --preset "
            "and --out decide it for each run.",
        )
    if name not in OTHER_FLAGS:
        check_setting_names([name])
    return name, value


def run_name(dataset: str, split: str, variant: str, seed: int) -> str:
    """The name of a run."""
    return f"{dataset.replace(':', '-')}-{split}-{variant}-{seed}"


def plan(request: Request) -> list[Job]:
    """All jobs, seed by seed, so that whole tables come early."""
    jobs = {
        job.name: job
        for seed in range(1, request.seeds + 1)
        for dataset in request.datasets
        for job in _jobs(request, dataset, seed)
    }
    return list(jobs.values())


def describe(jobs: Sequence[Job]) -> str:
    """What jobs of one kind are, and how their number comes about."""
    dataset, what, *_ = jobs[0].kind.split()
    variants, seeds = (
        list(dict.fromkeys(job.settings[name] for job in jobs))
        for name in ("variant", "seed")
    )
    named = variants[0]
    if len(variants) > 1:
        named = f"{len(variants)} variants"
    of = {"separate": "separate protocol", "curve": "curve of Fig. 3"}
    return (
        f"{dataset}, {of.get(what, f'{what} split')}, {named} x "
        f"{counted(len(seeds), 'seed')}"
    )


def _jobs(request: Request, dataset: str, seed: int) -> Iterable[Job]:
    def run(split, variant):
        """The settings of a run, and its folder."""
        name = run_name(dataset, split, variant, seed)
        own = {"split": split, "variant": variant, "seed": seed}
        config = request.config(dataset).replace(own)
        return config, request.out / "runs" / name

    separate = _variants(request, ("2",), ())
    if "3" in request.tables and DAGGER not in separate:
        separate.append(DAGGER)
    tuned = dict.fromkeys([*separate, *_variants(request, (), ("5",))])
    for variant in _variants(request, ("2", "3"), ("3", "4")):
        yield _train(request, dataset, *run("test", variant))
    for variant in tuned:
        yield _train(request, dataset, *run("tune", variant))
    for variant in separate:
        test, (config, tune) = run("test", variant), run("tune", variant)
        job = _evaluate(
            request, dataset, *test, RESULTS[SEPARATE], f"--tune_workdir={tune}"
        )
        tried = candidates(config, VARIANTS[variant].has_generator)
        yield dataclasses.replace(
            job,
            settings={**job.settings, "tried": tried},
            protocol=SEPARATE,
            needs=(*job.needs, *(tune / path.name for path in job.needs)),
        )
    for variant in _variants(request, (), ("3",)):
        argument = f"--synthetic_per_class={','.join(map(str, COUNTS))}"
        test = run("test", variant)
        job = _evaluate(request, dataset, *test, "curve.png", argument)
        settings = {**job.settings, "counts": list(COUNTS)}
        yield dataclasses.replace(job, settings=settings, figure="3")


def _variants(request, tables, figures) -> list[str]:
    """Those of the tables and figures that are asked for, each once."""
    rows = [TABLES[one] for one in tables if one in request.tables]
    rows += [FIGURES[one] for one in figures if one in request.figures]
    return list(dict.fromkeys(itertools.chain(*rows)))


def _train(request, dataset, config, folder) -> Job:
    settings = config.to_dict()
    embedding = ("embedding",) * (":" in dataset)
    names = ("dataset", *embedding, "variant", "split", "seed")
    arguments = [
        *(f"--{name}={settings[name]}" for name in names),
        f"--workdir={folder}",
        f"--preset={request.preset}",
        # Those of the request come later, and win.
        *(f"--{name}={value}" for name, value in AS_THEY_ARE.items()),
        "--nobaseline",  # real_only has jobs of its own
        "--nolimits",
        *request.flags,
    ]
    figure = "4" if config.split == "test" else "5"
    shown = config.variant in FIGURES[figure]
    # Whether or not Fig. 5 is asked for now: it may be later.
    if figure == "5" and shown:
        every = max(1, config.steps // POINTS)
        arguments.append(f"--validate_every={every}")
        settings["validate_every"] = every
    real_only = " real_only" * (config.variant == BASELINE)
    return Job(
        name=folder.name,
        kind=f"{dataset} {config.split}{real_only}",
        command=("train", *arguments),
        result=folder / RESULTS[JOINT],
        settings=settings,
        protocol=JOINT,
        figure=figure if shown else None,
    )


def _evaluate(request, dataset, config, folder, result, argument) -> Job:
    what = result.partition(".")[0]
    flags = [f for f in request.flags if read_flag(f)[0] in EVALUATION_FLAGS]
    models = ["generator.keras"] * VARIANTS[config.variant].has_generator
    return Job(
        name=f"{folder.name} {what}",
        kind=f"{dataset} {what}",
        command=("evaluate", f"--workdir={folder}", argument, *flags),
        result=folder / result,
        settings=config.to_dict(),
        needs=tuple(folder / name for name in (RESULTS[JOINT], *models)),
    )
