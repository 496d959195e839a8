"""bin/summary."""

import sys

from absl import flags

from gmn_tf.commands import command_line


def summary() -> None:
    """Puts finished runs into one table: mean and std over their seeds.

    bin/summary --out=results/flo runs/flo-*
    """
    flags.DEFINE_string(
        "out", None, "Writes the table as OUT.md and OUT.csv too."
    )
    command_line.run(_summary, summary.__doc__)


def _summary(values, paths) -> None:
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
