"""The builder as users of TFDS use it, who know nothing of this package."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from gmn_tf.data import zero_shot_data
from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import zero_shot_dataset_builder
from gmn_tf_datasets.zero_shot.prepare import prepare
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    Builder,
    ZeroShotConfig,
)
from tests.datasets import custom_data_test as custom_data
from tests.support import make_dummy_data

ROOT = pathlib.Path(zero_shot_dataset_builder.__file__).parent


@pytest.fixture(name="folder")
def _folder(tmp_path) -> pathlib.Path:
    make_dummy_data.write(tmp_path / "source" / "CUB")
    return tmp_path / "source" / "CUB"


def manual(folder, **options) -> dict:
    """What `tfds.load` needs to take files from a folder."""
    config = tfds.download.DownloadConfig(manual_dir=folder, **options)
    return {"download_config": config}


def build(config, data_dir, folder, **options):
    """A builder of a data set, prepared from a folder."""
    if isinstance(config, dict):
        config = ZeroShotConfig(**config)
    builder = Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(**manual(folder, **options))
    return builder


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory):
    """`zero_shot/cub_att_and_sent` of the dummy data, to be read only."""
    place = tmp_path_factory.mktemp("shared")
    make_dummy_data.write(place / "source")
    return tfds.load(
        "zero_shot/cub_att_and_sent",
        data_dir=place / "data",
        with_info=True,
        download_and_prepare_kwargs=manual(place / "source"),
    )


def test_load_prepares_and_tells_everything(shared):
    data, info = shared

    variables = make_dummy_data.features_variables()
    for example in data["test_seen"]:
        row = example["row"].numpy()
        np.testing.assert_array_equal(
            example["features"], variables["features"][:, row].astype("f4")
        )
        assert example["label"] == variables["labels"][row, 0] - 1
    assert info.features["features"].shape == (make_dummy_data.FEATURE_DIM,)
    assert info.features["label"].names == list(make_dummy_data.CLASS_NAMES)
    assert info.splits["tune_train"].num_examples == 12
    assert info.supervised_keys == ("features", "label")
    assert "Xian" in info.citation and "zero-shot" in info.description
    assert "attributes and sentences" in info.config_description
    assert info.metadata["feature_file"] == "res101.mat"
    assert info.metadata["source"] == "manual"


def test_a_directory_is_enough(shared):
    _, info = shared
    builder = tfds.builder_from_directory(info.data_dir)

    assert builder.info.features["label"].names[8] == "i_bird"
    embeddings = np.load(builder.data_path / "embeddings.npy")
    parts = [
        make_dummy_data.splits_variables(p)["att"] for p in ("att", "sent")
    ]
    np.testing.assert_array_equal(
        embeddings, np.concatenate(parts).T.astype(np.float32)
    )
    batch = builder.as_dataset("train", batch_size=-1, as_supervised=True)
    assert [len(each) for each in batch] == [24, 24]


def test_tools_of_tfds_which_need_pandas(shared):
    pytest.importorskip("pandas", reason="needs pip install .[tfds]")
    data, info = shared
    frame = tfds.as_dataframe(data["test_seen"], info)
    assert list(frame.columns) == ["features", "label", "row"]
    assert len(frame) == 6
    assert tfds.benchmark(data["test_seen"].batch(2)) is not None


def test_as_data_source(folder, tmp_path):
    pytest.importorskip("array_record", reason="not on every system")
    source = tfds.data_source(
        "zero_shot/cub",
        split="test_unseen",
        data_dir=tmp_path / "data",
        download_and_prepare_kwargs={
            **manual(folder),
            "file_format": "array_record",
        },
    )
    assert len(source) == 7
    assert source[0]["features"].shape == (make_dummy_data.FEATURE_DIM,)


def test_the_catalog_of_tfds(monkeypatch):
    from tensorflow_datasets.scripts.documentation import doc_utils
    from tensorflow_datasets.scripts.documentation import (
        document_datasets as catalog,
    )

    # build_catalog reads files that the published package of TFDS lacks, and
    # gives only data sets of that package a section of the catalog.
    monkeypatch.setattr(doc_utils, "get_pwc_catalog_urls", dict)
    monkeypatch.setattr(catalog, "_get_sections", lambda builder: {"features"})
    (page,) = catalog.iter_documentation_builders(
        ["zero_shot"],
        doc_util_paths=doc_utils.DocUtilPaths(
            fig_base_path=None, df_base_path=None
        ),
    )

    assert page.is_manual
    for config in Builder.BUILDER_CONFIGS:
        assert f"zero_shot/{config.name}" in page.content
        assert config.description in page.content
    assert "att_splits.mat" in page.content  # the instructions


def test_every_published_data_set_has_a_configuration():
    configs = Builder.builder_configs
    assert {
        *dataset_names.DATASETS,
        "cub_sent",
        "cub_att_and_sent",
    } == configs.keys()
    assert len({config.description for config in configs.values()}) == 9


def test_without_files_it_says_what_to_do(tmp_path):
    builder = tfds.builder("zero_shot/flo", data_dir=tmp_path)
    assert "FLO" in builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    with pytest.raises(InputError, match="flo cannot be downloaded") as refused:
        builder.download_and_prepare()
    assert "manual_dir" in str(refused.value)
    with pytest.raises(InputError, match=r"embedding .* cannot be downloaded"):
        tfds.load("zero_shot/cub_sent", data_dir=tmp_path)


@pytest.mark.parametrize("others", [["mobilenet.mat"], ["a.mat", "b.mat"], []])
def test_the_only_features_are_taken_and_said_to_be(others, folder, tmp_path):
    for other in others:
        (folder / other).write_bytes((folder / "res101.mat").read_bytes())
    (folder / "res101.mat").unlink()
    if len(others) != 1:
        with pytest.raises(InputError, match=r"no res101\.mat") as refused:
            build("cub", tmp_path, folder)
        assert ", ".join(others) in str(refused.value)
        return
    metadata = build("cub", tmp_path, folder).info.metadata
    assert metadata["feature_file"] == "mobilenet.mat"
    assert any(
        "the features are those of mobil" in n for n in metadata["notes"]
    )


def change_features(folder) -> None:
    variables = make_dummy_data.features_variables()
    variables["features"] += 1.0
    make_dummy_data.save(folder / "res101.mat", variables)


def change_embedding(folder) -> None:
    variables = make_dummy_data.splits_variables()
    variables["att"][0, 0] += 1.0
    make_dummy_data.save(folder / "att_splits.mat", variables)


@pytest.mark.parametrize("change", [change_features, change_embedding])
def test_changed_files_are_not_taken_for_those_prepared(
    change, folder, tmp_path
):
    kept = build("cub", tmp_path / "data", folder)
    build("cub", tmp_path / "data", folder)
    change(folder)

    with pytest.raises(InputError, match="prepared from other data") as refused:
        build("cub", tmp_path / "data", folder)

    with pytest.raises(InputError, match="prepared from other data"):
        tfds.load(
            "zero_shot/cub",
            data_dir=tmp_path / "data",
            download_and_prepare_kwargs=manual(folder),
        )
    # Where no files are named, it is what was prepared.
    assert len(tfds.load("zero_shot/cub", data_dir=tmp_path / "data")) == 6
    assert "digest" in str(refused.value)
    assert kept.info.metadata["digest"] in str(refused.value)
    again = build(
        "cub",
        tmp_path / "data",
        folder,
        download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS,
    )
    assert again.info.metadata["digest"] != kept.info.metadata["digest"]


@pytest.mark.parametrize(
    "other",
    [
        {"embedding": "sent"},
        {"dataset": "others"},
        {"features_file": "other.mat"},
    ],
)
@pytest.mark.parametrize("with_files", [True, False])
def test_another_configuration_of_that_name(
    other, with_files, folder, tmp_path
):
    (folder / "other.mat").write_bytes((folder / "res101.mat").read_bytes())
    build({"name": "mine"}, tmp_path / "data", folder)
    with pytest.raises(InputError, match="prepared from other data"):
        build(
            {"name": "mine", **other},
            tmp_path / "data",
            folder if with_files else None,
        )


def test_what_replaces_data_is_checked_before(folder, tmp_path):
    build("cub", tmp_path / "data", folder)
    (folder / "att_splits.mat").write_bytes(b"damaged")
    with pytest.raises(InputError, match="Cannot read"):
        build(
            "cub",
            tmp_path / "data",
            folder,
            download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS,
        )
    builder = tfds.builder("zero_shot/cub", data_dir=tmp_path / "data")
    assert builder.info.splits["train"].num_examples == 24


def test_bad_files_leave_nothing(folder, tmp_path):
    (folder / "att_splits.mat").write_bytes(b"damaged")
    with pytest.raises(InputError, match="Cannot read"):
        build("cub", tmp_path / "data", folder)
    with pytest.raises(InputError, match="does not exist"):
        build("cub", tmp_path / "data", tmp_path / "gone")
    assert not (tmp_path / "data").exists()


def test_the_manual_folder_of_tfds_is_looked_into(folder, tmp_path):
    place = tmp_path / "data" / "downloads" / "manual"
    place.mkdir(parents=True)
    folder.rename(place / "CUB")
    (place / "other_data_set").mkdir()
    data = tfds.load("zero_shot/cub", data_dir=tmp_path / "data")
    assert len(data["train"]) == 24


def test_custom_data_by_a_configuration(tmp_path):
    folder = custom_data.write(tmp_path / "source")
    config = {"name": "mine", "dataset": "birds", "layout": "custom"}
    builder = build(config, tmp_path / "data", folder)

    expected = custom_data.prepared(folder, tmp_path / "other").name
    expected = tfds.builder(expected, data_dir=tmp_path / "other").info
    assert dict(builder.info.metadata) == dict(expected.metadata)
    with pytest.raises(InputError, match="layout 'tables' is unknown"):
        build({**config, "layout": "tables"}, tmp_path / "data", folder)


def test_commands_find_what_tfds_has_prepared(folder, tmp_path, capsys):
    build("cub_sent", tmp_path, folder)
    choice = {"data_dir": tmp_path, "embedding": "sent"}
    assert prepare("cub", manual_dir=folder, **choice) == "zero_shot/cub_sent"
    assert prepare("cub", **choice) == "zero_shot/cub_sent"
    assert "prepared earlier" in capsys.readouterr().err
    change_features(folder)
    name = prepare("cub", manual_dir=folder, quiet=True, **choice)
    assert name.startswith("zero_shot/cub-res101-sent-")


def make_older(folder: pathlib.Path) -> None:
    """Makes prepared data those of version 1, as far as it is looked at."""
    path = folder / "2.0.0" / "metadata.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"format_version": 1}))
    path = folder / "2.0.0" / "dataset_info.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps(info | {"version": "1.0.0"}))
    (folder / "2.0.0" / "embeddings.npy").unlink()
    (folder / "2.0.0").rename(folder / "1.0.0")


def test_data_of_the_older_form_are_prepared_again(folder, tmp_path):
    name = prepare("birds", data_dir=tmp_path, manual_dir=folder, quiet=True)
    make_older(tmp_path / name)
    with pytest.raises(InputError, match="in an older form") as refused:
        zero_shot_data.load(name, str(tmp_path))
    assert "bin/prepare" in str(refused.value)
    with pytest.raises(InputError, match="in an older form"):
        prepare("birds", data_dir=tmp_path)

    again = prepare("birds", data_dir=tmp_path, manual_dir=folder, quiet=True)

    assert again == name  # so that runs find it
    assert len(zero_shot_data.load(name, str(tmp_path)).train) == 24


def test_the_command_of_tfds_which_needs_beam(folder, tmp_path):
    pytest.importorskip("apache_beam", reason="needs pip install .[tfds]")
    pytest.importorskip("mlcroissant", reason="needs pip install .[tfds]")
    for config in ("cub", '{"name": "mine", "embedding": "sent"}'):
        subprocess.run(
            [
                pathlib.Path(sys.executable).parent / "tfds",
                "build",
                ROOT,
                f"--config={config}",
                f"--data_dir={tmp_path / 'data'}",
                f"--manual_dir={folder}",
            ],
            check=True,
            capture_output=True,
        )
    for name in ("cub", "mine"):
        path = tmp_path / "data" / "zero_shot" / name / "2.0.0"
        assert tfds.builder_from_directory(path).info.metadata["digest"]
