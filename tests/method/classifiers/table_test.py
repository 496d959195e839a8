"""The table of classifiers: every file has a row, and every row a file."""

import pathlib

import pytest

from gmn_tf.config import Config
from gmn_tf.method import classifiers
from gmn_tf.method.classifiers.table import CLASSIFIERS, module

SHARED = {"__init__", "base", "combination", "sgd", "table"}


def test_every_file_is_a_row():
    folder = pathlib.Path(classifiers.__file__).parent

    assert {p.stem for p in folder.glob("*.py")} == SHARED | set(CLASSIFIERS)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_settings_of_a_row_are_those_of_a_run(name):
    settings = module(name).Settings

    assert hasattr(settings, "epochs")
    for field in settings._fields:
        assert any(
            hasattr(Config, prefix + field)
            for prefix in CLASSIFIERS[name].prefixes
        )
    assert callable(module(name).fit)
