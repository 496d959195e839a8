"""Requests of bin/reproduce, and folders as their jobs would leave them."""

import csv
import json
import pathlib

from gmn_tf.config import Config
from gmn_tf.reproduction import plan
from gmn_tf.reproduction.results import Results

SCORES = ("t1", "u", "s", "h")


def request(out, **changes):
    settings = {
        "tables": ("2", "3"),
        "figures": ("3", "4", "5"),
        "datasets": ("flo", "cub:att+sent"),
        "seeds": 2,
        "preset": "cpu",
        "flags": ("--steps=100", "--manual_dir=there"),
        **changes,
    }
    return plan.Request(out=pathlib.Path(out), **settings)


def finish(asked, score=lambda number: number / 2, seeds=None):
    """Writes what jobs of a request would, with known numbers."""
    numbers = {}
    for number, job in enumerate(plan.plan(asked)):
        folder = job.result.parent
        if seeds and int(folder.name.rpartition("-")[2]) not in seeds:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        numbers[job.name] = score(number)
        config = {name: job.settings[name] for name in Config().to_dict()}
        config["precision"] = "mixed_bfloat16"  # as a machine decided
        source = {"name": "birds", "split_fingerprint": "f"}
        content = {"config": config, "data": source, "versions": {"numpy": "2"}}
        (folder / "config.json").write_text(json.dumps(content))
        content = {
            name: {"mean": score(number) + place, "std": 9.0}
            for place, name in enumerate(SCORES)
        }
        if job.protocol == "separate":
            tried = [
                {**one, "t1": 1.5, "u": 2.5, "s": 3.5}
                for one in job.settings["tried"]
            ]
            chosen = dict.fromkeys(("t1", "u"), job.settings["tried"][0])
            chosen["s"] = job.settings["tried"][1]
            content |= {"chosen": chosen, "tried": tried}
        if job.protocol:
            job.result.write_text(json.dumps(content))
        else:
            job.result.write_bytes(b"")
        header = [f"{s}_{part}" for s in SCORES for part in ("mean", "std")]
        values = [str(score(number) + p) for p in range(8)]
        for name, along, points in (
            ("curve.csv", "n", job.settings.get("counts", ())),
            ("validation.csv", "step", (10, 20)),
        ):
            lines = [[along, *header], *([one, *values] for one in points)]
            write_csv(folder / name, lines)
        write_csv(
            folder / "class_accuracy.csv",
            [
                ["class", "seen", "accuracy_percent"],
                ["cat", "yes", "90"],
                ["dog", "no", str(score(number))],
                ["cow", "no", "50"],
                ["elk", "no", ""],
            ],
        )
    return numbers


def collected(asked) -> Results:
    """The results of a request, as a new process reads them."""
    results = Results(asked.out)
    results.collect(plan.plan(asked))
    return results


def write_csv(path, lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
