"""Rows in blocks: what is computed of many samples, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

ROWS_AT_ONCE = 4096
NUMBERS_AT_ONCE = 2**24  # that are made of a block of rows


def blocks(rows: int, width: int = 1) -> Iterator[slice]:
    """Slices of rows, of which a function makes `width` numbers each."""
    size = min(ROWS_AT_ONCE, max(NUMBERS_AT_ONCE // width, 1))
    for start in range(0, max(rows, 1), size):
        yield slice(start, min(start + size, rows))


def in_blocks(function: Callable, features, width: int = 1) -> np.ndarray:
    """What `function` returns for features `[n, dx]`, in blocks of rows.

    Args:
        function: of rows.
        features: an array or an `on_disk.OnDisk`.
        width: numbers that it makes of a row.
    """
    return np.concatenate(
        [function(features[rows]) for rows in blocks(features.shape[0], width)]
    )


class Computed:
    """Scores `[n, C]` that are computed when they are read, some rows at once.

    Args:
        shape: (n, C).
        read: the rows of a slice.
    """

    def __init__(self, shape: tuple[int, int], read: Callable):
        self.shape, self._read = shape, read

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.asarray(self._read(rows))


def one_after_another(parts: Sequence, factor: float) -> np.ndarray | Computed:
    """Scores `[n, C]` of several sets as those of one, multiplied."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return factor * np.concatenate(parts)
    stops = np.cumsum([part.shape[0] for part in parts])

    def read(rows):
        ranges = [
            np.clip((rows.start, rows.stop), stop - part.shape[0], stop)
            - (stop - part.shape[0])
            for part, stop in zip(parts, stops)
        ]
        found = [part[slice(*both)] for part, both in zip(parts, ranges)]
        return factor * np.concatenate(found)

    return Computed((int(stops[-1]), parts[0].shape[1]), read)
