"""The one reader of a user's .csv files."""

import numpy as np
import pytest
from etils import epath

from gmn_tf.utils import tables
from gmn_tf.utils.errors import InputError


def read(folder, content: str | bytes, *required: str) -> list[tables.Row]:
    """The rows of a file with this content."""
    path = epath.Path(folder) / "a.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(tables.read_rows(path, required))


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
        (
            "name;x\na;1\n",
            r"by commas, not by semicolons\.$",
        ),
        ("name,x,x\n", "does not name the columns"),
        ("name,,x\n", "does not name the columns"),
        ("name,x\na,1,2\n", "3 cells"),
        ("name,x\na,1\nb\n", "Line 3"),
        ('name,x\n"a,1\n', "Cannot read"),
        ("name,x\na," + 2**20 * "1" + "0\n", "Cannot read"),
        (b"name,x\n\xff,1\n", "UTF-8"),
        ("name,x\na,1\n".encode("utf-16"), "Cannot read"),
    ],
)
def test_what_is_not_such_a_table_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, "name")


def test_a_first_line_of_numbers_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not name the columns"):
        read(tmp_path, "1,2\n3,4\n")
    assert len(read(tmp_path, "1,x\n3,4\n")) == 1


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="FileNotFoundError"):
        list(tables.read_rows(epath.Path(tmp_path) / "gone.csv"))
