"""The page without a browser: what it answers, refuses, and leaves behind."""

import base64
import dataclasses
import io
import json
import shutil

import numpy as np
import PIL.Image
import pytest

from gmn_tf import commands
from gmn_tf.commands import _demo, command_line
from gmn_tf.data.zero_shot_data import NONE
from gmn_tf.demo import catalogue, page, uploads
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method.classifiers import base
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from tests.demo.conftest import COLOURS, NAMES, picture, png
from tests.support import toys
from tests.support.in_process import fail

RED = png(picture(COLOURS[0]))


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder, which is empty at the end.

    TensorFlow removes the sources that AutoGraph writes when it ends.
    """
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    left = [path.name for path in folder.iterdir()]
    assert not [n for n in left if not n.startswith("__autograph_generated")]


@pytest.fixture(scope="module")
def client(colours):
    return page.make_app(colours, "colours").test_client()


def send(client, name: str, content: bytes):
    return client.post("/features", data={"file": (io.BytesIO(content), name)})


def answers(client, samples, added=()):
    found = client.post(
        "/answers",
        json={
            "features": [one["features"] for one in samples],
            "added": list(added),
        },
    )
    assert found.status_code == 200, found.text
    return found.json["answers"]


def test_a_photograph_has_the_answer_of_the_predictor(client, colours):
    (sample,) = send(client, "red.png", RED).json["samples"]
    (found,) = answers(client, [sample])

    features = np.frombuffer(base64.b64decode(sample["features"]), "<f4")
    ((first, probability), *_) = colours.predictor.top(features[np.newaxis])[0]
    assert found[0] == {
        "name": first,
        "shown": "Red one",
        "kind": "seen",
        "probability": pytest.approx(probability, rel=1e-5),
        "rank": 1,
    }
    assert sum(one["probability"] for one in found) == pytest.approx(1.0)


def test_an_added_class_competes(client, colours):
    (sample,) = send(client, "red.png", RED).json["samples"]
    values = client.post("/sliders", json={"like": NAMES[0]}).json["values"]
    (found,) = answers(client, [sample], [{"name": "twin", "values": values}])

    kinds = {one["name"]: one["kind"] for one in found}
    assert kinds["twin"] == "added" and len(found) == 5
    larger = colours.predictor.with_classes(["twin"], np.array([values]))
    features = np.frombuffer(base64.b64decode(sample["features"]), "<f4")
    expected = dict(larger.top(features[np.newaxis], 5)[0])
    assert {one["name"]: one["probability"] for one in found} == (
        pytest.approx(expected, rel=1e-5)
    )


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ([{"name": "green", "values": [1, 2, 3]}], "green"),
        ([{"name": "new", "values": [1, 2]}], "3 numbers each"),
        ([{"name": "new", "values": [1, 2, float("nan")]}], "finite"),
        ([{"name": "", "values": [1, 2, 3]}], ""),
        ([{"name": "new"}], "no classes"),
        ([{"name": str(n), "values": [1, 2, 3]} for n in range(21)], "20"),
        ("new", ""),
    ],
)
def test_classes_that_cannot_be_added_are_refused(client, added, words):
    row = base64.b64encode(np.zeros(256, "<f4").tobytes()).decode()
    for rows in ([], [row]):  # at once, not with the first sample
        found = client.post("/answers", json={"features": rows, "added": added})
        assert found.status_code == 400
        assert words in json.dumps(found.json) and found.json["action"]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {},
        {"features": ["?"], "added": []},
        {"features": ["AAAA", "AAAAAAAA"], "added": []},
    ],
)
def test_requests_that_are_none_are_refused(client, sent):
    for address in ("/answers", "/describe", "/sliders", "/class"):
        found = client.post(address, json=sent)
        assert found.status_code in (400, 415)
        assert found.json["problem"]


def huge() -> bytes:
    """A PNG of many pixels in few bytes."""
    content = io.BytesIO()
    PIL.Image.new("1", (10_000, 9_000)).save(content, "PNG")
    return content.getvalue()


def bomb() -> bytes:
    """An archive of few bytes with many zeros in it."""
    content = io.BytesIO()
    np.savez_compressed(content, features=np.zeros([100, 300_000], bool))
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.png", b"", "an empty file"),
        ("../../etc/a.png", b"text", "a.png cannot be read"),
        ("half.png", RED[: len(RED) // 2], "half.png cannot be read"),
        ("x.html", b"<script>", "x.html cannot be read"),
        ("rows.csv", b"sample,a\nx,1\n", "dimensions=1"),
        ("rows.npy", b"\x93NUMPY nonsense", "rows.npy"),
        ("rows.npz", b"PK no archive", "rows.npz"),
        ("bomb.npz", bomb(), "at most 20 MB when it is unpacked"),
        ("huge.png", huge(), "10000 x 9000 pixels"),
    ],
)
def test_bad_files_are_refused_by_name(
    client, name, content, words, tmp_path, monkeypatch
):
    monkeypatch.setattr(uploads, "MOST_UNPACKED", 20_000_000)
    found = send(client, name, content)
    said = json.dumps(found.json)

    assert found.status_code == 400
    assert words in said and found.json["action"]
    assert str(tmp_path) not in said and "sample." not in said


def test_a_file_that_is_too_large_is_refused(client):
    found = send(client, "a.png", bytes(page.LARGEST_FILE * 2**20 + 1))
    assert found.status_code == 413
    assert "larger than 20 MB" in found.json["problem"]


def test_only_this_machine_and_this_page_are_answered(client, colours):
    for host, status in {
        "evil.example": 400,
        "evil.example:7860": 400,
        "127.0.0.1.evil.example": 400,
        "localhost:7860": 200,
        "[::1]:7860": 200,
    }.items():
        assert client.get("/", headers={"Host": host}).status_code == status
    open_to_all = page.make_app(colours, "x", local=False).test_client()
    found = open_to_all.get("/", headers={"Host": "a.server"})
    assert found.status_code == 200
    assert "'self'" in found.headers["Content-Security-Policy"]
    foreign = {"Sec-Fetch-Site": "cross-site"}
    asked = client.post("/class", json={"name": "blue"}, headers=foreign)
    assert asked.status_code == 403
    assert "http" not in client.get("/static/demo.css").text
    assert "//" not in client.get("/").text.replace("http://www.w3.org", "")


def test_names_are_no_code_of_the_page(colours):
    names = ("<script>1</script>", *NAMES[1:])
    classes = dataclasses.replace(colours.predictor.classes, names=names)
    demo = dataclasses.replace(
        colours,
        predictor=Predictor(classes, colours.predictor.classifiers),
        catalogue=dataclasses.replace(colours.catalogue, classes=classes),
    )
    text = page.make_app(demo, "<b>").test_client().get("/").text
    assert "<script>1" not in text and "<b>" not in text


def test_a_run_that_no_class_can_be_added_to_says_so(colours):
    term = base.Term(False, toys.normal(256, 5).astype("f4"), np.zeros(5, "f4"))
    linear = Predictor(colours.predictor.classes, (base.assemble([term]),))
    demo = dataclasses.replace(colours, predictor=linear)
    text = page.make_app(demo, "x").test_client().get("/").text
    assert "cannot score a new one" in text and 'id="add"' not in text


def test_words_are_for_runs_that_were_described_by_words(client, colours):
    sent = {"name": "azure", "sentence": "It is blue."}
    found = client.post("/describe", json=sent)
    assert found.status_code == 400
    assert "Use the sliders" in found.json["action"]
    assert 'id="sentence"' not in client.get("/").text

    def describe(names, sentences):
        assert (names, sentences) == (["azure"], ["It is blue."])
        return np.array([[0.1, 0.2, 0.9]])

    demo = dataclasses.replace(colours, describe=describe)
    wordy = page.make_app(demo, "x").test_client()
    assert wordy.post("/describe", json=sent).json["values"] == [0.1, 0.2, 0.9]
    assert 'id="sentence"' in wordy.get("/").text
    again = wordy.post("/describe", json={**sent, "name": "blue"})
    assert again.status_code == 400


# ---- a run as bin/train leaves it --------------------------------------------


def app_of(workdir, *words):
    values = command_line.define_flags(commands.demo.definitions)
    command_line.parse([f"--workdir={workdir}", *words], values, "")
    return _demo.make_app(values, True)


@pytest.fixture(scope="module")
def with_data(finished_run, tiny_name, tiny_dir, tmp_path_factory):
    """The finished run, which says where its data is."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    shutil.copytree(finished_run.workdir.path, folder)
    content = Workdir(folder).read_json("config.json")
    content["data"] |= {"name": tiny_name, "data_dir": str(tiny_dir)}
    Workdir(folder).write_json("config.json", content)
    return folder


def test_rows_for_a_run_without_a_backbone(with_data, finished_run, predictor):
    client = app_of(with_data).test_client()
    text = client.get("/").text
    assert "Drop a file of features" in text and "14 numbers" in text
    refused = send(client, "red.png", RED)
    assert "rows of 14 numbers" in refused.json["expected"]

    features = finished_run.data.unseen.features[:3]
    content = io.BytesIO()
    np.save(content, features)
    samples = send(client, "rows.npy", content.getvalue()).json["samples"]
    assert samples[0]["name"] == "rows.npy, row 1"
    for found, top in zip(answers(client, samples), predictor.top(features)):
        assert [one["name"] for one in found] == [name for name, _ in top]


def test_an_added_class_is_shown_wherever_it_stands(with_data, finished_run):
    client = app_of(with_data).test_client()
    content = io.BytesIO()
    np.save(content, finished_run.data.seen.features[:4])
    samples = send(client, "rows.npy", content.getvalue()).json["samples"]
    values = [-50.0] * 7
    found = answers(client, samples, [{"name": "new", "values": values}])
    for one in found:
        assert [each["rank"] for each in one][:5] == [1, 2, 3, 4, 5]
        assert "new" in [each["name"] for each in one]
        assert len(one) == (5 if one[-1]["rank"] == 5 else 6)


def test_samples_held_back_are_drawn_with_their_truth(with_data, finished_run):
    client = app_of(with_data).test_client()
    samples = client.post("/held_back", json={}).json["samples"]
    names = finished_run.data.class_names
    places = [names.index(one["truth"]) for one in samples]
    seen = finished_run.data.num_seen

    assert [place >= seen for place in places] == [True] * 3 + [False] * 3
    rows = np.stack([page._decoded(one["features"]) for one in samples])
    data = finished_run.data
    assert data.feature_scaling.kind == NONE
    for row, place in zip(rows, places):
        part = data.unseen if place >= seen else data.seen
        assert (part.features[part.labels == place] == row).all(1).any()


def test_a_class_of_a_run(with_data, finished_run):
    client = app_of(with_data).test_client()
    data = finished_run.data
    name = data.class_names[-1]
    found = client.post("/class", json={"name": name}).json

    accuracy = found["accuracy"]
    assert found["kind"] == "unseen" and 0.0 <= accuracy <= 100.0
    wrong = sum(one["percent"] for one in found["taken_for"])
    assert wrong == pytest.approx(100.0 - accuracy, abs=0.01)
    raw = data.raw_embeddings[0]
    recorded = list(data.metadata["class_names"])
    places = [recorded.index(one) for one in data.class_names]
    values = raw[recorded.index(name)]
    strength = (values - raw[places].mean(0)) / raw[places].std(0)
    first = found["strongest"][0]
    assert first["number"] == abs(strength).argmax()
    assert first["value"] == pytest.approx(values[first["number"]])
    for other in ("none", ""):  # which stands for the mean elsewhere
        asked = client.post("/class", json={"name": other})
        assert asked.status_code == 400 and "no such class" in asked.text


def test_a_run_whose_data_is_gone_still_answers(
    finished_run, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    shutil.copytree(finished_run.workdir.path, folder)
    (folder / "confusions.csv").unlink()
    client = app_of(folder).test_client()
    text = client.get("/").text

    assert "descriptions of its classes are not there" in text
    assert 'id="held-back"' not in text
    found = client.post("/class", json={"name": "class_001"}).json
    assert found["strongest"] == [] and "data" in found["missing"]
    assert "bin/evaluate" in found["notes"][0]
    # Of so many classes it does not write which are confused.
    monkeypatch.setattr(catalogue, "MOST_CLASSES", 8)
    found = (
        app_of(folder).test_client().post("/class", json={"name": "class_001"})
    )
    assert "more than 8 classes" in found.json["notes"][0]
    assert client.post("/sliders", json={"like": ""}).status_code == 400


def test_a_port_that_is_taken_is_refused(colours):
    app = page.make_app(colours, "x")
    server = page.make_server(app, "127.0.0.1", 0)
    with pytest.raises(InputError, match="--port"):
        page.make_server(app, "127.0.0.1", int(server.effective_port))
    server.close()


@pytest.mark.parametrize("host", ["nowhere.invalid", "", "256.0.0.1"])
def test_an_address_that_is_none_is_refused(host, colours):
    with pytest.raises(InputError, match="--host"):
        page.make_server(page.make_app(colours, "x"), host, 0)


def test_localhost_is_one_address(colours):
    server = page.make_server(page.make_app(colours, "x"), "localhost", 0)
    assert server.effective_port
    server.close()


def test_a_run_without_a_temperature_says_so(with_data, tmp_path):
    assert "not calibrated" not in app_of(with_data).test_client().get("/").text
    folder = tmp_path / "run"
    shutil.copytree(with_data, folder)
    content = Workdir(folder).read_json("metrics.json")
    content.pop("calibration")  # as of an older version
    Workdir(folder).write_json("metrics.json", content)
    assert "not calibrated" in app_of(folder).test_client().get("/").text


def test_data_of_other_classes_is_not_taken(with_data, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(with_data, folder)
    content = Workdir(folder).read_json("classes.json")
    kinds = content["classes"]
    kinds["gone"] = kinds.pop([*kinds][-1])
    Workdir(folder).write_json("classes.json", content)
    text = app_of(folder).test_client().get("/").text
    assert "is not that of the run" in text and 'id="held-back"' not in text


def test_missing_packages_are_named(finished_run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "waitress", None)
    said = fail(commands.demo, f"--workdir={finished_run.workdir}")
    assert "gmn_tf[demo]" in said


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("001.Black_footed_Albatross", "Black footed Albatross"),
        ("has_bill_shape::hooked", "has bill shape: hooked"),
        ("12", "12"),
        ("7-spotted ladybird", "7-spotted ladybird"),
        ("owl", "owl"),
        ("___", "___"),
    ],
)
def test_names_as_people_write_them(name, expected):
    assert catalogue.shown(name) == expected


def test_the_average_class_has_what_differs_most(colours):
    mean = colours.catalogue.description(catalogue.AVERAGE)
    assert [one["strength"] for one in colours.catalogue.strongest(mean)] == [
        0.0
    ] * 3
