"""Forms of files, drawn in bulk: read as the plain ones, or refused.

Dialects of tables, Unicode forms of names and foreign variables of .mat files
are read; damaged files, and those of other kinds, give the right data or a
clear error. More cases as in fuzz_test.py.
"""

import csv
import io
import unicodedata

import numpy as np
import pytest
import scipy.io
from etils import epath

from gmn_tf.utils import tables
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom import classes, features
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file
from tests.datasets import mat_forms_test, xlsa17_test
from tests.support import foreign_mat, fuzzing, make_dummy_data
from tests.utils.file_kinds_test import KINDS

# A plain file of these may be damaged into one that can be read.
PLAIN = ("csv", "text", "unknown", "zeros", "empty", "JSON")
LETTERS = "aÄéñß\u0431\u0432中 '-_.1"


def a_dialect(rng, folder):
    """A table as some program writes it is read as the plain one."""
    count, width = int(rng.integers(5, 40)), int(rng.integers(1, 6))
    values = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-2, 6)
    values = values.round(int(rng.integers(1, 7))) + 0.0
    delimiter = fuzzing.pick(rng, (",", ",", ";", "\t", "|"))
    decimal = fuzzing.pick(rng, (".", ".", ","))
    grouped = rng.random() < 0.3
    names = [f"{name_of(rng)}{row}" for row in range(count)]

    def written(number):
        text = f"{number:,.7f}" if grouped else f"{number:.7f}"
        swap = str.maketrans(",.", ".,")
        return text.translate(swap) if decimal == "," else text

    rows = [["class", *(f"x{column}" for column in range(width))]]
    rows += [[name, *map(written, row)] for name, row in zip(names, values)]
    numbering = fuzzing.pick(rng, ("", "", "Unnamed: 0", None, None, None))
    if numbering is not None:
        place = int(rng.integers(width + 2))
        for row, cells in enumerate(rows):
            cells.insert(place, str(row - 1) if row else numbering)
    trailing = [""] * int(rng.integers(3))
    file = io.StringIO()
    csv.writer(
        file,
        delimiter=delimiter,
        lineterminator=fuzzing.pick(rng, ("\n", "\r\n", "\r")),
        quoting=fuzzing.pick(rng, (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    ).writerows([*cells, *trailing] for cells in rows)
    encoding = fuzzing.pick(rng, ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"))
    path = epath.Path(folder) / "a.csv"
    path.write_bytes(file.getvalue().encode(encoding))

    found = [*tables.Table(path, ("class",))]

    assert [row.cells["class"] for row in found] == [*map(str.strip, names)]
    columns = found[0].columns_except("class")
    assert columns == tuple(f"x{column}" for column in range(width))
    numbers = np.stack([row.numbers(columns) for row in found])
    np.testing.assert_array_equal(numbers, values.astype(np.float32))


def name_of(rng) -> str:
    letters = (fuzzing.pick(rng, LETTERS) for _ in range(rng.integers(1, 9)))
    return f"n{''.join(letters)}".strip()


def another_form(rng, name: str) -> str:
    """The name in a form that looks the same."""
    form = fuzzing.pick(rng, ("NFC", "NFD"))
    name = unicodedata.normalize(form, name)
    for _ in range(int(rng.integers(3))):
        place = int(rng.integers(len(name) + 1))
        hidden = fuzzing.pick(rng, "\u200b\ufeff\u2060\u00ad")
        name = name[:place] + hidden + name[place:]
    name = name.replace(" ", fuzzing.pick(rng, (" ", "\u00a0", "  ", "\u2009")))
    case = fuzzing.pick(rng, (str, str, str.upper, str.lower))
    return fuzzing.pick(rng, ("", " ", "\t")) + case(name)


def forms_of_names(rng, folder):
    """Classes and labels in different forms belong together."""
    names = [*dict.fromkeys(name_of(rng) for _ in range(8))]
    kinds = ["seen"] * (len(names) - 2) + ["unseen"] * 2
    file = io.StringIO()
    csv.writer(file).writerows(
        [
            ("class", "seen", "a", "b"),
            *((n, k, *rng.random(2)) for n, k in zip(names, kinds)),
        ]
    )
    (folder / "classes.csv").write_text(file.getvalue(), encoding="utf-8")
    labels = rng.integers(0, len(names), 20)
    file = io.StringIO()
    csv.writer(file).writerows(
        [["class"], *([another_form(rng, names[label])] for label in labels)]
    )
    (folder / "labels.csv").write_text(file.getvalue(), encoding="utf-8")
    np.save(folder / "features.npy", rng.random((20, 3)))

    known = classes.read(epath.Path(folder))
    found = features.read(folder, known)

    assert [*known.names] == [" ".join(name.split(" ")) for name in names]
    np.testing.assert_array_equal(found.labels, labels)


def foreign_variables(rng, folder):
    """What nobody asked for, of any class and at any place, does not matter."""
    foreign = {
        f"other_{number}": foreign_mat.WRITABLE[
            fuzzing.pick(rng, [*foreign_mat.WRITABLE])
        ]
        for number in range(int(rng.integers(4)))
    }
    content = {**make_dummy_data.features_variables(), **foreign}
    make_dummy_data.write(folder)
    order = rng.permutation([*content])
    path = folder / "res101.mat"
    scipy.io.savemat(
        path, {n: content[n] for n in order}, do_compression=rng.random() < 0.5
    )
    parts = [
        foreign_mat.opaque(f"object_{n}", fuzzing.pick(rng, foreign_mat.OPAQUE))
        for n in range(int(rng.integers(4)))
    ]
    parts.append(foreign_mat.function_handle("handle"))
    before = int(rng.integers(len(parts)))
    whole = path.read_bytes()
    path.write_bytes(
        whole[:128]
        + b"".join(parts[:before])
        + whole[128:]
        + b"".join(parts[before:])
        + foreign_mat.subsystem() * int(rng.integers(2))
    )

    xlsa17_test._assert_as_written(xlsa17_test._read(folder))


def damaged_foreign_variables(rng, folder):
    """The same, damaged: the right data or a clear error."""
    foreign_variables(rng, folder)
    path = folder / "res101.mat"
    path.write_bytes(fuzzing.bytes_of(rng, path.read_bytes(), 128))
    found = mat_file.read(
        epath.Path(path), ("features", "labels", "object_0", "handle")
    )
    for name in ("features", "labels"):
        found.numbers(name)


def forms_of_hdf5(rng, folder):
    """Texts of HDF5, damaged: texts or a clear error."""
    write = fuzzing.pick(
        rng,
        (
            mat_forms_test._char_matrix,
            mat_forms_test._cells,
            lambda file: mat_forms_test._cells(file, nested=True),
            lambda file: foreign_mat.write_hdf5(file, "string", "a"),
        ),
    )
    mat_forms_test._hdf5(folder, write)
    path = epath.Path(folder) / "a.mat"
    path.write_bytes(fuzzing.bytes_of(rng, path.read_bytes()))
    texts = mat_file.read(path, ("a",)).texts("a")
    assert all(isinstance(text, str) for text in texts)


def other_kinds(rng, folder):
    """A file of another kind, perhaps damaged, is refused by every reader."""
    kind = fuzzing.pick(rng, [*KINDS])
    content = KINDS[kind][0]
    if rng.random() < 0.5:
        content = fuzzing.bytes_of(rng, content)
    path = epath.Path(folder) / "file"
    path.write_bytes(content)
    readers = [lambda: mat_file.read(path, ("features",)).numbers("features")]
    if kind not in PLAIN:
        readers.append(lambda: [*tables.Table(path, ("class",))])
    for name in ("features.npy", "features.npz"):
        if name.removeprefix("features.") != kind:
            (folder / name).write_bytes(content)
            readers.append(lambda name=name: features.read(folder / name))
    for read in readers:
        with pytest.raises(InputError):
            read()


READ = (a_dialect, forms_of_names, foreign_variables)
TARGETS = (
    a_dialect,
    forms_of_names,
    a_dialect,
    foreign_variables,
    damaged_foreign_variables,
    forms_of_hdf5,
    other_kinds,
    other_kinds,
)


def case_name(seed: int) -> str:
    return f"{TARGETS[seed % len(TARGETS)].__name__}-{seed}"


@pytest.mark.parametrize("seed", fuzzing.numbers(40), ids=case_name)
@pytest.mark.filterwarnings("ignore")
def test_forms_of_files(seed, tmp_path):
    rng, target = np.random.default_rng(seed), TARGETS[seed % len(TARGETS)]
    if target in READ:  # an error fails
        target(rng, tmp_path)
        return
    with fuzzing.right_or_clear():
        target(rng, tmp_path)
