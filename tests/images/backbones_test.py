import json
import shutil
import subprocess
import sys
from unittest import mock

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.images import backbone_records, backbone_table, backbones
from gmn_tf.utils.errors import InputError
from tests.support import image_toys

SIDE = image_toys.SIDE


@pytest.fixture(scope="module")
def backbone():
    return backbones.load("mobilenet", "random", SIDE)


@pytest.fixture
def pixels():
    generator = np.random.default_rng(1)
    shape = (3, SIDE, SIDE, 3)
    return generator.uniform(0.0, 255.0, shape).astype(np.float32)


def test_every_kind_is_one_of_keras():
    for name, kind in backbone_table.BACKBONES.items():
        assert callable(getattr(keras.applications, kind.function)), name
        module = getattr(keras.applications, kind.module)
        assert callable(module.preprocess_input), name


def test_the_description_is_plain_data(backbone):
    description = json.loads(json.dumps(backbone.description))
    assert description == backbone.description
    assert description["name"] == "mobilenet"
    assert description["weights"] == "random"
    assert description["feature_dim"] == 1024
    assert description["image_size"] == SIDE
    assert len(description["weights_sha256"]) == 64


def test_a_plain_image_keeps_its_colour(backbone):
    colour = np.array([200, 30, 90], np.uint8)
    plain = np.broadcast_to(colour, (23, 41, 3))
    content = tf.io.encode_png(plain)
    image = backbone.image(content)
    assert image.shape == (SIDE, SIDE, 3) and image.dtype == tf.float32
    np.testing.assert_allclose(
        image, np.broadcast_to(colour, image.shape), rtol=1e-6
    )


def test_the_image_is_seen_whole_and_upright(backbone):
    # Left half red, the lower right corner blue.
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:, :64, 0] = 255
    pixels[48:, 96:, 2] = 255
    image = backbone.image(tf.io.encode_png(pixels)).numpy()
    np.testing.assert_allclose(image[16, 4], (255, 0, 0), atol=0.01)
    np.testing.assert_allclose(image[-1, -1], (0, 0, 255), atol=0.01)
    np.testing.assert_allclose(image[0, -1], (0, 0, 0), atol=0.01)


def test_features_are_those_of_preprocessed_images(backbone, pixels):
    seen = keras.applications.mobilenet.preprocess_input(pixels.copy())
    expected = backbone.model.predict(seen, verbose=0)
    features = backbone.features(pixels).numpy()
    assert features.shape == (3, 1024)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-6)
    # Another image is another feature, or the test could not fail.
    assert np.abs(features[0] - features[1]).max() > 0.1 * features.max()


@pytest.mark.parametrize("name", ["mobilenet", "xception"])
def test_random_weights_are_the_same_each_time(name):
    # Keras numbers the layers of xception, which have no names, differently
    # in each model; the checksum must not depend on that.
    first, second = (
        backbones.load(name, "random", 71).description for _ in range(2)
    )
    assert first == second


class Unnamed(keras.layers.Layer):
    """Weights without names, as ConvNeXt and SigLIP have them."""

    def build(self, shape):
        self.scale, self.shift = self.add_weight(), self.add_weight()

    def call(self, inputs):
        return self.scale * inputs + self.shift


def test_the_checksum_does_not_depend_on_models_that_were_made_before():
    inputs = keras.Input([1])
    first, second = (keras.Model(inputs, Unnamed()(inputs)) for _ in range(2))
    for model in (first, second):
        model.set_weights(np.array([1.0, 2.0]))
    assert [w.name for w in first.weights] != [w.name for w in second.weights]
    assert backbones.checksum(first) == backbones.checksum(second)
    second.set_weights(np.array([2.0, 1.0]))
    assert backbones.checksum(first) != backbones.checksum(second)


def test_the_checksum_is_of_the_weights_not_of_their_container(
    backbone, tmp_path
):
    expected = backbone.description["weights_sha256"]
    for suffix in backbone_table.SUFFIXES:
        path = tmp_path / f"weights{suffix}"
        if suffix == ".weights.h5":
            backbone.model.save_weights(path)
        else:
            backbone.model.save(path)
        loaded = backbones.load("mobilenet", str(path), SIDE).description
        assert loaded["weights_sha256"] == expected
        assert loaded["weights"] == f"weights{suffix}"


@pytest.fixture(scope="module")
def saved_weights(backbone, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net.weights.h5"
    backbone.model.save_weights(path)
    return path


@pytest.fixture
def weights(saved_weights, tmp_path):
    """A file of the weights that a test may change."""
    return shutil.copy(saved_weights, tmp_path)


@pytest.fixture(scope="module")
def other_weights(saved_weights, tmp_path_factory):
    """The description of the same network with one other number."""
    path = shutil.copy(saved_weights, tmp_path_factory.mktemp("other"))
    with h5py.File(path, "r+") as file:
        file["layers/conv2d/vars/0"][0, 0, 0, 0] += 0.5
    return backbones.load("mobilenet", str(path), SIDE).description


def test_other_weights_have_another_checksum(backbone, other_weights):
    mine = backbone.description["weights_sha256"]
    assert other_weights["weights_sha256"] != mine


def test_a_description_brings_the_backbone_back(weights, pixels, tmp_path):
    first = backbones.load("mobilenet", str(weights), SIDE)
    again = backbones.from_description(first.description)
    np.testing.assert_array_equal(
        again.features(pixels), first.features(pixels)
    )

    moved = shutil.move(weights, tmp_path / "moved.weights.h5")
    with pytest.raises(InputError, match=r"not a file(.|\n)*--weights=FILE"):
        backbones.from_description(first.description)
    again = backbones.from_description(first.description, str(moved))
    assert backbone_records.identity(
        again.description
    ) == backbone_records.identity(first.description)


def test_other_weights_are_refused_with_both_checksums(backbone, other_weights):
    expected = backbone.description["weights_sha256"]
    with pytest.raises(InputError) as caught:
        backbones.from_description(
            {**other_weights, "weights_sha256": expected}
        )
    assert expected in str(caught.value)
    assert other_weights["weights_sha256"] in str(caught.value)


@pytest.mark.parametrize(
    "description", [None, {}, {"name": "mobilenet"}, ["name"]]
)
def test_what_is_no_description_is_refused(description):
    with pytest.raises(InputError, match="does not describe a backbone"):
        backbones.from_description(description)


@pytest.mark.parametrize(
    "name, value", [("name", 5), ("weights", []), ("image_size", -1)]
)
def test_a_damaged_description_is_refused(name, value, backbone):
    with pytest.raises(InputError):
        backbones.from_description({**backbone.description, name: value})


def test_weights_that_do_not_fit_are_refused(weights, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'mobilenet'"):
        backbones.load("mobilnet", "random")
    with pytest.raises(InputError, match="which is not a file"):
        backbones.load("mobilenet", str(tmp_path / "none.h5"))
    with pytest.raises(InputError, match=r"no weights for .*=mobilenetv2"):
        backbones.load("mobilenetv2", str(weights), SIDE)
    (tmp_path / "text.h5").write_text("hello", encoding="utf-8")
    with pytest.raises(InputError, match="has no weights for"):
        backbones.load("mobilenet", str(tmp_path / "text.h5"), SIDE)
    shutil.copy(weights, tmp_path / "net.npz")
    with pytest.raises(InputError, match="kind of file"):
        backbones.load("mobilenet", str(tmp_path / "net.npz"), SIDE)


def test_a_file_that_lacks_weights_is_refused(weights):
    with h5py.File(weights, "r+") as file:
        file["layers/conv2d/vars/0"][0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="1 arrays missing or NaN"):
        backbones.load("mobilenet", str(weights), SIDE)


def test_a_download_that_fails_says_what_else_to_do():
    broken = mock.Mock(side_effect=Exception("URL fetch failure"))
    with (
        mock.patch.object(keras.applications, "MobileNet", broken),
        pytest.raises(InputError, match=r"URL fetch failure(.|\n)*--weights"),
    ):
        backbones.load("mobilenet", "imagenet")


def test_efficientnet_from_a_file_is_that_of_imagenet(tmp_path, pixels):
    build = backbones._build
    plain = build("efficientnetb0", SIDE, "random")
    layer = plain.get_layer(index=2)
    layer.adapt_mean.assign([0.485, 0.456, 0.406])
    layer.adapt_variance.assign([0.052, 0.050, 0.051])
    layer.finalize_state()
    path = tmp_path / "net.weights.h5"
    plain.save_weights(path)

    def download(name, size, weights):
        """What Keras builds for its own weights, without the network."""
        with mock.patch(
            "keras.src.utils.file_utils.get_file", lambda *a, **k: str(path)
        ):
            return build(name, size, weights)

    def convolved(model):
        """What the first convolution sees; the rest has equal weights."""
        inner = model.get_layer("stem_conv").input
        return keras.Model(model.input, inner)(pixels).numpy()

    without_correction = convolved(plain)
    with mock.patch.object(backbones, "_build", download):
        downloaded = backbones.load("efficientnetb0", "imagenet", SIDE)
    with mock.patch.object(backbones, "_build", lambda *given: plain):
        file = backbones.load("efficientnetb0", str(path), SIDE)
    assert (
        file.description["weights_sha256"]
        == downloaded.description["weights_sha256"]
    )
    found = convolved(file.model)
    np.testing.assert_allclose(found, convolved(downloaded.model), rtol=1e-5)
    difference = np.abs(found - without_correction).max()
    assert difference > 0.1 * np.abs(found).max()


def test_image_and_features_are_served_without_gmn_tf(
    backbone, weights, tmp_path
):
    class Server(tf.Module):
        def __init__(self):
            super().__init__()
            self.network = backbone.model

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, contents):
            images = tf.map_fn(
                backbone.image,
                contents,
                fn_output_signature=tf.TensorSpec([SIDE, SIDE, 3], tf.float32),
            )
            return {"features": backbone.features(images)}

    folder = image_toys.write(tmp_path / "images", {"owl": 3})
    contents = [path.read_bytes() for path in sorted(folder.glob("owl/*"))]
    images = tf.stack([backbone.image(content) for content in contents])
    np.save(tmp_path / "expected.npy", backbone.features(images).numpy())
    np.save(tmp_path / "contents.npy", np.array(contents, "S"))

    server = Server()
    tf.saved_model.save(
        server, tmp_path / "model", signatures={"serve": server.serve}
    )
    code = """
import sys
sys.modules["gmn_tf"] = sys.modules["keras"] = None
import numpy as np
import tensorflow as tf
contents = np.load("contents.npy").tolist()
model = tf.saved_model.load("model")
found = model.signatures["serve"](tf.constant(contents))["features"].numpy()
np.testing.assert_allclose(found, np.load("expected.npy"), 1e-4, 1e-6)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
