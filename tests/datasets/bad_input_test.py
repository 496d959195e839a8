"""Input that cannot be right is refused before anything is written."""

import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.prepare import prepare
from tests.support import make_dummy_data


def _set(name: str, value) -> Callable[[dict], None]:
    """A change that sets a variable."""
    return lambda variables: variables.update({name: value})


def _drop(name: str) -> Callable[[dict], None]:
    return lambda variables: variables.pop(name)


def _put(name: str, index, value) -> Callable[[dict], None]:
    """A change of one element."""

    def change(variables):
        if variables[name].dtype.kind in "iu":
            variables[name] = variables[name].astype(np.float64)
        variables[name][index] = value

    return change


def _append(name: str, row: int) -> Callable[[dict], None]:
    def change(variables):
        variables[name] = np.append(variables[name], row).reshape(-1, 1)

    return change


def _without_test_rows(variables: dict) -> None:
    variables["test_unseen_loc"] = np.zeros((0, 1))


def _one_seen_class(variables: dict) -> None:
    variables["trainval_loc"] = np.array([[1, 2, 3]])
    variables["test_seen_loc"] = np.array([[4]])


FEATURES, ATT, SENT = "res101", "att_splits", "sent_splits"


@pytest.mark.parametrize(
    "stem, change, texts",
    [
        (FEATURES, _drop("features"), ["lacks features"]),
        (FEATURES, _drop("labels"), ["lacks labels"]),
        (
            FEATURES,
            _put("features", (2, 3), np.nan),
            ["not finite", "1 rows", "from 1: 4"],
        ),
        (FEATURES, _put("features", (0, 36), np.inf), ["from 1: 37"]),
        (
            FEATURES,
            _put("features", (0, 36), 1e40),
            ["larger ones for 1 rows", "from 1: 37", "Divide all numbers"],
        ),
        (FEATURES, _put("features", (0, 0), 1e300), ["from 1: 1"]),
        (FEATURES, _set("features", np.ones((7, 36))), ["(7, 36)", "37"]),
        (FEATURES, _set("features", np.array(["a"])), ["not a matrix"]),
        (FEATURES, _set("features", np.ones((0, 37))), ["not empty", "(0, 37"]),
        (FEATURES, _put("labels", 0, 0), ["no embedding", "0 in row 1"]),
        (FEATURES, _put("labels", 5, 10), ["1 to 9", "10 in row 6"]),
        (FEATURES, _put("labels", 5, 1.5), ["whole", "1.5 at position 6"]),
        (FEATURES, _put("labels", 5, np.nan), ["whole", "nan"]),
        (FEATURES, _put("labels", 36, 3), ["c_bird is both seen and unseen"]),
        (FEATURES, _put("labels", 4, 9), ["i_bird is tested as seen"]),
        (ATT, _drop("att"), ["lacks att"]),
        (ATT, _drop("trainval_loc"), ["lacks trainval_loc"]),
        (ATT, _drop("test_seen_loc"), ["lacks test_seen_loc"]),
        (ATT, _put("att", (1, 3), np.nan), ["att in", "from 1: 4"]),
        (ATT, _set("att", np.ones((8, 5))), ["do not fit", "(8, 5)"]),
        (ATT, _put("trainval_loc", 0, 0), ["trainval_loc", "1 to 37"]),
        (ATT, _put("val_loc", 0, 38), ["val_loc", "1 to 37", "38"]),
        (ATT, _put("test_seen_loc", 0, 1), ["overlap", "from 1: 1"]),
        (ATT, _append("test_unseen_loc", 5), ["overlap", "from 1: 5"]),
        (ATT, _append("trainval_loc", 2), ["more than once"]),
        (ATT, _put("trainval_loc", 0, 5.5), ["whole", "5.5"]),
        (ATT, _without_test_rows, ["test_unseen_loc", "empty"]),
        (ATT, _set("val_loc", np.array([["a"]])), ["not a matrix"]),
        (ATT, _one_seen_class, ["too few seen classes", "a_bird"]),
        (
            ATT,
            _put("allclasses_names", 1, "a_bird"),
            ["Place 2 of allclasses_names", "'a_bird' again"],
        ),
        (SENT, _set("att", np.ones((3, 8))), ["9 classes", "8 classes"]),
        (
            SENT,
            _put("allclasses_names", 4, "eagle"),
            ["class 5 to be e_bird", "eagle"],
        ),
        (SENT, _put("att", (0, 0), np.inf), ["sent_splits", "not finite"]),
    ],
)
def test_spoilt_variable(tmp_path, stem, change, texts):
    folder = tmp_path / "source"
    make_dummy_data.write(folder)
    variables = (
        make_dummy_data.features_variables()
        if stem == FEATURES
        else make_dummy_data.splits_variables(stem.removesuffix("_splits"))
    )
    change(variables)
    make_dummy_data.save(folder / f"{stem}.mat", variables)
    _assert_refused(texts, tmp_path, manual_dir=folder, embedding="att+sent")


@pytest.mark.parametrize("file", ["res101.mat", "att_splits.mat"])
@pytest.mark.parametrize("kept", [0, 60, 200, 700])
def test_truncated_file(tmp_path, file, kept):
    make_dummy_data.write(tmp_path / "source")
    path = tmp_path / "source" / file
    path.write_bytes(path.read_bytes()[:kept])
    # A file that is cut at the end of a variable looks like a shorter one.
    _assert_refused(
        [str(path), "expected:"], tmp_path, manual_dir=tmp_path / "source"
    )


def test_missing_file_lists_the_choices(tmp_path):
    make_dummy_data.write(tmp_path / "source")
    _assert_refused(
        ["no w2v_splits.mat", "could be att, sent", "could be res101.mat"],
        tmp_path,
        manual_dir=tmp_path / "source",
        embedding="w2v",
    )


@pytest.mark.parametrize(
    "choice, texts",
    [
        ({"dataset": "cubb"}, ["'cubb'", "Did you mean 'cub'?"]),
        ({"dataset": "AWA1"}, ["Did you mean 'awa'?"]),
        ({"dataset": "mine"}, ["Choose one of the", "--manual_dir"]),
        ({"dataset": "flo"}, ["flo cannot be downloaded", "--manual_dir"]),
        ({"dataset": "cub", "manual_dir": "/gone"}, ["/gone does not exist"]),
        ({"features_file": "mine.mat"}, ["mine.mat cannot be downloaded"]),
        ({"embedding": "att+att"}, ["joins a part with itself"]),
        ({"embedding": "../att"}, ["embedding '../att'"]),
        ({"features_file": "a/b.mat"}, ["features_file 'a/b.mat'"]),
        ({"dataset": "a/b"}, ["dataset 'a/b'"]),
        ({"dataset": "synthetic", "embedding": "sent"}, ["drawn, not read"]),
        ({"url": "ftp://host/xlsa17.zip"}, ["http:// or https://"]),
    ],
)
def test_request_that_cannot_be_met(tmp_path, choice, texts):
    _assert_refused(texts, tmp_path, **{"dataset": "cub", **choice})


def test_folder_without_data(tmp_path):
    (tmp_path / "empty").mkdir()
    _assert_refused(
        ["does not hold the data set cub", "xlsa17/data/CUB", "none of"],
        tmp_path,
        dataset="cub",
        manual_dir=tmp_path / "empty",
    )


def test_the_folder_with_most_of_the_files_is_named(tmp_path):
    make_dummy_data.write(tmp_path / "CUB")
    attributes = tmp_path / "xlsa17" / "data" / "CUB"
    attributes.mkdir(parents=True)
    shutil.copy(tmp_path / "CUB" / "att_splits.mat", attributes)
    _assert_refused(
        [str(tmp_path / "CUB"), "foo_splits.mat"],
        tmp_path,
        dataset="cub",
        manual_dir=tmp_path,
        embedding="att+foo",
    )


def test_file_that_is_a_folder(tmp_path):
    make_dummy_data.write(tmp_path / "source")
    (tmp_path / "source" / "res101.mat").unlink()
    (tmp_path / "source" / "res101.mat").mkdir()
    _assert_refused(
        ["Cannot read", "res101.mat"],
        tmp_path,
        manual_dir=tmp_path / "source",
    )


def test_data_dir_that_cannot_be_written(tmp_path):
    make_dummy_data.write(tmp_path / "source")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write data_dir"):
        prepare(
            "birds",
            data_dir=tmp_path / "file" / "data",
            manual_dir=tmp_path / "source",
        )


def _assert_refused(texts, tmp_path: pathlib.Path, **choice) -> None:
    data_dir = tmp_path / "data"
    choice = {"dataset": "birds", **choice}
    with pytest.raises(InputError) as caught:
        prepare(choice.pop("dataset"), data_dir=data_dir, **choice)
    message = str(caught.value)
    for text in (*texts, "expected:", "received:", "what to do:"):
        assert text in message
    assert not (data_dir / "zero_shot").exists()
