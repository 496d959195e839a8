"""Bad custom data, in bulk: it gives the right data or a clear error.

Folders of custom data, features to predict on, descriptions of new classes, and
what a run keeps of its classes. More cases as in fuzz_test.py.
"""

import codecs
import csv
import io
import json
import pathlib
import re
import zipfile

import numpy as np
import pytest

from gmn_tf.data import embeddings, zero_shot_data
from gmn_tf.data.embeddings import EMBEDDING_NORMS
from gmn_tf.data.feature_scaling import FeatureScaling
from gmn_tf.data.label_map import LabelMap
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import splits
from gmn_tf_datasets.zero_shot.custom import class_tables, features
from tests.datasets import custom_data_test as custom_data
from tests.support import fuzzing

NUMBER = re.compile(
    r"[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|inf|infinity)",
    re.ASCII | re.IGNORECASE,
)
KINDS = {"seen": "seen", "1": "seen", "yes": "seen", "true": "seen"}
KINDS |= {"unseen": "unseen", "0": "unseen", "no": "unseen"}
KINDS |= {"false": "unseen", "validation": "validation"}
RUN = LabelMap(
    ("wren", "kite", "ibis"),
    ("seen", "seen", "unseen"),
    7,
    (
        embeddings.Scaling("att", 2, "l2", 1.0, ("red", "long_beak")),
        embeddings.Scaling("sent", 3, "matrix", 2.5),
        embeddings.Scaling(
            *("word", 2, "standard", 1.0), offset=(0.5, -2.0), factor=(0.1, 0.0)
        ),
    ),
    dict(custom_data.BACKBONE),
    FeatureScaling("unit", (0.5, -3.0) + (7.0,) * 5, (0.5,) * 6 + (0.0,)),
)


# --- The same files, read in another way -------------------------------------


def decoded(content: bytes) -> str:
    """The text of a table: UTF-8, or another one that begins with its mark."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding)
    return content.decode("utf-8")


def table(path) -> tuple[list[str], list[list[str]]]:
    """First line and rows of a .csv file, all of them of the same length."""
    text = decoded(path.read_bytes())
    tables = []
    for sign in ",;\t":
        file = io.StringIO(text, newline="")
        lines = csv.reader(file, delimiter=sign, skipinitialspace=True)
        cells = [[cell.strip() for cell in line] for line in lines]
        tables.append([line for line in cells if any(line)])
    lines = max(tables, key=lambda lines: len(lines[0]))
    names = lines[0]
    while not names[-1]:
        names.pop()
    rows = [line + [""] * (len(names) - len(line)) for line in lines[1:]]
    assert not any(any(row[len(names) :]) for row in rows)
    for place, name in reversed([*enumerate(names)]):
        if not name:  # nothing, or different numbers of rows
            column = [row.pop(place) for row in rows]
            names.pop(place)
            assert not any(column) or len({*map(int, column)}) == len(column)
    assert len(set(names)) == len(names)
    return names, rows


def look(text: str) -> str:
    """What people see of a name."""
    return " ".join(text.replace("\ufeff", "").split()).casefold()


def number(text: str) -> np.float32:
    if re.fullmatch(r"[-+]?\d+,\d+", text):  # the only one in its table
        text = text.replace(",", ".")
    assert NUMBER.fullmatch(text), text
    return np.float32(text)


def matrix(path, *others: str):
    """The numbers of a .csv file, and what its other columns say."""
    header, rows = table(path)
    columns = [i for i, name in enumerate(header) if name not in others]
    texts = {
        name: [row[header.index(name)] for row in rows]
        for name in others
        if name in header
    }
    values = [[number(row[i]) for i in columns] for row in rows]
    return np.array(values), texts, [header[i] for i in columns]


def archived(path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        return np.load(io.BytesIO(archive.read(f"{name}.npy")))


def classes_of(folder):
    """Names, kinds and numbers of a folder's classes, and their columns."""
    values, texts, columns = matrix(folder / "classes.csv", "class", "seen")
    names = texts["class"]
    if (folder / "embeddings.npy").exists():
        values, columns = np.load(folder / "embeddings.npy"), []
        values = values if len(values) == len(names) else values.T
    elif (folder / "embeddings.csv").exists():
        values, rows, columns = matrix(folder / "embeddings.csv", "class")
        assert sorted(rows["class"]) == sorted(names)
        values = values[[rows["class"].index(name) for name in names]]
    kinds = [KINDS[text.lower()] for text in texts["seen"]]
    return names, kinds, values.astype(np.float32), columns


def samples_of(folder, names):
    """Features, names of classes and files of a folder's samples."""
    files = {}
    if (folder / "features.csv").exists():
        features, files, _ = matrix(folder / "features.csv", "class", "file")
        labels = files["class"]
    elif (folder / "features.npz").exists():
        features = archived(folder / "features.npz", "features")
        labels = named(archived(folder / "features.npz", "labels"), names)
    else:
        features = np.load(folder / "features.npy")
        if (folder / "labels.npy").exists():
            labels = named(np.load(folder / "labels.npy"), names)
        else:
            header, rows = table(folder / "labels.csv")
            files = dict(zip(header, map(list, zip(*rows))))
            labels = files["class"]
    if len(labels) != len(features):  # columns are samples
        features = features.T
    with np.errstate(over="ignore"):
        return features.astype(np.float32), labels, files.get("file")


def named(labels, names) -> list[str]:
    found = []
    for label in labels.ravel().tolist():
        if isinstance(label, bytes):
            label = label.decode()
        if not isinstance(label, str):
            assert label == int(label) >= 0
            label = names[int(label)]
        found.append(label)
    return found


def for_testing(folder, labels, files) -> list[bool]:
    """Whether each sample is for testing, if its class is seen."""
    if not (folder / "splits.csv").exists():
        return [labels[:row].count(a) % 5 == 2 for row, a in enumerate(labels)]
    header, rows = table(folder / "splits.csv")
    said = {
        row[header.index("sample")]: row[header.index("split")].lower()
        for row in rows
    }
    assert set(said.values()) <= {"train", "test"}
    assert len(said) == len(rows) == len(labels)
    return [
        said[files[row] if files and files[row] in said else str(row)] == "test"
        for row in range(len(labels))
    ]


# --- Folders of custom data --------------------------------------------------


def a_folder(rng, place) -> pathlib.Path:
    """A folder of custom data in one of its forms."""
    folder = place / "source"
    custom_data.write(folder)
    form = fuzzing.pick(
        rng,
        (
            None,
            custom_data.as_csv,
            custom_data.as_npz,
            custom_data.as_numbers,
            custom_data.as_bytes,
        ),
    )
    described = fuzzing.pick(
        rng,
        (
            None,
            None,
            custom_data.as_embeddings_npy,
            custom_data.as_embeddings_csv,
        ),
    )
    for change in filter(None, (form, described)):
        change(folder)
    if rng.random() < 0.4:
        by_file = (folder / "labels.csv").exists() and rng.random() < 0.5
        lines = [
            f"{file if by_file else row},"
            f"{'test' if row % 5 == 3 or label == 'ibis' else 'train'}\n"
            for row, (file, label) in enumerate(
                zip(custom_data.FILES, custom_data.LABELS)
            )
        ]
        (folder / "splits.csv").write_text("sample,split\n" + "".join(lines))
    if rng.random() < 0.4:
        (folder / "extraction.json").write_text(
            json.dumps({"backbone": custom_data.BACKBONE, "images": 24})
        )
    return folder


def spoil(rng, path: pathlib.Path) -> None:
    """Spoils one file by what its ending says that it is."""
    if rng.random() < 0.2:
        fuzzing.file(rng, path)
    elif path.suffix == ".csv":
        path.write_bytes(fuzzing.table(rng, path.read_text("utf-8")))
    elif path.suffix == ".json":
        path.write_bytes(fuzzing.json_text(rng, path.read_text()))
    elif path.suffix == ".npy":
        with path.open("r+b") as stream:
            values = np.load(stream)
            stream.seek(0)
            stream.truncate()
            np.save(stream, spoilt_array(rng, values))
    else:
        arrays = dict(np.load(path))
        name = fuzzing.pick(rng, list(arrays))
        arrays[name] = spoilt_array(rng, arrays[name])
        np.savez(path, **arrays)


def spoilt_array(rng, values: np.ndarray):
    values = values.reshape(len(values), -1)
    if values.dtype.kind == "f" or values.dtype.kind in "iu":
        return fuzzing.matrix(rng, values)
    spoilt = fuzzing.names(rng, values.astype(object))
    if spoilt.dtype == object and rng.random() < 0.5:
        spoilt = np.array([str(name) for name in spoilt.ravel()])
    return spoilt


def spoilt_folder(rng, place):
    """Something wrong in a folder of custom data."""
    folder = a_folder(rng, place)
    spoil(rng, fuzzing.pick(rng, sorted(folder.iterdir())))
    found = custom_data.read(folder)
    assert_as_in_folder(found, folder)
    assert_splits(found, splits.make(found))


def assert_as_in_folder(found, folder) -> None:
    names, kinds, values, columns = classes_of(folder)
    features, labels, files = samples_of(folder, names)
    assert list(found.class_names) == names
    labels = [*map(look, labels)]
    assert [look(found.class_names[label]) for label in found.labels] == labels
    looks = [*map(look, names)]
    np.testing.assert_array_equal(found.embeddings[0].values, values)
    assert list(found.embeddings[0].columns) == columns
    np.testing.assert_array_equal(
        np.asarray(found.features).astype(np.float32), features
    )
    assert np.isfinite(features).all() and np.isfinite(values).all()
    tested = for_testing(folder, labels, files)
    expected = {"trainval": [], "test_seen": [], "test_unseen": []}
    for row, label in enumerate(labels):
        if kinds[looks.index(label)] == "unseen":
            expected["test_unseen"].append(row)
        else:
            expected["test_seen" if tested[row] else "trainval"].append(row)
    assert {k: list(v) for k, v in found.rows.items()} == expected
    marked = [n for n, kind in zip(names, kinds) if kind == "validation"]
    assert list(found.validation_names) == marked
    extraction = folder / "extraction.json"
    record = json.loads(extraction.read_bytes()) if extraction.exists() else {}
    assert found.backbone == record.get("backbone")


def assert_splits(found, made) -> None:
    """Each row is in one split, and no validation class is trained on."""
    kept = [made.rows[f"tune_{part}"] for part in ("train", "seen", "unseen")]
    assert all(map(len, kept))
    np.testing.assert_array_equal(
        np.sort(np.concatenate(kept)), made.rows["train"]
    )
    learned = set(found.labels[np.concatenate(kept[:2])])
    assert not learned & set(made.validation) and not learned & set(made.unseen)


def spoilt_preparation(rng, place):
    """The same up to prepared data; nothing is left of what is refused."""
    folder = a_folder(rng, place)
    spoil(rng, fuzzing.pick(rng, sorted(folder.iterdir())))
    try:
        result = custom_data.prepared(folder, place / "data")
    except InputError:
        assert not (place / "data").exists()
        raise
    assert_as_in_folder(result.data, folder)
    try:
        loaded = zero_shot_data.load(
            result.name, place / "data", embedding_norm="none"
        )
    except InputError as error:
        raise AssertionError("prepared, and cannot be loaded") from error
    names, _, values, _ = classes_of(folder)
    features, labels, _ = samples_of(folder, names)
    order = [names.index(name) for name in loaded.class_names]
    np.testing.assert_array_equal(loaded.embeddings, values[order])
    rows = result.data.rows
    for part, key in (
        (loaded.train, "trainval"),
        (loaded.seen, "test_seen"),
        (loaded.unseen, "test_unseen"),
    ):
        np.testing.assert_array_equal(part.features[:], features[rows[key]])
        named = [loaded.class_names[label] for label in part.labels]
        assert named == [labels[row] for row in rows[key]]


# --- What predicting reads ---------------------------------------------------


def spoilt_features(rng, place):
    """Features to predict on: a folder of an extraction, or a file."""
    folder = a_folder(rng, place)
    path = fuzzing.pick(rng, sorted(folder.glob("features.*")))
    beside = [folder / name for name in ("labels.csv", "extraction.json")]
    spoil(
        rng,
        fuzzing.pick(rng, [path, path, *filter(pathlib.Path.exists, beside)]),
    )
    is_npy = path.suffix == ".npy"
    found = features.read(folder if is_npy else path)
    files = None
    if path.suffix == ".csv":
        values, texts, _ = matrix(path, *features.TEXT_COLUMNS)
        files = texts.get("sample", texts.get("file"))
    elif not is_npy:
        values = archived(path, "features")
    else:
        values = np.load(path)
        if beside[0].exists():
            header, rows = table(beside[0])
            if "file" in header:
                files = [row[header.index("file")] for row in rows]
    np.testing.assert_array_equal(found.values, values)
    assert found.values.ndim == 2
    assert found.labels is None
    assert list(found.names) == (files or [])
    backbone = None
    if beside[1].exists():
        backbone = json.loads(beside[1].read_bytes())["backbone"]
    assert found.backbone == backbone


def spoilt_new_classes(rng, place):
    """Descriptions of classes that a run was not trained with."""
    path = place / "new.csv"
    path.write_text(custom_data.classes_csv())
    spoil(rng, path)
    found = class_tables.read_new(path)
    values, texts, columns = matrix(path, "class", "seen")
    assert list(found.names) == texts["class"]
    np.testing.assert_array_equal(found.values.astype(np.float32), values)
    assert list(found.columns) == columns
    assert all(found.names) and np.isfinite(found.values).all()


def spoilt_class_list(rng, place):
    """The classes.json of a run says nonsense."""
    path = place / "classes.json"
    path.write_bytes(fuzzing.json_text(rng, json.dumps(RUN.to_dict())))
    found = Workdir(place).read_label_map()
    content = json.loads(path.read_bytes())
    for one in content["embedding"]:  # earlier versions had neither
        one.setdefault("encoder", None)
        one.setdefault("weight", 1.0)
    assert json.loads(json.dumps(found.to_dict())) == content
    assert set(found.kinds) <= {"seen", "unseen"}
    assert found.names and found.feature_dim > 0
    assert type(content["feature_dim"]) is int
    for one in found.scalings:
        assert isinstance(one.name, str) and type(one.dim) is int
        assert one.dim > 0 and one.norm in EMBEDDING_NORMS
        assert 0.0 < one.divisor < np.inf and 0.0 < one.weight < np.inf
        assert len(one.columns) in (0, one.dim)
        assert all(isinstance(column, str) for column in one.columns)
        size = one.dim if one.norm == "standard" else 0
        assert len(one.offset) == len(one.factor) == size
        assert all(np.isfinite(one.offset + one.factor))
    scaling = found.feature_scaling
    size = 0 if scaling.kind == "none" else found.feature_dim
    assert len(scaling.offset) == len(scaling.factor) == size
    assert all(np.isfinite(scaling.offset + scaling.factor))
    json.dumps(found.backbone, allow_nan=False)


TARGETS = (
    spoilt_folder,
    spoilt_features,
    spoilt_folder,
    spoilt_new_classes,
    spoilt_preparation,
    spoilt_class_list,
)


def case_name(seed: int) -> str:
    return f"{TARGETS[seed % len(TARGETS)].__name__}-{seed}"


@pytest.mark.parametrize("seed", fuzzing.numbers(36), ids=case_name)
@pytest.mark.filterwarnings("ignore")
def test_bad_input_gives_right_data_or_a_clear_error(seed, tmp_path):
    rng = np.random.default_rng(seed)
    target = TARGETS[seed % len(TARGETS)]
    with fuzzing.right_or_clear():
        target(rng, tmp_path)
