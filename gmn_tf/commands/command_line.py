"""How every command starts and ends: flags, TensorFlow's noise, errors."""

import contextlib
import faulthandler
import functools
import inspect
import itertools
import logging
import os
import pathlib
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from absl import flags
from absl import logging as absl_logging

from gmn_tf.commands import define
from gmn_tf.utils import dataset_names, registry
from gmn_tf.utils.errors import (
    InputError,
    StoppedError,
    check_choice,
    first_line,
    meant,
    nearest,
)

HELP = ("--help", "--helpshort", "--helpfull", "-help", "-h", "-?")
# Types of flags whose defaults the help shows without quotation marks.
UNQUOTED = ("int", "float", "bool")

# Said by libraries at every start; nothing a user could act on.
PYTHON_NOISE = (
    "Using custom data configuration",
    "`FeatureConnector.dtype` is deprecated",
)
NOISE = re.compile(
    r"before absl::InitializeLog\(\)|^I0000 |Could not find cuda drivers"
    # LiteRT, when it runs a model, and lines of its converter about an
    # operation that it lacks, which the error names.
    r"|Created TensorFlow Lite XNNPACK delegate|^loc\(|^error: failed while "
    r"|^Some ops |^TF Select ops|^Custom ops|^Details:|^\ttf\.|^$"
)
# A broken driver where there is a GPU, and nothing elsewhere.
NO_GPU_NOISE = re.compile(r"failed call to cuInit")
GPU_DRIVER = pathlib.Path("/proc/driver/nvidia")
INTERRUPTED = 130  # the shell's status for Ctrl-C
BROKEN_PIPE = 141  # for a command whose output is closed
BY_SIGNAL = 128  # and for others that a signal ended


PLUGINS = define.string(
    "plugins",
    None,
    "Python modules with commas that register further variants, guidances or "
    "classifiers, beside those of installed packages; docs/plugins.md shows "
    "one. A run records those that it uses.",
)


def command(
    *definitions: Callable,
    takes_arguments: bool = False,
    after_interrupt: str = "The same command starts again from the beginning.",
) -> Callable[[Callable], Callable[[Sequence[str] | None], None]]:
    """Makes a command of a function of its flags.

    The command takes the words that follow its name, by default those that
    this process was started with. It returns when it has succeeded, and ends
    with SystemExit otherwise: bad input, bad flags among it, has status 1 and
    a message. Calls in one process share no flags.

    Args:
        definitions: flags and rules for them, made by `define`.
        takes_arguments: whether the function also takes the words that are no
            flags; they are errors otherwise.
        after_interrupt: what the same command does after Ctrl-C.
    """

    def decorate(function):
        @functools.wraps(function)
        def call(argv: Sequence[str] | None = None) -> None:
            if argv is None:  # the command has a process of its own
                # A folder's name may have what the terminal's encoding lacks.
                sys.stdout.reconfigure(errors="backslashreplace")
                faulthandler.enable()
                # Those of libraries, which logging reads.
                flags.FLAGS.mark_as_parsed()
                absl_logging.use_absl_handler()
            argv = sys.argv[1:] if argv is None else list(argv)
            usage = inspect.getdoc(function)
            with _ending(after_interrupt):
                load_plugins(argv)
                values = define_flags(call.definitions)
                if set(HELP) & set(itertools.takewhile("--".__ne__, argv)):
                    for name in values:
                        flag = values[name]
                        shown = flag.default_as_str
                        if shown and flag.flag_type() in UNQUOTED:
                            flag.default_as_str = shown.strip("'")
                        values.register_key_flag_for_module("flags", flag)
                    print(usage + "\n" + values.module_help("flags"))
                    return
                arguments = parse(argv, values, usage, takes_arguments)
                function(values, *([arguments] if takes_arguments else []))

        call.definitions = (PLUGINS, *definitions)
        return call

    return decorate


def load_plugins(argv: list[str]) -> None:
    """Imports plugins, which the choices of other flags depend on.

    Raises:
        InputError: for one that cannot be imported.
    """
    values = flags.FlagValues()
    PLUGINS(flag_values=values)
    with contextlib.suppress(flags.Error):  # which is explained later
        values(["command", *argv], known_only=True)
    registry.load(values["plugins"].value or "")


def define_flags(definitions: Sequence[Callable]) -> flags.FlagValues:
    """The flags of one call of a command."""
    values = flags.FlagValues()
    for definition in definitions:
        definition(flag_values=values)
    for name in values:
        if values[name].flag_type() in ("string", "multi string"):
            # What an unset variable of the shell leaves.
            flags.register_validator(
                name,
                lambda given: given != "" and "" not in [*(given or ())],
                f"--{name} has an empty value.",
                values,
            )
    return values


def parse(
    argv: list[str],
    values: flags.FlagValues,
    usage: str,
    takes_arguments: bool = False,
) -> list[str]:
    """Reads the flags; returns the words that are not flags.

    Raises:
        InputError: for what is not allowed, with `usage`'s example.
    """
    try:
        arguments = values(["command", *argv])[1:]
    except (flags.Error, ValueError) as error:
        _raise_explained(error, values, argv, usage)
    if arguments and not takes_arguments:
        raise InputError(
            f"Unexpected argument: {arguments[0]}",
            "flags alone, as in --dataset=synthetic",
            " ".join(arguments),
            _advice_on_word(arguments[0].lstrip("-"), values),
        )
    return arguments


def _advice_on_word(word: str, values: flags.FlagValues) -> str:
    """What a word that is no flag was probably meant to be."""
    if word in dataset_names.DATASETS and "dataset" in values:
        return f"Did you mean --dataset={word}?"
    takers = [
        name
        for name in values
        if word in getattr(values[name].parser, "enum_values", ())
    ]
    if len(takers) == 1:
        return f"Did you mean --{takers[0]}={word}?"
    name, equals, value = word.partition("=")
    if flag := meant(name, list(values)):
        return f"Did you mean --{flag}{equals}{value}?"
    return "Write each value behind its flag, as in --name=value."


def start_tensorflow(log_level: int = 1) -> None:
    """Imports TensorFlow and finds its devices, without the usual noise.

    Warnings a user could act on are passed on. On CPUs without AVX-512 its
    matrix products are faster with oneDNN, which is off there by default.

    Args:
        log_level: 1 leaves out what TensorFlow logs later for information; 2
            leaves out its warnings too.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", str(log_level))
    logging.getLogger("absl").addFilter(_is_no_python_noise)
    with without_noise():
        import tensorflow as tf

        tf.config.list_physical_devices()


def _raise_explained(
    error: Exception, values: flags.FlagValues, argv: list[str], usage: str
) -> NoReturn:
    """Turns absl's error about flags into an InputError."""
    received = shlex.join(argv)[:200] or "no flag"
    if isinstance(error, flags.UnrecognizedFlagError):
        raise InputError(
            f"Unknown flag --{error.flagname}.",
            "a flag of this command, as in --name=value",
            received,
            f"Did you mean --{nearest(error.flagname, list(values))}? --help "
            "lists all flags.",
        ) from None
    if isinstance(error.__context__, (TypeError, ValueError, OverflowError)):
        # absl says `flag --NAME=VALUE: reason`.
        name, _, value = str(error).removeprefix("flag --").partition("=")
        value = value.removesuffix(f": {error.__context__}")
        parser = values[name].parser
        if isinstance(parser, flags.EnumParser):
            check_choice(name, value, parser.enum_values)
        raise InputError(
            f"Bad value for --{name}.",
            parser.syntactic_help or "true or false",
            repr(value),
            "Correct the value; --help explains every flag.",
        ) from None
    problem = " ".join(
        re.sub(r"^flags? .*?=.*?: ", "", line)
        for line in str(error).splitlines()
    )
    required = re.compile(r"Flag (--\w+) must have a value[^.]*\.")
    missing = required.findall(problem)
    problem = required.sub(r"\1 is missing.", problem)
    problem = re.sub(
        r"(Exactly|At most) one of \((.*?), (\w+)\) must have a value[^.]*\.",
        lambda found: (
            f"Give {found[1].lower()} one of "
            f"--{found[2].replace(', ', ', --')} and --{found[3]}."
        ),
        problem,
    )
    raise InputError(
        problem,
        next((line for line in usage.splitlines() if "--" in line), "flags"),
        received,
        f"Give {' and '.join(missing)}; --help explains every flag."
        if missing
        else "Correct the flags; --help explains every flag.",
    ) from None


@contextlib.contextmanager
def _ending(after_interrupt: str) -> Iterator[None]:
    """Ends a command whose input is bad, or that cannot continue."""
    try:
        yield
    except InputError as error:
        sys.exit(f"Error: {error}")
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except OSError as error:  # such as a disk that is full
        sys.exit(f"Error: cannot read or write a file: {error}")
    except StoppedError as stopped:
        print(f"\n{stopped} The same command continues.", file=sys.stderr)
        sys.exit(BY_SIGNAL + stopped.signal)
    except Exception as error:
        if not _lacks_room(error):
            raise
        sys.exit(f"Error: not enough memory or disk space: {first_line(error)}")
    except KeyboardInterrupt:
        print(
            f"\nInterrupted before the end. {after_interrupt}", file=sys.stderr
        )
        sys.exit(INTERRUPTED)


def _lacks_room(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")  # not every command imports it
    return isinstance(error, MemoryError) or (
        tensorflow is not None
        and isinstance(error, tensorflow.errors.ResourceExhaustedError)
    )


def _is_no_python_noise(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(PYTHON_NOISE)


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Holds stderr back, C++'s too, and at the end passes on all but noise."""
    noise = [NOISE] + ([] if GPU_DRIVER.exists() else [NO_GPU_NOISE])
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
                if not any(each.search(line) for each in noise):
                    sys.stderr.write(line)
