"""The leaderboard: which jobs it needs.

A job measures all entries that share a generator, on one data set:

* `tune` chooses their settings on the tune splits, with the first seed;
* `test` scores them on the test splits, with one seed;
* `peek` finds what would be reported if all were chosen on test. It runs
  last, and nothing reads what it finds but the page.

No TensorFlow is needed.
"""

import dataclasses
import pathlib

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.reproduction import plan
from gmn_tf.reproduction.plan import Job
from gmn_tf.runs.entries import ENTRIES
from gmn_tf.utils import values
from gmn_tf.utils.errors import InputError, check_choice, check_same

NAME = "leaderboard"  # of the table, its files, and the folder of its jobs
TUNE, TEST, PEEK = STAGES = ("tune", "test", "peek")
SPLITS = {TUNE: "tune", TEST: "test", PEEK: "test"}
RESULT = "result.json"
MINUTES = 15.0


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be compared.

    Attributes:
        datasets: names, each with an embedding other than att after a colon.
        seeds: number of generator seeds, from 1 on.
        preset: the settings that all entries begin with.
        flags: for bin/train, as `--name=value`: settings, and where data is.
        out: the folder of all results.
        entries: names of `ENTRIES`; none for all.
        minutes: that the search of an entry takes at most.

    Raises:
        InputError: for a name or a flag that does not exist.
    """

    datasets: tuple[str, ...]
    seeds: int
    preset: str
    flags: tuple[str, ...]
    out: pathlib.Path
    entries: tuple[str, ...] = ()
    minutes: float = MINUTES

    def __post_init__(self):
        for name in self.entries:
            check_choice("entries", name, ENTRIES)
        for dataset in self.datasets:
            for names in self.groups().values():
                self.config(dataset, names[0])
        others = plan.OTHER_FLAGS - plan.DATA_FLAGS
        self.data_flags()
        for name in (plan.read_flag(flag)[0] for flag in self.flags):
            if name in others:
                raise InputError(
                    f"--{name} is no flag of the leaderboard's jobs.",
                    "settings, and where the data is",
                    f"--{name}",
                    "Leave it out.",
                )

    def config(self, dataset: str, name: str) -> Config:
        """The settings of an entry's generator on a data set."""
        if self.preset == "best":
            raise InputError(
                "The settings of --preset=best were chosen for one entry.",
                "release, paper, cpu, or auto for data without a preset",
                f"--preset={self.preset}",
                "Choose another preset.",
            )
        entry = ENTRIES[name]
        chosen = plan.chosen_settings(dataset, self.flags)
        chosen |= {"variant": entry.variant, **entry.generator}
        preset = configs.preset(chosen["dataset"], self.preset, chosen)
        return Config().replace({**preset, **chosen})

    def data_flags(self) -> dict:
        """Where the data is, by the names of flags, as `load_data` takes it."""
        given = dict(map(plan.read_flag, self.flags))
        found = {n: v for n, v in given.items() if n in plan.DATA_FLAGS}
        if "memory_gb" in found:
            try:
                found["memory_gb"] = values.single(float, found["memory_gb"])
            except ValueError as error:
                raise InputError(
                    "Bad value for --memory_gb.",
                    values.KINDS[float],
                    found["memory_gb"],
                    "Correct the value.",
                ) from error
        return found

    def groups(self) -> dict[str, list[str]]:
        """The names of entries that share a generator, by its name."""
        found, settings = {}, {}
        for name, entry in ENTRIES.items():
            if self.entries and name not in self.entries:
                continue
            found.setdefault(entry.group, []).append(name)
            check_same(
                f"The entry {name} has the generator {entry.group} of another "
                "entry with other settings.",
                dict(settings.setdefault(entry.group, entry.generator)),
                dict(entry.generator),
                "Give both the same settings, or one that the other lacks.",
            )
        return found


@dataclasses.dataclass(frozen=True)
class Part:
    """What a job measures."""

    stage: str
    dataset: str
    group: str
    entries: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """That of the job, and of its folder."""
        place = self.dataset.replace(":", "-")
        return f"{place}-{self.stage}-{self.group}-{self.seed}"

    def folder(self, out: pathlib.Path) -> pathlib.Path:
        """The folder of its result."""
        return out / NAME / self.name


def parts(request: Request) -> list[Part]:
    """All parts: what is tuned, then seed by seed, then what peeks."""
    groups = {group: tuple(one) for group, one in request.groups().items()}
    return [
        Part(stage, dataset, group, entries, seed)
        for stage, seed in (
            (TUNE, 1),
            *((TEST, seed) for seed in range(1, request.seeds + 1)),
            *((PEEK, seed) for seed in range(1, request.seeds + 1)),
        )
        for dataset in request.datasets
        for group, entries in groups.items()
    ]


def jobs(request: Request) -> list[Job]:
    """The parts as commands."""
    found = []
    for part in parts(request):
        config = request.config(part.dataset, part.entries[0])
        began = {}
        for name in part.entries if part.stage == TUNE else ():
            own = {**ENTRIES[name].classifier_settings(), "split": "tune"}
            began[name] = config.replace({**own, "seed": 1}).to_dict()
        command = [
            "reproduce",
            f"--tables={NAME}",
            f"--job={part.name}",
            f"--datasets={part.dataset}",
            f"--seeds={request.seeds}",
            f"--preset={request.preset}",
            f"--minutes={request.minutes:g}",
            f"--out={request.out}",
        ]
        if request.entries:
            # Others may be of plugins that the job does not import.
            command.append(f"--entries={','.join(part.entries)}")
        modules = [config.plugins, *map(ENTRIES.owner, part.entries)]
        if modules := list(dict.fromkeys(filter(None, modules))):
            command.append(f"--plugins={','.join(modules)}")
        kind = "generator" if ENTRIES[part.entries[0]].has_generator else "none"
        found.append(
            Job(
                name=part.name,
                kind=f"{part.dataset} {part.stage} {kind} {len(part.entries)}",
                command=(*command, "--", *request.flags),
                result=part.folder(request.out) / RESULT,
                settings=began,
                stage=f"{part.stage} {part.seed}",
            )
        )
    return found
