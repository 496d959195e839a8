"""The progress of a search, its table, its picture and its best settings.

Results are those of `SearchFolder.results`; scores are percent, of validation
classes.
"""

import shlex
import statistics
import textwrap
from collections.abc import Mapping, Sequence

from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import shortfalls
from gmn_tf.runs.report import trials_table
from gmn_tf.search import figure
from gmn_tf.search.classifier_search import NO_TEMPERATURE
from gmn_tf.search.folder import (
    BEST,
    PRESET,
    SearchFolder,
    ranked,
    was_tried,
)
from gmn_tf.search.search import AUTO
from gmn_tf.search.space import as_text
from gmn_tf.settings import absolute_data_dir
from gmn_tf.utils import progress
from gmn_tf.utils.files import csv_text

SHOWN = 10  # trials on the terminal


def write(folder: SearchFolder, validation: int = 0) -> str:
    """Writes trials.csv, trials.png and best.json.

    Of an automatic search, which has few trials, it writes choices.csv and
    choices.png in place of trials.png.

    Args:
        folder: of the search.
        validation: the number of validation classes, for a note where these are
            few; 0 if it is not known.

    Returns:
        A report on the search so far.

    Raises:
        InputError: if the folder is not that of a search, or no trial has
            succeeded yet.
    """
    config, search, results = folder.read()
    objective = search["objective"]
    succeeded = ranked(results, objective)
    left_out = [one for one in results if "reason" in one]
    failed = [one for one in left_out if was_tried(one)]
    others = [one for one in results if one not in succeeded]
    best = succeeded[0]
    names = [*search["space"]["generator"], *best["classifier"]]
    if search["tuner"] == AUTO:  # each trial begins with the best so far
        names = [*best["generator"], *best["classifier"]]
    names = list(dict.fromkeys(names))
    if len({one["steps"] for one in results}) > 1:
        names.insert(0, "steps")
    rows = {one["trial"]: _row(one, config, names) for one in results}
    folder.write_text(
        "trials.csv",
        csv_text([rows[one["trial"]] for one in [*succeeded, *others]]),
    )
    title = (
        f"{config.dataset}, {config.variant}, {search['tuner']} search for "
        f"{SCORES[objective]} of the validation classes"
    )
    if search["tuner"] == AUTO:
        _write_choices(folder, config, results, objective)
    else:
        picture = figure.draw(list(rows.values()), names, objective, title)
        folder.save_picture("trials.png", picture)
    chosen = {**best["generator"], **best["classifier"], "steps": best["steps"]}
    chosen = config.replace({**chosen, "split": "test"})
    folder.write_json(BEST, chosen.to_dict())

    settings = []
    for name in dict.fromkeys(("steps", *names)):
        found, began = (
            shown(name, getattr(of, name)) for of in (chosen, config)
        )
        note = "" if began == found else f" (initially {began})"
        settings.append(f"  {name}: {found}{note}")
    label, found = SCORES[objective], best[objective]
    count = f"the best of {len(succeeded)}"
    more = []
    if failed:
        more.append(f"{len(failed)} more failed")
    if len(left_out) > len(failed):
        more.append(f"{len(left_out) - len(failed)} not tried")
    if more:
        count += f" ({', '.join(more)})"
    conclusion = f"best.json: {label} {found:.1f} on the validation classes"
    for one in succeeded:
        if one["trial"] == PRESET and one["with_preset_classifier"]:
            plain = one["with_preset_classifier"][objective]
            conclusion += (
                f", {found - plain:.1f} above the initial settings "
                f"({label} {plain:.1f}; {one[objective]:.1f} with the best "
                "classifier found for them)"
            )
    trial = best["trial"]
    heading = "the preset" if trial == PRESET else f"trial {trial}"
    parts = [
        f"{title}. {count[0].upper()}{count[1:]}:",
        trials_table(succeeded[:SHOWN]),
        "\n".join([f"Settings of {heading}:", *settings]),
        *(f"trial {one['trial']} {without_scores(one)}" for one in left_out),
        *notes(best, validation),
        f"{conclusion}.\nIt is {count} by these scores, "
        "with one seed each; expect lower ones elsewhere.\nThe test splits "
        "were not touched. To score it there: "
        + shlex.join(_training(folder, config)),
    ]
    return "\n\n".join(parts)


def _training(folder: SearchFolder, config) -> list[str]:
    """The command that trains with the best settings."""
    words = [
        "bin/train",
        f"--config={folder.path / BEST}",
        f"--workdir=runs/{config.dataset}-tuned-{config.seed}",
    ]
    data_dir = folder.read_config()[1]["data_dir"]
    if data_dir != absolute_data_dir(None):
        words.append(f"--data_dir={data_dir}")
    return words


def notes(best: Mapping, validation: int) -> list[str]:
    """What to know of the best trial, each in lines for the terminal.

    Args:
        best: its result.
        validation: the number of validation classes; 0 if it is not known.
    """
    found = [shortfalls.few_classes(best, validation)]
    if reason := best.get(NO_TEMPERATURE):
        found.append(f"No --temperature is found: {reason}.")
    return [
        textwrap.fill(note, 80, break_on_hyphens=False)
        for note in filter(None, found)
    ]


def shown(name: str, value):
    """The value of a setting for the terminal."""
    if name == "temperature" and not value:
        return "none"
    return as_text(value)


def without_scores(result: Mapping) -> str:
    """Why a trial has no scores."""
    what = "failed" if was_tried(result) else "was not tried"
    return f"{what}: {result['reason']}"


def outcome(results: Sequence[Mapping], trial, left: int | None) -> str:
    """A line on a trial that has just ended.

    Args:
        results: all so far.
        trial: its number, or `PRESET`.
        left: trials to come, if one process runs them all.
    """
    (one,) = [one for one in results if one["trial"] == trial]
    time = f"in {progress.duration(one['seconds'])}"
    if "reason" in one:
        text = f"  failed {time}: {one['reason']}"
    else:
        scores = [f"{label} {one[name]:.1f}" for name, label in SCORES.items()]
        text = f"  {', '.join(scores)}, {time}."
    if left:
        each = statistics.mean(other["seconds"] for other in results)
        text += f" {left} left, about {progress.duration(left * each)}."
    return text


def _write_choices(folder, config, results, objective: str) -> None:
    """Writes choices.csv and choices.png."""
    rows = []
    for one in results:
        kept = one.get("classifier", {})
        choices = one.get("choices", [{"reason": one.get("reason")}])
        # A value may be tried again, when others have changed.
        last = {(o.get("setting"), o.get("value")): o for o in choices}
        for choice in choices:
            row = {"trial": one["trial"], "title": one.get("title", "")}
            row |= choice
            for name in (*SCORES, "gain"):
                score = choice.get(name)
                row[name] = None if score is None else round(score, 4)
            if name := choice.get("setting"):
                value = choice["value"]
                row["kept"] = as_text(kept.get(name)) == value
                row["kept"] &= last[name, value] is choice
            rows.append(row)
    folder.write_text("choices.csv", csv_text(rows))
    title = f"{config.dataset}: what each choice was worth"
    picture = figure.draw_choices(rows, objective, title)
    folder.save_picture("choices.png", picture)


def _row(one: Mapping, config, names: Sequence[str]) -> dict:
    settings = {name: getattr(config, name) for name in names}
    settings |= one["generator"] | one.get("classifier", {})
    return {
        "trial": one["trial"],
        **{
            name: None if one.get(name) is None else round(one[name], 4)
            for name in SCORES
        },
        "steps": one["steps"],
        **{name: as_text(settings[name]) for name in names},
        "seconds": one["seconds"],
        "reason": one.get("reason"),
    }
