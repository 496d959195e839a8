"""The automatic search: what it tries, chooses, leaves and cannot see."""

import csv
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from gmn_tf import api
from gmn_tf.config import Config
from gmn_tf.configs import systems
from gmn_tf.data import zero_shot_data
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import experiment
from gmn_tf.search import (
    classifier_search,
    figure,
    report,
    space,
    stages,
    trials,
)
from gmn_tf.search.folder import SearchFolder
from gmn_tf.settings import configure
from gmn_tf.training import workers
from gmn_tf.utils import locks
from gmn_tf.utils.errors import InputError

QUICK = {"prototype_epochs": 2, "classifier_epochs": 2, "prototype_units": (8,)}
CLOSED, KERNEL, REAL, BOTH = (stage.name for stage in stages.STAGES)


@pytest.fixture(scope="module", autouse=True)
def _two_values_of_each():
    with pytest.MonkeyPatch.context() as patch:
        short = [
            one._replace(space={n: v[:2] for n, v in one.space.items()})
            for one in stages.STAGES
        ]
        patch.setattr(stages, "STAGES", tuple(short))
        yield


@pytest.fixture(scope="module")
def tune_data(tiny_name, tiny_dir):
    """The tune splits of the tiny set as they are."""
    return zero_shot_data.load(tiny_name, tiny_dir, "tune", "none")


@pytest.fixture(scope="module")
def config(tiny_config):
    return tiny_config.replace({**QUICK, "generator_output": "auto"})


def search(config, data, path, minutes=60.0, **fixed):
    """Runs a search: the settings found, the folder, the lines for the user."""
    lines = []
    found = api.choose_settings(
        config.replace(fixed),
        data,
        path,
        fixed={**QUICK, **fixed},
        minutes=minutes,
        log=lines.append,
    )
    return found, SearchFolder(path), "\n".join(lines)


@pytest.fixture(scope="module")
def whole(_two_values_of_each, config, tune_data, tmp_path_factory):
    """A search that nothing has interrupted."""
    return search(config, tune_data, tmp_path_factory.mktemp("auto") / "whole")


def results(folder):
    """What was found, less what another search need not repeat."""
    found = folder.results()
    for one in found:
        del one["seconds"]
    return found


class Clock:
    """Stands for the module `time` where trials are timed."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def quick(monkeypatch):
    """Trials that train nothing; yields h by variant, and the clock.

    Each trial takes 60 seconds.
    """
    h, clock = {"real_only": 10.0, "cwgan_gm": 20.0}, Clock()

    def search(config, data, generator, space, *others, on_choice, **options):
        clock.now += 60.0
        score = h[config.variant]
        if isinstance(score, InputError):
            raise score
        tried = {name: getattr(config, name) for name in space}
        row = {**tried, **dict.fromkeys(SCORES, 5.0), "h": score}
        empty = dict.fromkeys(("setting", "value", "instead_of", "gain"))
        on_choice({**empty, **row, "reason": None})
        return [row]

    monkeypatch.setattr(classifier_search, "search", search)
    monkeypatch.setattr(experiment, "train_generator", lambda *given: None)
    monkeypatch.setattr(trials, "time", clock)
    return h


def failure():
    return InputError("It diverged.", "finite losses", "NaN", "Try another.")


@pytest.mark.parametrize(
    ("fixed", "titles", "eligible"),
    [
        ({}, [CLOSED, KERNEL, REAL, BOTH], [True] * 4),
        ({"variant": "real_only"}, [CLOSED, KERNEL, REAL], [True] * 3),
        (
            {"variant": "wgan_gm"},
            [CLOSED, KERNEL, REAL, BOTH],
            [False, False, False, True],
        ),
        ({"embedding_norm": "l2"}, [CLOSED, KERNEL, REAL, BOTH], [True] * 4),
        ({"synthetic_per_class": 9}, [CLOSED, KERNEL, REAL, BOTH], [True] * 4),
        ({"classifier": "discriminant"}, [CLOSED, KERNEL, BOTH], [True] * 3),
        ({"classifier": "prototype"}, [CLOSED, REAL, BOTH], [True] * 3),
        ({"classifier_rows": "real"}, [CLOSED, KERNEL, REAL], [True] * 3),
        ({"representation": "kernel"}, [CLOSED, REAL, BOTH], [True] * 3),
        ({"representation": "features"}, [CLOSED, REAL, BOTH], [True] * 3),
        ({"variant": "cadavae"}, [CLOSED, REAL, BOTH], [False, False, True]),
    ],
)
def test_what_is_fixed_is_not_tried(fixed, titles, eligible):
    config = Config().replace(fixed)

    left = stages.remaining(config, fixed)

    assert [one.name for one in left] == titles
    assert [one.eligible for one in left] == eligible
    for one in left:
        assert not set(fixed) & set(one.space)
        assert {**config.to_dict(), **one.settings}["variant"] in (
            "real_only",
            config.variant,
        )
    everything = stages.space(config, fixed)
    assert not set(fixed) & set(everything.classifier)


def test_what_the_users_classifier_does_not_use_is_not_tried():
    fixed = {"classifier": "linear"}

    for one in stages.remaining(Config().replace(fixed), fixed):
        settings = {*one.settings, *one.space}
        assert not any(
            name.startswith(("prototype_", "discriminant_"))
            for name in settings
        )
        assert not settings & {"classifier", "classifier_weights"}
    fixed = {"classifier": "prototype"}
    *_, last = stages.remaining(Config().replace(fixed), fixed)
    assert "classifier_learning_rate" not in last.space


def test_a_guiding_classifier_is_not_changed_after_its_generator():
    fixed = {"variant": "cwgan_cls"}

    *_, last = stages.remaining(Config().replace(fixed), fixed)

    assert "classifier_learning_rate" not in last.space
    assert "synthetic_per_class" in last.space


def test_where_everything_is_fixed_nothing_is_searched(config):
    with pytest.raises(InputError, match="nothing left to choose"):
        stages.remaining(config, config.to_dict())


def test_sizes_follow_the_data(tiny_config, tune_data):
    sizes = {"classifier_batch_size": 4, "prototype_batch_size": 8}
    few = tiny_config.replace(sizes)
    made = stages.make_search(few, tune_data, {}).config

    for kind in ("classifier", "prototype"):
        each = len(tune_data.train) / getattr(made, f"{kind}_batch_size")
        steps = each * getattr(made, f"{kind}_epochs")
        assert steps == pytest.approx(stages.STEPS, rel=0.05)
    left = made.classifier_decay**made.classifier_epochs
    assert left == pytest.approx(stages.RATE_LEFT, abs=0.02)
    assert made.split == "tune"
    many = tiny_config.replace({"matching_classes": 99})
    made = stages.make_search(many, tune_data, {}).config
    assert made.matching_classes == tune_data.num_seen
    fixed = {"prototype_epochs": 7, "matching_classes": 2}
    made = stages.make_search(tiny_config, tune_data, fixed).config
    assert (made.prototype_epochs, made.matching_classes) == (7, 2)


def test_the_best_of_what_was_tried_is_chosen(whole):
    found, folder, text = whole

    with open(folder.path / "choices.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tried = [pair for one in stages.STAGES for pair in one.space.items()]
    of_settings = [row for row in rows if row["setting"]]
    names = {name for name, _ in tried} - {space.PENALTY}
    assert {row["setting"] for row in of_settings} == names
    further = sum(len(values) - 1 for _, values in tried)
    assert len(of_settings) == further
    titles = [row["title"] for row in rows if not row["setting"]]
    assert titles == [CLOSED, KERNEL, REAL, BOTH]
    for row in rows:
        gain = row["gain"] and f" ({float(row['gain']) + 0.0:+.1f})"
        line = f"h {float(row['h']):.1f}, T-1 {float(row['t1']):.1f}{gain}"
        assert line.replace("-0.0)", "+0.0)") in text
    best = max(folder.results(), key=lambda one: one["h"])
    settings = {**best["generator"], **best["classifier"]}
    assert found == Config().replace({**found.to_dict(), **settings})
    assert found.split == "test"
    for row in of_settings:
        if int(row["trial"]) == best["trial"] and row["kept"] == "True":
            assert str(getattr(found, row["setting"])) == row["value"]
    written = json.loads((folder.path / "best.json").read_text())
    assert Config(**written) == found
    assert (folder.path / "choices.png").stat().st_size > 10_000
    assert f"Chosen: {best['title']}, h {best['h']:.1f}" in text
    assert not list(folder.path.rglob("checkpoints"))


def test_its_table_is_that_of_any_search(whole):
    _, folder, _ = whole

    text = report.write(folder)

    with open(folder.path / "trials.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(stages.STAGES)
    assert {"embedding_norm", "feature_scaling", "variant"} <= set(rows[0])
    assert f"best.json: h {float(rows[0]['h']):.1f}" in text
    assert not (folder.path / "trials.png").exists()


def test_a_finished_search_is_shown_again(
    whole, config, tune_data, tmp_path, monkeypatch
):
    found, folder, text = whole
    shutil.copytree(folder.path, tmp_path / "copy")
    monkeypatch.delattr(classifier_search, "search")
    tables = ("choices.csv", "trials.csv", "best.json")
    for name in tables:  # Cut short, they are written anew.
        content = (folder.path / name).read_bytes()
        (tmp_path / "copy" / name).write_bytes(content[: len(content) // 2])

    again, _, shown = search(config, tune_data, tmp_path / "copy", minutes=0.0)

    assert again == found
    assert "already contains this search" in shown
    expected = text.replace(str(folder.path), str(tmp_path / "copy"))
    assert shown.splitlines()[1:] == expected.splitlines()[1:]
    for name in tables:
        content = (folder.path / name).read_bytes()
        assert (tmp_path / "copy" / name).read_bytes() == content


def test_an_interrupted_search_continues(
    whole, config, tune_data, tmp_path, monkeypatch
):
    original, calls = classifier_search.search, []

    def interrupted(*given, **options):
        calls.append(1)
        if len(calls) == 4:  # of the last trial, its generator trained
            raise KeyboardInterrupt
        return original(*given, **options)

    monkeypatch.setattr(classifier_search, "search", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(config, tune_data, tmp_path / "search")
    # A table of what there is by now does not end the search.
    report.write(SearchFolder(tmp_path / "search"))
    found, folder, text = search(config, tune_data, tmp_path / "search")

    assert found == whole[0]
    assert results(folder) == results(whole[1])
    assert text.count("instead of") == whole[2].count("instead of")
    assert len(calls) == 5


def test_test_records_can_be_missing(
    whole, config, tiny_dir, tiny_name, tmp_path
):
    shutil.copytree(
        pathlib.Path(tiny_dir) / tiny_name, tmp_path / "blind" / tiny_name
    )
    gone = list((tmp_path / "blind").rglob("*-test_*tfrecord*"))
    for path in gone:
        path.unlink()
    assert len(gone) == 2

    blind = zero_shot_data.load(tiny_name, tmp_path / "blind", "tune", "none")
    found, folder, _ = search(config, blind, tmp_path / "search")

    assert found == whole[0]
    assert results(folder) == results(whole[1])


def test_real_features_alone_can_win(quick, config, tune_data, tmp_path):
    quick["real_only"] = 30.0

    found, _, text = search(config, tune_data, tmp_path / "search")

    assert (found.variant, found.classifier) == ("real_only", "discriminant")
    others = f"  ({KERNEL}: h 30.0)\n  ({REAL}: h 30.0)"
    assert f"Chosen: {CLOSED}, h 30.0\n{others}" in text
    # At the start, and with the result.
    assert text.count("With 2 validation classes (fewer than") == 2
    unwrapped = " ".join(text.split())
    assert unwrapped.count("T-1 5.0 is hardly better than chance (50.0)") == 1


def test_a_trial_begins_with_settings_that_are_named(
    quick, config, tune_data, tmp_path
):
    *_, text = search(config, tune_data, tmp_path / "search", minutes=20)

    lines = text.splitlines()
    assert "within about 20 min." in text
    for stage in stages.STAGES:
        line = lines[lines.index(f"{stage.name}:") + 1]
        named, _, scores = line.strip().partition(": ")
        assert scores.startswith("h ")
        assert named.split(", ") == [
            f"{name}={space.as_text(values[0])}"
            for name, values in stage.space.items()
            if name != space.PENALTY
        ]


@pytest.mark.parametrize(("norm", "tried"), [("l2", True), ("0.2*l2", False)])
def test_a_kernel_begins_with_the_norm_that_was_best(
    quick, config, tune_data, tmp_path, monkeypatch, norm, tried
):
    begun, search_one = [], classifier_search.search

    def best_with(config, data, generator, space, *others, **options):
        begun.append((config.embedding_norm, "embedding_norm" in space))
        (row,) = search_one(config, data, generator, space, *others, **options)
        if len(begun) == 1:
            row["embedding_norm"] = norm
        return [row]

    monkeypatch.setattr(classifier_search, "search", best_with)
    *_, text = search(config, tune_data, tmp_path / "search")

    first = stages.NORMS[0]
    assert begun[:2] == [(first, True), (norm, tried)]
    of_kernel = text.split(f"{KERNEL}:\n")[1].splitlines()[0]
    assert (f"embedding_norm={norm}, " in of_kernel) == tried
    kept = text.split(f"{KERNEL}:\n")[1].split("Kept: ")[1].splitlines()[0]
    assert f"embedding_norm={norm}, " in f"{kept}, " or not tried
    assert "kernel_width=" in kept and space.PENALTY not in kept
    # Shown again, the lines are the same.
    *_, again = search(config, tune_data, tmp_path / "search")
    assert of_kernel in again


def test_why_there_is_no_temperature_is_said(
    quick, config, tune_data, tmp_path, monkeypatch
):
    quick_search = classifier_search.search
    beside = {"temperature": 0.0, classifier_search.NO_TEMPERATURE: "few rows"}

    def without_temperature(*given, **options):
        return [row | beside for row in quick_search(*given, **options)]

    monkeypatch.setattr(classifier_search, "search", without_temperature)
    found, folder, text = search(config, tune_data, tmp_path / "search")

    assert found.temperature == 0.0
    for shown in (text, report.write(folder)):
        assert "  temperature: none\n" in shown
        assert "No --temperature is found: few rows." in shown
    tried = (folder.trial("0").path / "tried.csv").read_text()
    assert "no_temperature" in tried and "few rows" in tried


def test_a_gain_that_does_not_suffice_is_not_rounded_up(
    quick, config, tune_data, tmp_path, monkeypatch
):
    quick_search = classifier_search.search
    gains = {-0.01: "+0.0", 0.44: "+0.4", 0.4919: "+0.49", 0.4999: "+0.49"}
    gains |= {0.5: "+0.50", 0.5001: "+0.5", 0.96: "+1.0"}

    def with_gains(*given, on_choice, **options):
        def choose(choice):
            for gain in gains:
                on_choice(choice | {"gain": gain})

        return quick_search(*given, on_choice=choose, **options)

    monkeypatch.setattr(classifier_search, "search", with_gains)
    *_, text = search(config, tune_data, tmp_path / "search")

    shown = [f"({gain})" for gain in gains.values()]
    lines = [line for line in text.splitlines() if "T-1 5.0 (" in line]
    assert [line.split()[-1] for line in lines] == shown * len(stages.STAGES)


def test_the_picture_tells_long_values_apart():
    norms = ["0.2*standard_l2,standard_l2,standard_l2,standard_l2"]
    norms += ["standard_l2,standard_l2,standard_l2,0.2*standard_l2", "l2"]
    row = {"trial": 1, "title": "Real features", "h": 50.0, "reason": None}
    rows = [
        row | {"setting": "embedding_norm", "value": norm, "gain": 0.4919}
        for norm in norms
    ]
    axes = figure.draw_choices(rows, "h", "mine").axes[0]

    shown = [label.get_text() for label in axes.get_yticklabels()]
    whole = [f"embedding_norm={norm}" for norm in norms]
    assert [name.replace("\n", "") for name in shown] == whole
    assert [name.count("\n") for name in shown] == [1, 1, 0]
    assert [text.get_text() for text in axes.texts] == ["50.0 (+0.49)"] * 3


def test_another_variant_than_the_users_is_not_chosen(
    quick, config, tune_data, tmp_path
):
    quick["real_only"] = 30.0

    found, folder, text = search(
        config, tune_data, tmp_path / "search", variant="cwgan_gm"
    )

    assert found.variant == "cwgan_gm"
    assert f"Chosen: {BOTH}, h 20.0\n  ({CLOSED}: h 30.0)" in text
    with open(folder.path / "trials.csv", encoding="utf-8") as file:
        order = [row["trial"] for row in csv.DictReader(file)]
    assert order == ["4", "1", "2", "3"]


@pytest.mark.parametrize(("minutes", "skipped"), [(1.5, True), (60.0, False)])
def test_a_trial_that_would_come_too_late_is_left_out(
    minutes, skipped, quick, config, tune_data, tmp_path
):
    found, _, text = search(
        config, tune_data, tmp_path / "search", minutes=minutes
    )

    assert (found.variant == "real_only") == skipped
    late = "was not tried: too little time left, 2.0 min after the start"
    assert (late in text) == skipped
    # 0.6 of 3.4 minutes are two.
    assert ("search needs --minutes=3.4 or more" in text) == skipped
    # The same command does not change its mind.
    again, _, _ = search(config, tune_data, tmp_path / "search")
    assert again == found


def test_the_only_trial_that_may_be_chosen_is_not_left_out(
    quick, config, tune_data, tmp_path
):
    found, _, _ = search(
        config, tune_data, tmp_path / "search", 0.0, variant="cwgan_gm"
    )

    assert found.variant == "cwgan_gm"


def test_trials_that_fail_are_passed_over(quick, config, tune_data, tmp_path):
    quick["cwgan_gm"] = failure()

    found, folder, text = search(config, tune_data, tmp_path / "search")

    assert found.variant == "real_only"
    assert f"{BOTH}:\n  failed: It diverged." in text
    assert "It diverged." in (folder.path / "choices.csv").read_text()
    assert "trial 4 failed: It diverged." in report.write(folder)
    quick["real_only"] = failure()
    with pytest.raises(InputError, match=r"^It diverged\.") as error:
        search(config, tune_data, tmp_path / "other")
    assert error.value.action == "Try another."
    assert "4 trials" in error.value.received


def test_other_settings_need_another_folder(quick, config, tune_data, tmp_path):
    search(config, tune_data, tmp_path / "search")
    with pytest.raises(InputError, match="synthetic_per_class"):
        search(config, tune_data, tmp_path / "search", synthetic_per_class=9)


def test_nothing_is_written_where_another_process_searches(
    quick, config, tune_data, tmp_path
):
    folder = tmp_path / "search"
    with (
        locks.exclusive(folder),
        pytest.raises(InputError, match="Another process works in"),
    ):
        search(config, tune_data, folder)
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_what_cannot_be_searched_is_refused(
    config, tune_data, tiny_data, tmp_path, monkeypatch
):
    scaled = tune_data.rescaled("unit", "l2")
    for data in (tiny_data, scaled):
        with pytest.raises(InputError, match="cannot be chosen on this data"):
            search(config, data, tmp_path / "search")
    train = tune_data.train
    same = dataclasses.replace(train, features=np.full_like(train.features, 3))
    with pytest.raises(InputError, match=r"^All training samples have the"):
        search(
            *(config, dataclasses.replace(tune_data, train=same)),
            tmp_path / "search",
        )
    nothing = dataclasses.replace(
        tune_data.seen,
        features=tune_data.seen.features[:0],
        labels=tune_data.seen.labels[:0],
    )
    empty = dataclasses.replace(tune_data, seen=nothing)
    with pytest.raises(InputError, match="nothing to choose settings by"):
        search(config, empty, tmp_path / "search")
    with pytest.raises(InputError, match="matching_classes is larger"):
        search(config, tune_data, tmp_path / "search", matching_classes=99)
    monkeypatch.setattr(workers, "several", lambda strategy: True)
    with pytest.raises(InputError, match="distributes trials"):
        search(config, tune_data, tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_a_system_without_a_generator_keeps_its_classifier():
    name = "class_normalisation"
    config = configure("mine", "auto", variant=name)
    fixed = {"variant": name, **systems.always(name)}

    trials = stages.remaining(config, fixed)

    assert trials and all(one.eligible for one in trials)
    for one in trials:
        assert one.settings.keys() == {"variant"}
        assert not one.space.keys() & fixed.keys()
