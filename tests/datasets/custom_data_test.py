"""Custom data: what is read, how it is split, what is prepared."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from gmn_tf.data import zero_shot_data
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import splits
from gmn_tf_datasets.zero_shot.custom import dataset as custom_data
from gmn_tf_datasets.zero_shot.prepare import (
    prepare,
    prepare_custom,
    remove_older,
)

# Five seen classes with 1, 3, 4, 6 and 8 samples, three unseen ones.
KINDS = {
    "wren": "seen",
    "kite": "1",
    "crow": "Yes",
    "duck": "validation",
    "gull": "seen",
    "ibis": "unseen",
    "rail": "0",
    "tern": "no",
}
COUNTS = {"wren": 1, "kite": 3, "crow": 4, "duck": 6, "gull": 8, "ibis": 2}
DX, DA = 7, 3
LABELS = [name for name, count in COUNTS.items() for _ in range(count)]
RNG = np.random.default_rng(0)
FEATURES = RNG.uniform(size=(len(LABELS), DX)).astype(np.float32)
EMBEDDINGS = RNG.normal(size=(len(KINDS), DA)).astype(np.float32)
FILES = [f"{name}/{row:02d}.jpg" for row, name in enumerate(LABELS)]
BACKBONE = {"name": "mobilenet", "feature_dim": DX, "image_size": 96}


def classes_csv(embeddings=EMBEDDINGS, kinds=KINDS, end="\n") -> str:
    """classes.csv with an embedding; with none, two columns."""
    columns = [] if embeddings is None else [f"a{n}" for n in range(DA)]
    lines = [["class", "seen", *columns]]
    for number, (name, kind) in enumerate(kinds.items()):
        numbers = [] if embeddings is None else map(repr_of, embeddings[number])
        lines.append([name, kind, *numbers])
    return "".join(",".join(line) + end for line in lines)


def repr_of(value) -> str:
    return repr(float(value))


def features_csv() -> str:
    lines = [["class", *(f"x{n}" for n in range(DX))]]
    lines += [
        [label, *map(repr_of, row)] for label, row in zip(LABELS, FEATURES)
    ]
    return "".join(",".join(line) + "\n" for line in lines)


def labels_csv() -> str:
    return "class,file\n" + "".join(
        f"{label},{file}\n" for label, file in zip(LABELS, FILES)
    )


def write(folder, **texts):
    """Writes classes.csv, features.npy, labels.csv; None leaves one out."""
    folder.mkdir(exist_ok=True)
    texts = {"classes.csv": classes_csv(), "labels.csv": labels_csv()} | {
        name.replace("_", "."): text for name, text in texts.items()
    }
    for name, text in texts.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    np.save(folder / "features.npy", FEATURES)
    return epath.Path(folder)


def read(folder, features=None):
    folder = epath.Path(folder)
    return custom_data.read("birds", folder, epath.Path(features or folder))


def assert_as_written(found) -> None:
    np.testing.assert_array_equal(np.asarray(found.features), FEATURES)
    names = [found.class_names[label] for label in found.labels]
    assert names == LABELS
    assert found.class_names == tuple(KINDS)
    np.testing.assert_array_equal(found.embeddings[0].values, EMBEDDINGS)


def as_csv(folder):
    (folder / "features.npy").unlink()
    (folder / "labels.csv").unlink()
    (folder / "features.csv").write_text(features_csv(), encoding="utf-8")


def as_npz(folder):
    (folder / "features.npy").unlink()
    (folder / "labels.csv").unlink()
    np.savez(folder / "features.npz", features=FEATURES, labels=LABELS)


def as_numbers(folder):
    (folder / "labels.csv").unlink()
    numbers = [list(KINDS).index(label) for label in LABELS]
    np.save(folder / "labels.npy", np.array([numbers], np.uint8).T)


def as_bytes(folder):
    (folder / "labels.csv").unlink()
    np.save(folder / "labels.npy", np.array(LABELS, "S4"))


def as_embeddings_npy(folder):
    (folder / "classes.csv").write_text(classes_csv(None), encoding="utf-8")
    np.save(folder / "embeddings.npy", EMBEDDINGS.astype(np.float64))


def as_embeddings_csv(folder):
    (folder / "classes.csv").write_text(classes_csv(None), encoding="utf-8")
    lines = classes_csv(kinds=dict.fromkeys(KINDS, "")).splitlines()
    lines = [line.replace("seen,", "").replace(",,", ",") for line in lines]
    text = "\n".join([lines[0], *reversed(lines[1:])])
    (folder / "embeddings.csv").write_text(text, encoding="utf-8")


def as_windows(folder):
    text = "\ufeff" + classes_csv(end=" \r\n") + "\r\n"
    (folder / "classes.csv").write_bytes(text.encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: None,
        as_csv,
        as_npz,
        as_numbers,
        as_bytes,
        as_embeddings_npy,
        as_embeddings_csv,
        as_windows,
    ],
)
def test_every_form_reads_the_same(tmp_path, change):
    folder = write(tmp_path / "source")
    change(tmp_path / "source")

    assert_as_written(read(folder))


def test_features_elsewhere_bring_their_backbone(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "classes.csv").write_text(classes_csv())
    extracted = write(tmp_path / "extracted", classes_csv=None)
    (tmp_path / "extracted" / "extraction.json").write_text(
        json.dumps({"backbone": BACKBONE, "images": 3})
    )

    found = read(tmp_path / "source", extracted)

    assert_as_written(found)
    assert found.backbone == BACKBONE
    assert {file.name for file in found.files} == {
        "classes.csv",
        "features.npy",
        "labels.csv",
        "extraction.json",
    }


def test_the_rule_by_hand(tmp_path):
    found = read(write(tmp_path / "source"))

    # Of the rows 1-3, 4-7, 8-13 and 14-21 the third and the eighth.
    assert found.rows["test_seen"].tolist() == [3, 6, 10, 16, 21]
    assert found.rows["test_unseen"].tolist() == [22, 23]
    made = splits.make(found)
    assert made.source.startswith("rule: ")
    assert [found.class_names[label] for label in made.validation] == ["duck"]
    assert made.validation_source == "classes.csv"
    assert [found.class_names[label] for label in made.unseen] == [
        "ibis",
        "rail",
        "tern",
    ]


def test_without_marked_classes_a_rule_chooses_validation(tmp_path):
    kinds = {**KINDS, "duck": "seen"}
    folder = write(tmp_path / "source", classes_csv=classes_csv(kinds=kinds))

    made = splits.make(read(folder))

    assert made.validation_source.startswith("rule: ")
    assert made.validation == (2,)


@pytest.mark.parametrize("by_file", [True, False])
def test_splits_of_the_user(tmp_path, by_file):
    lines = ["sample,split"]
    for row, label in enumerate(LABELS):
        test = label == "ibis" or row in (2, 9)
        sample = FILES[row] if by_file else str(row)
        lines.append(f"{sample},{'Test' if test else 'train'}")
    folder = write(tmp_path / "source", splits_csv="\n".join(lines))

    found = read(folder)

    assert found.rows["test_seen"].tolist() == [2, 9]
    assert found.rows["test_unseen"].tolist() == [22, 23]
    assert splits.make(found).source == "splits.csv"


def prepared(folder, data_dir, **options):
    return prepare_custom(
        "birds", folder, data_dir=data_dir, quiet=True, **options
    )


def test_prepared_data_comes_back(tmp_path):
    folder = write(tmp_path / "source")
    (tmp_path / "source" / "extraction.json").write_text(
        json.dumps({"backbone": BACKBONE})
    )
    result = prepared(folder, tmp_path / "data")

    assert result.is_new
    assert result.name.startswith("zero_shot/birds-custom-data-att-")
    rows = tfds.load(result.name, data_dir=tmp_path / "data", split="test_seen")
    features = [row["features"].numpy() for row in rows]
    np.testing.assert_array_equal(features, FEATURES[[3, 6, 10, 16, 21]])
    loaded = zero_shot_data.load(result.name, tmp_path / "data")
    assert loaded.metadata["source"] == "custom"
    assert loaded.metadata["split_source"] == result.made.source
    assert loaded.metadata["backbone"] == BACKBONE
    assert len(loaded.unseen) == 2


def test_prepared_data_is_found_by_its_name(tmp_path):
    result = prepared(write(tmp_path / "source"), tmp_path / "data")

    assert (
        prepare("birds", data_dir=tmp_path / "data", quiet=True) == result.name
    )
    refused = (
        ({"features_file": "other.mat"}, "birds is custom data"),
        ({"embedding": "sent"}, "birds was not prepared with this embedding"),
    )
    for other, words in refused:
        with pytest.raises(InputError, match=words) as caught:
            prepare("birds", data_dir=tmp_path / "data", quiet=True, **other)
        # A file that was not given is not named.
        assert ("features_file" in str(caught.value)) == (
            "features_file" in other
        )
    with pytest.raises(InputError, match="Did you mean 'birds'"):
        prepare("brids", data_dir=tmp_path / "data", quiet=True)


def test_other_content_is_refused_unless_it_replaces(tmp_path):
    folder, data_dir = tmp_path / "source", tmp_path / "data"
    first = prepared(write(folder), data_dir)
    assert not prepared(folder, data_dir).is_new
    np.save(folder / "features.npy", FEATURES[::-1])

    with pytest.raises(InputError, match="prepared as birds before"):
        prepared(folder, data_dir)
    assert prepare("birds", data_dir=data_dir, quiet=True) == first.name
    second = prepared(folder, data_dir, replace=True)

    assert second.name != first.name
    assert second.older == (first.name.partition("/")[2],)
    remove_older(second)
    assert prepare("birds", data_dir=data_dir, quiet=True) == second.name


def test_the_summary(tmp_path):
    text = str(prepared(write(tmp_path / "source"), tmp_path / "data"))

    for words in (
        "8: 5 seen, 3 unseen (2 of them without a sample)",
        "3 numbers per class, from classes.csv",
        "24, from features.npy",
        "7 dimensions, of an unknown backbone",
        "1 of the seen classes: duck (classes.csv)",
        "the 3rd, 8th, 13th",
        "17 samples of 5 classes",
    ):
        assert words in text
    assert "Warning" not in text


def test_warnings(tmp_path):
    embeddings = EMBEDDINGS.copy()
    embeddings[6] = embeddings[1]
    folder = write(
        tmp_path / "source", classes_csv=classes_csv(embeddings=embeddings)
    )
    np.save(tmp_path / "source" / "features.npy", FEATURES - 0.5)

    notes = read(folder).notes

    assert any("--generator_output=linear" in note for note in notes)
    assert any("rail is described as kite is" in note for note in notes)


def alike(tmp_path, changes) -> list[str]:
    """Notes on classes, some of them with other descriptions."""
    embeddings = EMBEDDINGS.copy()
    for number, value in changes.items():
        embeddings[number] = value
    text = classes_csv(embeddings=embeddings)
    return list(read(write(tmp_path / "source", classes_csv=text)).notes)


def test_descriptions_of_the_same_direction_are_noted(tmp_path):
    (note,) = alike(tmp_path, {6: EMBEDDINGS[1] * np.float32(3.3)})
    for words in (
        "The unseen class rail is described as kite is",
        "apart from the length",
        "nothing can tell them apart with --embedding_norm=l2.",
    ):
        assert words in note


def test_seen_classes_with_the_same_description_are_noted(tmp_path):
    (note,) = alike(tmp_path, {2: EMBEDDINGS[0]})
    assert "The seen class crow is described as wren is: they cannot" in note
    assert "--embedding_norm" not in note


def test_a_description_of_the_same_length_is_named_first(tmp_path):
    kite = EMBEDDINGS[0] * np.float32(2)
    notes = alike(tmp_path, {1: kite, 5: kite})
    assert len(notes) == 2
    assert "kite is described as wren is, apart" in notes[0]
    assert "ibis is described as kite is: nothing" in notes[1]


def test_neither_opposite_nor_near_descriptions_are_noted(tmp_path):
    assert not alike(tmp_path, {1: -EMBEDDINGS[0], 2: EMBEDDINGS[3] + 1e-4})


def test_many_equal_descriptions_are_summed_up(tmp_path):
    notes = alike(tmp_path, {number: (1, 0, 0) for number in range(8)})
    assert len(notes) == 6
    assert notes[-1] == "2 more classes are described as others are."


def without_unseen_samples(folder):
    kept = [row for row, label in enumerate(LABELS) if label != "ibis"]
    as_npz(folder)
    np.savez(
        folder / "features.npz",
        features=FEATURES[kept],
        labels=np.array(LABELS)[kept],
    )
    return folder


@pytest.mark.parametrize("memory", [0, float("inf")])
def test_unseen_classes_need_no_sample(tmp_path, memory):
    write(tmp_path / "source")
    result = prepared(
        without_unseen_samples(tmp_path / "source"), tmp_path / "data"
    )

    assert custom_data.NO_UNSEEN_SAMPLE in result.data.notes
    loaded = zero_shot_data.load(result.name, tmp_path / "data", memory=memory)
    assert loaded.unseen.features.shape == (0, DX)
    assert (len(loaded.seen), len(loaded.train)) == (5, 17)
    assert loaded.num_classes - loaded.num_seen == 3
    tuning = zero_shot_data.load(
        result.name, tmp_path / "data", "tune", memory=memory
    )
    assert len(tuning.unseen) == 5


@pytest.mark.parametrize("name", ["cub", "CUB", "synthetic", "a/b", "AWA1"])
def test_names_that_cannot_be_given(tmp_path, name):
    with pytest.raises(InputError):
        prepare_custom(
            name, write(tmp_path / "source"), data_dir=tmp_path / "data"
        )
    assert not (tmp_path / "data").exists()
