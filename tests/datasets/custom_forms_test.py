"""Custom data in the forms that other programs give it."""

import re
import unicodedata

import numpy as np
import pytest
from etils import epath

from gmn_tf.data.label_map import LabelMap
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import counters
from gmn_tf_datasets.zero_shot.custom import (
    class_tables,
    classes,
    features,
    folder_names,
)
from tests.datasets import custom_data_test as custom_data

DX = custom_data.DX
LABELS = np.array([[*custom_data.KINDS].index(n) for n in custom_data.LABELS])
COUNT = len(LABELS)


def with_column(text: str, place: int, name: str, cells) -> str:
    """The text of a table with a further column."""
    lines = [line.split(",") for line in text.splitlines()]
    for line, cell in zip(lines, [name, *cells], strict=True):
        line.insert(place, str(cell))
    return "\n".join(map(",".join, lines)) + "\n"


def read_tables(folder, table: str, described: str):
    """Custom data of two tables."""
    custom_data.write(folder, classes_csv=described)
    custom_data.as_csv(folder)
    (folder / "features.csv").write_text(table)
    return custom_data.read(folder)


@pytest.mark.parametrize("place", [0, 2, -1])
@pytest.mark.parametrize(
    ("name", "form", "start"),
    [
        ("", "{}", 0),
        ("Unnamed: 0", "{}", 1),
        ("id", "{}.0", 1),
        ("Index", "{}", 5),
        ("row_nr", "{}", 1),
        ("ID", "7", 0),
        ("id", "no. {}", 0),
    ],
)
def test_a_column_that_is_called_a_number_is_left_out(
    place, name, form, start, tmp_path
):
    def counted(text):
        count = len(text.splitlines()) - 1
        cells = [form.format(start + row) for row in range(count)]
        width = len(text.split("\n")[0].split(","))
        return with_column(text, place % (width + 1), name, cells)

    found = read_tables(
        tmp_path / "source",
        counted(custom_data.features_csv()),
        counted(custom_data.classes_csv()),
    )

    custom_data.assert_as_written(found)
    assert found.embeddings[0].columns == ("a0", "a1", "a2")
    for table in ("classes.csv", "features.csv"):
        assert [note for note in found.notes if note.startswith(table)]


@pytest.mark.parametrize(
    ("cells", "is_kept"),
    [
        ("0 1 0 0 1 1 0 0", True),  # whether there is an index finger
        ("0.5 0.25 1 2 3 4 5 6", True),
        ("3 1 2 8 7 5 6 4", False),  # the rows of another table
        ("100000001 100000002 100000005 8 9 10 11 12", False),
        ("1 2 3 4 1 2 3 4", False),  # counts in each of two parts
        ("2 2 2 2 2 2 2 2", False),
        ("a b c d e f g a", False),
    ],
)
@pytest.mark.parametrize("table", ["classes.csv", "embeddings.csv"])
def test_a_description_that_is_called_a_number_is_kept(
    cells, is_kept, table, tmp_path
):
    text = custom_data.classes_csv()
    if table == "embeddings.csv":
        (tmp_path / "classes.csv").write_text(custom_data.classes_csv(None))
        text = re.sub("(?m)^(\\w+),\\w+", r"\1", text)  # without `seen`
    described = with_column(text, 2, "index", cells.split())
    (tmp_path / table).write_text(described)
    found = classes.read(epath.Path(tmp_path))
    assert ("index" in found.columns) == is_kept
    (note,) = found.notes
    assert note.startswith(f"{table}: 1 column ") and "'index'" in note
    assert ("kept, though the name" in note) == is_kept
    if is_kept:
        values = found.embeddings[:, found.columns.index("index")]
        np.testing.assert_array_equal(values, np.array(cells.split(), float))
        # Later classes have it too, whatever their numbers are.
        new = "\n".join(["class,a0,a1,a2,index", "owl,1,1,1,1", "emu,1,1,1,2"])
        (tmp_path / "new.csv").write_text(new)
        new = class_tables.read_new(tmp_path / "new.csv", found.columns)
        assert new.columns[-1] == "index" and not new.notes


def test_such_a_column_may_have_decimal_commas(tmp_path):
    numbers = [0.5, 1.5, 0.5, 0, 2, 0.25, 2, 1]
    text = with_column(custom_data.classes_csv(), 2, "index", numbers)
    text = text.replace(",", ";").replace(".", ",")
    (tmp_path / "classes.csv").write_text(text)
    found = classes.read(epath.Path(tmp_path))
    values = found.embeddings[:, found.columns.index("index")]
    np.testing.assert_array_equal(values, numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        np.arange(COUNT),
        np.arange(COUNT) + 100.0,
        -np.arange(COUNT),
        np.random.default_rng(0).permutation(COUNT) + 1,
        np.arange(COUNT) % 6 + 1,
        LABELS,
        LABELS * 2 + 7,
    ],
    ids=["0", "100", "down", "shuffled", "by parts", "labels", "as labels"],
)
@pytest.mark.parametrize("place", [0, 3, DX])
def test_a_column_that_counts_under_any_name_is_refused(
    numbers, place, tmp_path
):
    folder = custom_data.write(tmp_path / "source")
    changed = np.insert(custom_data.FEATURES, place, numbers, axis=1)
    np.save(folder / "features.npy", changed)
    with pytest.raises(
        InputError, match=r"numbers the (rows|classes)"
    ) as error:
        custom_data.read(folder)
    assert f"Column {place} (from 0)" in str(error.value)

    table = with_column(
        custom_data.features_csv(), place + 1, "weight", numbers
    )
    with pytest.raises(InputError, match="Column 'weight'"):
        read_tables(tmp_path / "table", table, custom_data.classes_csv())


@pytest.mark.parametrize("name", ["x", "n", "number", "pos", "order"])
def test_names_that_may_be_of_counts_are_kept_or_refused(name, tmp_path):
    """Never left out: a few rows to predict on would decide otherwise."""
    names = [*custom_data.KINDS]
    described = with_column(
        custom_data.classes_csv(), 2, name, range(len(names))
    )
    table = with_column(custom_data.features_csv(), 1, name, range(COUNT))
    for texts in (
        (custom_data.features_csv(), described),
        (table, custom_data.classes_csv()),
    ):
        with pytest.raises(InputError, match=f"Column '{name}'"):
            read_tables(tmp_path / "source", *texts)

    path = tmp_path / "new.csv"
    for count in (3, 30):
        counted = np.arange(count) + 10
        rows = "".join(f"{number},{number % 7}\n" for number in counted)
        path.write_text(f"{name},width\n{rows}")
        found = features.read(path)
        np.testing.assert_array_equal(found.values[:, 0], counted)
        lines = zip(counted, rows.splitlines())
        described = "".join(f"c{number},{line}\n" for number, line in lines)
        path.write_text(f"class,{name},width\n{described}")
        assert class_tables.read_new(path).columns == (name, "width")
        np.save(tmp_path / "new.npy", found.values)
        assert features.read(tmp_path / "new.npy").values.shape == (count, 2)


def test_what_to_predict_on_lacks_the_columns_that_training_lacks(tmp_path):
    path = tmp_path / "new.csv"
    for cells in (("17", "45"), ("3", "3"), ("a", "b")):
        path.write_text("id,x\n" + "".join(f"{one},0.5\n" for one in cells))
        found = features.read(path)
        np.testing.assert_array_equal(found.values, [[0.5], [0.5]])
        assert "'id'" in found.notes[-1]


def test_a_single_description_that_counts_is_refused(tmp_path):
    kinds = custom_data.KINDS
    lines = [f"{name},{kind}" for name, kind in kinds.items()]
    path = tmp_path / "classes.csv"
    for numbers, words in (
        (range(1, 1 + len(kinds)), "Column 'size'"),
        (np.array([3, 1, 2, 5, 4, 8, 6, 7]), ""),
    ):
        rows = "".join(f"{a},{b}\n" for a, b in zip(lines, numbers))
        path.write_text(f"class,seen,size\n{rows}")
        if words:
            with pytest.raises(InputError, match=words):
                classes.read(epath.Path(tmp_path))
        else:
            assert classes.read(epath.Path(tmp_path)).columns == ("size",)


def test_a_description_that_counts_is_refused(tmp_path):
    numbers = range(len(custom_data.KINDS))
    described = with_column(custom_data.classes_csv(), 3, "size", numbers)
    folder = custom_data.write(tmp_path / "source", classes_csv=described)
    with pytest.raises(InputError, match="Column 'size'"):
        custom_data.read(folder)
    # In another order the same numbers do not count lines.
    lines = described.splitlines()
    lines[2], lines[5] = lines[5], lines[2]
    (folder / "classes.csv").write_text("\n".join(lines))
    assert custom_data.read(folder).embeddings[0].columns[1] == "size"


def test_numbers_that_do_not_count_are_kept(tmp_path):
    whole = np.random.default_rng(0).integers(0, 3, (COUNT, DX))
    folder = custom_data.write(tmp_path / "source")
    np.save(folder / "features.npy", whole)
    np.testing.assert_array_equal(custom_data.read(folder).features, whole)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_many_columns_of_whole_numbers_are_read_a_few_times(dtype):
    class Rows(np.ndarray):
        """Rows that count how often they are read."""

        reads = 0

        def __getitem__(self, rows):
            Rows.reads += 1
            return np.asarray(self)[rows]

    rng = np.random.default_rng(0)
    whole = rng.integers(-(2**15), 2**15, (300, 50)).astype(dtype)
    labels = np.arange(len(whole)) % 7
    counters.check(whole.view(Rows), "features", labels)
    assert Rows.reads == 3
    whole[:, 31] = labels * 4000 - 12000
    with pytest.raises(InputError, match=r"Column 31 .* numbers the classes"):
        counters.check(whole.view(Rows), "features", labels)


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("\U0001f534", True),  # a red circle
        ("\u2600\ufe0f", True),  # the sun, as an emoji
        ("%", True),
        ("\u0995\u09bf", True),  # a letter with a vowel sign
        ("#", False),
        ("\u2116", False),  # the sign for a number
        ("Row Nr.", False),
    ],
)
def test_a_column_is_left_out_only_if_its_name_numbers_rows(name, is_kept):
    kept, notes = counters.without(("beak", name), epath.Path("a.csv"))
    assert kept == (("beak", name) if is_kept else ("beak",))
    assert bool(notes) != is_kept


def test_new_classes_keep_the_columns_of_the_run(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("class,ID,Beak,Unnamed: 0\nowl,7,1,4\nwren,8,2,9\n")
    found = class_tables.read_new(path)
    assert found.columns == ("Beak",)
    assert "'ID'" in found.notes[1] and "column 4" in found.notes[0]

    found = class_tables.read_new(path, ("beak", "id"))
    assert found.columns == ("id", "beak")
    names = ("ant",), ("seen",)
    run = LabelMap(*names, 3, (), None)
    assert run.in_order(found) is found


# --- Arrays ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda a: a.T, "columns are taken for samples"),
        (lambda a: a[:, :, None, None], None),
    ],
)
def test_features_in_other_shapes(change, note, tmp_path):
    folder = custom_data.write(tmp_path / "source")
    np.save(folder / "features.npy", change(custom_data.FEATURES))
    found = custom_data.read(folder)
    custom_data.assert_as_written(found)
    notes = [text for text in found.notes if text.startswith("features.npy")]
    assert len(notes) == (note is not None) and (note or "") in "".join(notes)


@pytest.mark.parametrize("turned", [False, True, None])
def test_square_features_are_checked_by_their_labels(turned, tmp_path):
    rng = np.random.default_rng(0)
    square = rng.random((COUNT, COUNT))
    if turned is not None:
        square += 3 * rng.random((9, COUNT))[LABELS]
    folder = custom_data.write(tmp_path / "source")
    np.save(folder / "features.npy", square.T if turned else square)
    if turned:
        with pytest.raises(InputError, match="has samples in columns"):
            custom_data.read(folder)
        return
    found = custom_data.read(folder)
    np.testing.assert_array_equal(found.features, square)
    why = "as documented" if turned is None else "samples of a class agree"
    assert why in " ".join(found.notes)


@pytest.mark.parametrize("unit", [False, True])
def test_embeddings_that_are_turned(unit, tmp_path):
    count = len(custom_data.KINDS)
    folder = custom_data.write(tmp_path / "source")
    custom_data.as_embeddings_npy(folder)
    if not unit:
        np.save(folder / "embeddings.npy", custom_data.EMBEDDINGS.T)
        found = custom_data.read(folder)
        custom_data.assert_as_written(found)
        assert "columns are taken for classes" in " ".join(found.notes)
        return
    values = np.random.default_rng(0).random((count, count))
    values /= np.linalg.norm(values, axis=0)
    np.save(folder / "embeddings.npy", values)
    with pytest.raises(InputError, match="columns of one length"):
        custom_data.read(folder)


@pytest.mark.parametrize(
    ("kinds", "labels", "words"),
    [
        (custom_data.KINDS, LABELS + 1, "seem to count from 1"),
        (dict(zip("abcd", "1100")), [1, 2] * 6, "seem to count from 1"),
        (dict(zip("abcdef", "011100")), [1, 2, 3, 4] * 5, "may count from 1"),
    ],
)
def test_labels_that_count_from_1(kinds, labels, words, tmp_path):
    folder = custom_data.write(
        tmp_path / "source",
        classes_csv=custom_data.classes_csv(kinds=kinds),
        labels_csv=None,
    )
    np.save(folder / "labels.npy", labels)
    np.save(folder / "features.npy", np.random.rand(len(labels), 3))
    with pytest.raises(InputError, match=words):
        custom_data.read(folder)


def test_labels_from_0_without_the_first_class(tmp_path):
    kinds = dict(zip("abcdef", "011110"))
    folder = custom_data.write(
        tmp_path / "source",
        classes_csv=custom_data.classes_csv(kinds=kinds),
        labels_csv=None,
    )
    np.save(folder / "labels.npy", np.repeat([1, 2, 3, 4], 6))
    assert set(custom_data.read(folder).labels) == {1, 2, 3, 4}


# --- Names -------------------------------------------------------------------

UMLAUT = dict(zip(["mönch", "Blue Jay", *custom_data.KINDS], "1" * 5 + "0" * 5))


def test_names_are_found_as_people_see_them(tmp_path):
    names = [[*UMLAUT][label] for label in LABELS]
    forms = (
        lambda name: unicodedata.normalize("NFD", name),
        lambda name: name.upper(),
        lambda name: f"\u200b{name} ".replace(" ", "\u00a0"),
    )
    written = [forms[row % 3](name) for row, name in enumerate(names)]
    split = "sample,split\n" + "".join(
        f"{forms[row % 2](f'MÖNCH/{row}.jpg')},"
        f"{'test' if row % 5 == 3 or label > 4 else 'train'}\n"
        for row, label in enumerate(LABELS)
    )
    folder = custom_data.write(
        tmp_path / "source",
        classes_csv=custom_data.classes_csv(
            embeddings=np.random.rand(10, 3), kinds=UMLAUT
        ),
        labels_csv="class,file\n"
        + "".join(
            f'"{name}",mönch\\{row}.jpg\n'.replace("\\", "/")
            for row, name in enumerate(written)
        ),
        splits_csv=split,
    )
    found = custom_data.read(folder)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.class_names == tuple(UMLAUT)  # in the form of classes.csv
    (note,) = [n for n in found.notes if n.startswith("labels.csv")]
    assert note.startswith(
        "labels.csv: 5 classes with samples under several names, of folders or "
        "labels, which are read as one: "
    )
    assert "Blue Jay as " in note and "'BLUE JAY' (1 sample)" in note
    assert "; ... Rename" in note
    assert found.rows["test_seen"].tolist() == [
        row for row in range(COUNT) if row % 5 == 3 and LABELS[row] < 5
    ]


@pytest.mark.parametrize(
    "others",
    [
        ("mönch", unicodedata.normalize("NFD", "mönch")),
        ("blue jay", "blue\u00a0 jay"),
        ("wren", "wren\u200b"),
        ("❄", "❄\ufe0f"),
        ("wren", "wren\u2065"),  # hidden, and not assigned
    ],
)
def test_names_that_look_the_same_are_refused(others, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("class,a\n" + "".join(f"{one},1\n" for one in others))
    with pytest.raises(InputError, match="two class names that look the same"):
        class_tables.read_new(path)


def test_a_name_that_may_be_one_of_several_is_refused(tmp_path):
    table = custom_data.classes_csv(
        kinds={"Wren": "1", "WREN": "1", "owl": "0"}
    )
    custom_data.write(tmp_path / "source", classes_csv=table)
    found = classes.read(epath.Path(tmp_path) / "source")
    assert found.number("WREN", "") == 1
    with pytest.raises(InputError, match="Did you mean 'Wren'"):
        found.number("wren", "Here")


def test_folders_of_images_are_found_as_people_see_them(tmp_path):
    table = custom_data.classes_csv(kinds={"mönch": "1", "a": "1", "b": "0"})
    custom_data.write(tmp_path / "source", classes_csv=table)
    found = classes.read(epath.Path(tmp_path) / "source")
    folder = tmp_path / "source" / unicodedata.normalize("NFD", "Mönch")
    folder.mkdir()
    (folder / "1.jpg").touch()
    source = epath.Path(tmp_path) / "source"
    assert features.find_images(source, found) == source


def test_two_folders_of_one_class_are_told(tmp_path):
    composed, decomposed = "M\u00f6nch", "Mo\u0308nch"
    kinds = {composed: "1", "a": "1", "b": "0"}
    custom_data.write(
        tmp_path,
        classes_csv=custom_data.classes_csv(kinds=kinds),
        labels_csv="class,file\n"
        + f"a,a/1.jpg\n{composed},{composed}/1.jpg\n" * 4
        + f"{decomposed},{decomposed}/2.jpg\n" * (COUNT - 8),
    )
    found = classes.read(epath.Path(tmp_path))
    (note,) = features.read(tmp_path, found).notes
    assert note == (
        "labels.csv: 1 class with samples under several names, of folders or "
        f"labels, which are read as one: {composed} as 'M\\xf6nch' (4 samples) "
        f"and 'Mo\\u0308nch' ({COUNT - 8} samples). Rename what is another "
        "class."
    )


@pytest.mark.parametrize(
    ("name", "why", "instead"),
    [
        *((name, "", name) for name in ("U.S.", "a b", "é" * 127)),
        ("a/b", "contains '/'", "a_b"),
        (".", "stands for", "class"),
        ("..", "stands for", "class"),
        (".NET", "begins with a dot", "NET"),
        ("é" * 128, "255 bytes", "é" * 127),
    ],
)
def test_names_that_no_folder_can_have(name, why, instead):
    assert why in folder_names.obstacle(name)
    assert bool(why) == bool(folder_names.obstacle(name))
    assert not folder_names.obstacle(folder_names.possible(name))
    assert not why or folder_names.possible(name) == instead


def test_classes_of_features_may_have_any_name(tmp_path):
    names = {"a/b": "1", ".NET": "1", "..": "0"}
    table = custom_data.classes_csv(
        embeddings=np.random.rand(3, 3), kinds=names
    )
    labels = "class,file\n" + "".join(f"{n},{n}/1\n" * 8 for n in names)
    folder = custom_data.write(
        tmp_path / "source", classes_csv=table, labels_csv=labels
    )
    assert custom_data.read(folder).class_names == tuple(names)


@pytest.mark.parametrize(
    ("sample", "words"),
    [("24", "Rows count from 0: subtract 1"), ("25", "Correct it")],
)
def test_rows_of_splits_that_count_from_1(sample, words, tmp_path):
    lines = [f"{row + 1}.0,train\n" for row in range(COUNT - 1)]
    text = "sample,split\n" + "".join([*lines, f"{sample},test\n"])
    folder = custom_data.write(tmp_path / "source", splits_csv=text)
    with pytest.raises(InputError, match=words):
        custom_data.read(folder)


@pytest.mark.parametrize("kind", ["1.0", "True", "SEEN"])
def test_ways_to_say_seen(kind, tmp_path):
    kinds = {"a": kind, "b": "1", "c": "0.0"}
    folder = custom_data.write(
        tmp_path / "source", classes_csv=custom_data.classes_csv(kinds=kinds)
    )
    assert classes.read(folder).kinds == ("seen", "seen", "unseen")
