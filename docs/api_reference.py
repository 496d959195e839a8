"""The pages of the API reference, from docstrings that are read, not run.

Griffe parses the sources, so that no TensorFlow is imported. Docstrings are
Markdown, as MyST reads it; their sections become lists of fields.
"""

import ast
import logging
import pathlib
import textwrap
from collections.abc import Iterator

import griffe

# Folder of a package, and the name that it is imported by.
PACKAGES = {"gmn_tf": "gmn_tf", "datasets/zero_shot": "gmn_tf_datasets"}
LONGEST = 20  # parameters; a class of settings has more
FIELDS = {
    griffe.DocstringSectionKind.parameters: "param",
    griffe.DocstringSectionKind.attributes: "ivar",
    griffe.DocstringSectionKind.raises: "raises",
    griffe.DocstringSectionKind.returns: "returns",
    griffe.DocstringSectionKind.yields: "returns",
}
# No member names its type a second time in its docstring.
OPTIONS = {
    "warn_missing_types": False,
    "returns_named_value": False,
    "returns_multiple_items": False,
}


def write(root: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the pages, and leaves those alone that are the same.

    Args:
        root: of the repository.
        folder: for the pages.
    """
    pages = dict(_pages(root))
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.md"):
        if path.stem not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _pages(root: pathlib.Path) -> Iterator[tuple[str, str]]:
    """The name and the text of each page: public names, then the rooms."""
    rooms = []
    for place, package in PACKAGES.items():
        path = root / place
        module = griffe.load(
            path.name,
            search_paths=[path.parent],
            docstring_parser="google",
            docstring_options=OPTIONS,
        )
        if package == path.name:
            text, public = _public_names(module)
            yield "gmn_tf", text
            rooms += [
                (f"{package}.{name}", one)
                for name, one in module.modules.items()
                if name != "version" and not one.is_alias
            ]
        else:
            rooms.append((f"{package}.{path.name}", module))
    rooms = [(name, _room(name, one, public)) for name, one in rooms]
    rooms = [(name, text) for name, text in rooms if text]
    yield from rooms
    listed = "\n".join(name for name, _ in rooms)
    yield (
        "index",
        "# API reference\n\n"
        "[The public names](gmn_tf.md) are what a program uses. The other "
        "pages describe all modules, room by room; "
        "[architecture.md](../architecture.md) says which is for what.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\ngmn_tf\n{listed}\n```\n",
    )


def _public_names(package: griffe.Module) -> tuple[str, set[str]]:
    """The page of what `import gmn_tf` gives, and where that is defined."""
    names = set(ast.literal_eval(str(package.members["_PUBLIC"].value)))
    targets = {
        name: package.members[name].final_target for name in sorted(names)
    }
    shown = [_object(f"gmn_tf.{name}", one) for name, one in targets.items()]
    links = ", ".join(f"{{py:obj}}`~gmn_tf.{name}`" for name in targets)
    found = {one.canonical_path for one in targets.values()}
    return "\n\n".join(["# Public names", links, *shown]) + "\n", found


def _room(name: str, module: griffe.Module, public: set[str]) -> str:
    """The page of a package, or of a module beside packages.

    What is public is on another page, which its module names.
    """
    parts = [f"# {name}"]
    for path, one in _modules(name, module):
        shown = [each for each in one.members.values() if _is_shown(each)]
        members = [
            f"{{py:obj}}`{each.canonical_path}` is public."
            if each.canonical_path in public
            else _object(f"{path}.{each.name}", each)
            for each in shown
        ]
        if one.docstring:
            inside = path.removeprefix(f"{name}.")
            heading = [f"## {inside}"] if path != name else []
            parts += [*heading, *_text(one), *members]
    return "\n\n".join(parts) + "\n" if parts[1:] else ""


def _modules(name, module) -> Iterator[tuple[str, griffe.Module]]:
    yield name, module
    for inner, one in sorted(module.modules.items()):
        if not inner.startswith("_") and not one.is_alias:
            yield from _modules(f"{name}.{inner}", one)


def _is_shown(member) -> bool:
    """Whether it is defined here, public, described and no module."""
    return not (
        member.is_alias
        or member.is_module
        or member.name.startswith("_")
        or not member.docstring
    )


def _object(path: str, member, depth: int = 0) -> str:
    """The directive that describes a class, function or attribute."""
    members = (
        [
            _object(one.name, one, depth + 1)
            for one in member.members.values()
            if _is_shown(one) and (one.is_function or "property" in one.labels)
        ]
        if member.is_class
        else []
    )
    kind, options = "py:data", []
    if member.is_class:
        kind = "py:class"
    elif member.is_function:
        kind = "py:method" if depth else "py:function"
        options = [
            f":{label}:"
            for label in ("classmethod", "staticmethod", "abstractmethod")
            if label in member.labels
        ]
    if path.startswith("gmn_tf.") and path != member.canonical_path:
        options.append(f":canonical: {member.canonical_path}")
    elif "property" in member.labels:
        kind = "py:property"
    fence = ":" * (4 if depth else 5)
    signature = _signature(member) if kind not in NO_SIGNATURE else ""
    head = [f"{fence}{{{kind}}} {path}{signature}", *options]
    body = [*_text(member), *members]
    return "\n".join([*head, ""]) + "\n" + "\n\n".join(body) + f"\n{fence}"


NO_SIGNATURE = ("py:property", "py:data")


def _signature(member) -> str:
    """Its parameters in brackets, and what a function returns."""
    found = [p for p in member.parameters if p.name not in ("self", "cls")]
    if len(found) > LONGEST:
        return "(**settings)"
    written, starred = [], False
    for one in found:
        kind = one.kind.value
        if kind == "keyword-only" and not starred:
            written.append("*")
        starred |= kind in ("keyword-only", "variadic positional")
        stars = {"variadic positional": "*", "variadic keyword": "**"}
        text = stars.get(kind, "") + one.name
        if one.annotation is not None:
            text += f": {_full(one.annotation)}"
        if one.default is not None and kind not in stars:
            text += f" = {one.default}"
        written.append(text)
    returned = getattr(member, "returns", None) if member.is_function else None
    arrow = f" -> {_full(returned)}" if returned is not None else ""
    return f"({', '.join(written)}){arrow}".replace("\n", " ")


def _full(annotation) -> str:
    """A type with the full names of the classes of these packages.

    Sphinx then finds each, though several modules have a class Settings, and
    shows the last part of its name.
    """
    if isinstance(annotation, str):
        return annotation
    return "".join(map(_full_name, annotation.iterate(flat=True)))


def _full_name(part) -> str:
    """The same of a part of it."""
    path = part.canonical_path if isinstance(part, griffe.ExprName) else ""
    if path.startswith("zero_shot."):
        return f"gmn_tf_datasets.{path}"
    return path if path.startswith("gmn_tf") else str(part)


def _text(member) -> list[str]:
    """Paragraphs and fields of a docstring."""
    parts = []
    for section in member.docstring.parsed if member.docstring else ():
        if section.kind in FIELDS:
            parts.append("\n".join(_fields(section)))
        elif section.kind is griffe.DocstringSectionKind.admonition:
            parts.append(f"{section.title}: {section.value.description}")
        else:
            parts.append(str(section.value))
    return parts


def _fields(section) -> Iterator[str]:
    """A line for each item of a section, as in reStructuredText."""
    word = FIELDS[section.kind]
    for item in section.value:
        if word == "raises":
            name = _full(item.annotation)
        else:
            name = getattr(item, "name", None)
        head = f":{word} {name}:" if name else f":{word}:"
        # Further lines belong to it if they are indented.
        yield f"{head} {textwrap.indent(item.description, '    ').strip()}"


class Forward(logging.Handler):
    """Passes Griffe's warnings on, so that they fail a build with -W.

    Args:
        logger: Sphinx's.
    """

    def __init__(self, logger):
        super().__init__(logging.WARNING)
        self.logger = logger

    def emit(self, record):
        """Logs a warning again."""
        self.logger.warning(record.getMessage(), type="docstring")
