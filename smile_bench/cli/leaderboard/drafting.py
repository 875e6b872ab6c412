"""``smile-bench leaderboard init``: an entry from results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from smile_bench.errors import InputError

__all__ = ["add_init_command"]


def add_init_command(commands: Any) -> None:
    """Add ``init`` to the subcommands of ``leaderboard``."""
    init = commands.add_parser("init", help="make an entry from results, with its entry.json")
    init.add_argument("entry", help="its folder, such as leaderboard/entries/my-method")
    init.add_argument(
        "--results",
        nargs="+",
        metavar="DIR",
        help="folders with results, which are copied; by default what lies in the entry's folder",
    )
    init.add_argument("--title", help="of its row; asked for if left out")
    init.add_argument("--author", action="append", help="repeat for several; asked for if left out")
    init.add_argument("--paper", metavar="URL", help="its address")
    init.add_argument("--code", metavar="URL", help="address of the code")
    init.add_argument("--description", default="", help="what is new about it")
    init.add_argument("--track", help="where the results state no training")
    init.add_argument(
        "--demonstrations",
        type=int,
        metavar="N",
        help="of each meta-train task, where the results do not state them",
    )
    init.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> int:
    from smile_bench.leaderboard.entries.drafting import Statements, draft_entry, found_results

    entry = Path(arguments.entry)
    results = found_results(list(map(Path, arguments.results or [entry])))
    agent = next(iter(results.values())).agent
    authors = arguments.author or [
        name.strip() for name in _asked("Authors, separated by commas", "--author").split(",")
    ]
    statements = Statements(
        title=arguments.title or _asked(f"Title of the row [{agent}]", "--title", agent),
        authors=authors,
        paper=arguments.paper,
        code=arguments.code,
        description=arguments.description,
        track=arguments.track,
        demonstrations=arguments.demonstrations,
    )
    path = draft_entry(entry, results, statements)
    print(f"wrote {path} for {len(results)} result{'s' if len(results) > 1 else ''}")
    print(f"next: smile-bench leaderboard check {entry}")
    return 0


def _asked(question: str, option: str, usual: str | None = None) -> str:
    """An answer from the terminal.

    Raises:
        InputError: there is no terminal, or no answer.
    """
    if not sys.stdin.isatty():
        raise InputError(f"{option} is missing, and there is no terminal to ask; give {option}.")
    answer = input(f"{question}: ").strip() or usual
    if not answer:
        raise InputError(f"{option} is empty; give one.")
    return answer
