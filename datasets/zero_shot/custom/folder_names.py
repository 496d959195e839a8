"""Names of classes that no folder of images can have.

Features have labels, where every name is possible.
"""

import os
import re

_LONGEST = 255  # bytes, in the file systems of Linux, macOS and Windows


def obstacle(name: str) -> str:
    """Why no folder of images can have a name; an empty text if one can."""
    if name in (os.curdir, os.pardir):
        return "it stands for a folder that is there"
    for sign in ("/", os.sep, "\0"):
        if sign in name:
            return f"it contains {sign!r}"
    if name.startswith("."):
        return "it begins with a dot, as those of hidden folders do"
    if len(os.fsencode(name)) > _LONGEST:
        return f"it has more than {_LONGEST} bytes"
    return ""


def possible(name: str) -> str:
    """A name like this one that a folder can have."""
    made = re.sub(r"[/\\\0]+", "_", name).strip(". ")
    return os.fsencode(made)[:_LONGEST].decode(errors="ignore") or "class"
