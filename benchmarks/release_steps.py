"""Takes training steps of the authors' release, one for each line it reads.

    python release_steps.py CHECKOUT SETTINGS DATA.npz

`against_release.py` runs this with the Python of the release. It starts the
release's own program with the settings of its script for a data set (CUB, SUN
or AWA1), and interrupts it after each iteration: it prints the CPU seconds that
it has used, and waits for a line.

From outside it changes that program in three places: the samples come from
DATA.npz, the device is the CPU, and where features have another size than the
2048 dimensions that its networks are written for, their outer layers get it.
"""

import argparse
import os
import pathlib
import re
import runpy
import sys
import tempfile
import time
import types

import numpy as np

# As its script for all methods sets what gradient matching does not use.
UNUSED = {"C": 0, "R": 0, "pretrained_clf_ckpt": "", "pretrained_regg_ckpt": ""}


def settings(scripts: pathlib.Path, dataset: str) -> dict[str, str]:
    """What the scripts of gradient matching export for a data set."""
    text = "".join(
        (scripts / name).read_text("utf-8")
        for name in (f"common_{dataset}_hps.sh", f"gmn_{dataset}.sh")
    )
    found = re.findall(r"^export (\w+)=['\"]?([^'\"\s]*)", text, re.MULTILINE)
    return {n if len(n) == 1 else n.lower(): value for n, value in found}


def dataset(path: str) -> types.SimpleNamespace:
    """The data in the file, with what follows from it."""
    with np.load(path) as file:
        arrays = dict(file)
    seen, unseen = (np.unique(arrays[name]) for name in ("Y_s_tr", "Y_u_te"))
    return types.SimpleNamespace(
        **arrays,
        d_ft=arrays["X_s_tr"].shape[1],
        d_attr=arrays["Sall"].shape[1],
        Cs=seen,
        Cu=unseen,
        n_Cs=len(seen),
        n_Cu=len(unseen),
        n_Call=len(seen) + len(unseen),
    )


def resized(build, feature_dim: int, position: int):
    """`build` with a first (0) or last (-1) linear layer for `feature_dim`."""
    import modules
    from torch import nn

    def built(*arguments):
        network = build(*arguments)
        places = [
            place
            for place, layer in enumerate(network.main)
            if isinstance(layer, nn.Linear)
        ]
        layer = network.main[places[position]]
        inputs, outputs = layer.in_features, layer.out_features
        if position:
            outputs += feature_dim - 2048
        else:
            inputs += feature_dim - 2048
        layer = nn.Linear(inputs, outputs)
        modules.variable_init(layer)
        network.main[places[position]] = layer
        return network

    return built


def run(checkout: pathlib.Path, name: str, path: str, folder: str, pause):
    """Runs the release, and calls `pause` after each iteration."""
    source = checkout / "src"
    sys.path.insert(0, str(source))
    import data
    import modules
    from torch import optim
    from torch.optim.optimizer import register_optimizer_step_post_hook

    samples = dataset(path)
    data.XianDataset = lambda *_, **__: samples
    if samples.d_ft != 2048:
        generator, critic = (
            modules.get_generator,
            modules.ConditionalDiscriminator,
        )
        modules.get_generator = lambda kind: resized(
            generator(kind), samples.d_ft, -1
        )
        modules.ConditionalDiscriminator = resized(critic, samples.d_ft, 0)

    values = settings(source / "scripts", name) | UNUSED
    values |= {"device": "cpu", "exp_dir": os.path.join(folder, "run")}
    sys.argv = ["main.py", *(f"--{n}={value}" for n, value in values.items())]
    # The scripts' settings are for the final classifier, too.
    argparse.ArgumentParser.parse_args = lambda self: self.parse_known_args()[0]

    per_iteration = int(values["n_d_iter"]) + 1
    updates = 0

    def after_update(optimizer, *_):
        nonlocal updates
        updates += isinstance(optimizer, optim.Adam)
        if updates == per_iteration:
            updates = 0
            pause()

    register_optimizer_step_post_hook(after_update)
    runpy.run_path(str(source / "main.py"), run_name="__main__")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkout", type=pathlib.Path, help="of the release")
    parser.add_argument("name", help="of its scripts' settings, as in cub")
    parser.add_argument("path", help="of the samples, DATA.npz")
    given = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed

    def pause():
        print(time.process_time(), file=answers, flush=True)
        if not sys.stdin.readline():
            sys.exit()

    with tempfile.TemporaryDirectory() as folder:
        run(given.checkout, given.name, given.path, folder, pause)


if __name__ == "__main__":
    main()
