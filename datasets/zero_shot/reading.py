"""From a configuration to the data it names: found, downloaded, read."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core.download import checksums

from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import splits, synthetic
from gmn_tf_datasets.zero_shot.configs import CUSTOM, LAYOUTS, ZeroShotConfig
from gmn_tf_datasets.zero_shot.custom import classes as custom_classes
from gmn_tf_datasets.zero_shot.custom import dataset as custom
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.xlsa17 import dataset as xlsa17
from gmn_tf_datasets.zero_shot.xlsa17 import download, folders

# Where TFDS looks for it, too.
CHECKSUMS = epath.Path(__file__).parent / "checksums.tsv"
INSTRUCTIONS = """\
Put the data set's files into manual_dir, or into a folder in it that is called
as below, or give the unpacked xlsa17.zip as manual_dir:

  CUB, SUN, AWA1, AWA2, APY   for cub, sun, awa, awa2, apy: res101.mat and
                              att_splits.mat; downloaded if they are not there
  CUB                         for cub_sent and cub_att_and_sent, in addition:
                              sent_splits.mat
  FLO                         for flo: res101.mat and att_splits.mat
  any name                    for a configuration of your own: its features_file
                              and the NAME_splits.mat of its embedding

A folder without res101.mat may have one other .mat file with `features` and
`labels`, which is taken instead. docs/new_data_sets.md describes the variables.
"""


@dataclasses.dataclass
class Found:
    """Data that are there to be read.

    Attributes:
        request: what they are; it names the file of features.
        compute_digest: reads the files, but does not check them.
        read: reads and checks them.
    """

    request: folders.Request
    compute_digest: Callable[[], str]
    read: Callable[[], Source]

    @functools.cached_property
    def digest(self) -> str:
        """See `source.Source`; InputError if a file cannot be read."""
        return self.compute_digest()

    @functools.cached_property
    def source(self) -> Source:
        """The data; InputError if they cannot be right."""
        return self.read()

    @functools.cached_property
    def splits(self) -> splits.Splits:
        """The rows of each split; InputError if they cannot be right."""
        return splits.make(self.source)


def at_hand(
    config: ZeroShotConfig,
    downloads: epath.Path,
    manual_dir=None,
    is_prepared: Callable[[], object] = lambda: False,
) -> Found | None:
    """The data, if they can be read without a download.

    Only files of custom data are read here; of others, it is seen that they
    are there.

    Args:
        config: which.
        downloads: the folder of downloads. TFDS expects what users get by hand
            in the folder `manual` there, if they do not say where it is.
        manual_dir: where the user says it is.
        is_prepared: whether the data have been prepared: what is left of their
            files in `downloads` does not matter then.

    Raises:
        InputError: if they are not in `manual_dir`, or a file is missing.
    """
    request = config.request
    if config.source is not None:
        return _read_before(config.source)
    if config.is_drawn:
        parameters = config.parameters
        request = request._replace(features_file=synthetic.FEATURE_FILE)
        return Found(
            request,
            functools.partial(synthetic.digest, parameters),
            functools.partial(synthetic.draw, parameters),
        )
    if config.layout not in LAYOUTS:
        raise InputError(
            f"The layout {config.layout!r} is unknown.",
            " or ".join(LAYOUTS),
            repr(config.layout),
            "Correct the configuration.",
        )
    dataset_names.check_names(
        request.dataset,
        request.features_file or folders.FEATURES_FILE,
        request.embedding,
    )
    root, origin = None, "manual"
    if manual_dir:
        root = epath.Path(manual_dir).expanduser()
        dataset_names.check_manual_dir(root)
    elif holds(config, downloads / "manual"):
        root = downloads / "manual"
    elif config.layout != CUSTOM and download.is_unpacked(
        downloads, config.dataset
    ):
        root, origin = download.unpacked_dir(downloads), config.url
    if root is None:
        return None
    try:
        return _in_folder(config, root, origin)
    except InputError:
        if manual_dir or not is_prepared():
            raise
        return None


def _in_folder(config: ZeroShotConfig, root: epath.Path, origin: str) -> Found:
    """The data in a folder, which has to hold them; `origin` is recorded."""
    if config.layout == CUSTOM:
        data = custom.read(
            config.dataset,
            root,
            config.features_dir or root,
            config.quiet,
            config.embedding,
        )
        return _read_before(data)
    folder = folders.find(config.request, root)
    request, notes = folders.chosen(config.request, folder)
    folders.find_files(request, folder)
    # Large files, which are read for their digests once, and only if need be.
    files = functools.cache(
        functools.partial(folders.list_files, request, folder)
    )
    return Found(
        request,
        lambda: xlsa17.digest(request, files()),
        lambda: xlsa17.read(request, folder, files(), origin, notes),
    )


def _read_before(data: Source) -> Found:
    embedding = "+".join(part.name for part in data.embeddings)
    request = folders.Request(data.dataset, data.feature_file, embedding)
    return Found(request, lambda: data.digest, lambda: data)


def holds(config: ZeroShotConfig, folder: epath.Path) -> bool:
    """Whether a folder has files of the data."""
    if config.layout == CUSTOM:
        return (folder / custom_classes.CLASSES_FILE).exists()
    return folders.holds(config.request, folder)


def fetched(
    config: ZeroShotConfig, downloads: epath.Path, register: bool = False
) -> Found:
    """The data, which are downloaded; see `download.fetch`.

    Args:
        config: which; a checksum that is registered for its `url` is compared.
        downloads: the folder of downloads.
        register: whether to register the checksum of what is downloaded.

    Raises:
        InputError: if they cannot be downloaded.
    """
    check_downloadable(config)
    known = checksums.load_url_infos(CHECKSUMS) if CHECKSUMS.exists() else {}
    archive = download.fetch(
        config.dataset,
        downloads,
        url=config.url,
        sha256=known[config.url].checksum if config.url in known else "",
        quiet=config.quiet,
    )
    if archive and register:
        info = checksums.UrlInfo(
            tfds.core.utils.Size(archive.bytes), archive.sha256, archive.name
        )
        checksums.save_url_infos(CHECKSUMS, {config.url: info})
    return at_hand(config, downloads)


def from_manager(
    config: ZeroShotConfig, manager: tfds.download.DownloadManager
) -> Found:
    """The data that a download manager of TFDS leads to.

    Raises:
        InputError: if they cannot be found, or downloaded.
    """
    manual_dir = None
    with contextlib.suppress(AssertionError):  # of a folder that is not there
        manual_dir = manager.manual_dir
    if manual_dir is not None and not holds(config, manual_dir):
        manual_dir = None
    found = at_hand(config, manager.download_dir, manual_dir)
    return found or fetched(
        config, manager.download_dir, manager.register_checksums
    )


def check_downloadable(config: ZeroShotConfig) -> None:
    """Raises InputError for what is not in xlsa17.zip."""
    if (
        config.layout == CUSTOM
        or config.dataset not in dataset_names.DOWNLOADABLE
    ):
        raise InputError(
            f"The data set {config.dataset} cannot be downloaded.",
            f"one of {', '.join(dataset_names.DOWNLOADABLE)}, which are in "
            "xlsa17, or manual_dir",
            config.dataset,
            "Name the folder that holds its features and att_splits.mat with "
            "--manual_dir (in Python: "
            "tfds.download.DownloadConfig(manual_dir=...)).",
        )
    if config.features_file not in ("", folders.FEATURES_FILE):
        raise InputError(
            f"{config.features_file} cannot be downloaded.",
            f"{folders.FEATURES_FILE}, the features in xlsa17, or manual_dir",
            config.features_file,
            "Name the folder that holds the file with --manual_dir.",
        )
    if config.embedding != folders.EMBEDDING and config.url == download.URL:
        _, *wanted = config.request.file_names
        raise InputError(
            f"The embedding {config.embedding} cannot be downloaded.",
            f"{folders.EMBEDDING}, which is in xlsa17, or manual_dir with "
            f"{' and '.join(wanted)}",
            config.embedding,
            "Name the folder that holds the files with --manual_dir.",
        )
