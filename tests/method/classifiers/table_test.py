"""The table of classifiers: every file has a row, and every row a file."""

import pathlib

import pytest

from gmn_tf.config import Config
from gmn_tf.method import classifiers
from gmn_tf.method.classifiers.table import CLASSIFIERS, fit, settings

SHARED = {"__init__", "base", "combination", "sgd", "table"}


def test_every_file_is_a_row():
    folder = pathlib.Path(classifiers.__file__).parent

    assert {p.stem for p in folder.glob("*.py")} == SHARED | set(CLASSIFIERS)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_settings_of_a_row_are_those_of_a_run(name):
    for field in settings(name)._fields:
        assert any(
            hasattr(Config, prefix + field)
            for prefix in CLASSIFIERS.prefixes(name)
        )
    assert callable(fit(name))
