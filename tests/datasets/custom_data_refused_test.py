"""Custom data that cannot be right is refused, with file and line."""

import numpy as np
import pytest
import scipy.sparse
from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom import classes
from tests.datasets import custom_data_test as custom_data

CLASSES = custom_data.classes_csv()
LABELS = custom_data.labels_csv()
SPLITS = "sample,split\n" + "".join(
    f"{row},{'test' if row % 5 == 3 or row > 21 else 'train'}\n"
    for row in range(len(custom_data.LABELS))
)


def line(text: str, number: int, new: str | None) -> str:
    """The text with a line replaced, counted from 1, or left out."""
    lines = text.splitlines()
    lines[number - 1 : number] = [] if new is None else [new]
    return "\n".join(lines) + "\n"


def seen(kind: str) -> str:
    """classes.csv with another word for the first class."""
    return custom_data.classes_csv(kinds={**custom_data.KINDS, "wren": kind})


@pytest.mark.parametrize(
    "texts, words",
    [
        ({"classes_csv": None}, ["has no classes.csv"]),
        ({"classes_csv": ""}, ["lacks the column 'class'", "empty"]),
        (
            {"classes_csv": CLASSES.replace("seen,", "sen,", 1)},
            ["lacks the column 'seen'", "Did you mean 'sen'"],
        ),
        (
            {"classes_csv": CLASSES.replace("a1", "a0")},
            ["2 columns", "'a0'"],
        ),
        ({"classes_csv": CLASSES.splitlines()[0]}, ["names no class"]),
        ({"classes_csv": line(CLASSES, 3, "kite,1,2")}, ["Line 3", "3"]),
        ({"classes_csv": line(CLASSES, 3, "wren,1,2,3,4")}, ["Line 3", "wren"]),
        ({"classes_csv": line(CLASSES, 3, ",1,2,3,4")}, ["Line 3", "''"]),
        (
            {"classes_csv": line(CLASSES, 3, "kite,1,2,x,4")},
            ["Line 3", "'a1'", "'x'", "one column for each kind"],
        ),
        ({"classes_csv": line(CLASSES, 3, "kite,1,2,,4")}, ["Line 3", "''"]),
        ({"classes_csv": line(CLASSES, 3, "kite,1,2,nan,4")}, ["'nan'"]),
        ({"classes_csv": line(CLASSES, 3, "kite,1,1e99,2,3")}, ["'1e99'"]),
        ({"classes_csv": line(CLASSES, 3, "kite,1,1_5,2,3")}, ["'1_5'"]),
        ({"classes_csv": line(CLASSES, 3, "kite,1,\uff11,2,3")}, ["\uff11"]),
        (
            {"classes_csv": line(CLASSES, 3, "kite,1,0,0,0")},
            ["does not describe kite", "no number but 0", "from 1: 2"],
        ),
        ({"classes_csv": seen("unsen")}, ["wren", "Did you mean 'unseen'"]),
        (
            {
                "classes_csv": custom_data.classes_csv(
                    kinds=dict.fromkeys("abc", "1")
                )
            },
            ["too few classes", "3 seen", "0 unseen"],
        ),
        ({"classes_csv": seen("unseen")}, None),
        ({"classes_csv": custom_data.classes_csv(None)}, ["nowhere"]),
        (
            {"embeddings_csv": "class,a\nwren,1\n"},
            ["more than once", "3 columns", "embeddings.csv"],
        ),
        (
            {
                "classes_csv": custom_data.classes_csv(None),
                "embeddings_csv": "class,a\nwren,1\n",
            },
            ["does not describe kite", "1 of 8"],
        ),
        (
            {
                "classes_csv": custom_data.classes_csv(None),
                "embeddings_csv": "class,a\nwrem,1\n",
            },
            ["Line 2", "'wrem'", "Did you mean 'wren'"],
        ),
        ({"labels_csv": None}, ["no labels"]),
        (
            {"labels_csv": line(LABELS, 5, None)},
            ["do not fit", "23", "(24, 7)"],
        ),
        (
            {"labels_csv": line(LABELS, 5, "krow,x.jpg")},
            ["Line 5", "labels.csv", "'krow'", "Did you mean 'crow'"],
        ),
        ({"features_csv": "class,x\n"}, ["features.npy and features.csv"]),
        ({"splits_csv": line(SPLITS, 2, None)}, ["not name all", "row 0"]),
        ({"splits_csv": line(SPLITS, 2, "24,test")}, ["Line 2", "'24'"]),
        (
            {"splits_csv": line(SPLITS, 2, "gull/14.jpeg,test")},
            ["Line 2", "Did you mean 'gull/14.jpg'"],
        ),
        ({"splits_csv": line(SPLITS, 2, "1,test")}, ["Line 3", "second time"]),
        ({"splits_csv": line(SPLITS, 2, "0,tset")}, ["Line 2", "'tset'"]),
        (
            {"splits_csv": line(SPLITS, 25, "23,train")},
            ["unseen classes", "row 23 (ibis)"],
        ),
        (
            {"splits_csv": line(SPLITS, 2, "0,test")},
            ["wren", "no sample to train on"],
        ),
        (
            {"splits_csv": SPLITS.replace("test", "train", 4)},
            ["No sample of a seen class", "splits.csv"],
        ),
        ({"extraction_json": "{}"}, ["extraction.json", "backbone"]),
    ],
)
def test_spoilt_text(tmp_path, texts, words):
    folder = custom_data.write(tmp_path / "source", **texts)
    if words is None:  # A class with samples may be unseen.
        assert len(custom_data.read(folder).rows["test_unseen"]) == 3
        return
    assert_refused(tmp_path, words)


def assert_refused(tmp_path, words, features=None) -> None:
    with pytest.raises(InputError) as caught:
        custom_data.prepared(
            tmp_path / "source", tmp_path / "data", features_dir=features
        )
    for text in words:
        assert text in str(caught.value)
    assert not (tmp_path / "data").exists()


def with_nan(features):
    features = features.copy()
    features[5, 2] = np.nan
    return features


@pytest.mark.parametrize(
    "name, array, words",
    [
        (
            "features",
            with_nan(custom_data.FEATURES),
            ["not finite", "from 0: 5"],
        ),
        ("features", custom_data.FEATURES[0], ["not a matrix", "(7,)"]),
        ("features", custom_data.FEATURES[:0], ["not a matrix", "(0, 7)"]),
        (
            "features",
            custom_data.FEATURES.astype("U3"),
            ["not a matrix", "U3"],
        ),
        ("features", custom_data.FEATURES[:9], ["do not fit", "24", "(9, 7)"]),
        ("features", np.array([{}]), ["Cannot read", "plain arrays"]),
        ("labels", np.arange(24) % 9, ["0 to 7", "8 at place 8"]),
        ("labels", np.arange(24) - 1, ["0 to 7", "-1 at place 0"]),
        ("labels", np.arange(24) / 2, ["not hold labels"]),
        ("labels", np.ones((3, 8)), ["not hold labels", "(3, 8)"]),
        ("labels", np.array(["wrenn"] * 24), ["Did you mean 'wren'"]),
        ("labels", np.array([b"wre\xc5"] * 24), ["wre\ufffd", "mean 'wren'"]),
        ("labels", np.zeros(0, int), ["do not fit", "(24, 7)"]),
        ("embeddings", custom_data.EMBEDDINGS[:5], ["8 rows", "(5, 3)"]),
        ("embeddings", with_nan(np.ones((8, 3))), ["not finite", "from 1: 6"]),
    ],
)
def test_spoilt_array(tmp_path, name, array, words):
    texts = {}
    if name == "labels":
        texts["labels_csv"] = None
    if name == "embeddings":
        texts["classes_csv"] = custom_data.classes_csv(None)
    custom_data.write(tmp_path / "source", **texts)
    np.save(tmp_path / "source" / f"{name}.npy", array)

    assert_refused(tmp_path, words)


def test_seen_class_without_a_sample(tmp_path):
    custom_data.write(
        tmp_path / "source", classes_csv=CLASSES + "hawk,seen,1,2,3\n"
    )
    assert_refused(tmp_path, ["hawk is seen and has no sample"])


def test_no_class_large_enough_to_test_on(tmp_path):
    custom_data.write(tmp_path / "source")
    custom_data.as_npz(tmp_path / "source")
    kept = [0, 1, 2, 4, 5, 8, 9, 14, 15]
    np.savez(
        tmp_path / "source" / "features.npz",
        features=custom_data.FEATURES[kept],
        labels=np.array(custom_data.LABELS)[kept],
    )
    assert_refused(tmp_path, ["No sample of a seen class", "four samples"])


@pytest.mark.parametrize("most", [3, 4])
def test_tuning_needs_four_samples_of_a_seen_class(tmp_path, most):
    custom_data.write(tmp_path / "source")
    custom_data.as_npz(tmp_path / "source")
    kept = [
        row
        for row, label in enumerate(custom_data.LABELS)
        if custom_data.LABELS[:row].count(label) < most
    ]
    np.savez(
        tmp_path / "source" / "features.npz",
        features=custom_data.FEATURES[kept],
        labels=np.array(custom_data.LABELS)[kept],
    )
    if most == 4:
        custom_data.prepared(tmp_path / "source", tmp_path / "data")
        return
    assert_refused(tmp_path, ["for tuning", "three rows", "four of such"])


def test_numbers_that_are_names_too(tmp_path):
    kinds = {
        str(n + 1): kind for n, kind in enumerate(custom_data.KINDS.values())
    }
    custom_data.write(
        tmp_path / "source",
        classes_csv=custom_data.classes_csv(kinds=kinds),
        labels_csv=None,
    )
    np.save(tmp_path / "source" / "labels.npy", np.arange(24) % 6 + 1)

    assert_refused(tmp_path, ["two ways", "1, 2, 3"])


def test_archive_without_labels(tmp_path):
    custom_data.write(tmp_path / "source")
    custom_data.as_npz(tmp_path / "source")
    np.savez(
        tmp_path / "source" / "features.npz",
        features=custom_data.FEATURES,
        label=[0],
    )
    assert_refused(tmp_path, ["lacks the array 'labels'", "mean 'label'"])


@pytest.mark.parametrize("kind", ["csr", "coo"])
def test_a_sparse_matrix_is_named(tmp_path, kind):
    custom_data.write(tmp_path / "source")
    (tmp_path / "source" / "features.npy").unlink()
    sparse = scipy.sparse.csr_array(custom_data.FEATURES).asformat(kind)
    scipy.sparse.save_npz(tmp_path / "source" / "features.npz", sparse)
    assert_refused(tmp_path, ["is a sparse matrix of SciPy", "toarray()"])


def test_an_archive_may_have_arrays_of_other_names(tmp_path):
    custom_data.write(tmp_path / "source")
    custom_data.as_npz(tmp_path / "source")
    path = tmp_path / "source" / "features.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    others = {"data": [1], "format": [2], "shape": [3]}  # as of a sparse one
    np.savez(path, **arrays, **others)
    custom_data.assert_as_written(custom_data.read(tmp_path / "source"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x93NUMPY"])
@pytest.mark.parametrize("name", ["features.npy", "features.npz"])
def test_damaged_arrays(tmp_path, name, content):
    custom_data.write(tmp_path / "source")
    (tmp_path / "source" / "features.npy").unlink()
    (tmp_path / "source" / name).write_bytes(content)

    assert_refused(tmp_path, [name, "Cannot read"])


def test_what_is_no_text(tmp_path):
    custom_data.write(tmp_path / "source")
    (tmp_path / "source" / "classes.csv").write_bytes(b"class,seen\n\xff\xfe")

    assert_refused(tmp_path, ["Cannot read", "classes.csv", "UTF-8"])


@pytest.mark.parametrize("above", ["images", ""])
def test_images_are_not_features_yet(tmp_path, above):
    custom_data.write(tmp_path / "source", labels_csv=None)
    (tmp_path / "source" / "features.npy").unlink()
    folder = tmp_path / "source" / above / "kite"
    folder.mkdir(parents=True)
    (folder / "1.JPG").write_bytes(b"")

    assert_refused(
        tmp_path, [f"bin/extract_features --images={folder.parent} --out="]
    )


@pytest.mark.parametrize("above", ["images", ""])
def test_folders_of_images_that_name_no_class(above, tmp_path):
    custom_data.write(tmp_path / "source", labels_csv=None)
    (tmp_path / "source" / "features.npy").unlink()
    for name in ("kite value", "owl value"):
        folder = tmp_path / "source" / above / name
        folder.mkdir(parents=True)
        (folder / "1.jpg").write_bytes(b"")
    (tmp_path / "source" / above / "notes").mkdir()

    assert_refused(
        tmp_path,
        [
            f"no folder of images in {folder.parent} has the name of a class",
            "called as in classes.csv: wren, kite, ",
            "received: 2 folders of images: kite value, owl value\n",
            "Give each folder the name of its class",
        ],
    )
    (tmp_path / "source" / "features.xlsx").touch()
    assert_refused(tmp_path, ["received: features.xlsx"])


def test_no_features_at_all(tmp_path):
    custom_data.write(tmp_path / "source", labels_csv=None)
    (tmp_path / "source" / "features.npy").unlink()

    assert_refused(tmp_path, ["has no features", "classes.csv"])
    assert_refused(
        tmp_path,
        ["Cannot read", "nowhere", "nothing there"],
        tmp_path / "nowhere",
    )


def test_a_missing_folder_is_not_to_be_filled(tmp_path):
    with pytest.raises(InputError, match="Correct the path of the folder"):
        classes.read(epath.Path(tmp_path / "nowhere"))
