"""The ``smile-bench`` command: its parser, and errors as one line."""

from __future__ import annotations

import argparse
import codecs
import importlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TextIO

from smile_bench import __version__
from smile_bench.cli.datasets import add_dataset_commands
from smile_bench.cli.evaluation import add_evaluation_commands
from smile_bench.cli.experts import add_expert_commands
from smile_bench.cli.fine_tuning import add_fine_tuning_command
from smile_bench.cli.leaderboard import add_leaderboard_commands
from smile_bench.cli.listing import add_listing_commands
from smile_bench.cli.new import add_new_command
from smile_bench.cli.studies import add_study_commands
from smile_bench.cli.training import add_training_command
from smile_bench.cli.watching import add_watch_command
from smile_bench.errors import ConditionWarning, ConvergenceWarning, InputError, SmileError
from smile_bench.imports import working_directory_importable

__all__ = ["build_parser", "main"]

EXTRAS = {
    "pyarrow": "study",
    "ray": "ray",
    "submitit": "slurm",
    "torch": "baselines",
    "tensorboard": "baselines",
    "clarabel": "irl",
    "scipy": "irl",
    "imageio": "render",
    "PIL": "render",
    "matplotlib": "docs",
}
"""Modules that some commands need, and the extra that installs each."""
NOTED = (ConditionWarning, ConvergenceWarning)
"""Warnings that users see as a note."""


PLAIN = {
    "↑": "^",
    "↓": "v",
    "−": "-",
    "–": "-",
    "×": "x",
    "±": "+-",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "²": "2",
    "⁴": "4",
}
"""What is printed where the terminal's encoding lacks a character; others become question marks."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are caught with all others."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the command line.

        Raises:
            InputError: always.
        """
        raise InputError(f"{message}. See `{self.prog} --help`.")


def build_parser() -> argparse.ArgumentParser:
    """The command line, documented by ``--help``."""
    parser = Parser(
        prog="smile-bench",
        description="A benchmark suite for few-shot meta-imitation in continuous control.",
    )
    parser.add_argument("--version", action="version", version=f"smile-bench {__version__}")
    parser.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import a module first, such as one of the working directory that registers a family "
        "or an agent; may be given several times",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    add_listing_commands(commands)
    add_new_command(commands)
    add_evaluation_commands(commands)
    add_fine_tuning_command(commands)
    add_training_command(commands)
    add_watch_command(commands)
    add_dataset_commands(commands)
    add_expert_commands(commands)
    add_study_commands(commands)
    add_leaderboard_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error that the user can mend is one line on standard error.

    Args:
        argv: the arguments, by default those of the process.

    Returns:
        The exit status: 0, 1 where a check failed, 2 after an error, 130 after Ctrl-C. ``verify``
        says with 1 that a result is consistent, not exact, and with 2 that it is refused.
    """
    _print_anything()
    try:
        arguments = build_parser().parse_args(argv)
        with working_directory_importable(), _notes():
            status = _run(arguments)
            sys.stdout.flush()
            return status
    except BrokenPipeError:
        # The reader has what it wanted, as in `smile-bench agents | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SmileError, OSError) as error:
        return _failed(str(error))
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        return _failed(
            f"this needs {error.name}: install it with "
            f"`pip install 'smile-bench[{EXTRAS[error.name]}]'`"
        )
    except KeyboardInterrupt:
        _failed("interrupted; what was finished is kept")
        return 130


def _run(arguments: argparse.Namespace) -> int:
    """Import the modules and run the command.

    Raises:
        InputError: somebody's module or agent wants to end the program, whatever status it gives.
    """
    try:
        for module in arguments.modules:
            _import(module)
        return int(arguments.run(arguments))
    except SystemExit as error:
        raise InputError(
            f"a module or an agent tried to end the program by sys.exit({error.code!r}); an agent "
            "must return from every call. --isolated runs it in a process of its own."
        ) from error


def _print_anything() -> None:
    """Print characters that the terminal's encoding lacks in plain form, in place of failing."""
    codecs.register_error("smile-bench", _in_plain_form)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="smile-bench")


def _in_plain_form(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lacking), error.end


@contextmanager
def _notes() -> Iterator[None]:
    """Show each warning that is meant for users once, as one line without its place in the code."""
    said: set[str] = set()
    with warnings.catch_warnings():
        for category in NOTED:
            warnings.simplefilter("always", category)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, NOTED):
                usual(message, category, filename, lineno, file, line)
            elif (text := " ".join(str(message).split())) not in said:
                said.add(text)
                print("note:", text, file=sys.stderr)

        warnings.showwarning = show
        yield


def _failed(message: str) -> int:
    print("smile-bench:", " ".join(message.split()), file=sys.stderr)
    return 2


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"cannot import {module!r}: {error}. Give the name of a module that is installed or "
            "lies in the working directory."
        ) from error
