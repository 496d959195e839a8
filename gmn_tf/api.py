"""From data to scores in Python: what the commands do, as functions.

    import gmn_tf

    config = gmn_tf.configure("synthetic", preset="cpu")
    data = gmn_tf.load_data(config)
    run = gmn_tf.train(config, data, "runs/first")
    print(run.scores["h"])

`gmn_tf.Predictor.load("runs/first")` then predicts.
"""

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.configs import systems
from gmn_tf.data import zero_shot_data
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.images import backbones, custom_images, extraction
from gmn_tf.method.variants import VARIANTS
from gmn_tf.runs import experiment, report
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.search import auto, sharing, stages, trials
from gmn_tf.search.folder import SearchFolder
from gmn_tf.settings import absolute_data_dir
from gmn_tf.training import final_classifiers, fit, parts, precision, workers
from gmn_tf_datasets.zero_shot.custom.dataset import check_name
from gmn_tf_datasets.zero_shot.custom.summary import Prepared
from gmn_tf_datasets.zero_shot.prepare import (
    prepare,
    prepare_custom,
    remove_older,
)
from gmn_tf_datasets.zero_shot.source import NEGATIVE

MEMORY_GB = 0.5
QUIET = experiment.MonitoringOptions(quiet=True)


def load_data(
    config: Config,
    *,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    memory_gb: float = MEMORY_GB,
    quiet: bool = True,
    beam_options: Sequence[str] | None = None,
) -> ZeroShotData:
    """The data of a run, which is prepared first if it is not there.

    Args:
        config: names the data set, its features, embedding and split, and
            how both are scaled.
        data_dir: where prepared data is kept; default: TFDS_DATA_DIR or
            ~/tensorflow_datasets.
        manual_dir: the folder with the .mat files; without it the data is
            downloaded, unless it is prepared already.
        memory_gb: features that need more stay on disk; synthetic ones are
            drawn when they are read.
        quiet: whether to print nothing.
        beam_options: flags of the Apache Beam pipeline that prepares it.

    Raises:
        InputError: if the data cannot be found, read or used.
    """
    data_dir = absolute_data_dir(data_dir)
    name = prepare(
        config.dataset,
        data_dir=data_dir,
        manual_dir=manual_dir,
        features_file=config.features_file,
        embedding=config.embedding,
        quiet=quiet,
        beam_options=beam_options,
    )
    return zero_shot_data.load(
        name,
        data_dir,
        config.split,
        config.embedding_norm,
        memory_gb * 2**30,
        config.feature_scaling,
    )


def extract_features(
    images: str | os.PathLike,
    out: str | os.PathLike,
    backbone: str = "resnet101",
    weights: str = "imagenet",
    *,
    unreadable: str = "stop",
    batch_size: int = extraction.BATCH_SIZE,
    quiet: bool = True,
) -> extraction.Summary:
    """Writes the features of images; continues where it was stopped.

    Args:
        images: folder with a folder of images for each class.
        out: folder for the features, which `prepare_data` takes.
        backbone: a name of `gmn_tf.images.backbones.BACKBONES`, or a preset of
            KerasHub: `hub:NAME` or its folder.
        weights: `imagenet`, which Keras downloads, or a file; a preset has its
            own.
        unreadable: `stop` at images that cannot be read, or `skip` them.
        batch_size: images that the network sees at once.
        quiet: whether to print nothing.

    Raises:
        InputError: for images, weights or a folder that cannot be used.
    """
    network = backbones.load(backbone, weights)
    return extraction.run(images, out, network, unreadable, batch_size, quiet)


def prepare_data(
    source: str | os.PathLike,
    dataset: str,
    *,
    features: str | os.PathLike | None = None,
    backbone: str = "resnet101",
    weights: str = "imagenet",
    unreadable: str = "stop",
    embedding: str = Config.embedding,
    data_dir: str | os.PathLike | None = None,
    replace: bool = False,
    quiet: bool = True,
    log: Callable[[str], object] = lambda text: None,
) -> Prepared:
    """Prepares a folder of custom data for `load_data`.

    Args:
        source: folder with classes.csv, and images or features; see
            docs/custom_data.md.
        dataset: the name to give it, for `configure`.
        features: folder of the features, if they lie elsewhere.
        backbone: of features that are computed from images, if there are no
            features; see `extract_features`.
        weights: the same.
        unreadable: the same.
        embedding: which descriptions of the classes to take: `att`, those of
            classes.csv; `NAME`, those of embeddings_NAME.csv; `att+NAME`, both.
        data_dir: where prepared data is kept, as in `load_data`.
        replace: whether to replace other content of that name.
        quiet: whether to show no progress.
        log: called with a line about the images.

    Returns:
        What was prepared; `str` of it is a table of what was found.

    Raises:
        InputError: for data that cannot be used.
    """
    check_name(dataset, embedding)
    data_dir = absolute_data_dir(data_dir)
    features = features or custom_images.features_folder(
        source,
        dataset,
        data_dir,
        backbone,
        weights,
        unreadable,
        embedding,
        quiet,
        log,
    )
    prepared = prepare_custom(
        dataset,
        source,
        data_dir=data_dir,
        features_dir=features,
        embedding=embedding,
        replace=replace,
        quiet=quiet,
    )
    # Read back as a run does it, so that what does not fit is reported here.
    zero_shot_data.load(prepared.name, data_dir, memory=0)
    remove_older(prepared)
    return prepared


def write_mat(
    name: str,
    folder: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
) -> list[pathlib.Path]:
    """Writes prepared data as res101.mat and att_splits.mat, for other code.

    Args:
        name: of the prepared data: `name` of what `load_data` and
            `prepare_data` return.
        folder: for the files, which must not be there yet.
        data_dir: where it was prepared, as in `load_data`.

    Returns:
        The files.

    Raises:
        InputError: for data that cannot be read, or written in this form.
    """
    # It imports what writes .mat files, which few need.
    from gmn_tf.data import mat_export

    return mat_export.write(name, absolute_data_dir(data_dir), folder)


def train(
    config: Config,
    data: ZeroShotData,
    workdir: str | os.PathLike,
    *,
    strategy: tf.distribute.Strategy | None = None,
    monitoring_options: experiment.MonitoringOptions = QUIET,
    execution: fit.Execution = fit.DEFAULT_EXECUTION,
    with_baseline: bool = True,
    with_limits: bool = True,
    log: Callable[[str], object] = lambda text: None,
) -> FinishedRun | None:
    """Trains and scores a run, continues it, or opens a finished one.

    Args:
        config: the settings.
        data: from `load_data` with the same settings.
        workdir: folder for all files of the run.
        strategy: from `gmn_tf.training.fit.make_strategy`; default: one device.
        monitoring_options: how the run is watched.
        execution: how steps are run.
        with_baseline: whether `real_only` is scored beside it.
        with_limits: whether what the data can give is measured beside it.
        log: called with a line about what comes next.

    Returns:
        The finished run; None in a process that is not the first of several.

    Raises:
        InputError: for settings that do not fit the data, a folder with
            another run in it, or if training diverged.
        StoppedError: after a signal to stop, once the step is saved.
    """
    folder = Workdir(workdir)
    strategy = strategy or fit.make_strategy("one")
    fit.check_feasible(config, data, strategy, execution)
    config = folder.decided(config)
    training = strategy, monitoring_options, execution
    if not workers.is_chief(strategy):
        experiment.train_generator(config, data, folder, *training)
        return None
    with folder.exclusive():
        folder.start(config, data.source)
        if folder.finished():
            log(f"{folder} already contains this run; its results:\n")
        else:
            # Whether the generator makes negative features, its settings say.
            log(report.data_summary(data, left_out=(NEGATIVE,)))
            if parts.has_steps(config):
                log(precision.note(config.precision))
            notes = (
                final_classifiers.note_on_rows(config),
                parts.note_on_output(config, data),
                final_classifiers.note_on_memory(config, data),
            )
            for note in filter(None, notes):
                log(f"Note: {note}")
            beside = with_baseline, with_limits
            experiment.run(config, data, folder, *training, *beside)
    return FinishedRun(folder, config, data)


def choose_settings(
    config: Config,
    data: ZeroShotData,
    folder: str | os.PathLike,
    *,
    fixed: Mapping | None = None,
    minutes: float = auto.MINUTES,
    strategy: tf.distribute.Strategy | None = None,
    monitoring_options: experiment.MonitoringOptions = QUIET,
    execution: fit.Execution = fit.DEFAULT_EXECUTION,
    log: Callable[[str], object] = lambda text: None,
) -> Config:
    """Searches for settings on the tune splits, or reads those found before.

        config = gmn_tf.configure("mybirds", preset="auto")
        data = gmn_tf.load_data(gmn_tf.unscaled(config))
        config = gmn_tf.choose_settings(config, data, "runs/mybirds/search")

    No record of a test split is read. docs/search.md lists what is tried.

    Args:
        config: the settings to begin with, such as
            `configure(dataset, preset="auto")`.
        data: from `load_data(unscaled(config))`.
        folder: for all files of the search.
        fixed: settings that are not searched, with their values.
        minutes: no trial, and no value of a setting, is begun that would
            probably end later. What was begun is finished.
        strategy: as for `train`.
        monitoring_options: as for `train`.
        execution: as for `train`.
        log: called with lines about what is tried.

    Returns:
        The settings found, for training on the test splits.

    Raises:
        InputError: for settings that do not fit the data, a folder with
            another search in it, or if no trial succeeded.
        StoppedError: after a signal to stop; the same call continues.
    """
    fixed = fixed or {}
    fixed = {**systems.always(fixed.get("variant")), **fixed}
    strategy = strategy or fit.make_strategy("one")
    if workers.several(strategy):
        raise sharing.not_by_workers("multi_worker")
    search = stages.make_search(config, data, fixed)
    if VARIANTS[config.variant].has_generator:
        as_loaded = {"feature_scaling": data.feature_scaling.kind}
        as_loaded["embedding_norm"] = data.embedding_norm
        fit.check_feasible(
            search.config.replace(as_loaded), data, strategy, execution
        )
    place = SearchFolder(str(folder))
    runner = trials.TrialRunner(
        search, data, place, strategy, execution, monitoring_options
    )
    with place.exclusive():
        place.start_search(search.config, data.source, search.to_dict())
        return auto.choose(runner, fixed, minutes, log)
