"""The calls that make a data set ready for `tfds.load`, once and for all.

They give each content a name of its own, find what has been prepared, and have
the builder prepare what has not.
"""

import dataclasses
import functools
import os
import sys
from collections.abc import Sequence

from etils import epath

from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import reading, storage, synthetic
from gmn_tf_datasets.zero_shot.configs import CONFIGS, CUSTOM, ZeroShotConfig
from gmn_tf_datasets.zero_shot.custom import dataset as custom
from gmn_tf_datasets.zero_shot.custom import summary
from gmn_tf_datasets.zero_shot.xlsa17 import download, folders

DOWNLOADS = "downloads"  # the folder in that of prepared data


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
        dataset: one of `dataset_names.DATASETS`, or any other name for a data
            set in the same layout, which then needs `manual_dir`.
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
    config = ZeroShotConfig(
        name=dataset,
        features_file=features_file,
        embedding=embedding,
        url=url,
        parameters=synthetic_parameters or synthetic.SyntheticParameters(),
        quiet=quiet,
    )
    found, earlier = _at_hand(config, data_dir, manual_dir)
    if earlier:
        if not quiet:
            print(f"Using {earlier}, prepared earlier.", file=sys.stderr)
        return storage.full_name(earlier)
    if found is None:
        found = reading.fetched(config, data_dir / DOWNLOADS)
    prefix = storage.config_prefix(*found.request)
    name = storage.config_name(prefix, found.digest)
    if not storage.is_prepared(data_dir, name):
        # Whoever has built it by TFDS's own command has given it another name.
        name = storage.with_digest(data_dir, found.digest) or name
    storage.write(
        data_dir,
        dataclasses.replace(config, name=name),
        quiet,
        found=found,
        beam_options=beam_options,
    )
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
    data_dir = epath.Path(data_dir).expanduser()
    config = ZeroShotConfig(
        name=dataset, features_file=features_file, embedding=embedding
    )
    if not any(_at_hand(config, data_dir, manual_dir)):
        reading.check_downloadable(config)


def _at_hand(
    config: ZeroShotConfig, data_dir: epath.Path, manual_dir
) -> tuple[reading.Found | None, str | None]:
    """What can be read, or else what was prepared; neither: a download can do.

    Raises:
        InputError: if none of the three is possible.
    """
    if config.is_drawn:
        _check_nothing_is_read(config.request, manual_dir)
    else:
        # The name as the user wrote it, not as TFDS spells it.
        dataset_names.check_names(
            config.name, config.features_file, config.embedding
        )
    prepared = functools.partial(_prepared_earlier, config, data_dir)
    found = reading.at_hand(config, data_dir / DOWNLOADS, manual_dir, prepared)
    earlier = None if found else prepared()
    if not (found or earlier):
        _check_known(config, data_dir)
    return found, earlier


def prepare_custom(
    dataset: str,
    source_dir: str | os.PathLike,
    *,
    data_dir: str | os.PathLike,
    features_dir: str | os.PathLike | None = None,
    embedding: str = folders.EMBEDDING,
    replace: bool = False,
    quiet: bool = False,
) -> summary.Prepared:
    """Prepares a folder of custom data, unless that has been done.

    Args:
        dataset: the name to find it by from now on.
        source_dir: the folder.
        data_dir: where prepared data are kept.
        features_dir: where the features are, if not in `source_dir`.
        embedding: which descriptions of the classes to take.
        replace: whether other content under this name may be replaced.
        quiet: whether to show no progress.

    Raises:
        InputError: for a name or a folder that cannot be used, or if other
            content has been prepared under this name; nothing is changed then.
    """
    custom.check_name(dataset, embedding)
    data_dir = epath.Path(data_dir).expanduser()
    folder = epath.Path(source_dir).expanduser()
    data = custom.read(
        dataset, folder, features_dir or folder, quiet, embedding
    )
    # What has been read for the summary is not read again.
    config = ZeroShotConfig(
        name=dataset,
        dataset=dataset,
        layout=CUSTOM,
        source=data,
        quiet=quiet,
    )
    found = reading.at_hand(config, data_dir / DOWNLOADS)
    made = found.splits
    prefix = storage.custom_prefix(dataset, embedding)
    name = storage.config_name(prefix, found.digest)
    older = [one for one in storage.find_named(data_dir, prefix) if one != name]
    if older and not replace:
        raise InputError(
            f"Other content has been prepared as {dataset} before.",
            f"the same files as then, or a name that is free in {data_dir}",
            ", ".join(older),
            "Choose another --dataset, or give --replace: then the older "
            "preparation is removed, and runs made with it cannot be evaluated "
            "again.",
        )
    return summary.Prepared(
        name=storage.full_name(name),
        data=data,
        made=made,
        older=tuple(older),
        is_new=storage.write(
            data_dir, dataclasses.replace(config, name=name), quiet
        ),
        data_dir=str(data_dir),
    )


def remove_older(prepared: summary.Prepared) -> None:
    """Removes what was prepared under this name before, once it may go."""
    for name in prepared.older:
        storage.remove(epath.Path(prepared.data_dir), name)


def _check_nothing_is_read(request: folders.Request, manual_dir) -> None:
    if manual_dir or request != folders.Request(
        dataset_names.SYNTHETIC, folders.FEATURES_FILE
    ):
        raise InputError(
            "The data set synthetic is drawn, not read from files.",
            "no manual_dir, features_file or embedding",
            f"manual_dir={manual_dir}, features_file={request.features_file}, "
            f"embedding={request.embedding}",
            "Leave them out, or choose another data set.",
        )


def _prepared_earlier(
    config: ZeroShotConfig, data_dir: epath.Path
) -> str | None:
    """The one preparation that can be meant when its files are not there."""
    dataset, features_file, embedding = config.request
    prefixes = [storage.config_prefix(*config.request)]
    if (
        dataset not in dataset_names.DATASETS
        and features_file == folders.FEATURES_FILE
    ):
        prefixes.append(storage.custom_prefix(dataset, embedding))
    named = storage.find_named(data_dir, *prefixes)
    # Those that TFDS's own command has prepared.
    named += [
        one.name
        for one in CONFIGS
        if (one.dataset, one.embedding) == (dataset, embedding)
        and storage.recorded(data_dir, one.name, "feature_file")
        == features_file
    ]
    prepared = {
        storage.recorded(data_dir, name, "digest") or name: name
        for name in named
        if storage.is_prepared(data_dir, name)
    }
    if len(prepared) > 1:
        raise InputError(
            f"data_dir has {len(prepared)} preparations of {dataset} from "
            "different files.",
            "one preparation, or --manual_dir with the files that are meant",
            ", ".join(prepared.values()),
            f"Give --manual_dir, or remove all but one from {data_dir}; "
            "prepare custom data again with bin/prepare_data --replace.",
        )
    if named and not prepared and dataset not in dataset_names.DOWNLOADABLE:
        raise InputError(
            f"{dataset} was prepared in an older form by an earlier version of "
            "gmn_tf.",
            "data prepared by this version",
            ", ".join(named),
            "Name the folder of its files with --manual_dir, and it is "
            "prepared again under the same name; custom data with "
            "bin/prepare_data.",
        )
    return next(iter(prepared.values()), None)


def _check_known(config: ZeroShotConfig, data_dir: epath.Path) -> None:
    """Raises InputError for custom data, and for names that no data have."""
    dataset, features_file, embedding = config.request
    known = dataset_names.custom_names(data_dir)
    if dataset in known:
        there = storage.custom_embeddings(data_dir, dataset)
        if features_file != folders.FEATURES_FILE:
            raise InputError(
                f"{dataset} is custom data, which has the features that it was "
                "prepared with.",
                "no --features_file",
                f"--features_file={features_file}",
                "Prepare other features under another name.",
            )
        raise InputError(
            f"{dataset} was not prepared with this embedding.",
            f"the embedding {' or '.join(there)}",
            f"--embedding={embedding}",
            "Name one of these with --embedding, or prepare this one as well "
            "with bin/prepare_data --embedding.",
        )
    if dataset not in dataset_names.PUBLISHED:
        raise dataset_names.unknown_dataset(dataset, known)
