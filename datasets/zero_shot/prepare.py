"""The one call that makes a data set ready for `tfds.load`."""

import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Sequence

from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import names, splits, storage, synthetic
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.xlsa17 import dataset as xlsa17
from gmn_tf_datasets.zero_shot.xlsa17 import download, folders
from gmn_tf_datasets.zero_shot.xlsa17.folders import Request
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import ZeroShotConfig


def prepare(
    dataset: str,
    *,
    data_dir: str | os.PathLike,
    manual_dir: str | os.PathLike | None = None,
    features_file: str = folders.FEATURES_FILE,
    embedding: str = folders.EMBEDDING,
    quiet: bool = False,
    url: str = download.URL,
    synthetic_parameters: synthetic.SyntheticParameters | None = None,
    beam_options: Sequence[str] | None = None,
) -> str:
    """Prepares a data set unless that has been done, and returns its name.

    Args:
        dataset: one of `names.DATASETS`, or any other name for a data set in
            the same layout, which then needs `manual_dir`.
        data_dir: where prepared data, and downloads, are kept.
        manual_dir: the unpacked xlsa17 folder, or a folder with the two .mat
            files. Without it the data is downloaded, where that is possible.
        features_file: the .mat file with features and labels.
        embedding: which `NAME_splits.mat` describes the classes; `a+b` joins
            two, and takes the rows of the splits from the first.
        quiet: whether to print nothing but errors.
        url: address of xlsa17.zip, for instance of a copy nearby.
        synthetic_parameters: what to draw the data set `synthetic` with.
        beam_options: flags of an Apache Beam pipeline that writes the data,
            such as `--runner=FlinkRunner`; empty for Beam on this machine. None
            writes it without Beam.

    Returns:
        The name with which `tfds.load(name, data_dir=data_dir)` reads the data.

    Raises:
        InputError: if the data cannot be found, read, or used. Nothing has been
            prepared then.
    """
    data_dir = epath.Path(data_dir).expanduser()
    request = Request(dataset, features_file, embedding)
    if dataset == names.SYNTHETIC:
        name, read = _drawn(request, manual_dir, synthetic_parameters)
    else:
        names.check_names(*request)
        name, read = _from_files(request, data_dir, manual_dir, url, quiet)
    if not storage.is_prepared(data_dir, name):
        data = read()
        made = splits.make(data)
        config = ZeroShotConfig(name=name, source=data, splits=made)
        storage.write(data_dir, config, quiet, beam_options)
    return storage.full_name(name)


def check(
    dataset: str,
    *,
    data_dir: str | os.PathLike,
    manual_dir: str | os.PathLike | None = None,
    features_file: str = folders.FEATURES_FILE,
    embedding: str = folders.EMBEDDING,
) -> None:
    """Raises InputError for a data set that `prepare` would not find.

    It reads no data, and takes what `prepare` takes.
    """
    request = Request(dataset, features_file, embedding)
    if dataset == names.SYNTHETIC:
        _drawn(request, manual_dir, None)
        return
    names.check_names(*request)
    data_dir = epath.Path(data_dir).expanduser()
    if manual_dir:
        folders.find(request, _manual_root(manual_dir))
    elif not (
        download.is_unpacked(data_dir, dataset)
        or _prepared_earlier(request, data_dir)
    ):
        _check_downloadable(request, data_dir)


def _drawn(
    request: Request,
    manual_dir,
    parameters: synthetic.SyntheticParameters | None,
) -> tuple[str, Callable[[], Source]]:
    """The name of the preparation, and what draws its data."""
    if manual_dir or request != Request(names.SYNTHETIC):
        raise InputError(
            "The data set synthetic is drawn, not read from files.",
            "no manual_dir, features_file or embedding",
            f"manual_dir={manual_dir}, features_file={request.features_file}, "
            f"embedding={request.embedding}",
            "Leave them out, or choose another data set.",
        )
    parameters = parameters or synthetic.SyntheticParameters()
    prefix = storage.config_prefix(
        names.SYNTHETIC, synthetic.FEATURE_FILE, folders.EMBEDDING
    )
    content = [synthetic.PROCESS_VERSION, dataclasses.asdict(parameters)]
    name = storage.config_name(prefix, content)
    return name, functools.partial(synthetic.draw, parameters)


def _from_files(
    request: Request, data_dir: epath.Path, manual_dir, url: str, quiet: bool
) -> tuple[str, Callable[[], Source] | None]:
    """The name of the preparation, and what reads its data.

    Nothing reads them if it has been prepared, and the files are not there.
    """
    root, origin = download.unpacked_dir(data_dir), url
    if manual_dir:
        root, origin = _manual_root(manual_dir), "manual"
    elif not download.is_unpacked(data_dir, request.dataset):
        prepared = _prepared_earlier(request, data_dir)
        if prepared:
            if not quiet:
                print(f"Using {prepared}, prepared earlier.", file=sys.stderr)
            return prepared, None
        _check_downloadable(request, data_dir)
        download.fetch(request.dataset, data_dir, url=url, quiet=quiet)
    folder = folders.find(request, root)
    files = folders.list_files(request, folder)
    name = storage.config_name(
        storage.config_prefix(*request),
        [request, *map(dataclasses.astuple, files)],
    )
    return name, functools.partial(xlsa17.read, request, folder, files, origin)


def _manual_root(manual_dir: str | os.PathLike) -> epath.Path:
    root = epath.Path(manual_dir).expanduser()
    if not root.exists():
        raise InputError(
            f"manual_dir {root} does not exist.",
            "the unpacked xlsa17 folder, or one with the two .mat files",
            "no such folder",
            "Correct the path, or leave it out to use prepared data or to "
            "download it.",
        )
    return root


def _prepared_earlier(request: Request, data_dir: epath.Path) -> str | None:
    """The one preparation that can be meant when its files are not there."""
    dataset, features_file, embedding = request
    prefixes = [storage.config_prefix(*request)]
    if dataset not in names.DATASETS and features_file == folders.FEATURES_FILE:
        prefixes.append(storage.custom_prefix(dataset, embedding))
    prepared = storage.find_prepared(data_dir, *prefixes)
    if len(prepared) > 1:
        raise InputError(
            f"data_dir has {len(prepared)} preparations of {dataset} from "
            "different files.",
            "one preparation, or --manual_dir with the files that are meant",
            ", ".join(prepared),
            f"Give --manual_dir, or remove all but one from {data_dir}; "
            "prepare custom data again with bin/prepare_data --replace.",
        )
    return prepared[0] if prepared else None


def _check_downloadable(request: Request, data_dir: epath.Path) -> None:
    dataset, features_file, embedding = request
    custom = storage.custom_names(data_dir)
    if dataset in custom:
        raise InputError(
            f"{dataset} is custom data, prepared as a whole.",
            f"no features_file, and the embedding {folders.EMBEDDING}",
            f"features_file={features_file}, embedding={embedding}",
            "Leave both out, or prepare other features or descriptions under "
            "another name with bin/prepare_data.",
        )
    if dataset in storage.custom_names(data_dir, storage.EARLIER_CUSTOM):
        raise InputError(
            f"{dataset} was prepared by an earlier version of gmn_tf.",
            "custom data prepared by this version",
            "a preparation under the name of an earlier version",
            "Prepare its folder again with bin/prepare_data.",
        )
    if dataset not in names.PUBLISHED:
        raise names.unknown_dataset(dataset, custom)
    if dataset not in names.DOWNLOADABLE:
        raise InputError(
            f"The data set {dataset} cannot be downloaded.",
            f"one of {', '.join(names.DOWNLOADABLE)}, which are in xlsa17, or "
            "manual_dir",
            dataset,
            "Name the folder that holds its features and att_splits.mat with "
            "--manual_dir.",
        )
    if features_file != folders.FEATURES_FILE:
        raise InputError(
            f"{features_file} cannot be downloaded.",
            f"{folders.FEATURES_FILE}, the features in xlsa17, or manual_dir",
            features_file,
            "Name the folder that holds the file with --manual_dir.",
        )
