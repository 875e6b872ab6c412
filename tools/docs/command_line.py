"""The reference of the command line, from its parser."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator

from smile_bench.cli import build_parser
from tools.docs.markdown import code, fence, table

__all__ = ["command_line_page", "commands"]

INTRODUCTION = """\
# Command line

`smile-bench COMMAND --help` prints what stands here. An error that you can mend is one line on
standard error, and the exit status is then 2. A check that fails has the status 1.
"""


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Every command that does something, with its help, depth first."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                inner = list(commands(command))
                if inner:
                    yield from inner
                else:
                    yield command, helps.get(name, "")


def command_line_page() -> str:
    """The page."""
    parts = [INTRODUCTION]
    parser = build_parser()
    for command, help_line in ((parser, ""), *commands(parser)):
        parts.append(f"## {command.prog}\n")
        about = command.description or help_line
        parts.append(f"{about[:1].upper()}{about[1:].rstrip('.')}.\n")
        parts.append(fence(_usage(command), "text"))
        rows = [_row(action) for action in command._actions if _documented(action)]
        if rows:
            parts.append(table(("argument", "default", "what it is"), rows))
        if command.epilog:
            parts.append(f"{command.epilog}\n")
    return "\n".join(parts)


def _usage(command: argparse.ArgumentParser) -> str:
    words = " ".join(command.format_usage().removeprefix("usage: ").split())
    return textwrap.fill(words, 80, subsequent_indent="    ", break_on_hyphens=False)


def _documented(action: argparse.Action) -> bool:
    return action.dest != "help" and not isinstance(action, argparse._SubParsersAction)


def _row(action: argparse.Action) -> tuple[str, str, str]:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and action.metavar is None:
        value = " or ".join(map(str, action.choices))
    if action.nargs in ("+", "*"):
        value += " ..."
    if not action.option_strings:
        name = value.lower() if action.metavar is None else value
    elif action.nargs == 0:
        name = ", ".join(action.option_strings)
    else:
        name = f"{', '.join(action.option_strings)} {value}"
    if action.required and action.option_strings:
        default = "required"
    elif (
        action.default in (None, argparse.SUPPRESS)
        or action.nargs == 0
        or not action.option_strings
    ):
        default = ""
    elif isinstance(action.default, (list, tuple)):
        default = code(" ".join(map(str, action.default))) if action.default else ""
    else:
        default = code(action.default)
    return code(name), default, action.help or ""
