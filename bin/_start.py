"""Starts a command of gmn_tf, or says how to install it."""

import sys


def start(name: str) -> None:
    """Calls `gmn_tf.commands.<name>()`."""
    try:
        from gmn_tf import commands
    except ModuleNotFoundError as error:
        sys.exit(
            f"Error: {error}.\n"
            "  expected: gmn_tf, installed for this Python\n"
            f"  received: {sys.executable}, which lacks it\n"
            "  what to do: Run `pip install -e .` in the folder above bin/, or "
            "activate the environment in which you did."
        )
    getattr(commands, name)()
