"""The one reader of a user's .csv files."""

import numpy as np
import pytest
from etils import epath

from gmn_tf.utils import files, tables
from gmn_tf.utils.errors import InputError


def read(folder, content: str | bytes, *required: str) -> list[tables.Row]:
    """The rows of a file with this content."""
    path = epath.Path(folder) / "a.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(tables.Table(path, required))


def test_rows_have_cells_by_column_and_a_place(tmp_path):
    text = '\ufeffname, x ,y\r\n"a, b",1, 2.5 \r\n\r\n,,\r\nc,-3,4e1\r\n'
    first, second = read(tmp_path, text, "name", "y")

    assert first.cells == {"name": "a, b", "x": "1", "y": "2.5"}
    assert first.place == f"Line 2 of {tmp_path / 'a.csv'}"
    assert second.place.startswith("Line 5 ")
    assert first.columns_except("name") == ("x", "y")
    values = second.numbers(("y", "x"))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [40, -3])


@pytest.mark.parametrize(
    "text", ["x", "", "nan", "-inf", "1e39", "1_0", "\uff11", "0x10", "1 2"]
)
def test_cells_that_are_not_finite_numbers_are_refused(tmp_path, text):
    (row,) = read(tmp_path, f"name,x,y\na,1,{text}\n")

    np.testing.assert_array_equal(row.numbers(("x",)), [1])
    with pytest.raises(InputError, match="Line 2") as error:
        row.numbers(("x", "y"))
    assert "'y'" in str(error.value) and repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "lacks the column 'name'"),
        ("nam,x\n", "Add or rename the column. Did you mean 'nam'"),
        ("wing,x\n", r"Add or rename the column\.$"),
        ("Title\nname,x\na,1\n", "above row 2, which has the names"),
        ('"name,x"\n"a,1"\n', "no whole line in quotation marks"),
        ("name,,x\na,b,1\n", "does not name the columns"),
        ("name,,x\na,1,1\nb,1,2\n", "does not name the columns"),
        ("name;x\na;1;2\n", "3 cells"),
        ("name,x,x\n", "2 columns of .* are called 'x'"),
        ("name,x,y,x,y\n", "x, y more than once(.|\n)*initial_x and final_x"),
        ("name,,x\n", "does not name the columns"),
        ("name,x\na,1,2\n", "3 cells"),
        ("name,x\na,1\nb\n", "Line 3"),
        ('name,x\n"a,1\n', "Cannot read"),
        ("name,x\na," + 2**20 * "1" + "0\n", "Cannot read"),
        (b"name,x\n\xff,1\n", "UTF-8"),
        ("name,x\nM\xfcller,1\n".encode("cp1252"), "WINDOWS-1252 for Western"),
        # Which encoding it is, the bytes do not tell.
        ("name,x\n\uac12,1\n".encode("cp949"), "CP949 for Korean"),
        ("name,x\n\uac12,1\n".encode("cp949"), "iconv -f ENCODING -t UTF-8"),
        ("n\u00e4me,x\na,1\n".encode("cp1252"), "n\u00e4me,x"),
    ],
)
def test_what_is_not_such_a_table_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, "name")


def rows_and_notes(folder, content: str | bytes, *required: str):
    """Cells of all rows, and what is said of the form."""
    path = epath.Path(folder) / "a.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    table = tables.Table(path, required)
    numbers = [row.numbers(("x", "y")).tolist() for row in table]
    return [row.cells["name"] for row in table], numbers, table.notes


PLAIN = "name,x,y\nan ant,1,0.5\nbee,-2,1234.25\n"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (PLAIN, None),
        ("\ufeff" + PLAIN.replace("\n", "\r\n"), None),
        (PLAIN.replace("\n", "\r"), None),
        (PLAIN.encode("utf-16"), "the text is UTF-16"),
        (PLAIN.encode("utf-16-le"), "the text is UTF-16"),
        (PLAIN.encode("utf-16-be"), "the text is UTF-16"),
        (PLAIN.encode("utf-32"), "the text is UTF-32"),
        (PLAIN.replace(",", ";"), "separated by semicolons"),
        (PLAIN.replace(",", "\t"), "separated by tabs"),
        (PLAIN.replace(",", " | "), "separated by bars"),
        ("sep=;\r\n" + PLAIN.replace(",", ";"), "separated by semicolons"),
        (PLAIN.replace(",", ";").replace(".", ","), "sign is the comma"),
        (
            "name;x;y\nan ant;1;0,5\nbee;-2;1.234,25\n",
            "sign is the comma; a sign between thousands is left out",
        ),
        (PLAIN.replace("1234.25", '"1,234.25"'), "between thousands"),
        (PLAIN.replace("1234.25", "1 234.25"), None),
        (PLAIN.replace("1234.25", "1\u202f234.25"), None),
        (PLAIN.replace("1234.25", "1'234.25"), None),
        (PLAIN.replace("-2", "\u22122"), None),
        (
            PLAIN.replace("0.5", "50%").replace("1234.25", "123425 %"),
            "45% is 0.45",
        ),
        (PLAIN.replace("\n", ",,\n"), None),
        (PLAIN.replace("0.5", "0.5,").replace(".25", ".25,,"), None),
        (PLAIN.replace("\n", "\n\n, ,\n"), None),
        ("\n\n , ,\n\n" + PLAIN, None),
        (
            PLAIN.replace("name,", "name,,")
            .replace("t,", "t,,", 1)
            .replace("bee,", "bee,,"),
            None,
        ),
        (PLAIN.replace("name", '"name"').replace("1,", '"1", '), None),
        (PLAIN.replace("name,x", " Name , X"), None),
        (
            ",name,x,y\n0,an ant,1,0.5\n1,bee,-2,1234.25\n",
            "column 1, without a name, numbers the rows",
        ),
        (
            "name,Unnamed: 1,x,y\nan ant,7.0,1,.5\nbee,3.0,-2,1234.25\n",
            "column 2, without a name, numbers the rows",
        ),
        (
            'name,x,y\n"1",an ant,1,0.5\n"2",bee,-2,1234.25\n',
            "column 1, without a name, numbers the rows",
        ),
    ],
)
def test_tables_of_other_programs_read_the_same(content, note, tmp_path):
    names, numbers, notes = rows_and_notes(tmp_path, content, "name", "x", "y")

    assert names == ["an ant", "bee"]
    assert numbers == [[1, 0.5], [-2, 1234.25]]
    if note is None:
        assert notes == []
    else:
        assert note in notes[0] and notes[0].startswith("a.csv: ")


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ('"1,234"', '"5,678"', "between thousands"),
        ('"0,5"', "0.5", "comma in '0,5' and a point in '0.5'"),
        ("50%", "0.5", "'y' has cells with and without a percent sign"),
        ("(0.5)", "1", "not a number"),
        ('"1,23,4"', "1", "not a number"),
        ("0.5 m", "1", "not a number"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways(one, other, words, tmp_path):
    with pytest.raises(InputError, match=words):
        rows_and_notes(tmp_path, f"name,x,y\na,1,{one}\nb,2,{other}\n")


def test_cells_that_may_be_separated_in_two_ways(tmp_path):
    with pytest.raises(InputError, match="separated in two ways"):
        read(tmp_path, "size, cm;fur\n1,5;2\n")


def test_a_nameless_column_that_is_no_number_of_rows_after_all(tmp_path):
    lines = "".join(f"{n},a\n" for n in range(700))
    with pytest.raises(InputError, match="column without a name"):
        read(tmp_path, f",name\n{lines}x,a\n", "name")


def test_a_cell_far_below_that_can_be_read_in_two_ways(tmp_path):
    lines = "a,1,1\n" * 700
    with pytest.raises(InputError, match=r"Line 702(.|\n)*between thousands"):
        rows_and_notes(tmp_path, f'name,x,y\n{lines}b,1,"1,234"\n')
    sure = lines.replace("1,1", "1,1.5")
    _, numbers, _ = rows_and_notes(tmp_path, f'name,x,y\n{sure}b,1,"1,234"\n')
    assert numbers[-1] == [1, 1234]


def test_columns_of_an_array_as_pandas_names_them(tmp_path):
    (row,) = read(tmp_path, ",0,1,2\n0,5,6,7\n")
    assert row.cells == {"0": "5", "1": "6", "2": "7"}


def test_a_first_line_of_numbers_is_refused(tmp_path):
    for first in ("1,2", "0.5,0,0", "1.jpg,0,0"):
        with pytest.raises(InputError, match="does not name the columns"):
            read(tmp_path, f"{first}\n{first}\n")
    assert len(read(tmp_path, "1,x\n3,4\n")) == 1


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="FileNotFoundError"):
        list(tables.Table(epath.Path(tmp_path) / "gone.csv"))


def test_written_tables_have_all_columns_and_no_nan():
    text = files.csv_text(
        [{"a": [1, 2], "b": float("nan")}, {"c": None, "a": 0.1}]
    )
    assert text == 'a,b,c\n"1,2",,\n0.1,,\n'


@pytest.mark.parametrize(
    ("first_line", "meant"),
    [
        ("class,Is_Seen,seg_e", "Is_Seen"),
        ("class,seg_e,Train", "Train"),
        ("class,seg_e,green", ""),
        ("label,seen", "label"),
    ],
)
def test_a_column_is_suggested_only_where_it_is_likely(
    first_line, meant, tmp_path
):
    path = epath.Path(tmp_path) / "classes.csv"
    path.write_text(f"{first_line}\n")
    with pytest.raises(InputError) as error:
        [*tables.Table(path, ("class", "seen"))]
    asked = f"Did you mean {meant!r}?"
    assert error.value.action.endswith(asked if meant else "the column.")
