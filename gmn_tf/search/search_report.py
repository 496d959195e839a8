"""What a search says: its progress, its table, its picture, its best settings.

Results are those of `SearchFolder.results`; scores are percent, of validation
classes.
"""

import statistics
from collections.abc import Mapping, Sequence

from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import report
from gmn_tf.search import search_figure
from gmn_tf.search.search_folder import (
    PRESET,
    SearchFolder,
    best_config,
    ranked,
)

SHOWN = 10  # trials on the terminal


def write(folder: SearchFolder) -> str:
    """Writes trials.csv, trials.png and best.json.

    Returns:
        What there is to say of the search, so far.

    Raises:
        InputError: if the folder is not that of a search, or no trial has
            ended yet.
    """
    config, search, results = folder.read()
    objective = search["objective"]
    best = ranked(results, objective)
    failed = [one for one in results if "reason" in one]
    names = [*search["space"]["generator"], *best[0]["classifier"]]
    if len({one["steps"] for one in results}) > 1:
        names.insert(0, "steps")
    rows = {one["trial"]: _row(one, config, names) for one in results}
    folder.workdir.write_text(
        "trials.csv",
        report.table_csv([rows[one["trial"]] for one in [*best, *failed]]),
    )
    figure = search_figure.search(
        list(rows.values()), names, objective, _title(config, search)
    )
    folder.workdir.save_picture("trials.png", figure)
    chosen = best_config(config, best[0])
    folder.workdir.write_json("best.json", chosen.to_dict())
    parts = [
        f"{_title(config, search)}. The best of {len(results)}:",
        report.trials_table(best[:SHOWN]),
        _settings(rows[best[0]["trial"]], config, names),
        *(_failure(one) for one in failed),
        _conclusion(folder, results, best, objective),
    ]
    return "\n\n".join(parts)


def outcome(results: Sequence[Mapping], trial, left: int | None) -> str:
    """A line on a trial that has just ended.

    Args:
        results: all so far.
        trial: its number, or `PRESET`.
        left: trials to come, if one process makes them all.
    """
    (one,) = [one for one in results if one["trial"] == trial]
    minutes = f"in {one['seconds'] / 60.0:.1f} min"
    if "reason" in one:
        text = f"  failed {minutes}: {one['reason']}"
    else:
        text = f"  {_scores(one)}, {minutes}."
    if left:
        each = statistics.mean(other["seconds"] for other in results)
        text += f" {left} left, about {left * each / 60.0:.1f} min."
    return text


def _row(one: Mapping, config, names: Sequence[str]) -> dict:
    settings = config.to_dict() | one["generator"] | one.get("classifier", {})
    return {
        "trial": one["trial"],
        **{
            name: None if one.get(name) is None else round(one[name], 4)
            for name in SCORES
        },
        "steps": one["steps"],
        **_plain(settings, names),
        "seconds": one["seconds"],
        "reason": one.get("reason"),
    }


def _settings(best: Mapping, config, names: Sequence[str]) -> str:
    """What the best trial has, and what the search began with."""
    began = _plain(config.to_dict(), ("steps", *names))
    lines = []
    for name, value in began.items():
        note = "" if value == best[name] else f" (began with {value})"
        lines.append(f"  {name}: {best[name]}{note}")
    return f"Settings of {_name(best)}:\n" + "\n".join(lines)


def _plain(settings: Mapping, names: Sequence[str]) -> dict:
    return {
        name: ",".join(map(str, settings[name]))
        if isinstance(settings[name], list)
        else settings[name]
        for name in names
    }


def _name(one: Mapping) -> str:
    return PRESET if one["trial"] == PRESET else f"trial {one['trial']}"


def _scores(one: Mapping) -> str:
    return ", ".join(
        f"{label} {one[name]:.1f}" for name, label in SCORES.items()
    )


def _failure(one: Mapping) -> str:
    return f"trial {one['trial']} failed: {one['reason']}"


def _title(config, search: Mapping) -> str:
    return (
        f"{config.dataset}, {config.variant}, {search['tuner']} search for "
        f"{SCORES[search['objective']]} of the validation classes"
    )


def _conclusion(folder, results, best, objective: str) -> str:
    label, found = SCORES[objective], best[0][objective]
    text = f"best.json: {label} {found:.1f} on the validation classes"
    presets = [one for one in best if one["trial"] == PRESET]
    for one in presets:
        if not one["with_preset_classifier"]:
            continue
        plain = one["with_preset_classifier"][objective]
        text += (
            f", {found - plain:.1f} above the settings begun with "
            f"({label} {plain:.1f}; {one[objective]:.1f} with a classifier "
            "that was searched for, too)"
        )
    return (
        f"{text}.\nIt is the best of {len(results)} by the very scores that "
        "are shown, one seed each: expect less elsewhere.\nThe test splits "
        "were not touched. To score it there: "
        f"bin/train --config={folder.path / 'best.json'}"
    )
