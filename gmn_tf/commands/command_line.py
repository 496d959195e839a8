"""How every command starts and ends: flags, TensorFlow's noise, errors."""

import contextlib
import inspect
import logging
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator

from absl import app, flags
from absl import logging as absl_logging

from gmn_tf.utils.errors import InputError, StoppedError

# Said by libraries at every start; nothing a user could act on.
PYTHON_NOISE = (
    "Using custom data configuration",
    "`FeatureConnector.dtype` is deprecated",
)
START_UP_NOISE = re.compile(
    r"before absl::InitializeLog\(\)|^I0000 |Could not find cuda drivers"
)
# Tells of a broken driver where there is a GPU, and of nothing elsewhere.
NO_GPU_NOISE = re.compile(r"failed call to cuInit")
GPU_DRIVER = pathlib.Path("/proc/driver/nvidia")
INTERRUPTED = 130  # the shell's status for Ctrl-C
BROKEN_PIPE = 141  # for a command whose output nobody reads
BY_SIGNAL = 128  # and for others that a signal ended


def run(
    command: Callable,
    usage: str,
    after_interrupt: str = "The same command starts again from the beginning.",
) -> None:
    """Runs `command(flag values, arguments)` and ends the process.

    Bad input, bad flags among it, is printed and ends with status 1.

    Args:
        command: what to do.
        usage: what --help says above the flags.
        after_interrupt: what the same command does after Ctrl-C.
    """
    # --help shows the text and the flags of the main module alone.
    sys.modules["__main__"].__doc__ = inspect.cleandoc(usage)
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith(command.__module__.rpartition(".")[0]):
            for flag in defined:
                flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    # A folder's name may have what the terminal's encoding lacks.
    sys.stdout.reconfigure(errors="backslashreplace")

    def main(argv):
        absl_logging.set_verbosity(absl_logging.WARNING)
        try:
            command(flags.FLAGS, argv[1:])
        except InputError as error:
            sys.exit(f"Error: {error}")
        except BrokenPipeError:  # what reads the output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        except OSError as error:  # such as a disk that is full
            sys.exit(f"Error: cannot read or write a file: {error}")
        except StoppedError as stopped:
            print(f"\n{stopped} The same command goes on.", file=sys.stderr)
            sys.exit(BY_SIGNAL + stopped.signal)
        except Exception as error:
            if not _lacks_room(error):
                raise
            sys.exit(
                "Error: memory, or the disk, does not suffice: "
                + (str(error).splitlines() or [type(error).__name__])[0]
            )
        except KeyboardInterrupt:
            print(
                f"\nInterrupted before the end. {after_interrupt}",
                file=sys.stderr,
            )
            sys.exit(INTERRUPTED)

    app.run(main, flags_parser=_parse)


def check_no_arguments(arguments: list[str]) -> None:
    """Raises InputError for words that are no flags."""
    if arguments:
        raise InputError(
            f"Unexpected argument: {arguments[0]}",
            "flags alone, as in --dataset=synthetic",
            " ".join(arguments),
            f"did you mean --{arguments[0].lstrip('-')}, or a flag's value?",
        )


def start_tensorflow() -> None:
    """Imports TensorFlow and finds its devices, without the usual noise.

    Warnings a user could act on are passed on. On CPUs without AVX-512 its
    matrix products are faster with oneDNN, which is off there by default.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # 1: TensorFlow's later information is left out, warnings are not.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    logging.getLogger("absl").addFilter(
        lambda record: not record.getMessage().startswith(PYTHON_NOISE)
    )
    with _without_noise():
        import tensorflow as tf

        tf.config.list_physical_devices()


def _parse(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        sys.exit(
            "Error: "
            + str(
                InputError(
                    str(error).replace(" command line flag", " flag"),
                    "a flag of this command, as in --name=value",
                    " ".join(argv[1:])[:200],
                    "--help lists all flags",
                )
            )
        )


def _lacks_room(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")  # not every command imports it
    return isinstance(error, MemoryError) or (
        tensorflow is not None
        and isinstance(error, tensorflow.errors.ResourceExhaustedError)
    )


def _is_noise(line: str) -> bool:
    no_gpu = not GPU_DRIVER.exists() and NO_GPU_NOISE.search(line)
    return bool(no_gpu or START_UP_NOISE.search(line))


@contextlib.contextmanager
def _without_noise() -> Iterator[None]:
    """Holds stderr back, C++'s too, and at the end passes on all but noise."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            for line in file.read().decode(errors="replace").splitlines(True):
                if not _is_noise(line):
                    sys.stderr.write(line)
