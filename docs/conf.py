"""The site made of these documents; BUILD.md has the command.

Its source is the whole repository, so that links between README.md, docs/ and
results/ are the same here and where the files are shown one by one.
"""

import logging
import os
import pathlib
import posixpath
import re
import sys

from sphinx.util import logging as sphinx_logging

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import api_reference  # noqa: E402

project = "gmn_tf"
author = "the authors of gmn_tf"
version = release = re.search(
    r'= "(.+)"', (ROOT / "gmn_tf" / "version.py").read_text("utf-8")
).group(1)

extensions = ["myst_nb"]
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/api/*.md",
    "docs/notebooks/*.ipynb",
    "results/*.md",
    "results/*/*.md",
    "datasets/zero_shot/*.md",
]
myst_enable_extensions = ["colon_fence", "fieldlist"]
myst_heading_anchors = 4
python_maximum_signature_line_length = 72
python_use_unqualified_type_names = True
toc_object_entries = False  # they take half of the time of a build

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # of the notebooks
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "remove"
nb_merge_streams = True

# It needs nothing from elsewhere: its fonts are those of the reader's system.
html_theme = "furo"
html_title = f"gmn_tf {version}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_additional_pages = {"index": "to_readme.html"}
templates_path = ["templates"]

LINK = re.compile(r"\[([^]\n]+)\]\(([^)#\s:]+)\)")
LOADED = re.compile(
    r"<(?:script|img|iframe|link(?! rel=.?canonical))[^>]*?"
    r"(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)"
)
LISTED = re.compile(r"^- \[([^]]+)\]\(([^)]+)\.(?:md|ipynb)\)", re.MULTILINE)
ROW = re.compile(r"^\|.*$", re.MULTILINE)  # of a table


def tree(index: str) -> str:
    """The menu: the lists of docs/README.md, each with its heading."""
    text = "```{toctree}\n:hidden:\n\ndocs/README\n```\n"
    for part in re.split(r"\n\n(?=[^\n]+:\n\n- )", index)[1:]:
        heading = part.partition(":\n")[0]
        text += branch(part, "docs", f":caption: {heading}\n")
    return text


def branch(index: str, folder: str, options: str = "") -> str:
    """A part of the menu: the list in a page of a folder."""
    text = f"\n```{{toctree}}\n:hidden:\n{options}\n"
    for title, page in LISTED.findall(index):
        page = posixpath.normpath(f"/{folder}/{page}")
        # The name of a file is no title; that of the page is taken.
        named = title.endswith(".md")
        text += f"{page}\n" if named else f"{title} <{page}>\n"
        if page == "/docs/architecture":
            text += "/docs/api/index\n"
    return text + "```\n"


def read(app, name, source) -> None:
    """Adds the menu to its pages; a link to a folder becomes text."""
    if app.env.doc2path(name).suffix == ".ipynb":
        return
    folder = (ROOT / name).parent

    def without_folders(match):
        is_folder = (folder / match[2]).is_dir()
        return match[1] if is_folder else match[0]

    source[0] = LINK.sub(without_folders, source[0])
    source[0] = ROW.sub(unbroken_scores, source[0])
    if name == root_doc:
        index = (ROOT / "docs" / "README.md").read_text("utf-8")
        source[0] += "\n" + tree(index)
    if name == "results/README":
        source[0] += branch(source[0], "results")


def unbroken_scores(row) -> str:
    """A row of a table whose scores stay in one line on a phone."""
    return row[0].replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


def write_reference(app) -> None:
    """Writes the API reference; what is wrong in a docstring is a warning."""
    logger = sphinx_logging.getLogger("api_reference")
    logging.getLogger("griffe").addHandler(api_reference.Forward(logger))
    api_reference.write(ROOT, ROOT / "docs" / "api")


def check_alone(app, error) -> None:
    """Warns of a page that loads something from another site."""
    logger = sphinx_logging.getLogger("alone")
    for page in [] if error else app.outdir.rglob("*.html"):
        for found in LOADED.findall(page.read_text("utf-8")):
            logger.warning("%s loads %s", page, found)


def setup(app) -> None:
    """Connects the functions above."""
    app.connect("builder-inited", write_reference)
    app.connect("source-read", read)
    app.connect("build-finished", check_alone)
