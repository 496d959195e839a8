"""bin/summary."""

import sys

from gmn_tf.commands import define
from gmn_tf.commands.command_line import command


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

    unfinished = [path for path in paths if over_seeds.is_unfinished(path)]
    if unfinished:
        print(
            f"Left out, because unfinished: {', '.join(unfinished)}",
            file=sys.stderr,
        )
    paths = [path for path in paths if path not in unfinished]
    rows = over_seeds.table(paths)
    print(over_seeds.markdown(rows))
    print(
        "\nPercent; mean ± standard deviation over seeds, each the mean of its "
        "classifiers."
    )
    if values.out:
        over_seeds.write(rows, values.out, paths)
