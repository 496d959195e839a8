"""Plugins: what is registered, found again, and refused."""

import re
import sys

import pytest

from gmn_tf import commands
from gmn_tf.config import Config, read_config_file
from gmn_tf.method.classifiers import table
from gmn_tf.method.variants import GUIDANCES, VARIANTS
from gmn_tf.reproduction import leaderboard
from gmn_tf.runs.entries import ENTRIES
from gmn_tf.runs.workdir import SOURCE, Workdir
from gmn_tf.training import final_classifiers, parts
from gmn_tf.utils import registry
from gmn_tf.utils.errors import InputError
from tests.support import plugins, toys
from tests.support.in_process import fail, succeed

HEAD = """
from typing import NamedTuple
from gmn_tf.method.classifiers.table import CLASSIFIERS, Kind
from gmn_tf.method.variants import *
"""
VARIANT = "VARIANTS.register({%r: Variant('seen', None, ('matching',))})"


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """A folder of modules; what they register is forgotten later."""
    yield from plugins.scene(tmp_path, monkeypatch)


@pytest.fixture
def sparse(scene, tmp_path):
    """The package of docs/plugins.md, not imported yet."""
    plugins.write_files(tmp_path, plugins.documented())
    return scene


def plugin(tmp_path, text, name="plugin_x"):
    plugins.write_files(tmp_path, {f"{name}.py": HEAD + text})
    return name


def test_the_settings_of_a_run_name_what_it_needs(sparse):
    config = Config(plugins="gmn_sparse", variant="cwgan_sparse")

    assert config.plugin_settings == "sparsity.weight=0.1"
    changed = config.replace({"sparsity.weight": "0.5"})
    assert changed.settings_of("sparsity").weight == 0.5
    assert getattr(changed, "sparsity.weight") == 0.5
    # As text, JSON and CSV have it.
    sparse.forget()
    again = Config(
        **{
            n: str(v)
            for n, v in changed.to_dict().items()
            if n in ("plugins", "variant", "plugin_settings")
        }
    )
    assert again == changed
    # A setting outlives a variant that has no use for it.
    other = changed.replace({"variant": "real_only", "classifier": "ale"})
    assert other.replace({"variant": "cwgan_sparse"}).plugin_settings == (
        "sparsity.weight=0.5"
    )


def test_what_is_used_is_recorded_and_nothing_else(sparse, tmp_path):
    plugins.write_entry_point(tmp_path, "sparse", "gmn_sparse")

    assert Config().plugins == ""
    assert Config(variant="cwgan_sparse").plugins == "gmn_sparse"
    assert Config(classifier="ale+squared_hinge").plugins == "gmn_sparse"
    named = Config(classifier="squared_hinge", plugins="gmn_sparse")
    assert named.plugins == "gmn_sparse"


def test_a_module_may_register_in_another_of_its_package(scene, tmp_path):
    files = {"plugin_p/__init__.py": "import plugin_p.rows"}
    files["plugin_p/rows.py"] = HEAD + VARIANT % "mine"
    plugins.write_files(tmp_path, files)

    assert Config(plugins="plugin_p", variant="mine").plugins == "plugin_p"
    assert Config(variant="mine").plugins == "plugin_p.rows"


def test_commands_know_the_names_of_plugins(sparse, tmp_path):
    shown = succeed(
        commands.tune,
        *("--plugins=gmn_sparse", "--variant=cwgan_sparse", "--show_space"),
        "--space=sparsity.weight=[0.1,0.2]",
    )
    assert '"sparsity.weight": [0.1, 0.2]' in shown
    unused = ("--variant=cwgan", "--space=sparsity.weight=[0.1,0.2]")
    assert "no effect" in fail(
        commands.tune, "--plugins=gmn_sparse", "--show_space", *unused
    )
    shown = succeed(
        commands.tune,
        *("--plugins", "gmn_sparse", "--show_space"),
        '--space=classifier=["ale","squared_hinge"]',
        "--space=squared_hinge.margin=[1,2]",
    )
    assert '"squared_hinge.margin": [1.0, 2.0]' in shown
    for name in commands.__dict__.keys() & {"train", "predict", "summary"}:
        text = fail(getattr(commands, name), "--plugins=plugin_none")
        assert "plugin_none" in text and "cannot be imported" in text


def test_an_entry_of_a_plugin_takes_part(sparse, tmp_path):
    page = (plugins.ROOT / "docs" / "leaderboard.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    plugins.write_files(tmp_path, {"plugin_entry.py": code})
    registry.load("gmn_sparse,plugin_entry")
    asked = leaderboard.Request(
        ("flo",), 1, "cpu", (), tmp_path, entries=("sparse",)
    )

    job, *_ = leaderboard.jobs(asked)

    assert job.name == "flo-tune-cwgan_sparse-1"
    assert "--plugins=gmn_sparse,plugin_entry" in job.command
    settings = job.settings["sparse"]
    assert settings["plugin_settings"] == "sparsity.weight=0.1"
    second = Config(**settings).replace(ENTRIES["sparse"].second)
    assert second.settings_of("sparsity").weight == 0.01


def test_tables_need_no_function_of_a_part(scene, tmp_path):
    text = "GUIDANCES.register({'mine': Guidance('nowhere:build')})"
    Config(plugins=plugin(tmp_path, text))

    assert "mine" in GUIDANCES and GUIDANCES.owner("mine") == "plugin_x"
    assert VARIANTS.owner("cwgan") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (VARIANT % "cwgan", "Two modules register a variant cwgan"),
        (VARIANT % "my variant", "name that cannot be one"),
        ("VARIANTS.register({'mine': ('seen', None, ())})", "something else"),
        ("Variant('seen', None, ('matching'))", "cannot be composed"),
        ("Variant('all', None, ())", "cannot be composed"),
        ("GUIDANCES.register({'a': Guidance('x:y', settings=dict)})", "cannot"),
        (
            "class S(NamedTuple):\n  on: bool = True\n"
            "GUIDANCES.register({'a': Guidance('x:y', settings=S)})",
            "settings of a that a run cannot have",
        ),
        (
            "class S(NamedTuple):\n  weight: float\n"
            "CLASSIFIERS.register({'a': Kind('x', settings=S)})",
            "settings of a that a run cannot have",
        ),
        *(
            (
                f"class S(NamedTuple):\n  one: object = {default}\n"
                "GUIDANCES.register({'a': Guidance('x:y', settings=S)})",
                "settings of a that a run cannot have",
            )
            for default in ("(0.5, 1.0)", "float('inf')", "[1]", "None")
        ),
        (
            "class S(NamedTuple):\n  weight: float = 1.0\n"
            "GUIDANCES.register({'a': Guidance('x:y', settings=S)})\n"
            "CLASSIFIERS.register({'a': Kind('x', settings=S)})",
            "the names of those of the guidance a",
        ),
        ("import nothing_like_it", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def", "SyntaxError"),
    ],
)
def test_plugins_that_cannot_be_used_are_refused(
    text, problem, scene, tmp_path
):
    name = plugin(tmp_path, text)
    for _ in range(2):  # what failed half-way fails again
        with pytest.raises(InputError, match="what to do") as error:
            registry.load(name)
        assert problem in str(error.value)
    assert "mine" not in VARIANTS and "a" not in table.CLASSIFIERS


def test_a_broken_installed_package_is_named(scene, tmp_path):
    plugins.write_entry_point(tmp_path, "broken_one", "plugin_gone")

    with pytest.raises(InputError, match="plugin it of broken_one cannot be"):
        Config()


@pytest.mark.parametrize("name", ["this", "plugin_z", "plugin_q.deep"])
def test_modules_that_are_no_plugins_are_not_run(name, scene, tmp_path):
    code = "import pathlib\npathlib.Path(__file__).with_name('off').touch()"
    files = {"plugin_z.py": code, "plugin_q/__init__.py": code}
    plugins.write_files(tmp_path, files | {"plugin_q/deep.py": code})

    with pytest.raises(InputError, match="is no plugin of gmn_tf"):
        Config(plugins=name)
    assert not list(tmp_path.rglob("off")) and name not in sys.modules


@pytest.mark.parametrize("of_run", [True, False])
def test_a_module_beside_the_file_that_names_it_is_not_run(
    of_run, scene, tmp_path, monkeypatch
):
    """As in a run from elsewhere, with Python started above its folder."""
    name = "plugin_runs.theirs.code"
    code = "import gmn_tf\nimport pathlib\npathlib.Path('ran').touch()"
    plugins.write_files(tmp_path, {"plugin_runs/theirs/code.py": code})
    monkeypatch.chdir(tmp_path)
    workdir = Workdir("plugin_runs/theirs")
    content = {"config": {"plugins": name}, "data": dict.fromkeys(SOURCE, "")}
    workdir.write_json("config.json", content)

    def read():
        if of_run:
            return workdir.read_config()[0].plugins
        return read_config_file(f"{workdir}/config.json")["plugins"]

    with pytest.raises(InputError, match="beside the file") as error:
        read()
    assert f"--plugins={name}" in str(error.value)
    assert not (tmp_path / "ran").exists()
    registry.load(name)  # the user trusts it
    assert read() == name


def test_modules_in_other_encodings_are_no_failure(scene, tmp_path):
    plugins.write_files(tmp_path, {"plugin_z.py": ""})
    text = "# coding: latin-1\n# für gmn_tf\n"
    (tmp_path / "plugin_z.py").write_bytes(text.encode("latin-1"))

    assert Config(plugins="plugin_z").plugins == "plugin_z"


@pytest.mark.parametrize(
    "name", ["a b", "x/y.py", ".", "a..b", "1", "__main__.x"]
)
def test_what_is_no_module_is_refused(name, scene):
    with pytest.raises(InputError, match=r"--plugins|cannot be imported"):
        Config(plugins=name)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sparsity.weight=heavy", "Bad value for sparsity.weight"),
        ("sparsity.weight=nan", "Bad value for sparsity.weight"),
        ("squared_hinge.epochs=1.5", "Bad value for squared_hinge.epochs"),
        ("sparsity.wait=1", "Did you mean 'sparsity.weight'"),
        ("weight=1", "Unknown setting 'weight'"),
        ("sparsity", "Unknown setting"),
    ],
)
def test_wrong_settings_of_plugins_are_refused(text, problem, sparse):
    with pytest.raises(InputError, match=problem):
        Config(plugins="gmn_sparse", plugin_settings=text)


def test_settings_that_no_plugin_has_are_refused(scene):
    with pytest.raises(InputError, match="--plugins"):
        Config(plugin_settings="sparsity.weight=1")
    with pytest.raises(InputError, match="Unknown setting 'sparsity"):
        Config().replace({"sparsity.weight": 1})


def test_settings_have_the_types_of_their_defaults(scene, tmp_path):
    text = (
        "class S(NamedTuple):\n  units: tuple = (8,)\n  mode: str = 'a'\n"
        "GUIDANCES.register({'g': Guidance('x:y', settings=S)})"
    )
    given = "g.units=4,5,g.mode=b=c"
    config = Config(plugins=plugin(tmp_path, text), plugin_settings=given)

    assert config.settings_of("g") == ((4, 5), "b=c")
    assert config.plugin_settings == "g.mode=b=c,g.units=4,5"
    assert Config(**config.to_dict()) == config


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "lacks its function"),
        ("build = 3", "lacks its function"),
        ("def build(config): pass", "takes other arguments"),
        ("def build(config, data, more): pass", "takes other arguments"),
        ("def build(config, data): return 1", "not a layer that guides"),
        (
            "import keras\n"
            "class Mine(keras.layers.Layer):\n"
            "  targets = loss = print\n"
            "def build(config, data):\n"
            "  mine = Mine()\n"
            "  mine.add_weight([2])\n"
            "  return mine",
            "Mine without own_loss",
        ),
        ("import nothing_like_it", "cannot be imported"),
    ],
)
def test_guidances_that_cannot_be_built_are_refused(
    code, problem, scene, tmp_path
):
    plugins.write_files(tmp_path, {"plugin_y.py": code})
    text = "GUIDANCES.register({'mine': Guidance('plugin_y:build')})"
    config = Config(plugins=plugin(tmp_path, text))

    with pytest.raises(InputError, match=problem):
        parts.build_guidance("mine", config, None)


def test_a_variant_with_an_unknown_guidance_is_refused(scene, tmp_path):
    text = "VARIANTS.register({'mine': Variant('seen', None, ('magic',))})"
    name = plugin(tmp_path, text)

    with pytest.raises(InputError, match="magic"):
        Config(plugins=name, variant="mine")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def fit(task, settings): pass", "takes other arguments"),
        ("Settings = None", "lacks its function"),
    ],
)
def test_classifiers_that_cannot_be_trained_are_refused(
    code, problem, scene, tmp_path
):
    plugins.write_files(tmp_path, {"plugin_y.py": code})
    Config(
        plugins=plugin(
            tmp_path, "CLASSIFIERS.register({'mine': Kind('plugin_y')})"
        )
    )

    with pytest.raises(InputError, match=problem):
        table.fit("mine")
    with pytest.raises(InputError, match="lacks settings"):
        table.settings("mine")


def test_a_setting_of_a_classifier_that_no_run_has_is_named(scene, tmp_path):
    code = "from typing import NamedTuple\nclass Settings(NamedTuple):\n"
    plugins.write_files(
        tmp_path, {"plugin_y.py": code + "  epochs: int\n  magic: int"}
    )
    row = "CLASSIFIERS.register({'mine': Kind('plugin_y', ('classifier_',))})"
    config = Config(plugins=plugin(tmp_path, row))

    with pytest.raises(InputError, match="setting magic that no run has"):
        final_classifiers.settings(config, "mine")


def test_a_guidance_may_read_many_samples_of_each_class(scene, tmp_path):
    text = "GUIDANCES.register({'mine': Guidance('x:y', reads_classes=True)})\n"
    text += VARIANT.replace("matching", "mine") % "by_class"
    config = Config(plugins=plugin(tmp_path, text), variant="by_class")

    sizes = parts.batch_sizes(config, toys.zero_shot_data())
    assert (sizes.classes, sizes.real) == (5, 60)
    assert sizes.code_dim == sizes.theta == sizes.critic_steps == 0
