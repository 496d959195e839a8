"""From names and photographs to predictions, with words alone and joined."""

import csv
import dataclasses
import shutil
import types

import numpy as np
import pytest
from etils import epath

from gmn_tf import commands
from gmn_tf.commands import _demo, _predict, command_line
from gmn_tf.data import mat_export
from gmn_tf.descriptions import describe
from gmn_tf.inference import new_classes, prediction
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import encoder_records
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file
from tests.support import quick
from tests.support.in_process import call, fail, succeed

NAMES = ("001.Crow", "002.Finch", "003.Heron", "004.Kite", "005.Owl", "Wren")
WORDS = ("crow", "finch", "heron", "kite", "owl", "wren", "ibis", "black")
VALUES = np.ones((1, 5), np.float32)
TRAINING = (
    "--variant=real_only",
    "--classifier=discriminant",
    "--classifier_seeds=1",
)


def table(path, *rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "toy.vectors.txt"
    rng = np.random.default_rng(3)
    lines = [f"{w} {' '.join(map(str, rng.normal(size=5)))}" for w in WORDS]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory, vectors):
    """Features of six classes, with attributes and with words."""
    folder = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    attributes = rng.random((6, 3)).round(3)
    seen = [int(number < 4) for number in range(6)]
    table(
        folder / "classes.csv",
        ["class", "seen", "a1", "a2", "a3"],
        *([n, s, *a] for n, s, a in zip(NAMES, seen, attributes)),
    )
    labels = np.repeat(np.arange(6), 5)
    features = attributes[labels] @ rng.normal(size=(3, 4))
    noise = 0.1 * rng.normal(size=features.shape)
    np.save(folder / "features.npy", (features + noise).astype("f4"))
    np.save(folder / "labels.npy", labels)
    printed = succeed(
        commands.describe,
        f"--classes={folder / 'classes.csv'}",
        f"--encoder={vectors}",
        f"--out={folder / 'embeddings_words.csv'}",
    )
    assert "3 columns of" in printed and "6 classes, 5 numbers" in printed
    return folder


def trained(source, place, embedding):
    data_dir = f"--data_dir={place / 'data'}"
    flags = "--dataset=birds", f"--embedding={embedding}", data_dir
    printed = succeed(commands.prepare_data, f"--source={source}", *flags)
    assert f"--embedding={embedding}" in printed
    workdir = place / embedding
    norm = ["--embedding_norm=l2,0.2*l2"] * ("+" in embedding)
    quick.train(f"--workdir={workdir}", *flags, *TRAINING, *norm)
    return workdir


@pytest.fixture(scope="module")
def runs(source, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return {
        name: trained(source, place, name) for name in ("words", "att+words")
    }


def predicted(workdir, classes, source, *flags):
    return csv.DictReader(
        succeed(
            commands.predict,
            f"--workdir={workdir}",
            f"--classes={classes}",
            f"--features={source / 'features.npy'}",
            "--top_k=9",
            *flags,
        ).splitlines()
    )


def test_new_classes_are_described_by_their_names(runs, source, tmp_path):
    names = tmp_path / "new.txt"
    names.write_text("Ibis\nblack owl\n")
    rows = [*predicted(runs["words"], names, source)]
    assert {"Ibis", "black owl"} <= {row["class"] for row in rows}
    known = prediction.Predictor.load(runs["words"]).classes
    read = new_classes.read(names, known)
    values = new_classes.from_words(known, read.names)
    np.testing.assert_array_equal(values, read.values)
    # The numbers of bin/describe are taken as they are.
    numbers = [["class", *known.columns], ["Ibis", *values[0]]]
    again = new_classes.read(table(tmp_path / "n.csv", *numbers), known)
    np.testing.assert_allclose(again.values, values[:1], rtol=1e-6)
    # Other numbers are not taken for them.
    others = [["class", *"abcdefg"], ["Ibis", *range(7)]]
    named = new_classes.read(table(tmp_path / "o.csv", *others), known)
    np.testing.assert_array_equal(named.values, values[:1])
    assert named.notes[0].endswith("are not read: a, b, c, d, e, ...")
    # One that is spelt as people write it is told.
    names.write_text("Ibis\nowl\n")
    (note,) = new_classes.read(names, known).notes
    assert "owl reads like 005.Owl, a class of the run" in note
    # A class of the run is not described anew.
    names.write_text("005.Owl\n")
    flags = f"--features={source / 'features.npy'}", f"--classes={names}"
    message = fail(commands.predict, f"--workdir={runs['words']}", *flags)
    assert "in the run already" in message


def test_notes_of_bin_describe_are_counted_by_kind(vectors, tmp_path):
    names = [f"owl {'x' * size}" for size in range(2, 7)] + ["Kites, 2 x", "q"]
    rows = [[name, "heron" * (name == "q"), "soars"] for name in names]
    header = ["class", "text", "keywords"]
    out = tmp_path / "embeddings_words.csv"
    printed = succeed(
        commands.describe,
        f"--classes={table(tmp_path / 'names.csv', header, *rows)}",
        f"--encoder={vectors}",
        f"--out={out}",
    ).splitlines()
    expected = [
        "Note: 1 column of",
        "Note: 1 group of classes has the same description",
        "Note: 1 of 7 classes has no known word in the name",
        "Note: 5 of 7 classes have words without a vector",
        "Note: 1 of 7 classes has words that are read in another form: 'Kites,",
        "Note: all 8 of these, class by class, are in",
        "7 classes, 5 numbers each",
    ]
    assert len(printed) == len(expected)
    assert all(map(str.startswith, printed, expected)), printed
    notes = out.with_name("embeddings_words.notes.csv")
    assert str(notes) in printed[-1] and str(notes) in printed[-2]
    assert len(notes.read_text().splitlines()) == 1 + 8


def test_a_column_that_is_not_read_is_named_before_an_error(vectors, tmp_path):
    rows = [["class", "keywords"], ["❄\ufe0f", "snow"], ["owl", "night"]]
    path = table(tmp_path / "names.csv", *rows)
    flags = f"--encoder={vectors}", f"--out={tmp_path / 'classes.csv'}"
    outcome = call(commands.describe, f"--classes={path}", *flags)
    assert "❄\ufe0f (no word at all)" in outcome.stderr
    assert "is not read: keywords. Only" in outcome.stdout


def test_notes_on_new_classes_are_called_notes(monkeypatch, capsys):
    found = new_classes.Descriptions(("ibis",), VALUES, (), ("It lacks x.",))
    monkeypatch.setattr(new_classes, "read", lambda *_: found)
    known = types.SimpleNamespace(names=("owl",))
    for quiet, printed in [(False, "Note: It lacks x.\n"), (True, "")]:
        values = types.SimpleNamespace(classes="new", encoder=None, quiet=quiet)
        assert _predict._new_classes(known, values) is found
        assert capsys.readouterr().err == printed


def test_joined_descriptions_need_their_numbers(runs, source, tmp_path):
    known = prediction.Predictor.load(runs["att+words"]).classes
    with pytest.raises(InputError, match="numbers of att"):
        new_classes.read(table(tmp_path / "n.csv", ["class"], ["ibis"]), known)
    with pytest.raises(InputError, match="not described by words alone"):
        new_classes.from_words(known, ["ibis"])
    path = table(
        tmp_path / "new.csv",
        ["class", "a3", "text", "a1", "a2"],
        ["ibis", 0.3, "a big black heron", 0.1, 0.2],
    )
    rows = [*predicted(runs["att+words"], path, source)]
    assert "ibis" in {row["class"] for row in rows}
    found = new_classes.read(path, known)
    np.testing.assert_allclose(found.values[0, :3], [0.1, 0.2, 0.3])
    assert found.values.shape == (1, 8)


def test_the_page_describes_a_class_by_its_words(runs):
    def page(workdir):
        values = command_line.define_flags(commands.demo.definitions)
        command_line.parse([f"--workdir={workdir}"], values, "")
        return _demo.make_app(values, True).test_client()

    shown = page(runs["words"])
    assert 'id="sentence"' in shown.get("/").text
    sent = {"name": "Ibis", "sentence": "It is black."}
    known = prediction.Predictor.load(runs["words"]).classes
    expected = new_classes.from_words(known, ["Ibis"], ["It is black."])
    found = shown.post("/describe", json=sent).json["values"]
    np.testing.assert_allclose(found, expected[0], rtol=1e-6)
    unknown = shown.post("/describe", json={"name": "xyzzy", "sentence": ""})
    assert unknown.status_code == 400 and unknown.json["action"]
    assert 'id="sentence"' not in page(runs["att+words"]).get("/").text


def test_the_weight_of_a_part_is_kept(runs):
    known = prediction.Predictor.load(runs["att+words"]).classes
    row = known.scaled(np.ones((1, 8), np.float32), ["x"])[0]
    assert np.linalg.norm(row[:3]) == pytest.approx(1.0)
    assert np.linalg.norm(row[3:]) == pytest.approx(0.2)


def test_a_moved_encoder_is_asked_for(runs, source, vectors, tmp_path):
    names = tmp_path / "new.txt"
    names.write_text("ibis\n")
    moved = vectors.rename(tmp_path / "moved.txt")
    try:
        flags = (
            f"--workdir={runs['words']}",
            f"--classes={names}",
            f"--features={source / 'features.npy'}",
        )
        message = fail(commands.predict, *flags)
        assert "toy.vectors.txt" in message and "--encoder" in message
        succeed(commands.predict, *flags, f"--encoder={moved}")
        other = tmp_path / "other.txt"
        other.write_text(moved.read_text().replace("kite ", "gull "))
        message = fail(commands.predict, *flags, f"--encoder={other}")
        assert "sha256=" in message
    finally:
        moved.rename(vectors)


def test_the_encoder_stays_with_the_data(runs, tmp_path):
    _, source = Workdir(str(runs["att+words"])).read_config()
    paths = mat_export.write(source["name"], source["data_dir"], tmp_path)
    att, words = (
        mat_file.read(epath.Path(path), ("encoder",)) for path in paths[1:]
    )
    assert encoder_records.of_mat(att) is None
    known = prediction.Predictor.load(runs["att+words"]).classes
    assert encoder_records.of_mat(words) == known.scalings[1].encoder
    message = fail(
        commands.train,
        "--dataset=birds",
        "--embedding=sent",
        f"--data_dir={source['data_dir']}",
    )
    assert "the embedding att+words or words" in message


def test_what_is_missing_is_said(source, tmp_path):
    place = tmp_path / "mine"
    shutil.copytree(source, place)
    (place / "classes.csv").write_text(
        "class,seen\n" + "".join(f"{n},{int(n < '005')}\n" for n in NAMES)
    )
    flags = f"--source={place}", "--dataset=mine", f"--data_dir={tmp_path}"
    (place / "embeddings_words.notes.csv").touch()  # of bin/describe
    message = fail(commands.prepare_data, *flags)
    assert "--embedding=words." in message
    message = fail(commands.prepare_data, *flags, "--embedding=glove")
    assert "embeddings_glove.csv" in message
    (place / "embeddings_words.encoder.json").write_text("{}")
    message = fail(commands.prepare_data, *flags, "--embedding=words")
    assert "how classes were described" in message
    assert not (tmp_path / "zero_shot").exists()


def test_another_encoder_is_that_of_the_parts_of_its_kind(
    runs, vectors, monkeypatch
):
    known = prediction.Predictor.load(runs["words"]).classes
    (part,) = known.scalings
    tower = dataclasses.replace(part, encoder={"encoder": "hub"})
    both = dataclasses.replace(known, scalings=(part, tower))
    asked = []

    def describe_alike(names, record, texts, encoder, quiet):
        asked.append((record["encoder"], encoder))
        return describe.Description(np.ones((len(names), part.dim)), record, ())

    monkeypatch.setattr(new_classes, "describe_alike", describe_alike)
    new_classes.from_words(both, ["ibis"], encoder=vectors)
    assert asked == [("words", vectors), ("hub", None)]


def test_moved_encoders_of_one_kind_are_known_by_their_names(
    runs, vectors, tmp_path
):
    known = prediction.Predictor.load(runs["words"]).classes
    (part,) = known.scalings
    moved, parts = [], []
    for name, factor in (("one.txt", 1.0), ("two.txt", 2.0)):
        path = tmp_path / name
        lines = [line.split() for line in vectors.read_text().splitlines()]
        lines = [[w, *(str(factor * float(v)) for v in vs)] for w, *vs in lines]
        path.write_text("\n".join(map(" ".join, lines)))
        found = describe.describe(["crow", "kite"], path)
        parts.append(dataclasses.replace(part, encoder=found.record))
        (tmp_path / "moved").mkdir(exist_ok=True)
        moved.append(path.rename(tmp_path / "moved" / name))
    both = dataclasses.replace(known, scalings=tuple(parts))

    def values(*places):
        return new_classes.from_words(both, ["ibis"], encoder=places)

    first, second = np.split(values(*reversed(moved))[0], 2)
    np.testing.assert_allclose(second, 2.0 * first, rtol=1e-5)
    with pytest.raises(
        InputError, match=r"encoder .* two\.txt, cannot be used"
    ):
        values(moved[0])
    other = moved[1].rename(tmp_path / "moved" / "renamed.txt")
    with pytest.raises(InputError, match=r"(?s)no encoder.*one\.txt or two"):
        values(moved[0], other)
