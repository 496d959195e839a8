"""Bad input, tried in bulk, gives the right data or a clear error.

Each case follows from its number. Many cases, or one case again:

    GMN_TF_FUZZ_CASES=2400 pytest tests/robustness/fuzz_test.py
    GMN_TF_FUZZ_FIRST=1234 GMN_TF_FUZZ_CASES=1 pytest tests/robustness
"""

import dataclasses
import json
import os
import pathlib
import shutil
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
import tensorflow as tf
from etils import epath

from gmn_tf import commands
from gmn_tf.commands import command_line, shared
from gmn_tf.config import Config, read_config_file
from gmn_tf.data import on_disk, zero_shot_data
from gmn_tf.runs import experiment, finished, over_seeds
from gmn_tf.runs.workdir import Workdir
from gmn_tf.search.folder import SearchFolder
from gmn_tf.training import final_classifiers, fit, parts
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import source, splits
from gmn_tf_datasets.zero_shot.prepare import prepare
from gmn_tf_datasets.zero_shot.xlsa17 import dataset, download, folders
from tests.method import plain_step_test
from tests.support import fuzzing, make_dummy_data, quick, toys

LOCS = ("trainval", "test_seen", "test_unseen")
TEXT_HEADER = 128  # bytes at the start of a .mat file that say nothing
MAT_VARIABLES = (
    *("features", "labels", "att"),
    *(f"{key}_loc" for key in (*LOCS, "train", "val")),
)
MAT_VERSIONS = ("5", "5 plain", "7.3")


@dataclasses.dataclass
class Stage:
    """What cases spoil copies of, made once.

    Attributes:
        folder: of all of it.
        name: of the prepared data in `folder / "data"`.
        config: of the run in `folder / "run"`.
        loaded: the prepared data, by split.
        states: variables of `model` by the step of a checkpoint.
        model: what checkpoints in `folder / "checkpoints"` are of.
    """

    folder: pathlib.Path
    name: str
    config: Config
    loaded: dict
    model: object
    states: dict

    def copy(self, what: str, to: pathlib.Path) -> pathlib.Path:
        return pathlib.Path(shutil.copytree(self.folder / what, to / what))


@pytest.fixture(scope="module")
def stage(tiny_dir, tiny_name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    shutil.copytree(tiny_dir, folder / "data")
    loaded = {
        split: zero_shot_data.load(tiny_name, tiny_dir, split)
        for split in zero_shot_data.SPLITS
    }
    config = Config(**plain_step_test.TINY).replace(
        {"dataset": "synthetic", "steps": 2, "classifier_seeds": 2}
    )
    config = config.replace({"matching_classes": 2, "classifier_epochs": 1})
    workdir = Workdir(folder / "run")
    info = {
        "name": tiny_name,
        "data_dir": str(tiny_dir),
        "split_fingerprint": loaded["test"].metadata["split_fingerprint"],
    }
    workdir.start(config, info)
    with quick.training():
        experiment.run(
            config,
            loaded["test"],
            workdir,
            fit.make_strategy("one"),
            experiment.MonitoringOptions(quiet=True, checkpoint_every=0),
        )
    shutil.rmtree(workdir.logs)
    workdir.write_text(
        "calibration.csv", "penalty,h_mean,h_std\n0.0,30.0,1.0\n0.5,40.0,2.0\n"
    )
    model, states = _checkpointed(folder / "checkpoints")
    return Stage(folder, tiny_name, config, loaded, model, states)


def _checkpointed(folder: pathlib.Path):
    """A model and two checkpoints of it; its variables at each."""
    model = parts.build_model(
        Config(**plain_step_test.TINY), toys.zero_shot_data()
    )
    for optimizer in (model.optimizer, model.critic_optimizer):
        optimizer.build(model.generator.trainable_variables)
    states = {0: _state(model)}
    checkpoints = Checkpoints(folder, 1)
    checkpoints.restore(model)
    for step in (2, 4):
        for variable in model.variables:
            variable.assign(variable + float(step))
        checkpoints.save(step)
        states[step] = _state(model)
    return model, states


def _state(model) -> list[np.ndarray]:
    return [np.array(variable) for variable in model.variables]


# --- .mat files --------------------------------------------------------------


def spoilt_mat_bytes(rng, stage, folder):
    """Damage to a .mat file."""
    version = fuzzing.pick(rng, MAT_VERSIONS)
    _write_mats(folder, _mat_variables(), version)
    path = folder / fuzzing.pick(rng, ("res101.mat", "att_splits.mat"))
    fuzzing.file(rng, path)
    found = _read_folder(folder)
    _assert_as_in_files(found, folder)


def spoilt_mat_checksum(rng, stage, folder):
    """Damage to what a checksum guards: nothing but the original is read."""
    _write_mats(folder, _mat_variables(), "5")
    path = folder / fuzzing.pick(rng, ("res101.mat", "att_splits.mat"))
    content = path.read_bytes()
    path.write_bytes(fuzzing.bytes_of(rng, content, TEXT_HEADER))
    found = _read_folder(folder)
    original = _mat_variables()
    expected = original["res101"] | original["att_splits"]
    _assert_is(found, {k: v for k, v in expected.items() if k in _names(found)})


def spoilt_variables(rng, stage, folder):
    """Wrong variables in a .mat file that is whole."""
    content = _mat_variables()
    for stem in fuzzing.pick(rng, (["res101"], ["att_splits"], list(content))):
        content[stem] = fuzzing.variables(rng, content[stem])
    _write_mats(folder, content, fuzzing.pick(rng, MAT_VERSIONS))
    _assert_as_in_files(_read_folder(folder), folder)


def spoilt_rows(rng, stage, folder):
    """Wrong rows of splits; a share of what passes is prepared, and read."""
    content = _mat_variables()
    rows = [name for name in content["att_splits"] if name.endswith("_loc")]
    content["att_splits"] = fuzzing.variables(rng, content["att_splits"], rows)
    _write_mats(folder, content, fuzzing.pick(rng, MAT_VERSIONS))
    if rng.random() < 0.5:
        (folder / source.VALIDATION_CLASSES_FILE).write_bytes(
            fuzzing.bytes_of(rng, b"a_bird\nc_bird\n")
        )
    if rng.random() < 0.2:
        _prepare(folder, content)
    else:
        _assert_as_in_files(_read_folder(folder), folder)


def spoilt_embeddings(rng, stage, folder):
    """Two embeddings, one of them wrong, up to what a run sees."""
    content = _mat_variables()
    stem = fuzzing.pick(rng, ("att_splits", "sent_splits"))
    content[stem] = fuzzing.variables(rng, content[stem], ["att"])
    _write_mats(folder, content, fuzzing.pick(rng, MAT_VERSIONS))
    found = _read_folder(folder, "sent+att")
    parts = {part.name: part.values for part in found.embeddings}
    norm = fuzzing.pick(rng, ("l2", "matrix", "none", "l2,none", "l3", ""))
    matrix = toys.scaled_embeddings(parts, norm, found.class_names)
    norms = norm.split(",") * (1 if "," in norm else 2)
    for number, name in enumerate(("sent", "att")):
        raw = _independent(folder / f"{name}_splits.mat")["att"].T
        raw = raw if len(raw) == len(found.class_names) else raw.T
        start = sum(p.values.shape[1] for p in found.embeddings[:number])
        part = matrix[:, start : start + raw.shape[1]]
        size = {
            "l2": np.sqrt((raw.astype(float) ** 2).sum(axis=1, keepdims=True)),
            "matrix": np.sqrt((raw.astype(float) ** 2).sum()),
            "none": 1.0,
        }[norms[number]]
        assert np.isfinite(part).all()
        np.testing.assert_allclose(part, raw / size, rtol=1e-5)


def _mat_variables() -> dict[str, dict]:
    return {
        "res101": make_dummy_data.features_variables(),
        "att_splits": make_dummy_data.splits_variables("att"),
        "sent_splits": make_dummy_data.splits_variables("sent"),
    }


def _write_mats(folder, content, version) -> None:
    for stem, variables in content.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are too long
            fuzzing.save_mat(folder / f"{stem}.mat", variables, version)


def _read_folder(folder, embedding="att") -> source.Source:
    place = epath.Path(folder)
    request = folders.Request("x", embedding=embedding)
    files = folders.list_files(request, place)
    found = dataset.read(request, place, files, "manual")
    _assert_splits(splits.make(found), found)
    return found


def _prepare(folder, content) -> None:
    """Prepares what lies there; all of it comes back, or nothing is left."""
    try:
        name = prepare(
            "x", data_dir=folder / "out", manual_dir=folder, quiet=True
        )
    except InputError:
        assert not list(folder.glob("out/**/*.tfrecord*"))
        assert not list(folder.glob("out/**/incomplete*"))
        raise
    found = _read_folder(folder)
    loaded = zero_shot_data.load(name, str(folder / "out"))
    for part, key in (("train", LOCS[0]), ("seen", LOCS[1])):
        samples, rows = getattr(loaded, part), found.rows[key]
        np.testing.assert_array_equal(
            samples.features, found.features[rows].astype(np.float32)
        )
        assert [loaded.class_names[label] for label in samples.labels] == [
            found.class_names[label] for label in found.labels[rows]
        ]


def _independent(path: pathlib.Path) -> dict:
    """The variables of a .mat file, by a reader of a few lines."""
    if not h5py.is_hdf5(path):
        found = scipy.io.loadmat(path, variable_names=MAT_VARIABLES)
        return {
            name: one.toarray() if scipy.sparse.issparse(one) else one
            for name, one in found.items()
        }
    with h5py.File(path) as file:
        return {
            name: _full(file[name])
            for name in MAT_VARIABLES
            if name in file and "MATLAB_empty" not in file[name].attrs
        }


def _full(variable) -> np.ndarray:
    if isinstance(variable, h5py.Dataset):
        return variable[()].T
    parts = tuple(variable[part][()] for part in ("data", "ir", "jc"))
    rows = variable.attrs["MATLAB_sparse"]
    return scipy.sparse.csc_matrix(parts, (rows, len(parts[2]) - 1)).toarray()


def _names(found: source.Source) -> set[str]:
    rows = {f"{key}_loc" for key in found.rows}
    return {"features", "labels", "att", *rows}


def _assert_as_in_files(found: source.Source, folder) -> None:
    content = _independent(folder / "res101.mat")
    content |= _independent(folder / "att_splits.mat")
    _assert_is(found, {name: content[name] for name in _names(found)})


def _assert_is(found: source.Source, content: dict) -> None:
    """What was read is what the variables say, and can be right."""
    features = found.features[:]
    expected = np.asarray(content["features"])
    if expected.shape != features.T.shape:
        expected = expected.T
    np.testing.assert_array_equal(features, expected.T)
    assert np.isfinite(features.astype(np.float32)).all()
    np.testing.assert_array_equal(found.labels + 1, content["labels"].ravel())
    assert found.labels.min() >= 0
    assert found.labels.max() < len(found.class_names)
    att = content["att"].astype(np.float32)
    np.testing.assert_array_equal(
        found.embeddings[0].values,
        att.T if att.shape[1] == len(found.class_names) else att,
    )
    assert np.isfinite(found.embeddings[0].values).all()
    assert len(set(found.class_names)) == len(found.class_names)
    assert all(isinstance(name, str) for name in found.class_names)
    for key, rows in found.rows.items():
        if f"{key}_loc" in content:
            np.testing.assert_array_equal(
                rows + 1, content[f"{key}_loc"].ravel()
            )


def _assert_splits(made: splits.Splits, found: source.Source) -> None:
    """No row twice, none of a test in another split, classes apart."""
    rows = [set(made.rows[name].tolist()) for name in splits.NAMES]
    train, test_seen, test_unseen, *tuning = rows
    for name, unique in zip(splits.NAMES, rows):
        assert len(unique) == len(made.rows[name]) > 0
        assert min(unique) >= 0 and max(unique) < len(found.labels)
    assert not (train & test_seen or train & test_unseen)
    assert not test_seen & test_unseen
    assert set.union(*tuning) == train
    assert sum(map(len, tuning)) == len(train)
    seen = {int(found.labels[row]) for row in train | test_seen}
    assert seen == set(made.seen)
    assert not seen & {int(found.labels[row]) for row in test_unseen}
    held_out = {int(found.labels[row]) for row in tuning[2]}
    assert held_out == set(made.validation) < seen
    assert not held_out & {int(found.labels[r]) for r in tuning[0] | tuning[1]}


# --- Settings: files and flags ----------------------------------------------


def spoilt_config_file(rng, stage, folder):
    """A file of settings with something wrong in it."""
    text = json.dumps(stage.config.to_dict())
    path = folder / "config.json"
    path.write_bytes(fuzzing.json_text(rng, text))
    settings = read_config_file(str(path))
    _assert_settings(Config().replace(settings), settings)


def spoilt_flags(rng, stage, folder):
    """Words that the flags of bin/train make of nonsense."""
    words = [
        f"--{name}={','.join(map(str, v)) if isinstance(v, list) else v}"
        for name, v in stage.config.to_dict().items()
        if rng.random() < 0.1
    ]
    words += fuzzing.pick(rng, FLAG_WORDS)
    if rng.random() < 0.7:
        place = int(rng.integers(len(words)))
        letters = fuzzing.bytes_of(rng, words[place].encode())
        # As Python decodes what the shell gives it; there is no NUL in that.
        words[place] = os.fsdecode(letters.replace(b"\0", b""))
    values = command_line.define_flags(commands.train.definitions)
    command_line.parse(words, values, "")
    config = shared.resolve(values)
    _assert_settings(config, shared.chosen_settings(values))


FLAG_WORDS = (
    ["--steps=10"],
    ["--steps", "10"],
    ["--learning_rate=1e-3", "--preset=cpu"],
    ["--dataset=../../x"],
    ["--preset=../x"],
    ["--config=/nowhere/x.json"],
    ["--config=."],
    ["--flagfile=/nowhere"],
    ["--undefok=stepz", "--stepz=3"],
    ["--", "--steps=3"],
    ["--nobaseline"],
    ["--seed=-1"],
    ["--memory_gb=nan"],
    ["--log_every=0"],
    ["--checkpoint_every=99999999999999999999"],
    ["--generator_units=" + "9" * 5000],
    ["--noise_dim=" + "9" * 400],
    ["--variant="],
    ["--embedding_norm=l2,,"],
    ["--"],
    ["-"],
    ["--="],
)


def _assert_settings(config: Config, given: dict) -> None:
    """Settings have their types, and the values they were given."""
    for field in dataclasses.fields(Config):
        value = getattr(config, field.name)
        assert type(value) is type(field.default), field.name
        items = value if isinstance(value, tuple) else (value,)
        least, below = field.metadata["least"], field.metadata["below"]
        for item in items:
            assert least is None or item >= least
            assert below is None or item < below
            assert isinstance(item, str) or np.isfinite(float(item))
        if field.name in given:
            wanted = given[field.name]
            if isinstance(value, tuple):
                if isinstance(wanted, str):
                    wanted = wanted.split(",")
                assert value == tuple(int(item) for item in wanted)
            else:
                assert value == type(value)(wanted)


# --- What a run leaves -------------------------------------------------------


def spoilt_checkpoint(rng, stage, folder):
    """A damaged checkpoint: another one is taken, or training begins anew."""
    place = stage.copy("checkpoints", folder)
    fuzzing.file(rng, fuzzing.pick(rng, sorted(place.iterdir())))
    for variable, value in zip(stage.model.variables, stage.states[0]):
        variable.assign(value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step = Checkpoints(place, 1).restore(stage.model)
    for found, expected in zip(_state(stage.model), stage.states[step]):
        np.testing.assert_array_equal(found, expected)


def spoilt_run_files(rng, stage, folder):
    """A run's config.json, metrics.json or calibration.csv says nonsense."""
    place = stage.copy("run", folder)
    name = fuzzing.pick(rng, ("config.json", "metrics.json", "calibration.csv"))
    path = place / name
    if name.endswith("json"):
        path.write_bytes(fuzzing.json_text(rng, path.read_text()))
    else:
        fuzzing.file(rng, path)
    ends = []
    for read in (_read_run, _summarise):
        try:
            read(stage, place)
        except InputError as error:
            ends.append(error)
    if ends:
        raise ends[0]


def _read_run(stage, place) -> None:
    workdir = Workdir(place)
    config, info = workdir.read_config()
    stored = json.loads((place / "config.json").read_text())
    _assert_settings(config, stored["config"])
    assert info == {name: stored["data"][name] for name in info}
    loaded = zero_shot_data.load(
        info["name"],
        info["data_dir"],
        config.split,
        config.embedding_norm,
        feature_scaling=config.feature_scaling,
    )
    workdir.check_same_run(config, info)
    recorded = workdir.read_json("metrics.json")
    finished.evaluate(finished.FinishedRun(workdir, config, loaded))
    assert recorded == json.loads((place / "metrics.json").read_text())


def _summarise(stage, place) -> None:
    if over_seeds.is_unfinished(str(place)):
        return
    rows = over_seeds.table([str(place)])
    assert over_seeds.markdown(rows)
    metrics = json.loads((place / "metrics.json").read_text())
    for row, scores in zip(rows, (metrics, metrics.get("baseline"))):
        for score in ("t1", "u", "s", "h"):
            assert row[score] == scores[score]["mean"]
            assert 0.0 <= row[score] <= 100.0


def spoilt_model(rng, stage, folder):
    """A damaged model: its weights are the saved ones, or it is refused."""
    place = stage.copy("run", folder)
    name = fuzzing.pick(rng, ("generator", "classifier_1", "baseline_0"))
    path = place / f"{name}.keras"
    if rng.random() < 0.5:
        fuzzing.file(rng, path)
    else:
        _spoil_member(rng, path)
    run = finished.FinishedRun(
        Workdir(place), stage.config, stage.loaded["test"]
    )
    original = Workdir(stage.folder / "run").load_model(name).get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "generator":
            model = run.load_generator()
            final_classifiers.draw_synthetic(stage.config, run.data, model)
        else:
            kind, number = name.split("_")
            model = run.load_classifiers(kind)[int(number)]
            finished.evaluate(run)
    for found, expected in zip(model.get_weights(), original, strict=True):
        np.testing.assert_array_equal(found, expected)


def _spoil_member(rng, path) -> None:
    """Changes what the JSON files in a .keras archive say."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = fuzzing.pick(rng, ("config.json", "metadata.json"))
    members[name] = fuzzing.json_text(rng, members[name].decode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def spoilt_search(rng, stage, folder):
    """A search's search.json or result.json says nonsense."""
    search = SearchFolder(folder / "search")
    kept = {"objective": "h", "space": {"generator": {}}}
    search.start_search(
        stage.config,
        {"name": "a", "data_dir": "b", "split_fingerprint": "c"},
        kept,
    )
    result = {
        "steps": 2,
        "seconds": 1.0,
        "generator": {"noise_dim": 3},
        "classifier": {"seen_penalty": 0.5},
        **dict.fromkeys(("t1", "u", "s", "h"), 30.0),
    }
    trial = search.trial("0")
    trial.path.mkdir()
    trial.write_json("result.json", result)
    path = fuzzing.pick(
        rng, (trial.path / "result.json", search.path / "search.json")
    )
    path.write_bytes(fuzzing.json_text(rng, path.read_text()))
    config, read, results = search.read()
    assert config == stage.config
    assert read == json.loads((search.path / "search.json").read_text())
    assert len(results) == 1
    for score in ("t1", "u", "s", "h"):
        assert 0.0 <= results[0][score] <= 100.0


# --- Prepared data -----------------------------------------------------------


def spoilt_records(rng, stage, folder):
    """Damage to TFRecord files: no other number is read, and none is left."""
    place = stage.copy("data", folder)
    fuzzing.file(rng, fuzzing.pick(rng, sorted(place.rglob("*.tfrecord*"))))
    split = fuzzing.pick(rng, tuple(zero_shot_data.SPLITS))
    memory = fuzzing.pick(rng, (0, float("inf")))
    found = zero_shot_data.load(stage.name, str(place), split, memory=memory)
    _assert_same_samples(found, stage.loaded[split])


def spoilt_records_content(rng, stage, folder):
    """TFRecord files that are whole, of records that cannot be right."""
    place = stage.copy("data", folder)
    path = fuzzing.pick(rng, sorted(place.rglob("*.tfrecord*")))
    contents = [r.numpy() for r in tf.data.TFRecordDataset(str(path))]
    number = int(rng.integers(len(contents)))
    how = fuzzing.pick(rng, ("bytes", "label", "features", "fewer", "more"))
    example = tf.train.Example.FromString(contents[number])
    features = example.features.feature
    if how == "bytes":
        contents[number] = fuzzing.bytes_of(rng, contents[number])
    elif how == "fewer":
        del contents[number]
    elif how == "more":
        contents.append(contents[number])
    elif how == "label":
        label = fuzzing.pick(rng, (-1, 9, 2**40, -(2**40)))
        features["label"].int64_list.value[0] = label
        contents[number] = example.SerializeToString()
    else:
        value = features["features"].bytes_list.value
        value[0] = fuzzing.pick(
            rng, (value[0][:-4], value[0] + b"1234", b"", value[0][:-1])
        )
        contents[number] = example.SerializeToString()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for content in contents:
            writer.write(content)
    split = fuzzing.pick(rng, tuple(zero_shot_data.SPLITS))
    memory = fuzzing.pick(rng, (0, float("inf")))
    found = zero_shot_data.load(stage.name, str(place), split, memory=memory)
    if (
        how != "bytes"
        or path.name.split("-")[1].split(".")[0]
        not in (zero_shot_data.SPLITS[split])
    ):
        _assert_same_samples(found, stage.loaded[split])
    _assert_labels(found)


def spoilt_description(rng, stage, folder):
    """The JSON files beside the records say something else."""
    place = stage.copy("data", folder)
    files = sorted(
        path
        for path in place.rglob("*")
        if path.suffix in (".json", ".txt", ".npy")
    )
    path = fuzzing.pick(rng, [*files, *place.glob("*/*/*/metadata.json")])
    if path.suffix == ".json":
        path.write_bytes(fuzzing.json_text(rng, path.read_text()))
    else:
        fuzzing.file(rng, path)
    split = fuzzing.pick(rng, tuple(zero_shot_data.SPLITS))
    memory = fuzzing.pick(rng, (0, float("inf")))
    found = zero_shot_data.load(stage.name, str(place), split, memory=memory)
    expected = stage.loaded[split]
    for part in ("train", "seen", "unseen"):
        np.testing.assert_array_equal(
            getattr(found, part).features[:], getattr(expected, part).features
        )
    _assert_labels(found)
    (path,) = place.glob("*/*/*/metadata.json")
    metadata = json.loads(path.read_text())
    names = metadata["class_names"]
    order = [names.index(name) for name in found.class_names]
    raw = {"att": np.load(path.parent / "embeddings.npy")}
    matrix = toys.scaled_embeddings(raw, "l2", names)
    np.testing.assert_array_equal(found.embeddings, matrix[order])
    assert np.isfinite(found.embeddings).all()


def spoilt_during_a_run(rng, stage, folder):
    """A record file that is damaged while rows are read from it."""
    place = stage.copy("data", folder)
    found = zero_shot_data.load(stage.name, str(place), memory=0)
    path = fuzzing.pick(rng, sorted(place.rglob("*-t*.tfrecord*")))
    how = fuzzing.pick(rng, ("gone", "cut", "written", "replaced"))
    byte = int(rng.integers(path.stat().st_size))
    if how == "cut":
        os.truncate(path, byte)
    elif how == "written":
        with path.open("r+b") as stream:
            stream.seek(byte)
            stream.write(rng.bytes(9))
    else:
        path.unlink()
        if how == "replaced":
            path.write_bytes(rng.bytes(3000))
    with on_disk.reporting_data_loss():
        _assert_same_samples(found, stage.loaded["test"])


def _assert_same_samples(found, expected) -> None:
    assert found.class_names == expected.class_names
    np.testing.assert_array_equal(found.embeddings, expected.embeddings)
    for part in ("train", "seen", "unseen"):
        one, other = getattr(found, part), getattr(expected, part)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.features[:], other.features)


def _assert_labels(found) -> None:
    """Samples are of the classes they are meant to be of."""
    seen = range(found.num_seen)
    assert set(found.train.labels) | set(found.seen.labels) <= set(seen)
    unseen = range(found.num_seen, found.num_classes)
    assert set(found.unseen.labels) <= set(unseen)
    assert len(set(found.class_names)) == found.num_classes


# --- The archive -------------------------------------------------------------


def spoilt_archive(rng, stage, folder):
    """A damaged zip archive: the files are the original ones, or none are."""
    archive = folder / "xlsa17.zip"
    files = {f"{n}.mat": rng.bytes(500) for n in range(3)}
    place = fuzzing.pick(
        rng, ("xlsa17/data/CUB/", "../data/CUB/", "/data/CUB/")
    )
    method = fuzzing.pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(archive, "w", method) as content:
        for name, values in files.items():
            content.writestr(place + name, values)
    archive.write_bytes(fuzzing.bytes_of(rng, archive.read_bytes()))
    target = folder / "inside" / "target"
    try:
        download.unpack_folder(epath.Path(archive), "CUB", epath.Path(target))
    except InputError:
        assert not list(target.iterdir())
        raise
    finally:
        outside = set(folder.rglob("*")) - set(folder.glob("inside/**/*"))
        assert outside <= {archive, folder / "inside"}
    for path in (target / "CUB").iterdir():
        assert path.read_bytes() in files.values()


TARGETS = (
    spoilt_mat_bytes,
    spoilt_mat_checksum,
    spoilt_variables,
    spoilt_variables,
    spoilt_rows,
    spoilt_embeddings,
    spoilt_config_file,
    spoilt_flags,
    spoilt_checkpoint,
    spoilt_run_files,
    spoilt_model,
    spoilt_search,
    spoilt_records,
    spoilt_records_content,
    spoilt_description,
    spoilt_description,
    spoilt_during_a_run,
    spoilt_archive,
)


def case_name(seed: int) -> str:
    return f"{TARGETS[seed % len(TARGETS)].__name__}-{seed}"


@pytest.mark.parametrize("seed", fuzzing.numbers(72), ids=case_name)
@pytest.mark.filterwarnings("ignore")
def test_bad_input_gives_right_data_or_a_clear_error(seed, stage, tmp_path):
    rng = np.random.default_rng(seed)
    with fuzzing.right_or_clear():
        TARGETS[seed % len(TARGETS)](rng, stage, tmp_path)
