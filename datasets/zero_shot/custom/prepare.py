"""Custom data, a folder of tables and arrays -> a prepared data set.

docs/custom_data.md says what the folder holds.
"""

import dataclasses
import os

from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import names, source, splits, storage
from gmn_tf_datasets.zero_shot.custom import classes as custom_classes
from gmn_tf_datasets.zero_shot.custom import features as custom_features
from gmn_tf_datasets.zero_shot.custom import splits as custom_splits
from gmn_tf_datasets.zero_shot.custom import summary
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import ZeroShotConfig

EMBEDDING = "att"
LINEAR = (
    "Some features are negative, which the generator does not make by default: "
    "train with --preset=auto or cpu, or with --generator_output=linear."
)
NO_UNSEEN_SAMPLE = (
    "No unseen class has a sample to score, so T-1, u and h cannot be "
    "measured; --split=tune estimates them honestly on the validation classes."
)


def prepare(
    dataset: str,
    source_dir: str | os.PathLike,
    *,
    data_dir: str | os.PathLike,
    features_dir: str | os.PathLike | None = None,
    replace: bool = False,
    quiet: bool = False,
) -> summary.Prepared:
    """Prepares a folder of custom data, unless that has been done.

    Args:
        dataset: the name to find it by from now on.
        source_dir: the folder.
        data_dir: where prepared data are kept.
        features_dir: where the features are, if not in `source_dir`.
        replace: whether other content under this name may be replaced.
        quiet: whether to show no progress.

    Raises:
        InputError: for a name or a folder that cannot be used, or if other
            content has been prepared under this name; nothing is changed then.
    """
    check_name(dataset)
    data_dir = epath.Path(data_dir).expanduser()
    folder = epath.Path(source_dir).expanduser()
    data = read(dataset, folder, features_dir or folder, quiet)
    made = splits.make(data)
    prefix = storage.custom_prefix(dataset, EMBEDDING)
    content = [dataset, *map(dataclasses.astuple, data.files)]
    name = storage.config_name(prefix, content)
    older = [
        one for one in storage.find_prepared(data_dir, prefix) if one != name
    ]
    if older and not replace:
        raise InputError(
            f"Other content has been prepared as {dataset} before.",
            f"the same files as then, or a name that is free in {data_dir}",
            ", ".join(older),
            "Choose another --dataset, or give --replace: then the older "
            "preparation is removed, and runs made with it cannot be evaluated "
            "again.",
        )
    config = ZeroShotConfig(name=name, source=data, splits=made)
    return summary.Prepared(
        name=storage.full_name(name),
        data=data,
        made=made,
        older=tuple(older),
        is_new=storage.write(data_dir, config, quiet),
        data_dir=str(data_dir),
    )


def remove_older(prepared: summary.Prepared) -> None:
    """Removes what was prepared under this name before, once it may go."""
    for name in prepared.older:
        storage.remove(epath.Path(prepared.data_dir), name)


def read(
    dataset: str,
    folder: epath.Path,
    features_folder: str | os.PathLike,
    quiet: bool = True,
) -> source.Source:
    """The plain data: `folder` has classes.csv and, perhaps, splits.csv.

    Raises:
        InputError: for a file that is missing or cannot be right.
    """
    classes = custom_classes.read(folder)
    samples = custom_features.read(features_folder, classes, quiet)
    rows, split_source, split_paths = custom_splits.make(
        folder, classes, samples
    )
    notes = [*classes.notes, *samples.notes, *summary.notes_on_similar(classes)]
    if samples.lowest < 0.0:
        notes.append(LINEAR)
    if not len(rows["test_unseen"]):
        notes.append(NO_UNSEEN_SAMPLE)
    paths = (*classes.paths, *samples.paths, *split_paths)
    return source.Source(
        dataset=dataset,
        features=samples.values,
        labels=samples.labels,
        class_names=classes.names,
        embeddings=(
            source.Embedding(
                EMBEDDING,
                classes.embeddings,
                classes.columns,
                classes.paths[-1].name,
            ),
        ),
        rows=rows,
        validation_names=classes.validation,
        feature_file=samples.paths[0].name,
        files=tuple(map(source.describe, paths)),
        origin="custom",
        validation_file=custom_classes.CLASSES_FILE,
        split_source=split_source,
        backbone=samples.backbone,
        notes=tuple(notes),
    )


def check_name(dataset: str) -> None:
    """Raises InputError for a name that custom data cannot have."""
    if dataset in names.DATASETS:
        raise InputError(
            f"The name {dataset} is that of a known data set.",
            f"another name than {', '.join(names.DATASETS)}",
            dataset,
            "Choose another name with --dataset.",
        )
    names.check_names(dataset, "custom", EMBEDDING)
