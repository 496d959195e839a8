"""The files of a run, and the rules of their folder.

config.json         all settings, the data and its fingerprint, versions
metrics.json        the scores
classes.json        the classes, and the form of features and descriptions
validation.csv      scores during training, if asked for
separate.json       the scores by the separate protocol, if asked for
curve.csv           and .png: scores against numbers of synthetic features
calibration.csv     and .png: scores against the penalty of seen classes
class_accuracy.csv  and .png: accuracy of each class
confusions.csv      and .png: which classes are taken for which
reject_curve.csv    and .png: accuracy against the share of samples answered
generator.keras     G
classifier_K.keras  final classifier number K, on real and synthetic samples
baseline_K.keras    the same on real samples only
checkpoints/        while it runs: from these an interrupted run resumes
logs/               for TensorBoard
search/             with --preset=auto: the search for its settings, which comes
                    before config.json
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Mapping

from etils import epy

from gmn_tf.config import AUTO, Config
from gmn_tf.utils import files, locks, registry
from gmn_tf.utils.errors import InputError, check_same, first_line
from gmn_tf.utils.versions import versions

with epy.lazy_imports():  # they take seconds
    import keras

    from gmn_tf.data import label_map
    from gmn_tf.training import precision
    from gmn_tf.utils import figures

SOURCE = ("name", "data_dir", "split_fingerprint")
SEARCH = "search"  # the folder of a search, in that of its run


class Workdir:
    """The folder of one run, which `start` makes."""

    def __init__(self, path: str):
        self.path = pathlib.Path(path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def logs(self) -> str:
        """Where TensorBoard finds this run."""
        return str(self.path / "logs")

    @property
    def checkpoints(self) -> str:
        """Where an interrupted run resumes from."""
        return str(self.path / "checkpoints")

    def remove_checkpoints(self) -> None:
        """Removes the checkpoints of a run that has ended."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    @contextlib.contextmanager
    def exclusive(self):
        """Keeps other processes out of the folder, unless its run has ended.

        Raises:
            InputError: if another process runs in this folder, or it cannot
                be written.
        """
        with contextlib.ExitStack() as stack:
            if not self.finished():
                with files.reporting_write_errors(self.path, flag="--workdir"):
                    stack.enter_context(locks.exclusive(self.path))
            yield

    def decided(self, config: Config) -> Config:
        """The settings with `--precision=auto` decided, once for the run.

        The run in this folder decides, so that it continues as it began even
        on another machine; for a new one this machine does.
        """
        found = {"precision": precision.decided(config)}
        if (self.path / "config.json").exists():
            there = self.read_config()[0].to_dict()
            found = as_begun({"precision": config.precision}, there)
        return config.replace(found)

    def start(self, config: Config, source: dict) -> None:
        """Makes the folder and writes config.json.

        Args:
            config: the settings, which are written as `decided`.
            source: what the data is, with the entries of `SOURCE`.

        Raises:
            InputError: if the folder belongs to a run of other settings or
                other data, or cannot be written.
        """
        with files.reporting_write_errors(self.path, flag="--workdir"):
            self.check_same_run(config, source)
            if self.finished():
                return  # and keep the versions that its scores were made with
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.path.exists(self.checkpoints):
                # It starts again; old entries would be shown beside new ones.
                shutil.rmtree(self.logs, ignore_errors=True)
            settings = self.decided(config).to_dict()
            content = {"config": settings, "data": source}
            self.write_json("config.json", {**content, "versions": versions()})

    def read_config(self) -> tuple[Config, dict]:
        """The settings and the data of the run in this folder.

        Raises:
            InputError: if there is none, or it cannot be read.
        """
        stored = self.read_json("config.json")
        try:
            source = {name: stored["data"][name] for name in SOURCE}
            for name, value in source.items():
                if not isinstance(value, str):
                    raise TypeError(f"{name} is {value!r:.50}, not a text")
            plugins = str(stored["config"].get("plugins", ""))
            registry.load(
                plugins,
                f"plugin that the run in {self} needs",
                self.path / "config.json",
            )
            return Config(**stored["config"]), source
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path / 'config.json'} is not the file of a run.",
                'an object with "config" and "data"',
                first_line(error),
                "Train again into another --workdir.",
            ) from error

    def read_label_map(self) -> "label_map.LabelMap":
        """The label map of the finished run in this folder.

        Raises:
            InputError: if its classes.json cannot be read.
        """
        content = self.read_json("classes.json")
        try:
            return label_map.LabelMap.from_dict(content)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.path / 'classes.json'} is not the label map of a run.",
                "classes.json as bin/train writes it",
                first_line(error),
                "Train again into another --workdir.",
            ) from error

    def read_json(self, name: str) -> dict:
        """Contents of a file of the run; InputError if it cannot be read."""
        return files.read_json(
            self.path / name,
            "a file in the folder of a finished run of bin/train",
            "Check --workdir, or run bin/train first.",
        )

    def finished(self) -> bool:
        """Whether the run of this folder has ended."""
        return (self.path / "metrics.json").exists()

    def check_finished(self) -> None:
        """Raises InputError unless the run of this folder has ended."""
        if not self.finished():
            raise InputError(
                f"The run in {self} is not finished.",
                "a finished run of bin/train",
                "no metrics.json",
                "Give the same bin/train command again, which continues it.",
            )

    def write_json(self, name: str, content: dict) -> None:
        """Writes a JSON file, whole or not at all."""
        files.write_json(self.path / name, content)

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file, whole or not at all."""
        files.write_text(self.path / name, text)

    def save_model(self, name: str, model: "keras.Model") -> None:
        """Saves a model as `name`.keras, whole or not at all."""
        with files.replacing(self.path / f"{name}.keras") as temporary:
            model.save(temporary)

    def save_picture(self, name: str, figure) -> None:
        """Saves a figure as a PNG or SVG file, whole or not at all."""
        with files.replacing(self.path / name) as temporary:
            figures.save(figure, temporary, temporary.suffix[1:])

    def load_model(
        self, name: str, kind: type | tuple[type, ...] | None = None
    ) -> "keras.Model":
        """Loads `name`.keras, a model of the class `kind`, if that is given.

        Of several classes it may be any.

        Raises:
            InputError: if the file is missing, damaged or holds another model.
        """
        path = self.path / f"{name}.keras"
        try:
            # In safe mode, code inside the file is not run.
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
            kinds = kind if isinstance(kind, tuple) else (kind or keras.Model,)
            if not isinstance(model, kinds):
                raise TypeError(
                    f"{type(model).__name__}, not {kinds[0].__name__}"
                )
            if not model.built:
                raise TypeError("a model without its weights")
            return model
        except Exception as error:
            # For a damaged file, Keras raises almost anything.
            raise InputError(
                f"Cannot load {path}.",
                "a model saved by bin/train",
                first_line(error),
                "Train again into another --workdir.",
            ) from error

    def check_settings_match(self, config: Config) -> None:
        """Raises InputError for errors that show before any data is read."""
        self.check_same_run(config)
        if self.finished():
            return  # nothing will be written
        files.check_writable(self.path, "--workdir")

    def check_same_run(
        self, config: Config, source: dict | None = None
    ) -> None:
        """Raises InputError if a run here has other settings or other data.

        Before data is read, there is no source to compare.
        """
        if not (self.path / "config.json").exists():
            return
        state = "a" if self.finished() else "an unfinished"
        there = self.read_config()
        found = identity(*there)
        check_same(
            f"{self.path} holds {state} run with other settings.",
            found,
            as_begun(identity(config, source or there[1]), found),
            "Choose another --workdir, or remove that folder.",
        )


def as_begun(settings: Mapping, there: Mapping) -> dict:
    """The settings, with `--precision=auto` as those there have it."""
    begun = dict(settings)
    if begun.get("precision") == AUTO:
        begun["precision"] = there["precision"]
    return begun


def identity(config: Config, source: dict) -> dict:
    """The settings, and the data without its place: equal for equal runs."""
    return {**config.to_dict(), **source, "data_dir": None}
