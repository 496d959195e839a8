"""The benchmark against the authors' release runs a stand-in for a checkout."""

import json
import pathlib
import sys
import time

import pytest

from gmn_tf.config import Config
from gmn_tf.method import metrics
from gmn_tf.utils.errors import InputError
from tests.method.plain_step_test import TINY
from tests.support import quick, toys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks"))
import against_release
import operations
import time_to_score
import train_step

# What the benchmark uses of PyTorch and of the release, with no step to take.
CHECKOUT = {
    "src/torch/__init__.py": "",
    "src/torch/nn.py": """
class Linear:
    def __init__(self, in_features, out_features):
        self.in_features, self.out_features = in_features, out_features
""",
    "src/torch/optim/optimizer.py": """
hooks = []
register_optimizer_step_post_hook = hooks.append
""",
    "src/torch/optim/__init__.py": """
from torch.optim.optimizer import hooks

class SGD:
    def step(self):
        for hook in hooks:
            hook(self, (), {})

class Adam(SGD):
    pass
""",
    "src/data.py": "XianDataset = None",
    "src/modules.py": """
from torch.nn import Linear

class Network:
    def __init__(self, *sizes):
        self.main = [Linear(*pair) for pair in zip(sizes, sizes[1:])]

def get_generator(kind):
    return lambda units: Network(3, units, 2048)

def ConditionalDiscriminator(units):
    return Network(2048 + 5, units, 1)

def variable_init(layer):
    layer.initialised = True
""",
    "src/main.py": """
import argparse, itertools, json
import data, modules
from torch import optim

parser = argparse.ArgumentParser()
for name in ("device", "exp_dir", "data_dir", "gen_type", "Q", "R"):
    parser.add_argument("--" + name)
for name in ("n_d_iter", "n_g_hunit", "n_d_hunit"):
    parser.add_argument("--" + name, type=int)
args = parser.parse_args()
samples = data.XianDataset(args.data_dir, "test")
networks = [
    modules.get_generator(args.gen_type)(args.n_g_hunit),
    modules.ConditionalDiscriminator(args.n_d_hunit),
]
for step in itertools.count(1):
    print("not an answer")
    record = {
        "steps": step,
        "args": vars(args),
        "sizes": [samples.n_Cs, samples.n_Cu, *samples.X_s_tr.shape],
        "layers": [
            [[one.in_features, one.out_features] for one in network.main]
            for network in networks
        ],
    }
    with open(RECORD, "w") as file:
        json.dump(record, file)
    optim.SGD().step()
    for _ in range(args.n_d_iter + 1):
        optim.Adam().step()
""",
    "src/scripts/common_CUB_hps.sh": """# settings
export N_D_ITER=2
export N_G_HUNIT=11
export N_D_HUNIT=10
export GEN_TYPE='latent_noise'
export CLF_N_EPOCH=200
""",
    "src/scripts/gmn_CUB.sh": """export Q=100.
export DATA_DIR="" # required
""",
}


@pytest.fixture
def checkout(tmp_path):
    for name, text in CHECKOUT.items():
        path = tmp_path / "release" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = text.replace("RECORD", repr(str(tmp_path / "record.json")))
        path.write_text(text)
    return tmp_path / "release"


def started(checkout, python=sys.executable):
    return against_release.started(
        str(checkout), python, "CUB", toys.zero_shot_data()
    )


def test_the_release_takes_a_step_for_each_call(checkout):
    def record():
        return json.loads((checkout.parent / "record.json").read_text())

    with started(checkout) as release:
        taken, seconds = [record()["steps"]], [release.cpu_seconds()]
        for _ in range(2):
            assert release.step() == ()
            taken.append(record()["steps"])
            seconds.append(release.cpu_seconds())
        last = record()

    assert taken == [1, 2, 3]
    assert 0.0 < seconds[0] < seconds[1] < seconds[2]
    assert last["sizes"] == [toys.NUM_SEEN, toys.NUM_UNSEEN, 14, toys.DX]
    assert last["layers"] == [[[3, 11], [11, toys.DX]], [[12, 10], [10, 1]]]
    args = last["args"]
    assert (args["device"], args["Q"], args["R"]) == ("cpu", "100.", "0")
    assert (args["gen_type"], args["data_dir"]) == ("latent_noise", "")


def test_its_last_line_says_why_it_does_not_run(checkout):
    (checkout / "src" / "torch" / "nn.py").write_text(
        "raise OSError('no CUDA')"
    )
    with (
        pytest.raises(InputError, match="received: OSError: no CUDA"),
        started(checkout),
    ):
        pass
    with (
        pytest.raises(InputError, match=r"received: .*no_python"),
        started(checkout, "no_python"),
    ):
        pass


def test_rows_have_what_their_columns_say(monkeypatch):
    each = [Config(**{**TINY, "precision": "float32"})]
    each.append(each[0].replace({"precision": "mixed_bfloat16"}))
    release = object()
    product = train_step.Product(10, 20, 30, "float32")
    seconds = {
        ("release", ""): 2.0,
        ("fed", "float32"): 0.5,
        ("plain", "float32"): 0.75,
        (product, "float32"): 1e-5,
        ("fed", "mixed_bfloat16"): 0.4,
        ("plain", "mixed_bfloat16"): 0.5,
        (product, "mixed_bfloat16"): 5e-6,
    }

    def take_turns(forms, rounds, steps, fed, clock):
        assert forms.keys() == seconds.keys()
        assert forms["release", ""] is release
        assert (rounds, steps, clock) == (5, 3, time.process_time)
        assert fed == [("fed", "float32"), ("fed", "mixed_bfloat16")]
        return seconds

    forms = dict.fromkeys(["step", "plain", "fed", product])
    monkeypatch.setattr(train_step, "forms", lambda *_: forms)
    monkeypatch.setattr(train_step, "take_turns", take_turns)
    monkeypatch.setattr(operations, "step_operations", lambda *_: 3e8)

    rows = against_release.rows(
        "toy", each, None, release, (5, 3), time.process_time
    )

    # 12000 operations in 10 and in 5 microseconds.
    assert [dict(zip(against_release.COLUMNS, row)) for row in rows] == [
        {
            "shape": "toy",
            "precision": "float32",
            "GFLOP": "0",
            "the release, ms": "2000",
            "nested tapes, ms": "750",
            "gmn_tf, ms": "500",
            "release / gmn_tf": "4.00",
            "nested tapes / gmn_tf": "1.50",
            "best product, GFLOP/s": "1",
            "share": "50%",
        },
        {
            "shape": "toy",
            "precision": "mixed_bfloat16",
            "GFLOP": "0",
            "the release, ms": "2000",
            "nested tapes, ms": "500",
            "gmn_tf, ms": "400",
            "release / gmn_tf": "5.00",
            "nested tapes / gmn_tf": "1.25",
            "best product, GFLOP/s": "2",
            "share": "31%",
        },
    ]


def test_steps_are_counted_until_the_score_is_reached(monkeypatch):
    heights = iter([10.0, 30.0, 20.0, 40.0])
    monkeypatch.setattr(
        time_to_score.final_classifiers, "fit", lambda *_: [None]
    )
    monkeypatch.setattr(
        time_to_score.metrics,
        "score",
        lambda *_: metrics.Scores(1.0, 2.0, 3.0, next(heights), None),
    )
    config = Config(**{**TINY, "variant": "wgan", "critic_steps": 1})
    lines = []

    with quick.training():
        found = time_to_score.steps_to_score(
            config.replace({"steps": 20}),
            toys.zero_shot_data(),
            25.0,
            1,
            lines.append,
        )

    assert [(one["step"], one["h"]) for one in found] == [(1, 10.0), (2, 30.0)]
    assert 0.0 < found[0]["seconds"] < found[1]["seconds"]
    assert lines[1].startswith("step 2: h 30.0, ")
