"""The one call that makes a data set ready for `tfds.load`."""

import dataclasses
import os
import sys
from collections.abc import Sequence

from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import source, splits, storage, synthetic
from gmn_tf_datasets.zero_shot.xlsa17 import dataset as xlsa17
from gmn_tf_datasets.zero_shot.xlsa17 import download, folders
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import ZeroShotConfig

DATASETS = folders.DATASETS
DEFAULT_FEATURES_FILE = "res101.mat"
DEFAULT_EMBEDDING = "att"


def prepare(
    dataset: str,
    *,
    data_dir: str | os.PathLike,
    manual_dir: str | os.PathLike | None = None,
    features_file: str = DEFAULT_FEATURES_FILE,
    embedding: str = DEFAULT_EMBEDDING,
    quiet: bool = False,
    url: str = download.URL,
    synthetic_parameters: synthetic.SyntheticParameters | None = None,
    beam_options: Sequence[str] | None = None,
) -> str:
    """Prepares a data set unless that has been done, and returns its name.

    Args:
      dataset: one of `DATASETS`, or any other name for a data set in the same
        layout, which then needs `manual_dir`.
      data_dir: where prepared data, and downloads, are kept.
      manual_dir: the unpacked xlsa17 folder, or a folder with the two .mat
        files. Without it the data is downloaded, where that is possible.
      features_file: the .mat file with features and labels.
      embedding: which `NAME_splits.mat` describes the classes; `a+b` joins
        two, and takes the rows of the splits from the first.
      quiet: whether to print nothing but errors.
      url: address of xlsa17.zip, for instance of a copy nearby.
      synthetic_parameters: what to draw the data set `synthetic` with.
      beam_options: flags of an Apache Beam pipeline that writes the data, such
        as `--runner=FlinkRunner`; empty for Beam on this machine. None writes
        it without Beam.

    Returns:
      The name with which `tfds.load(name, data_dir=data_dir)` reads the data.

    Raises:
      InputError: if the data cannot be found, read, or used. Nothing has been
        prepared then.
    """
    data_dir = epath.Path(data_dir).expanduser()
    if dataset == folders.SYNTHETIC:
        _check_no_files(manual_dir, features_file, embedding)
        config = _synthetic_config(synthetic_parameters, data_dir)
    else:
        folders.check_names(dataset, features_file, embedding)
        request = _Request(dataset, features_file, embedding)
        config = _find_config(request, data_dir, manual_dir, url, quiet)
    if config.source is not None:
        _say(f"Preparing {storage.full_name(config.name)} in {data_dir}", quiet)
        storage.write(data_dir, config, quiet, beam_options)
    return storage.full_name(config.name)


@dataclasses.dataclass(frozen=True)
class _Request:
    """What a user asked for; decides on the names of the files."""

    dataset: str
    features_file: str
    embedding: str

    @property
    def prefix(self) -> str:
        return storage.config_prefix(*dataclasses.astuple(self))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What names of preparations may begin with; own data's too."""
        if self.dataset in DATASETS or (
            self.features_file != DEFAULT_FEATURES_FILE
        ):
            return (self.prefix,)
        own = storage.custom_prefix(self.dataset, self.embedding)
        return (self.prefix, own)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def _check_no_files(manual_dir, features_file: str, embedding: str) -> None:
    chosen = (manual_dir or None, features_file, embedding)
    if chosen != (None, DEFAULT_FEATURES_FILE, DEFAULT_EMBEDDING):
        raise InputError(
            "The data set synthetic is drawn, not read from files.",
            "no manual_dir, features_file or embedding",
            f"manual_dir={manual_dir}, features_file={features_file}, "
            f"embedding={embedding}",
            "Leave them out, or choose another data set.",
        )


def _synthetic_config(
    parameters: synthetic.SyntheticParameters | None, data_dir: epath.Path
) -> ZeroShotConfig:
    parameters = parameters or synthetic.SyntheticParameters()
    prefix = storage.config_prefix(
        folders.SYNTHETIC, synthetic.FEATURE_FILE, DEFAULT_EMBEDDING
    )
    name = storage.config_name(
        prefix, [synthetic.PROCESS_VERSION, dataclasses.asdict(parameters)]
    )
    if storage.is_prepared(data_dir, name):
        return ZeroShotConfig(name=name)
    return _config(name, synthetic.draw(parameters))


def _config(name: str, data: source.Source) -> ZeroShotConfig:
    return ZeroShotConfig(name=name, source=data, splits=splits.make(data))


def _find_config(
    request: _Request, data_dir: epath.Path, manual_dir, url: str, quiet: bool
) -> ZeroShotConfig:
    """The configuration to use; with its data only if that is to be written."""
    root, origin = download.unpacked_dir(data_dir), url
    is_there = download.is_unpacked(data_dir, request.dataset)
    if manual_dir:
        root, origin = epath.Path(manual_dir).expanduser(), "manual"
        is_there = root.exists()
    if not is_there:
        _check_manual_dir(manual_dir)
        prepared = _only_prepared(request, data_dir, quiet)
        if prepared:
            return ZeroShotConfig(name=prepared)
        _check_downloadable(request, storage.custom_names(data_dir))
        download.fetch(request.dataset, data_dir, url=url, quiet=quiet)
    folder = folders.find(
        request.dataset, root, request.features_file, request.embedding
    )
    return _config_from_files(request, data_dir, folder, origin)


def _config_from_files(
    request: _Request, data_dir: epath.Path, folder: epath.Path, origin: str
) -> ZeroShotConfig:
    files = source.list_files(folder, request.features_file, request.embedding)
    name = storage.config_name(
        request.prefix,
        [dataclasses.astuple(request), *map(dataclasses.astuple, files)],
    )
    if storage.is_prepared(data_dir, name):
        return ZeroShotConfig(name=name)
    data = xlsa17.read(
        request.dataset,
        folder,
        request.features_file,
        request.embedding,
        files,
        origin,
    )
    return _config(name, data)


def _only_prepared(
    request: _Request, data_dir: epath.Path, quiet: bool
) -> str | None:
    """The one preparation that can be meant when its files are not there."""
    prepared = [
        name
        for prefix in request.prefixes
        for name in storage.find_prepared(data_dir, prefix)
    ]
    if len(prepared) > 1:
        raise InputError(
            f"{len(prepared)} preparations of {request.dataset} from "
            "different files are in data_dir.",
            "one, or the files with --manual_dir to tell which",
            ", ".join(prepared),
            "Give --manual_dir, or remove all but one from "
            f"{data_dir}; of your own data, prepare it again with "
            "bin/prepare_data --replace.",
        )
    if not prepared:
        return None
    _say(f"Using {prepared[0]}, prepared earlier.", quiet)
    return prepared[0]


def _check_manual_dir(manual_dir) -> None:
    """Refuses a folder that is not there: none was given if it is None."""
    if manual_dir:
        raise InputError(
            f"manual_dir {manual_dir} does not exist.",
            "the unpacked xlsa17 folder, or one with the two .mat files",
            "no such folder",
            "Correct the path, or leave it out to use what is prepared or "
            "can be downloaded.",
        )


def _check_downloadable(request: _Request, own: list[str]) -> None:
    if request.dataset in own:
        raise InputError(
            f"{request.dataset} is data of your own, prepared as a whole.",
            f"no features_file, and the embedding {DEFAULT_EMBEDDING}",
            f"features_file={request.features_file}, "
            f"embedding={request.embedding}",
            "Leave both out, or prepare other features or descriptions under "
            "another name with bin/prepare_data.",
        )
    if request.dataset not in DATASETS:
        raise folders.unknown_dataset(request.dataset, own)
    if request.dataset not in folders.DOWNLOADABLE:
        raise InputError(
            f"The data set {request.dataset} cannot be downloaded.",
            f"one of {', '.join(folders.DOWNLOADABLE)}, which are in xlsa17, "
            "or manual_dir",
            request.dataset,
            "Name the folder that holds its features and att_splits.mat with "
            "--manual_dir.",
        )
    if request.features_file != DEFAULT_FEATURES_FILE:
        raise InputError(
            f"{request.features_file} cannot be downloaded.",
            f"{DEFAULT_FEATURES_FILE}, the features in xlsa17, or manual_dir",
            request.features_file,
            "Name the folder that holds the file with --manual_dir.",
        )
