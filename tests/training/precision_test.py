"""--precision=auto: bfloat16 where the machine has instructions for it."""

import json

import pytest
import tensorflow as tf

from gmn_tf import api, configs
from gmn_tf.config import Config
from gmn_tf.data.feature_scaling import FEATURE_SCALINGS
from gmn_tf.method.classifiers import bilinear
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs.workdir import Workdir
from gmn_tf.search import report
from gmn_tf.search.comparison import Generators
from gmn_tf.search.folder import SearchFolder
from gmn_tf.training import final_classifiers, parts, precision

CENTRED = Config(precision="auto", feature_scaling="unit")
SOURCE = {"name": "toy", "data_dir": "there", "split_fingerprint": "0"}
SEARCH = {"objective": "h", "space": {"generator": {}}}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Makes this machine one with these instructions, and these GPUs."""

    def make(flags="", gpus=(), system="linux"):
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor : 0\nflags\t\t: fpu {flags} sse2\n")
        monkeypatch.setattr(precision, "CPU_INFO", info)
        monkeypatch.setattr(precision.sys, "platform", system)
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind="GPU": list(gpus)
        )
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda gpu: {"compute_capability": gpu} if gpu else {},
        )
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)

    return make


@pytest.mark.parametrize(
    "made, native",
    [
        ({"flags": "avx512f avx512_bf16"}, True),
        ({"flags": "amx_bf16 amx_tile"}, True),
        ({"flags": "avx512f avx512_vnni"}, False),
        ({"flags": "avx512_bf16", "system": "darwin"}, False),
        ({"gpus": [(8, 0), (9, 0)]}, True),
        ({"gpus": [(7, 5)], "flags": "avx512_bf16"}, False),
        ({"gpus": [(8, 0), (7, 0)]}, False),
        ({"gpus": [()]}, False),
    ],
)
def test_the_machine_decides(machine, made, native):
    machine(**made)

    assert precision.multiplies_bfloat16() is native
    decided = "mixed_bfloat16" if native else "float32"
    assert precision.decided(CENTRED) == decided
    assert precision.policy(CENTRED) == (decided if native else None)
    products = "bfloat16" if native else "float32"
    assert precision.of_products(CENTRED) == products


def test_not_without_the_library_that_uses_the_instructions(
    machine, monkeypatch
):
    machine("avx512_bf16")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")

    assert precision.decided(CENTRED) == "float32"


@pytest.mark.parametrize("scaling", FEATURE_SCALINGS)
def test_features_far_from_zero_keep_single_precision(machine, scaling):
    machine("avx512_bf16")
    config = CENTRED.replace({"feature_scaling": scaling})

    far = scaling in ("none", "rms", "minmax")
    assert precision.decided(config) == ("float32" if far else "mixed_bfloat16")
    asked = config.replace({"precision": "mixed_bfloat16"})
    assert precision.decided(asked) == "mixed_bfloat16"


@pytest.mark.parametrize("given", ["float32", "mixed_bfloat16"])
def test_what_is_asked_for_is_done(machine, given):
    machine("avx512_bf16" if given == "float32" else "")

    assert precision.decided(CENTRED.replace({"precision": given})) == given


def test_presets_of_the_authors_have_single_precision():
    of = {
        name: Config().replace(configs.preset("cub", name)).precision
        for name in configs.PRESETS
    }

    assert of.pop("release") == of.pop("paper") == "float32"
    assert set(of.values()) == {"auto"}


def test_a_run_continues_as_it_began_on_another_machine(machine, tmp_path):
    workdir, config = Workdir(tmp_path / "run"), CENTRED
    machine("avx512_bf16")
    begun = workdir.decided(config)
    workdir.start(begun, SOURCE)

    machine("")

    assert begun.precision == "mixed_bfloat16"
    assert workdir.decided(config) == begun
    workdir.check_same_run(config, SOURCE)
    with pytest.raises(ValueError, match="precision"):
        single = CENTRED.replace({"precision": "float32"})
        workdir.check_same_run(single, SOURCE)


def test_what_began_a_folder_is_written_as_decided(machine, tmp_path):
    """That of a search, too, whose trials follow it on any machine."""
    folder, config = SearchFolder(tmp_path / "search"), CENTRED
    machine("amx_bf16")
    folder.start_search(config, SOURCE, SEARCH)
    machine("")
    folder.start_search(config, SOURCE, SEARCH)

    assert folder.read_config()[0].precision == "mixed_bfloat16"
    assert folder.decided(config).precision == "mixed_bfloat16"


@pytest.mark.parametrize("asked", ["auto", "mixed_bfloat16"])
def test_what_a_search_finds_has_the_precision_asked_for(
    asked, machine, tmp_path
):
    folder = SearchFolder(tmp_path / "search")
    config, search = CENTRED.replace({"precision": asked}), {"tuner": "random"}
    machine("amx_bf16")
    folder.start_search(config, SOURCE, SEARCH | search)
    found = dict.fromkeys(SCORES, 1.0) | {"seconds": 1.0, "steps": 1}
    found |= {"generator": {}, "classifier": {"seen_penalty": 0.5}}
    folder.trial("0").write_json("result.json", found)
    report.write(folder)

    best = json.loads((folder.path / "best.json").read_text())
    assert best["precision"] == asked
    folder.start_search(CENTRED, SOURCE, SEARCH | search)  # it continues


def test_a_generator_decides_for_the_classifiers_compared(machine, tmp_path):
    generators = Generators(None, tmp_path)
    machine("avx512_bf16")
    Workdir(tmp_path / "trained").start(CENTRED, SOURCE)
    machine("")

    found = [generators.decided(n, CENTRED) for n in ("trained", "none")]

    assert [one.precision for one in found] == ["mixed_bfloat16", "float32"]


@pytest.mark.parametrize(
    ("variant", "classifier", "expected"),
    [
        ("real_only", "discriminant", False),
        ("real_only", "discriminant+prototype", True),
        ("real_only", "linear", True),
        ("cwgan_gm", "discriminant", True),
    ],
)
def test_it_is_not_said_of_what_has_no_steps(variant, classifier, expected):
    config = Config().replace({"variant": variant, "classifier": classifier})
    assert parts.has_steps(config) == expected


@pytest.mark.usefixtures("quick_training")
def test_it_is_printed_and_recorded(machine, tiny_data, tiny_config, tmp_path):
    centred = {"precision": "auto", "feature_scaling": "unit"}
    config, printed = tiny_config.replace(centred), []
    data = tiny_data.rescaled("unit", config.embedding_norm)
    options = {"with_baseline": False, "with_limits": False}
    machine("avx512_bf16")
    run = api.train(
        config, data, tmp_path / "run", log=printed.append, **options
    )

    assert "Steps of training multiply in bfloat16" in "\n".join(printed)
    recorded = Workdir(tmp_path / "run").read_config()[0]
    assert recorded == run.config
    assert recorded.precision == "mixed_bfloat16"


def test_classifiers_are_trained_with_its_products(tiny_data, monkeypatch):
    dtypes, fit = [], bilinear.fit

    def fit_and_note(task, *arguments):
        dtypes.append(task.dtype)
        return fit(task, *arguments)

    monkeypatch.setattr(bilinear, "fit", fit_and_note)
    changes = {"classifier_epochs": 1, "classifier_seeds": 1}
    for name in ("float32", "mixed_bfloat16"):
        config = Config().replace({**changes, "precision": name})
        final_classifiers.fit(config, tiny_data, None)
        parts.classification(config, tiny_data)

    assert dtypes == ["float32"] * 2 + ["bfloat16"] * 2
