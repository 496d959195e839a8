"""Writes `dummy_data/`: a data set of a few rows in the layout of xlsa17.

    python make_dummy_data.py [FOLDER]

The tests take the variables from here too, to spoil them one by one. No two
dimensions are equal, so that a transposed matrix is noticed.
"""

import pathlib
import sys

import numpy as np
import scipy.io

FEATURE_DIM = 7
EMBEDDING_DIMS = {"att": 5, "sent": 3}
SEEN = 6  # Labels 1 to 6; 5 and 6 are the validation classes.
ROWS_PER_CLASS = 5
UNSEEN_ROWS = (4, 3)  # Of classes 7 and 8; class 9 is described only.
CLASS_NAMES = tuple(f"{letter}_bird" for letter in "abcdefghi")
NUM_ROWS = SEEN * ROWS_PER_CLASS + sum(UNSEEN_ROWS)


def features_variables() -> dict[str, np.ndarray]:
    """Variables of `res101.mat`."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, SEEN + 1), ROWS_PER_CLASS)
    labels = np.concatenate([labels, np.repeat([7, 8], UNSEEN_ROWS)])
    features = rng.uniform(size=(FEATURE_DIM, NUM_ROWS))
    return {"features": features, "labels": labels.reshape(-1, 1)}


def splits_variables(part: str = "att") -> dict[str, np.ndarray]:
    """Variables of `att_splits.mat` or another part, split version 2."""
    rng = np.random.default_rng(EMBEDDING_DIMS[part])
    row = np.arange(1, NUM_ROWS + 1)
    is_seen = row <= SEEN * ROWS_PER_CLASS
    is_test = is_seen & (row % ROWS_PER_CLASS == 0)
    is_val = is_seen & (row > (SEEN - 2) * ROWS_PER_CLASS)
    size = (EMBEDDING_DIMS[part], len(CLASS_NAMES))
    return {
        "att": rng.uniform(size=size),
        "allclasses_names": np.array(CLASS_NAMES, object).reshape(-1, 1),
        "trainval_loc": _column(row[is_seen & ~is_test]),
        "test_seen_loc": _column(row[is_test]),
        "test_unseen_loc": _column(row[~is_seen]),
        "train_loc": _column(row[is_seen & ~is_test & ~is_val]),
        "val_loc": _column(row[is_seen & ~is_test & is_val]),
    }


def write(folder: pathlib.Path) -> None:
    """Writes the .mat files of the data set."""
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "res101.mat", features_variables())
    for part in EMBEDDING_DIMS:
        save(folder / f"{part}_splits.mat", splits_variables(part))


def save(path: pathlib.Path, variables: dict[str, np.ndarray]) -> None:
    """Writes a .mat file of version 5."""
    scipy.io.savemat(path, variables, do_compression=True)


def _column(rows: np.ndarray) -> np.ndarray:
    return rows.astype(np.uint16).reshape(-1, 1)


if __name__ == "__main__":
    default = pathlib.Path("datasets/zero_shot/dummy_data")
    write(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default)
