"""--preset=auto: settings for data that nobody has tuned for.

The trials of `stages` choose by h of the validation classes on the tune splits.
What is best of all that was tried is chosen, with or without the generator.
"""

import math
import time
from collections.abc import Callable, Container, Mapping

from etils import epy

from gmn_tf.config import Config
from gmn_tf.search.folder import BEST, SearchFolder, ranked, succeeded
from gmn_tf.search.space import MARGIN, PENALTY, as_text, gain_text
from gmn_tf.search.stages import OBJECTIVE, Stage, remaining
from gmn_tf.utils import progress
from gmn_tf.utils.errors import counted

with epy.lazy_imports():  # they take seconds
    from gmn_tf.runs import shortfalls
    from gmn_tf.search import classifier_search, report, trials

MINUTES = 5.0


def choose(
    runner: "trials.TrialRunner",
    fixed: Container[str],
    minutes: float,
    log: Callable[[str], None],
) -> Config:
    """Runs the trials that are left, and chooses the best settings.

    Writes best.json, choices.csv and choices.png beside trials.csv.

    Args:
        runner: runs a trial; its search is that of `stages.make_search`.
        fixed: settings that the user has given.
        minutes: no trial, and no value of a setting, is begun that would
            probably end later. What was spent before an interruption on
            trials that had ended counts.
        log: gets lines for the user.

    Returns:
        The settings, for training on the test splits.

    Raises:
        InputError: if no trial succeeded.
        StoppedError: after a signal to stop, once the step is saved.
    """
    folder, config = runner.folder, runner.search.config
    folder.discard_damaged(log)
    trials, seconds = remaining(config, fixed), 60.0 * minutes
    data = runner.data
    held_back = data.num_classes - data.num_seen
    if len(folder.results()) == len(trials):
        log(f"{folder} already contains this search; its results:")
    else:
        log(
            f"Choosing settings by h of {len(data.unseen)} samples of "
            f"{counted(held_back, 'validation class', 'validation classes')} "
            f"and {len(data.seen)} of {data.num_seen} others, within about "
            f"{minutes:g} min. No test record is read."
        )
    if note := shortfalls.few_classes({}, held_back):
        log(note)
    for number, stage in enumerate(trials):
        log(f"{stage.name}:")
        result = _result(runner, number, stage, seconds, log)
        folder.trial(str(number)).remove_checkpoints()
        if "reason" in result:
            log(f"  {report.without_scores(result)}")
        elif kept := _named(result["classifier"], stage.space):
            log(f"  Kept: {kept}")
    report.write(folder)
    log("\n" + _conclusion(folder, held_back))
    best = folder.read_json(BEST)
    return config.replace({n: best[n] for n in best if n not in fixed})


def _result(
    runner: "trials.TrialRunner",
    number: int,
    stage: Stage,
    seconds: float,
    log: Callable[[str], None],
) -> dict:
    """That of a trial, which is run if it was not before."""
    before = runner.folder.results()
    settings, space = {}, dict(stage.space)
    earlier = [result for result in before if result["trial"] <= number]
    for best in succeeded(earlier, OBJECTIVE)[:1]:
        settings = {**best["generator"], **best["classifier"]}
    # The first values come first, not those of an earlier trial, but for how
    # data is scaled.
    first = {n: v[0] for n, v in space.items() if n != PENALTY}
    for name in classifier_search.SCALINGS & settings.keys() & first.keys():
        first[name] = settings[name]
        # With less weight of a part it is none of these, and is kept.
        if first[name] not in space[name]:
            del first[name], space[name]

    def log_choice(choice):
        log(f"  {_line(choice, first)}")

    for result in before:
        if result["trial"] == number + 1:
            for choice in result.get("choices", ()):
                log_choice(choice)
            return result
    recorded = {"title": stage.name, "eligible": stage.eligible}
    spent = sum(result["seconds"] for result in before)
    if spent > stage.share * seconds and ranked(before, OBJECTIVE):
        return runner.skip(
            str(number),
            f"too little time left, {progress.duration(spent)} after the "
            f"start; it is begun within the first {100 * stage.share:.0f} % of "
            "--minutes, so that a new search needs --minutes="
            f"{_minutes(spent / stage.share)} or more",
            recorded,
        )
    return runner.run(
        str(number),
        {**settings, **stage.settings, **first},
        runner.search.config.steps,
        space,
        on_choice=log_choice,
        deadline=time.monotonic() + seconds - spent,
        margin=MARGIN,
        recorded=recorded,
    )


def _minutes(seconds: float) -> str:
    """A value of --minutes that is not less, of two digits or so."""
    minutes = seconds / 60.0
    places = 1 if minutes < 10.0 else 0
    return f"{math.ceil(minutes * 10**places) / 10**places:g}"


def _line(choice: Mapping, first: Mapping) -> str:
    """A choice, as text; the one that a trial begins with by its settings."""
    begun = _named(first, first)
    text = f"{begun}: " if begun else ""
    if choice["setting"]:
        text = "{setting}={value} instead of {instead_of}: ".format(**choice)
    if choice["reason"]:
        return text + choice["reason"]
    text += f"h {choice['h']:.1f}, T-1 {choice['t1']:.1f}"
    return text + gain_text(choice["gain"])


def _named(settings: Mapping, names: Container[str]) -> str:
    """Those of some names but the penalty, as text."""
    return ", ".join(
        f"{name}={as_text(value)}"
        for name, value in settings.items()
        if name in names and name != PENALTY
    )


def _conclusion(folder: SearchFolder, validation: int) -> str:
    """What was chosen, by so many validation classes."""
    _, _, results = folder.read()
    best = ranked(results, OBJECTIVE)[0]
    lines = [f"Chosen: {best['title']}, h {best['h']:.1f}"]
    lines += [
        f"  ({one['title']}: h {one['h']:.1f})"
        for one in results
        if one is not best and "reason" not in one
    ]
    settings = {**best["generator"], **best["classifier"]}
    lines += [f"  {n}: {report.shown(n, v)}" for n, v in settings.items()]
    lines += report.notes(best, validation)
    lines.append(
        f"Settings: {folder.path / BEST}; what was tried: choices.csv "
        "and choices.png there."
    )
    return "\n".join(lines)
