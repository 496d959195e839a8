"""Reading and checking custom data: a folder of tables and arrays.

docs/custom_data.md says what the folder holds.
"""

import dataclasses
import os

from etils import epath

from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import source
from gmn_tf_datasets.zero_shot.custom import classes as custom_classes
from gmn_tf_datasets.zero_shot.custom import features as custom_features
from gmn_tf_datasets.zero_shot.custom import remarks
from gmn_tf_datasets.zero_shot.custom import splits as custom_splits

NO_UNSEEN_SAMPLE = (
    "No unseen class has a sample to score, so T-1, u and h cannot be "
    "measured; --split=tune estimates them honestly on the validation classes."
)


def read(
    dataset: str,
    folder: epath.Path,
    features_folder: str | os.PathLike,
    quiet: bool = True,
    embedding: str = custom_classes.EMBEDDING,
) -> source.Source:
    """The plain data: `folder` has classes.csv and, perhaps, splits.csv.

    `embedding` says which descriptions to take.

    Raises:
        InputError: for a file that is missing or cannot be right.
    """
    classes = custom_classes.read(folder, embedding)
    samples = custom_features.read(features_folder, classes, quiet)
    rows, split_source, split_paths = custom_splits.make(
        folder, classes, samples
    )
    notes = [
        *classes.notes,
        *samples.notes,
        *remarks.on_similar(classes),
        *remarks.on_descriptions(classes),
        *remarks.on_samples(samples, rows, classes.names),
    ]
    if not split_paths:
        notes += remarks.on_rule(samples, rows)
    if samples.lowest < 0.0:
        notes.append(source.NEGATIVE)
    if not len(rows["test_unseen"]):
        notes.append(NO_UNSEEN_SAMPLE)
    paths = (*classes.paths, *samples.paths, *split_paths)
    files = tuple(map(source.describe, paths))
    return source.Source(
        dataset=dataset,
        features=samples.values,
        labels=samples.labels,
        class_names=classes.names,
        embeddings=classes.parts,
        rows=rows,
        validation_names=classes.validation,
        feature_file=samples.paths[0].name,
        files=files,
        digest=source.digest_of(
            dataset,
            *[embedding] * (embedding != custom_classes.EMBEDDING),
            *map(dataclasses.astuple, files),
        ),
        origin="custom",
        validation_file=custom_classes.CLASSES_FILE,
        split_source=split_source,
        backbone=samples.backbone,
        notes=tuple(notes),
    )


def check_name(dataset: str, embedding: str = custom_classes.EMBEDDING) -> None:
    """Raises InputError for names that custom data cannot have."""
    if dataset in dataset_names.DATASETS:
        raise InputError(
            f"The name {dataset} is that of a known data set.",
            f"another name than {', '.join(dataset_names.DATASETS)}",
            dataset,
            "Choose another name with --dataset.",
        )
    dataset_names.check_names(dataset, "custom", embedding)
