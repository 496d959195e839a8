"""The site's own code: its menu, and its API reference."""

import importlib.util
import json
import logging
import pathlib
import re

import pytest

import gmn_tf

griffe = pytest.importorskip("griffe")
ROOT = pathlib.Path(__file__).parents[1]


def load(name: str):
    spec = importlib.util.spec_from_file_location(
        name, ROOT / "docs" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


api_reference = load("api_reference")


class Warnings(list):
    """What a build would warn of, and then fail."""

    def warning(self, text, type):
        self.append(text)


@pytest.fixture(scope="module")
def built():
    """The pages, and the warnings."""
    said, logger = Warnings(), logging.getLogger("griffe")
    handler = api_reference.Forward(said)
    logger.addHandler(handler)
    try:
        return dict(api_reference._pages(ROOT)), said
    finally:
        logger.removeHandler(handler)


@pytest.fixture(scope="module")
def pages(built):
    return built[0]


def test_docstrings_fit_what_they_describe(built):
    assert not built[1]


def test_every_public_name_has_a_description(pages):
    described = re.findall(
        r"^:+\{py:\w+\} gmn_tf\.(\w+)", pages["gmn_tf"], re.MULTILINE
    )
    assert sorted(described) == sorted(gmn_tf._PUBLIC)


def test_every_room_has_a_page_in_the_list(pages):
    rooms = {
        f"gmn_tf.{path.stem}"
        for path in (ROOT / "gmn_tf").iterdir()
        if (path / "__init__.py").is_file() or path.suffix == ".py"
    }
    rooms -= {"gmn_tf.__init__", "gmn_tf.version"}
    assert pages.keys() - {"index", "gmn_tf"} == rooms | {
        "gmn_tf_datasets.zero_shot"
    }
    assert rooms <= set(pages["index"].split())


def test_a_module_is_described_once_by_the_name_of_its_file(pages):
    headings = [
        f"{page}.{heading}".replace("gmn_tf_datasets", "datasets")
        for page, text in pages.items()
        for heading in re.findall(r"^## (\S+)", text, re.MULTILINE)
    ]
    assert len(headings) > 100 and len(set(headings)) == len(headings)
    for heading in headings:
        path = ROOT / heading.replace(".", "/")
        assert path.is_dir() or path.with_name(f"{path.name}.py").is_file()


TOY = '''"""A module."""
from toy.other import Other

def scaled(rows, *, by: Other = None, **more) -> "Other":
    """Rows, scaled.

        y = 2 x

    Args:
        rows: `[n, dx]`, | and * among them.
        by: the factor, or
            none.

    Raises:
        ValueError: for none.
    """
'''


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(TOY)
    (tmp_path / "toy" / "other.py").touch()
    return griffe.load(
        "toy", search_paths=[tmp_path], docstring_parser="google"
    )


def test_a_function_becomes_a_directive(toy):
    page = api_reference._room("toy", toy, set())
    assert page.splitlines()[:4] == ["# toy", "", "A module.", ""]
    assert (
        ":::::{py:function} toy.scaled(rows, *, by: Other = None, **more) "
        "-> Other\n\nRows, scaled.\n\n    y = 2 x\n\n"
        ":param rows: `[n, dx]`, | and * among them.\n"
        ":param by: the factor, or\n    none.\n\n"
        ":raises ValueError: for none.\n:::::" in page
    )
    assert "is public" in api_reference._room("toy", toy, {"toy.scaled"})


def test_a_docstring_that_does_not_fit_is_a_warning(tmp_path):
    (tmp_path / "wrong.py").write_text(TOY.replace("rows: `", "row: `"))
    said, logger = Warnings(), logging.getLogger("griffe")
    handler = api_reference.Forward(said)
    logger.addHandler(handler)
    try:
        module = griffe.load(
            "wrong", search_paths=[tmp_path], docstring_parser="google"
        )
        api_reference._room("wrong", module, set())
    finally:
        logger.removeHandler(handler)
    assert any("'row'" in text for text in said)


def test_the_menu_has_the_lists_of_the_index():
    pytest.importorskip("sphinx")
    text = load("conf").tree((ROOT / "docs" / "README.md").read_text("utf-8"))
    lines = text.splitlines()
    assert lines.count(":hidden:") == 5  # the index itself, and four lists
    for line in (
        "docs/README",
        "Quick start </docs/quick_start>",
        "Notebook: your own images </docs/notebooks/custom_images>",
        "/docs/api/index",
        "/CONTRIBUTING",
        "Measured results </results/README>",
    ):
        assert line in lines


NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_answers(path):
    book = json.loads(path.read_text("utf-8"))
    assert not any(cell.get("outputs") for cell in book["cells"])
    text = "".join(
        "".join(cell["source"])
        for cell in book["cells"]
        if cell["cell_type"] == "markdown"
    )
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links and all((path.parent / link).is_file() for link in links)
