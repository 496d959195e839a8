"""A small demo of five colours, and a finished run."""

import io

import numpy as np
import PIL.Image
import pytest

from gmn_tf.data.embeddings import Scaling
from gmn_tf.data.label_map import LabelMap
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.demo.answering import Demo
from gmn_tf.demo.catalogue import Catalogue
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method.classifiers import base, discriminant
from tests.support import image_toys, quick, runs

NAMES = ("001.Red_one", "green", "yellow", "purple", "blue")
COLOURS = np.array(
    [
        *([220, 20, 20], [20, 200, 30], [210, 200, 20], [190, 30, 200]),
        [30, 20, 230],
    ]
)
SEEN = 4
ATTRIBUTES = ("has_colour::red", "has_colour::green", "has_colour::blue")


def picture(colour, seed: int = 0, size: int = 24) -> PIL.Image.Image:
    """A picture of one colour with some noise."""
    noise = np.random.default_rng(seed).integers(-20, 20, (size, size, 3))
    pixels = np.clip(np.asarray(colour) + noise, 0, 255)
    return PIL.Image.fromarray(pixels.astype(np.uint8))


def png(image: PIL.Image.Image) -> bytes:
    """The contents of its file."""
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="session")
def colours():
    """A demo that tells colours apart: four seen ones, and an unseen one."""
    backbone = image_toys.backbone()
    pixels = np.stack(
        [
            np.asarray(picture(COLOURS[label], seed, image_toys.SIDE))
            for label in range(SEEN)
            for seed in range(6)
        ]
    )
    features = backbone.features(pixels.astype(np.float32)).numpy()
    samples = Samples(features, np.repeat(np.arange(SEEN), 6).astype(np.int32))
    descriptions = COLOURS / 255.0
    scaling = Scaling("att", 3, "none", 1.0, ATTRIBUTES)
    classes = LabelMap(
        NAMES,
        ("seen",) * SEEN + ("unseen",),
        image_toys.DIM,
        (scaling,),
        backbone.description,
    )
    embeddings = classes.scaled(descriptions, NAMES)
    task = base.Task(samples, embeddings, SEEN, SEEN)
    model = discriminant.fit(task, discriminant.Settings(1.0), 1)
    catalogue = Catalogue(
        classes,
        descriptions,
        "",
        {NAMES[0]: 87.5, "blue": 50.0},
        [("blue", NAMES[0], 37.5), (NAMES[0], "green", 12.5)],
    )
    return Demo(Predictor(classes, (model,)), catalogue, backbone)


@pytest.fixture(scope="session")
def finished_run(tiny_config, tiny_data, tmp_path_factory):
    """A run of the tiny set without a generator; its data is elsewhere."""
    changes = {"variant": "real_only", "steps": 1, "classifier_seeds": 1}
    config = tiny_config.replace(changes)
    folder = tmp_path_factory.mktemp("runs") / "run"
    with quick.training():
        return runs.finished_run(config, tiny_data, folder)


@pytest.fixture(scope="session")
def predictor(finished_run):
    """What that run predicts with."""
    return Predictor.load(str(finished_run.workdir))
