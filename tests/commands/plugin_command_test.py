"""A package of somebody else: from training to its export, without a flag."""

import csv
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import commands
from tests.commands.scaling_command_test import source_folder
from tests.support import plugins, quick
from tests.support.in_process import fail, succeed

# A classifier with a layer of its own.
EMBEDDING = '''
from typing import NamedTuple

import keras

from gmn_tf.method.classifiers import base, sgd


class Settings(NamedTuple):
    learning_rate: float
    decay: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int


@keras.saving.register_keras_serializable("plugin_mine")
class Mine(sgd.SpanEmbedder):
    """The same under another name."""


def fit(task, settings, seed, on_epoch=lambda: None):
    (found,) = sgd.fit_in_span(
        task, settings, seed, on_epoch, losses=sgd.cross_entropy
    ).embedders
    mine = Mine(**found.sizes)
    mine.set_weights(found.get_weights())
    return base.assemble([mine.term(task.embeddings)], [mine])
'''
ROWS = """
from gmn_tf.method.classifiers.table import CLASSIFIERS, Kind

CLASSIFIERS.register({"mine": Kind("plugin_mine.fitting", ("classifier_",))})
"""


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """Two packages beside data: one is installed, the other has a name."""
    plugins.write_files(tmp_path / "theirs", plugins.documented())
    plugins.install(tmp_path / "theirs", tmp_path)
    files = {"plugin_mine/__init__.py": ROWS}
    files["plugin_mine/fitting.py"] = EMBEDDING
    plugins.write_files(tmp_path, files)
    yield from plugins.scene(tmp_path, monkeypatch)
    keras.saving.get_custom_objects().pop("plugin_mine>Mine", None)


def test_a_run_finds_its_plugins_again(scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = source_folder(tmp_path / "source")
    data_dir = f"--data_dir={tmp_path / 'data'}"
    name = f"--source={source}", "--dataset=kinds", data_dir
    succeed(commands.prepare_data, *name)
    given = (
        *("--dataset=kinds", "--preset=cpu", "--matching_classes=2", data_dir),
        *("--variant=cwgan_sparse", "--classifier=squared_hinge+mine"),
        *("--steps=2", "--classifier_epochs=2", "--classifier_seeds=1"),
        "--plugin_settings=squared_hinge.epochs=3",
        *("--workdir=run", "--nobaseline", "--nolimits"),
    )
    assert "Unknown value for --classifier" in fail(commands.train, *given)
    scene.forget()
    trained = quick.train(*given, "--plugins=plugin_mine")
    assert "cwgan_sparse" in trained

    def again(command, *words):
        """In a process that knows nothing of it."""
        scene.forget()
        keras.saving.get_custom_objects().pop("plugin_mine>Mine")
        return command(*words)

    run = ("--workdir=run",)
    text = again(succeed, commands.evaluate, *run)
    assert "The same as recorded" in text
    rows = f"--features={source / 'rows.npy'}"
    again(succeed, commands.predict, *run, rows, "--out=predicted.csv")
    again(succeed, commands.export, *run, "--out=serve", "--backbone=off")
    with open("predicted.csv", encoding="utf-8") as file:
        rows_written = list(csv.DictReader(file))
    predicted = [row["class"] for row in rows_written if row["rank"] == "1"]
    served = tf.saved_model.load("serve/1").signatures["features"](
        tf.constant(np.load(source / "rows.npy"))
    )
    assert [name[0].decode() for name in served["classes"].numpy()] == predicted
    text = again(succeed, commands.summary, "run")
    assert "cwgan_sparse" in text

    scene.forget()
    shutil.rmtree("plugin_mine")
    message = fail(commands.predict, *run, rows)
    assert "plugin_mine of the plugin that the run in run needs" in message
    assert "Install it" in message
