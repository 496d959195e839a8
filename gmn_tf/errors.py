"""The errors that are the user's to mend, and that of a run told to stop."""


class InputError(ValueError):
    """Input from outside (files, flags, folders) that cannot be used.

    The commands print it without a stack trace and exit with status 1.

    Args:
        problem: what is wrong, with the file, flag or row it was found in.
        expected: what would have been right.
        received: what was found instead.
        action: what the user can do about it.
    """

    def __init__(
        self, problem: str, expected: object, received: object, action: str
    ):
        super().__init__(
            f"{problem}\n"
            f"  expected: {expected}\n"
            f"  received: {received}\n"
            f"  what to do: {action}"
        )


class LostDataError(InputError):
    """Data that was there when a command began is so no more."""


class StoppedError(Exception):
    """A run was told to stop, and has saved what is to be saved.

    Args:
        step: steps done.
        signal: number of the signal that told it.
    """

    def __init__(self, step: int, signal: int):
        super().__init__(f"Stopped after step {step}.")
        self.step, self.signal = step, signal
