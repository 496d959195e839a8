"""Reading tables of CSV files strictly: every row as long as the first."""

import csv
import os
from typing import NamedTuple


class Table(NamedTuple):
    """A table of texts.

    Attributes:
        header: names of the columns, all different.
        rows: with as many cells each; empty lines are left out.
    """

    header: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def read(path: str | os.PathLike) -> Table:
    """Reads a table in UTF-8, with or without a byte order mark.

    Raises:
        OSError, ValueError, csv.Error: for what is no such table.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = [
            [cell.strip() for cell in row]
            for row in csv.reader(file, strict=True)
            if row
        ]
    header, rows = (lines or [[]])[0], lines[1:]
    if len(set(header)) < len(header):
        raise ValueError("a column twice")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"{len(row)} cells in line {number}")
    return Table(header, rows)


def number(text: str) -> float:
    """A number, as any program would write it.

    Raises:
        ValueError: for anything else, such as 1_000, which Python would take.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r} is no number")
    return float(text)
