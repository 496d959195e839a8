"""Reading JSON that somebody else may have written or damaged."""

import json


def parse(text: str):
    """The value that a JSON text says.

    Raises:
        ValueError: for whatever keeps it from being read; brackets nested too
            deeply make Python raise a RecursionError otherwise.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error
