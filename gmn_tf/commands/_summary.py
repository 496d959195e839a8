"""bin/summary."""

import sys

from absl import flags

from gmn_tf.commands import command_line


def summary() -> None:
    """Puts finished runs into one table: mean and std over their seeds.

    bin/summary --out=results/flo runs/flo-*

    Takes the folders of runs, and the tables of runs that --out writes:
    bin/summary results/flo_runs.csv
    """
    flags.DEFINE_string(
        "out",
        None,
        "Writes the table as OUT.md and OUT.csv too, and as OUT_runs.csv a row "
        "for each run and protocol, with all settings and scores.",
    )
    command_line.run(_summary, summary.__doc__)


def _summary(values, paths) -> None:
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
