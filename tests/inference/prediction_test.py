"""Predicting with a finished run, and adding classes to it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from gmn_tf import commands
from gmn_tf.data import embeddings, row_blocks
from gmn_tf.data.feature_scaling import FeatureScaling
from gmn_tf.data.label_map import LabelMap
from gmn_tf.inference import prediction
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method.classifiers import base, bilinear, linear
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import final_classifiers
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom.class_tables import Descriptions
from tests.support import toys
from tests.support.in_process import fail

NEW = ["new", "newer"]


def descriptions(data, classes):
    """Raw embeddings of classes, by their labels in a run."""
    names = list(data.metadata["class_names"])
    raw = data.raw_embeddings[0]
    return raw[[names.index(data.class_names[c]) for c in classes]]


def test_probabilities_are_means_of_softmaxes(finished_run, predictor):
    features = finished_run.data.unseen.features[:11]
    found = predictor.probabilities(features)

    each = []
    for model in finished_run.load_classifiers():
        scores = np.exp(model(features).numpy().astype(np.float64))
        each.append(scores / scores.sum(axis=1, keepdims=True))
    assert len(each) > 1
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4)


def test_top_names_the_likeliest_first(finished_run, predictor):
    features = finished_run.data.seen.features[:4]
    probabilities = predictor.probabilities(features)
    for row, top in zip(probabilities, predictor.top(features, 3)):
        assert [p for _, p in top] == sorted(row, reverse=True)[:3]
        best = finished_run.data.class_names[row.argmax()]
        assert top[0] == (best, row.max())
    assert len(predictor.top(features, 1000)[0]) == 9


def test_probabilities_of_few_samples_are_in_memory_at_once(
    finished_run, predictor, monkeypatch
):
    features = finished_run.data.seen.features[:7]
    expected = predictor.top(features, 3)
    monkeypatch.setattr(row_blocks, "NUMBERS_AT_ONCE", 2 * 9)  # two samples
    sizes = []

    def counted(*arguments):
        found = mean_probabilities(*arguments)
        sizes.append(len(found))
        return found

    mean_probabilities = prediction.mean_probabilities
    monkeypatch.setattr(prediction, "mean_probabilities", counted)
    found = predictor.top(features.astype(np.float64), 3)

    assert sizes == [2, 2, 2, 1]
    next(predictor.each_top(features, 3))
    assert sizes == [2, 2, 2, 1, 2]  # the others are not computed yet
    for one, other in zip(found, expected, strict=True):
        assert [name for name, _ in one] == [name for name, _ in other]
        np.testing.assert_allclose(
            [p for _, p in one], [p for _, p in other], rtol=1e-4
        )


def test_no_sample_gives_no_prediction(predictor):
    assert predictor.top(np.zeros([0, 14])) == []


@pytest.mark.parametrize("shape", [(3, 13), (14,), (2, 3, 14)])
def test_other_features_are_refused(predictor, shape):
    with pytest.raises(InputError, match=r"dimensions|matrix"):
        predictor.probabilities(np.zeros(shape))


def test_features_that_are_not_finite_are_refused(predictor):
    features = np.zeros([4, 14])
    features[2, 5] = np.nan

    with pytest.raises(InputError, match="1 samples, counted from 0: 2"):
        predictor.probabilities(features)


def test_a_class_added_again_gets_the_scores_of_its_twin(
    finished_run, predictor
):
    # Without its penalty: a class that was added is not seen.
    data = finished_run.data
    twins = [2, data.num_seen + 1]  # seen, and unseen
    larger = predictor.with_classes(NEW, descriptions(data, twins))
    features = data.unseen.features[:5]

    assert larger.classes.names == (*data.class_names, *NEW)
    assert larger.classes.kinds[-3:] == ("unseen", "added", "added")
    for model in larger.classifiers:
        scores = model(features).numpy()
        assert scores.shape == (5, 11)
        np.testing.assert_allclose(
            scores[:, 9], scores[:, twins[0]] + 0.25, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            scores[:, 10], scores[:, twins[1]], rtol=1e-4, atol=1e-5
        )


def test_old_classes_keep_their_scores_beside_new_ones():
    embeddings = toys.normal(4, toys.DA).astype(np.float32)
    task = base.Task(toys.samples([3, 2, 4, 5]), embeddings, 4, 4)
    settings = bilinear.Settings(0.1, 1.0, 0.9, 0.0, 4, 3)
    model = bilinear.fit(task, settings, seed=1)
    larger = base.with_classes(model, toys.normal(3, toys.DA, seed=1))
    features = toys.normal(6, toys.DX).astype(np.float32)

    assert larger(features).shape == (6, 7)
    np.testing.assert_allclose(
        larger(features)[:, :4], model(features), rtol=1e-4, atol=1e-6
    )
    weights, bias = model.embedders[0].theta
    expected = (features @ weights + bias) @ toys.normal(3, toys.DA, seed=1).T
    np.testing.assert_allclose(larger(features)[:, 4:], expected, rtol=1e-3)


def test_synthesising_is_what_the_run_would_have_done(finished_run, predictor):
    # The last unseen class is left out, and added.
    data = finished_run.data
    last = data.num_classes - 1
    short = dataclasses.replace(
        data,
        class_names=data.class_names[:last],
        embeddings=data.embeddings[:last],
    )
    run = dataclasses.replace(finished_run, data=short)
    epochs = []
    added = prediction.synthesised(
        run,
        [data.class_names[last]],
        descriptions(data, [last]),
        lambda: epochs.append(1),
    )
    features = data.unseen.features[:7]

    assert added.classes.kinds[-1] == "added"
    assert len(epochs) == (
        run.config.classifier_seeds * run.config.classifier_epochs
    )
    np.testing.assert_allclose(
        added.probabilities(features),
        predictor.probabilities(features),
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("names", "columns", "message"),
    [
        (["new", "new"], 7, "'new' again"),
        (["new", "class_001"], 7, "'class_001' again"),
        (NEW, 6, "7 numbers each"),
    ],
)
def test_classes_that_cannot_be_added(
    finished_run, predictor, names, columns, message
):
    values = toys.normal(2, columns)

    with pytest.raises(InputError, match=message):
        predictor.with_classes(names, values)
    with pytest.raises(InputError, match=message):
        prediction.synthesised(finished_run, names, values)


def test_a_class_without_a_description_is_refused(predictor):
    with pytest.raises(InputError, match="zeros for newer"):
        predictor.with_classes(NEW, np.diag(np.ones(7))[[1, 2]] * [[1], [0]])


def test_linear_classifiers_know_no_new_class(finished_run):
    data = finished_run.data
    task = base.Task(data.train, data.embeddings, data.num_seen, 9)
    model = linear.fit(task, linear.Settings(0.1, 1.0, 0.9, 0.0, 4, 1), seed=1)
    predictor = Predictor(LabelMap.of(data), (model,))

    with pytest.raises(InputError, match="synthetic samples"):
        predictor.with_classes(NEW, toys.normal(2, 7))


def test_real_samples_alone_synthesise_nothing(finished_run):
    run = dataclasses.replace(
        finished_run,
        config=finished_run.config.replace({"variant": "real_only"}),
    )
    with pytest.raises(InputError, match="no synthetic features") as error:
        prediction.synthesised(run, NEW, toys.normal(2, 7))
    assert "nothing is lost" in str(error.value)


@pytest.mark.parametrize("name", ["bilinear", "discriminant", "prototype"])
def test_without_a_generator_a_class_is_added_as_if_it_was_known(
    name, finished_run
):
    changes = {"variant": "real_only", "classifier": name, "seen_penalty": 0.5}
    config = finished_run.config.replace(changes)
    data, last = finished_run.data, finished_run.data.num_classes - 1
    short = dataclasses.replace(
        data,
        class_names=data.class_names[:last],
        embeddings=data.embeddings[:last],
    )

    def fitted(some):
        models = final_classifiers.fit(config, some, None)
        return Predictor(LabelMap.of(some), tuple(models))

    added = fitted(short).with_classes(
        [data.class_names[last]], descriptions(data, [last])
    )
    features = data.unseen.features[:7]
    np.testing.assert_allclose(
        added.probabilities(features),
        fitted(data).probabilities(features),
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "content", ["", "[]", '{"classes": 3}', "{}", '{"classes": {"owl": 1}}']
)
def test_a_damaged_label_map_is_refused(content, tmp_path):
    (tmp_path / "classes.json").write_text(content)

    with pytest.raises(InputError, match=r"classes\.json"):
        Workdir(tmp_path).read_label_map()


@pytest.mark.parametrize(
    "change",
    [
        {"norm": "bogus"},
        {"divisor": 0.0},
        {"divisor": float("nan")},
        {"dim": "7"},
        {"columns": ["a"]},
        {"columns": ""},
        {"norm": "standard"},
        {"offset": [0.0] * 7, "factor": [1.0] * 7},
        {"norm": "standard", "offset": [0.0] * 7, "factor": [1.0] * 6},
        {"norm": "standard", "offset": [0.0] * 7, "factor": [[1.0]] * 7},
    ],
)
def test_a_damaged_description_is_refused(change, finished_run, tmp_path):
    classes = LabelMap.of(finished_run.data).to_dict()
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    assert Workdir(tmp_path).read_label_map().feature_dim == 14
    classes["embedding"][0].update(change)
    (tmp_path / "classes.json").write_text(json.dumps(classes))

    with pytest.raises(InputError, match=r"classes\.json"):
        Workdir(tmp_path).read_label_map()


@pytest.mark.parametrize("owl", ["owl", {"name": "owl", "kind": "seen"}])
def test_a_label_map_of_an_earlier_version(owl, finished_run, tmp_path):
    content = LabelMap.of(finished_run.data).to_dict() | {"classes": [owl]}
    (tmp_path / "classes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"earlier version of gmn_tf") as found:
        Workdir(tmp_path).read_label_map()
    assert "Train again" in str(found.value)


def test_a_label_map_that_knows_no_scaling(finished_run, tmp_path):
    content = LabelMap.of(finished_run.data).to_dict()
    del content["feature_scaling"]
    (tmp_path / "classes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="how features are scaled") as found:
        Workdir(tmp_path).read_label_map()
    assert "earlier version of gmn_tf" in str(found.value)
    assert "Train again" in str(found.value)


def test_a_scaling_of_other_features_is_refused(finished_run, tmp_path):
    content = LabelMap.of(finished_run.data).to_dict()
    scaling = FeatureScaling.fit("unit", toys.normal(5, 13))
    content["feature_scaling"] = scaling.to_dict()
    (tmp_path / "classes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="scaling is not of 14 features"):
        Workdir(tmp_path).read_label_map()


def test_names_of_other_classes_are_refused(finished_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished_run.workdir.path, folder)
    content = json.loads((folder / "classes.json").read_text())
    content["classes"].popitem()
    (folder / "classes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="num_classes=8"):
        Predictor.load(folder)


def test_a_run_that_is_not_finished_is_refused_alike(finished_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished_run.workdir.path, folder)
    (folder / "metrics.json").unlink()

    messages = {
        fail(commands.predict, f"--workdir={folder}", "--features=x.npy"),
        fail(commands.evaluate, f"--workdir={folder}"),
    }
    assert len(messages) == 1
    assert "is not finished" in messages.pop()


@pytest.mark.parametrize("synthesize", ["--nosynthesize", "--synthesize"])
def test_a_file_of_classes_that_the_run_has_is_refused(
    synthesize, finished_run, tmp_path
):
    first, second = finished_run.data.class_names[:2]
    path = tmp_path / "new.csv"
    for rows, problem in (
        (["roc", second, first], f"2 classes of {path} are in the run already"),
        (["roc", first], f"1 class of {path} is in the run already: {first}."),
    ):
        lines = [f"{name},1,2,3,4,5,6,7" for name in rows]
        path.write_text("\n".join(["class,a,b,c,d,e,f,g", *lines]))
        message = fail(
            commands.predict,
            f"--workdir={finished_run.workdir}",
            *("--features=x.npy", f"--classes={path}", synthesize),
        )
        assert problem in message
        assert "Keep only new classes in the file." in message


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ("ab", np.ones([2, 7])),
        (["a\nb"], np.ones([1, 7])),
        (["a"], np.ones(7)),
        (["a"], np.full([1, 7], "x")),
        (["a"], np.full([1, 7], np.nan)),
        (["a", "b"], np.ones([1, 7])),
    ],
)
def test_descriptions_that_are_none(names, values, predictor):
    with pytest.raises(InputError, match=r"added|described"):
        predictor.with_classes(names, values)


def test_features_of_another_backbone_are_refused():
    known = {"name": "mobilenet", "weights_sha256": "1", "image_size": 224}
    classes = LabelMap(("a",), ("seen",), 7, (), known)

    classes.check_features_match(7, None)
    classes.check_features_match(7, dict(known))
    with pytest.raises(InputError, match="received: weights_sha256='2'"):
        classes.check_features_match(7, {**known, "weights_sha256": "2"})
    with pytest.raises(InputError, match="received: name='vgg16'"):
        classes.check_features_match(7, {**known, "name": "vgg16"})
    with pytest.raises(InputError, match="backbone of the run, mobilenet"):
        classes.check_features_match(6, None)


def test_features_of_no_backbone_are_to_be_made_alike():
    classes = LabelMap(("a",), ("seen",), 7, (), None)
    with pytest.raises(InputError, match="dimensions=6") as error:
        classes.check_features_match(6, {"name": "vgg16"})
    assert "7 numbers for each sample" in error.value.action
    assert "backbone" not in error.value.action


def test_descriptions_are_brought_into_the_order_of_the_run():
    part = embeddings.Scaling("att", 3, "l2", 1.0, ("red", "long", "wet"))
    classes = LabelMap(("a",), ("seen",), 7, (part,), None)
    assert LabelMap.from_dict(classes.to_dict()) == classes

    given = Descriptions(NEW, toys.normal(2, 3), ("wet", "red", "long"))
    found = classes.in_order(given)
    np.testing.assert_array_equal(found.values, given.values[:, [1, 2, 0]])
    assert classes.in_order(found) is found
    noted = classes.in_order(given._replace(notes=("Semicolons.",)))
    assert noted.notes == ("Semicolons.",)
    with pytest.raises(InputError, match="unknown: dry; missing: wet"):
        classes.in_order(given._replace(columns=("dry", "red", "long")))
    nameless = dataclasses.replace(
        classes, scalings=(dataclasses.replace(part, columns=()),)
    )
    assert nameless.in_order(given) is given
