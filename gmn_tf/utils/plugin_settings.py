"""Settings of plugins, as a text: `sparsity.weight=0.1,hinge.epochs=9`.

`name.field` is a field of the settings that a part is registered with under
that name (`registry.SETTINGS`), and has the type of its default.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gmn_tf.utils import registry, values
from gmn_tf.utils.errors import InputError, hint, listed


def names() -> list[str]:
    """All that are registered, as in `sparsity.weight`."""
    return [
        f"{name}.{field}"
        for name, (_, settings) in registry.SETTINGS.items()
        for field in settings._fields
    ]


def read(text: str) -> dict:
    """The settings in a text, by `name.field`, in their types.

    Raises:
        InputError: for a name or a value that does not exist.
    """
    found = {}
    for item in text.split(",") if text else ():
        name, has_value, value = item.partition("=")
        if has_value:
            found[name.strip()] = value
        elif found:  # the next of several numbers
            found[list(found)[-1]] += f",{item}"
        else:
            raise _unknown(item)
    return checked(found)


def checked(settings: Mapping) -> dict:
    """The same in their types; raises as `read`."""
    found = {}
    for name, value in settings.items():
        if name not in names():
            raise _unknown(name)
        part, _, field = name.partition(".")
        kind = type(defaults(part)[field])
        try:
            found[name] = values.converted(kind, value)
        except (TypeError, ValueError, OverflowError):
            raise InputError(
                f"Bad value for {name} in --plugin_settings.",
                values.KINDS[kind],
                repr(value),
                "Correct the flag, or that entry of the --config file.",
            ) from None
    return found


def defaults(name: str) -> dict:
    """The fields of a part's settings, with their defaults."""
    return registry.SETTINGS[name][1]._field_defaults


def completed(given: Mapping, used: Iterable[str]) -> str:
    """The text of given settings, and of all others of the parts in use."""
    everything = {
        f"{name}.{field}": value
        for name in used
        if name in registry.SETTINGS
        for field, value in defaults(name).items()
    } | given
    return ",".join(
        f"{name}={','.join(map(str, value))}"
        if isinstance(value, tuple)
        else f"{name}={value}"
        for name, value in sorted(everything.items())
    )


def of(name: str, text: str) -> NamedTuple:
    """The settings of one part, a NamedTuple as it was registered."""
    given = {
        field: value
        for full, value in read(text).items()
        for part, _, field in [full.partition(".")]
        if part == name
    }
    return registry.SETTINGS[name][1](**given)


def _unknown(name: str) -> InputError:
    known = names()
    return InputError(
        f"Unknown setting {name!r} in --plugin_settings.",
        "name.field=value, with one of " + listed(known, 20),
        repr(name),
        hint("Name the plugin that has it in --plugins.", name, known),
    )
