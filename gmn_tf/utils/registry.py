"""Parts by name, which modules outside of this package may add to.

A part (a variant, a guidance, a classifier) is a row of a `Table`. A row only
names the function that makes the part, as `module:function`, so that a table
needs no TensorFlow; `resolve` imports it when it is used.

A plugin is a module that calls `Table.register` when it is imported. It is
found by its name (`--plugins`), or as an entry point of an installed package in
the group `GROUP`.
"""

import dataclasses
import functools
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import pathlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from gmn_tf.utils import values
from gmn_tf.utils.errors import InputError, first_line

GROUP = "gmn_tf.plugins"
PACKAGE = "gmn_tf"
# Settings of parts by name: the kind of part, and the NamedTuple class.
SETTINGS: dict[str, tuple[str, type]] = {}
ADVICE = "Correct the plugin; docs/plugins.md shows one."


class Table(Mapping):
    """Rows by name, each with the module that registered it.

    Args:
        what: the rows are, as in `variant`.
        kind: their class. A row may have `settings`, a NamedTuple class with
            defaults: its fields are settings of a run, `name.field`.
    """

    def __init__(self, what: str, kind: type):
        self.what, self.kind = what, kind
        self._rows, self._owners = {}, {}

    def __getitem__(self, name: str):
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def register(self, rows: Mapping) -> None:
        """Adds rows by name, all or none; the caller's module owns them.

        Raises:
            InputError: for a name that is taken or cannot be one, a row of
                another class, or settings that a run cannot have.
        """
        owner = sys._getframe(1).f_globals.get("__name__", "__main__")
        for name, row in rows.items():
            self._check(name, row, owner)
        self._rows |= rows
        self._owners |= dict.fromkeys(rows, owner)
        for name, row in rows.items():
            if settings := getattr(row, "settings", None):
                SETTINGS[name] = self.what, settings

    def prefixes(self, name: str) -> tuple[str, ...]:
        """How the names of the settings begin that matter to a row alone."""
        row = self._rows[name]
        own = (f"{name}.",) if row.settings else ()
        return own + row.prefixes

    def owner(self, name: str) -> str | None:
        """The plugin that registered a row; None for a row of the package."""
        owner = self._owners[name]
        inside = f"{owner}.".startswith(f"{PACKAGE}.")
        return None if inside else owner

    def _check(self, name: str, row, owner: str) -> None:
        if not (isinstance(name, str) and name.isidentifier()):
            raise InputError(
                f"{owner} registers a {self.what} under a name that cannot be "
                "one.",
                "letters, digits and _, not beginning with a digit",
                repr(name),
                ADVICE,
            )
        if not isinstance(row, self.kind):
            raise InputError(
                f"{owner} registers something else as the {self.what} {name}.",
                f"a {self.kind.__module__}.{self.kind.__name__}",
                type(row).__name__,
                ADVICE,
            )
        # A module whose import failed half-way is imported again.
        if self._owners.get(name, owner) != owner:
            raise InputError(
                f"Two modules register a {self.what} {name}.",
                "a name of its own for each",
                f"{self._owners[name]} and {owner}",
                "Rename one of them, or leave one of the plugins out.",
            )
        settings = getattr(row, "settings", None)
        _check_settings(settings, name, owner)
        other, _ = SETTINGS.get(name, (self.what, None))
        if settings and other != self.what:
            raise InputError(
                f"The settings of the {self.what} {name} have the names of "
                f"those of the {other} {name}.",
                "a name of its own for each part with settings",
                f"{owner} registers {name}",
                "Rename one of them, or leave one of the plugins out.",
            )


def _check_settings(settings, name: str, owner: str) -> None:
    """Raises InputError unless these can be settings of a run."""
    if settings is None:
        return
    defaults = getattr(settings, "_field_defaults", {})
    fields = getattr(settings, "_fields", None)
    if (
        not fields
        or len(defaults) != len(fields)
        or not all(map(_can_be_read, defaults.values()))
    ):
        raise InputError(
            f"{owner} registers settings of {name} that a run cannot have.",
            "a NamedTuple class whose fields have defaults: whole numbers, "
            "finite numbers, texts, or tuples of whole numbers",
            repr(defaults if fields else settings),
            ADVICE,
        )


def _can_be_read(default) -> bool:
    """Whether a setting with this default can be given as a text."""
    kind = type(default)
    try:
        return kind in values.KINDS and (
            values.converted(kind, default) == default
        )
    except (TypeError, ValueError):  # of numbers that are not finite, or whole
        return False


@dataclasses.dataclass(frozen=True)
class Reference:
    """A function of a module, as in `package.module:function`.

    Attributes:
        text: the two names.
        what: it is, for errors, as in `guidance sparsity`.
    """

    text: str
    what: str

    def resolve(self, arguments: Sequence[str]) -> Callable:
        """Imports the function, which takes these arguments.

        Raises:
            InputError: if there is none, or it takes others.
        """
        module, _, name = self.text.partition(":")
        function = getattr(import_module(module, self.what), name, None)
        if not callable(function):
            raise InputError(
                f"The {self.what} lacks its function.",
                f"{name or 'a function'} in {module}, as in module:function",
                self.text,
                ADVICE,
            )
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError as error:
            raise InputError(
                f"The function of the {self.what} takes other arguments.",
                f"{name}({', '.join(arguments)})",
                f"{name}{inspect.signature(function)}: {first_line(error)}",
                ADVICE,
            ) from error
        return function


def import_module(name: str, what: str):
    """Imports a module for a part.

    Raises:
        InputError: if that fails in any way.
    """
    try:
        return importlib.import_module(name)
    except InputError:  # it says more
        raise
    except Exception as error:  # of foreign code
        raise InputError(
            f"The module {name} of the {what} cannot be imported.",
            "an installed module, or one on PYTHONPATH",
            f"{type(error).__name__}: {first_line(error)}",
            "Install it for this Python, or correct its name or the module.",
        ) from error


def load(
    names: str = "", what: str = "plugin", record: pathlib.Path | None = None
) -> None:
    """Imports the plugins that are installed, and those that are named.

    Args:
        names: of modules, with commas.
        what: they are, for errors.
        record: the file that names them, if it is not the user who does. No
            module beside it is imported, since both may be from elsewhere.

    Raises:
        InputError: for one that cannot be imported, or that registers what
            cannot be registered.
    """
    _load_installed()
    for name in filter(None, names.split(",")):
        if not all(part.isidentifier() for part in name.split(".")):
            raise InputError(
                "Bad value for --plugins.",
                "names of Python modules with commas, as in mine.losses",
                repr(name),
                "Give the name of the module, without .py and folders.",
            )
        if name not in sys.modules:
            _check_is_plugin(name, record)
        import_module(name, what)


def _check_is_plugin(name: str, record: pathlib.Path | None) -> None:
    """Raises InputError for a module that a file of settings cannot choose.

    Such a file may be from elsewhere; it must not choose any module of this
    machine to be run, nor one that came with it. Nothing is imported here. A
    module that is not found is left to the import, which says so.
    """
    files = _files(name)
    if files is None:
        return
    beside = record and record.resolve().parent
    for path in files:
        if beside and path.resolve().is_relative_to(beside):
            raise InputError(
                f"The module {name} lies beside the file that names it.",
                "an installed plugin, or one that you name yourself",
                f"{path}, named in {record}",
                f"If you trust its code, add --plugins={name}.",
            )
    for path in files:
        if path.suffix == ".py" and PACKAGE.encode() in path.read_bytes():
            return
    raise InputError(
        f"The module {name} is no plugin of {PACKAGE}.",
        "a module that registers a variant, a guidance or a classifier",
        f"{files[0] if files else name}, which does not mention {PACKAGE}",
        "Correct --plugins, or that entry of the file of settings.",
    )


def _files(name: str) -> list[pathlib.Path] | None:
    """The files of a module, those of a package beside its __init__ too.

    Nothing on the way to it is imported. None if it is not found.
    """
    parts = name.split(".")
    try:
        specs = [importlib.util.find_spec(parts[0])]
    except ValueError:  # of a module that was made by hand, as __main__
        specs = []
    specs = list(filter(None, specs))
    for place in range(2, len(parts) + 1):
        full = ".".join(parts[:place])
        specs = [
            spec
            for finder in map(pkgutil.get_importer, _folders(specs))
            if finder and (spec := finder.find_spec(full))
        ]
        # The first one, or all folders of a namespace package.
        specs = [spec for spec in specs if spec.loader][:1] or specs
    if not specs:
        return None
    files = [pathlib.Path(one.origin) for one in specs if one.has_location]
    for folder in _folders(specs):
        files += pathlib.Path(folder).glob("*.py")
    return files


def _folders(specs: Sequence[importlib.machinery.ModuleSpec]) -> list[str]:
    return [f for one in specs for f in one.submodule_search_locations or ()]


@functools.cache
def _load_installed() -> None:
    """Those of installed packages; a failure is not kept."""
    for point in importlib.metadata.entry_points(group=GROUP):
        package = f" of {point.dist.name}" if point.dist else ""
        import_module(point.module, f"plugin {point.name}{package}")
