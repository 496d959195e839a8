"""Several devices and several processes: the same training, none missing."""

import json
import signal
import socket
import time

import numpy as np
import pytest
import tensorflow as tf

import gmn_tf
from gmn_tf.config import Config
from gmn_tf.data import zero_shot_data
from gmn_tf.method.variants import VARIANTS
from gmn_tf.training import fit, workers
from gmn_tf.utils.errors import InputError
from tests.support import forked, quick

PARTS = (
    *("cwgan_gm", "wgan_transductive", "cwgan_cls_cycle", "gm", "wgan"),
    *("gmmn", "tfvaegan", "cadavae"),
)
# Others are made of the same parts as these.
TWINS = (
    *("gmmn_gm", "cvae", "cvae_gm", "fvaegan", "fvaegan_gm", "tfvaegan_gm"),
    *("cadavae_gm", "zlap"),
)
GENERATORS = [
    name
    for name, variant in VARIANTS.items()
    if variant.has_generator and name not in TWINS
]


def train_variants(names, config, data, strategy):
    """The weights of generators, by variant and number."""
    return {
        f"{name}/{number}": weight
        for name in names
        for number, weight in enumerate(
            fit.train(
                config.replace({"variant": name}), data, strategy
            ).generator.get_weights()
        )
    }


@pytest.fixture(scope="module")
def config(tiny_config):
    """Batches that two, three and four devices can share."""
    return tiny_config.replace(
        {"steps": 3, "batch_size": 12, "critic_steps": 1}
    )


@pytest.fixture(scope="module")
def one_device(config, tiny_data):
    """What every variant is trained to in this process."""
    with quick.training():
        return train_variants(
            GENERATORS, config, tiny_data, fit.make_strategy("one")
        )


def train_on(devices, strategy, variants, settings, place, out):
    """Trains on logical devices; the chief writes the weights."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration() for _ in range(devices)],
    )
    strategy = fit.make_strategy(strategy)
    data = zero_shot_data.load(*place)
    weights = train_variants(variants, Config(**settings), data, strategy)
    if workers.is_chief(strategy):
        np.savez(out, **weights)


@pytest.fixture
def train_apart(config, tiny_name, tiny_dir, tmp_path):
    """Trains in processes of their own; gives the generators' weights."""
    out = tmp_path / "weights.npz"

    def run_all(strategy, variants, devices=1, clusters=(None,)):
        processes = [
            forked.Forked(
                train_on,
                *(devices, strategy, variants, config.to_dict()),
                *((tiny_name, str(tiny_dir)), out),
                environment=environment(cluster),
            )
            for cluster in clusters
        ]
        for process in processes:
            printed, _ = process.communicate(timeout=600)
            assert process.returncode == 0, printed
        with np.load(out) as arrays:
            return dict(arrays)

    return run_all


def environment(cluster):
    return {"TF_CONFIG": json.dumps(cluster)} if cluster else {}


def make_clusters(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    places = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [
        {
            "cluster": {"worker": places},
            "task": {"type": "worker", "index": index},
        }
        for index in range(count)
    ]


def assert_same(weights, variants, one_device):
    of_variants = tuple(f"{variant}/" for variant in variants)
    expected = {name for name in one_device if name.startswith(of_variants)}
    assert weights.keys() == expected
    for name, weight in weights.items():
        np.testing.assert_allclose(
            weight, one_device[name], rtol=1e-3, atol=1e-5, err_msg=name
        )


# Each variant on several devices: on four, which takes twice as long to trace,
# a choice in which every stream, critic and guidance occurs; the rest on two,
# and the first of these again.
@pytest.mark.parametrize(
    ("devices", "names"),
    [(2, [n for n in GENERATORS if n not in PARTS[1:]]), (4, PARTS)],
)
def test_devices_train_every_variant_as_one(
    devices, names, train_apart, one_device
):
    weights = train_apart("mirrored", names, devices=devices)
    assert_same(weights, names, one_device)


def test_the_choice_of_variants_has_every_part():
    def parts(names):
        chosen = [VARIANTS[name] for name in names]
        return {
            *((one.stream, one.critic) for one in chosen),
            *(part for one in chosen for part in one.guidance),
        }

    assert parts(PARTS) == parts(GENERATORS)


@pytest.mark.parametrize("count", [2, 3])
def test_workers_train_as_one(count, train_apart, one_device):
    names = ["cwgan_gm"]
    clusters = make_clusters(count)
    weights = train_apart("multi_worker", names, clusters=clusters)
    assert_same(weights, names, one_device)


def start_workers(folder, workdir, steps, count=2):
    return [
        forked.start(
            "train",
            "--dataset=synthetic",
            "--preset=cpu",
            "--variant=cwgan",  # quick to trace
            "--strategy=multi_worker",
            f"--steps={steps}",
            "--batch_size=8",
            "--critic_steps=1",
            "--classifier_epochs=1",
            "--checkpoint_every=10",
            "--nobaseline",
            f"--workdir={workdir}",
            quick=False,
            environment={
                **environment(cluster),
                "TFDS_DATA_DIR": str(folder),
            },
        )
        for cluster in make_clusters(count)
    ]


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    gmn_tf.load_data(gmn_tf.configure("synthetic", "cpu"), data_dir=folder)
    return folder


def wait_for_a_checkpoint(workdir, processes):
    while not list((workdir / "checkpoints").glob("*.index")):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)


def test_without_one_worker_the_others_end_and_all_continue(
    prepared_dir, tmp_path
):
    chief, other = start_workers(prepared_dir, tmp_path / "run", 3000)
    wait_for_a_checkpoint(tmp_path / "run", (chief, other))
    other.send_signal(signal.SIGKILL)
    output = chief.communicate(timeout=120)[0]
    other.wait()
    assert chief.returncode == 1
    assert "Another worker has ended" in output
    assert "Traceback" not in output
    saved = max(
        int(path.stem.rpartition("-")[2])
        for path in (tmp_path / "run" / "checkpoints").glob("*.index")
    )

    config = tmp_path / "run" / "config.json"
    stored = json.loads(config.read_text())
    stored["config"]["steps"] = saved + 20
    config.write_text(json.dumps(stored))
    steps = stored["config"]["steps"]
    outputs = [
        process.communicate(timeout=300)[0]
        for process in start_workers(prepared_dir, tmp_path / "run", steps)
    ]
    assert f"Continuing after step {saved}." in outputs[0]
    assert (tmp_path / "run" / "metrics.json").exists()
    assert "Results" in outputs[0] and "Results" not in outputs[1]


def test_without_the_first_worker_the_other_ends(prepared_dir, tmp_path):
    chief, other = start_workers(prepared_dir, tmp_path / "run", 3000)
    wait_for_a_checkpoint(tmp_path / "run", (chief, other))
    chief.send_signal(signal.SIGKILL)
    output = other.communicate(timeout=120)[0]
    chief.wait()
    assert other.returncode == 1
    assert "Another worker has ended" in output
    assert "Traceback" not in output


def test_the_error_names_the_line_with_the_reason(monkeypatch):
    monkeypatch.setattr(workers, "several", lambda strategy: True)
    text = (
        "Graph execution error:\n\nCollective ops is aborted by: Socket closed"
    )
    for message in (text, f"{text}\nThe error could be\n\t [[{{{{node x}}}}]]"):
        with (
            pytest.raises(InputError, match=r"received: .*Socket closed"),
            workers.reporting_lost_workers(tf.distribute.get_strategy()),
        ):
            raise tf.errors.UnavailableError(None, None, message)
    with (
        pytest.raises(InputError, match="received: cut off"),
        workers.reporting_lost_workers(tf.distribute.get_strategy()),
    ):
        raise tf.errors.UnavailableError(None, None, "x\ncut off")
