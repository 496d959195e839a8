"""The rooms of the packages import in one direction, and in no circle."""

import ast
import graphlib
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = {"gmn_tf": "gmn_tf", "gmn_tf_datasets": "datasets"}
# Each room imports from itself and from those before it; rooms in one line do
# not import from each other.
ROOMS = (
    ("gmn_tf.version",),
    ("gmn_tf.utils",),
    ("gmn_tf_datasets.zero_shot",),
    ("gmn_tf.images",),
    ("gmn_tf.descriptions",),
    ("gmn_tf.data",),
    ("gmn_tf.method",),
    ("gmn_tf.config", "gmn_tf.configs"),
    ("gmn_tf.settings",),
    ("gmn_tf.training",),
    ("gmn_tf.runs",),
    ("gmn_tf.search", "gmn_tf.reproduction", "gmn_tf.inference"),
    ("gmn_tf.demo",),
    ("gmn_tf.api",),
    ("gmn_tf.commands",),
)
# Two rooms may import less than their place allows: a data set knows nothing
# of models, and the method nothing of images, settings or files of data sets.
NARROW = {
    "gmn_tf_datasets.zero_shot": ("gmn_tf.utils",),
    "gmn_tf.method": ("gmn_tf.utils", "gmn_tf.data"),
}
# Tables name the functions that make their parts as text, `module:function`, so
# that they need no TensorFlow. Of a guidance, whose settings `config` has to
# know, these are in a later room: the only names that point there.
LATER = {
    "gmn_tf.method.variants": {
        *("gmn_tf.training.parts", "gmn_tf.training.system_parts"),
    }
}
# This module is the table of contents: it has public names, and their modules.
CONTENTS = "gmn_tf"


def modules() -> dict[str, str]:
    """The source of every module of the two packages, by name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *inside)).removesuffix(".__init__")
            found[name] = path.read_text(encoding="utf-8")
    return found


MODULES = modules()
REFERENCE = re.compile(r"(gmn_tf[\w.]*):\w+")


def imported(source: str) -> Iterator[str]:
    """Modules that a source names, in functions and for type hints too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not followed"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


GRAPH = {
    name: set(imported(source)) & MODULES.keys() - {name, CONTENTS}
    for name, source in MODULES.items()
    if name != CONTENTS
}


def named(source: str) -> set[str]:
    """Modules of the package that a source names as `module:function`."""
    texts = (
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {found[1] for text in texts if (found := REFERENCE.fullmatch(text))}


def is_in(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of these rooms, or lies in one."""
    return any(f"{name}.".startswith(f"{room}.") for room in rooms)


def place(name: str) -> tuple[int, str]:
    """The place of a module's room in the order, and the room."""
    ((number, room),) = [
        (number, room)
        for number, rooms in enumerate(ROOMS)
        for room in rooms
        if is_in(name, (room,))
    ]
    return number, room


def upward(graph: dict[str, set[str]]) -> list[str]:
    """Imports from a room that is not before."""
    return [
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in others
        if place(other)[1] != place(name)[1]
        and place(other)[0] >= place(name)[0]
    ]


def test_every_module_lies_in_one_room():
    assert all(place(name) for name in GRAPH)


def test_imports_come_from_rooms_before():
    assert not upward(GRAPH)


@pytest.mark.parametrize(("room", "allowed"), NARROW.items())
def test_narrow_rooms(room, allowed):
    inside = {name for name in GRAPH if is_in(name, (room,))}
    assert inside
    assert not [
        f"{name} imports {other}"
        for name in inside
        for other in GRAPH[name]
        if not is_in(other, (room, *allowed))
    ]


def test_names_in_tables_are_of_rooms_before_but_for_guidances():
    names = {name: named(source) for name, source in MODULES.items()}
    names = {name: found for name, found in names.items() if found}
    assert LATER.items() <= names.items()
    assert all(found <= MODULES.keys() for found in names.values())
    others = {n: found for n, found in names.items() if n not in LATER}
    assert not upward(others)


def test_no_circle():
    graphlib.TopologicalSorter(GRAPH).prepare()  # raises CycleError


def with_children_as_one(
    graph: dict[str, set[str]], package: str
) -> dict[str, set[str]]:
    """The imports inside a package, all its child packages as one module."""
    parts = {
        name: name.removeprefix(f"{package}.").split(".")
        for name in graph
        if name.startswith(f"{package}.")
    }
    folders = {first for first, *rest in parts.values() if rest}
    short = {
        name: "children" if first in folders else first
        for name, (first, *_) in parts.items()
    }
    found = {node: set() for node in short.values()}
    for name, node in short.items():
        found[node] |= {short[o] for o in graph[name] if o in short} - {node}
    return found


def test_child_packages_import_only_what_does_not_import_them():
    package = "gmn_tf_datasets.zero_shot"
    found = with_children_as_one(GRAPH, package)
    assert {"prepare", "source", "children"} <= found.keys()
    graphlib.TopologicalSorter(found).prepare()  # raises CycleError


def test_what_is_wrong_is_found():
    source = """
import typing
from gmn_tf.method import metrics
if typing.TYPE_CHECKING:
    from gmn_tf import api
def f():
    from gmn_tf.runs.workdir import Workdir
"""
    names = set(imported(source)) & MODULES.keys()
    assert names == {
        "gmn_tf.method.metrics",
        "gmn_tf.api",
        "gmn_tf.runs.workdir",
    }
    assert len(upward({"gmn_tf.runs.plots": names})) == 1
    assert (
        len(upward({"gmn_tf.search.tuner": {"gmn_tf.inference.serving"}})) == 1
    )
    names = named('ROW = "gmn_tf.training.parts:cycle"; TEXT = "gmn_tf: x"')
    assert names == {"gmn_tf.training.parts"}
    assert len(upward({"gmn_tf.method.metrics": names})) == 1
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    graph = {"p.a": {"p.b.x"}, "p.b.x": set(), "p.b.y": {"p.a"}}
    assert with_children_as_one(graph, "p") == {
        "a": {"children"},
        "children": {"a"},
    }
