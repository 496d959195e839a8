"""bin/summary."""

import sys

from gmn_tf.commands import define
from gmn_tf.commands.command_line import command
from gmn_tf.utils.errors import InputError


@command(
    define.string(
        "out",
        None,
        "Writes the table to OUT.md and OUT.csv too, and a row for each run "
        "and protocol, with all settings and scores, to OUT_runs.csv.",
    ),
    takes_arguments=True,
)
def summary(values, paths) -> None:
    """Summarises finished runs in a table of means and deviations over seeds.

    bin/summary --out=results/flo runs/flo-*

    Takes the folders of runs, and the tables of runs that --out writes:
    bin/summary results/flo_runs.csv
    """
    from gmn_tf.runs import over_seeds

    unusable = {
        "unfinished": filter(over_seeds.is_unfinished, paths),
        "not a run of bin/train": filter(over_seeds.is_search, paths),
    }
    left_out = {why: list(found) for why, found in unusable.items()}
    for found in left_out.values():
        paths = [path for path in paths if path not in found]
    notes = [f"{why}: {', '.join(f)}" for why, f in left_out.items() if f]
    if notes and not paths:
        raise InputError(
            "There is nothing to summarise.",
            "folders or tables of finished runs",
            "; ".join(notes),
            "Let bin/train finish there, or name other folders.",
        )
    for note in notes:
        print(f"Left out, because {note}", file=sys.stderr)
    rows = over_seeds.table(paths)
    print(over_seeds.markdown(rows))
    print("\n" + over_seeds.legend(rows))
    if values.out:
        over_seeds.write(rows, values.out, paths)
