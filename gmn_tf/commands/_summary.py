"""bin/summary."""

import sys

from gmn_tf.commands import define
from gmn_tf.commands.command_line import command


@command(
    define.string("out", None, "Write the table to OUT.md and OUT.csv too."),
    takes_arguments=True,
)
def summary(values, paths) -> None:
    """Summarises finished runs in a table of means and deviations over seeds.

    bin/summary --out=results/flo runs/flo-*
    """
    from gmn_tf.runs import over_seeds

    unfinished = [path for path in paths if over_seeds.is_unfinished(path)]
    if unfinished:
        print(
            f"Left out, not finished: {', '.join(unfinished)}", file=sys.stderr
        )
    rows = over_seeds.table([p for p in paths if p not in unfinished])
    print(over_seeds.markdown(rows))
    print(
        "\nPercent; mean ± standard deviation over seeds, each the mean of its "
        "classifiers."
    )
    if values.out:
        over_seeds.write(rows, values.out)
