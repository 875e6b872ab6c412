"""``smile-bench leaderboard build``, ``table`` and ``check``: what checks whole entries."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.errors import AgentError, InputError, LeaderboardError

if TYPE_CHECKING:
    from smile_bench.leaderboard.entries.reading import Evaluated

__all__ = ["add_checking_commands"]

ENTRIES = "leaderboard/entries"


def add_checking_commands(commands: Any) -> None:
    """Add ``build``, ``table`` and ``check`` to the subcommands of ``leaderboard``."""
    build = commands.add_parser("build", help="check every entry, write the page")
    build.add_argument("--entries", default=ENTRIES, help=f"folder of entries ({ENTRIES})")
    build.add_argument("--output", default="site", help="folder to write; all of it is replaced")
    build.add_argument("--evidence-url", help="address of the entries' folder, for links")
    for option, command in (
        ("--season", "leaderboard season"),
        ("--retrained", "leaderboard retrain"),
        ("--study", "study table"),
    ):
        build.add_argument(
            option,
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="FILE",
            help=f"what `{command}` wrote, to show beside the entries; may be given several times",
        )
    _add_checking(build)
    build.set_defaults(run=partial(_line_by_line, _build))

    table = commands.add_parser("table", help="print the ranking as Markdown")
    table.add_argument("--entries", default=ENTRIES, help=f"folder of entries ({ENTRIES})")
    _add_checking(table)
    table.set_defaults(run=partial(_line_by_line, _table))

    check = commands.add_parser("check", help="check entries and replay them")
    check.add_argument("entry", nargs="+", help="an entry's folder")
    _add_checking(check)
    check.set_defaults(run=partial(_line_by_line, _check))


def _add_checking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-replay", dest="replay", action="store_false", help="trust the numbers in results"
    )
    parser.add_argument(
        "--rerun",
        action="store_true",
        help="also run the agents that ship again, where entry.json names one",
    )
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="DIR",
        help="folder of evidence that is not in the entries: NAME/FAMILY/seed-N/EVALUATION/",
    )


def _line_by_line(
    command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace
) -> int:
    """Run a command that may find faults in several entries, and print each in a line."""
    try:
        return command(arguments)
    except LeaderboardError as error:
        for line in str(error).splitlines():
            print("smile-bench:", line, file=sys.stderr)
        return 2


def _checking(arguments: argparse.Namespace) -> dict[str, Any]:
    """What checking needs, of arguments of :func:`_add_checking`."""
    from smile_bench.baselines.registry import all_agents, load_agent
    from smile_bench.leaderboard.checks.verification import Verifier, default_cache
    from smile_bench.protocol.verification.isolated import verify_isolated

    if arguments.rerun and not arguments.replay:
        raise InputError("--rerun needs replays; leave out --no-replay.")
    return {
        "verify": Verifier(
            replay=arguments.replay,
            cache=default_cache(),
            # A file that crashes the process that reads it is a line with the entry's name.
            verify=partial(verify_isolated, families=tuple(arguments.modules)),
            rerun=load_agent if arguments.rerun else None,
        ),
        "known_agent": all_agents().__contains__,
        "shipped_weights": _shipped_weights,
        "evidence": arguments.evidence,
    }


def _shipped_weights(agent: str, family: str) -> str | None:
    """SHA-256 of the weights of an agent that ships; None if it has none.

    Raises:
        AgentError: none ship for the family, though the agent has weights, or they were altered.
    """
    from smile_bench.baselines.registry import get_agent
    from smile_bench.io.shipped import file_digest, require_unaltered
    from smile_bench.provenance import weights_of

    spec = get_agent(agent)
    if spec.read is None:
        return weights_of(spec.make(family))
    path = spec.weights_path(family)
    if not path.is_file():
        raise AgentError(
            f"no {agent} weights for {family} ship with this version of smile-bench; leave "
            '"agent" out of entry.json.'
        )
    require_unaltered(path, AgentError)
    return file_digest(path)


def _source(agent: str) -> str | None:
    """The path of an agent's code below the folder that holds the package; None from outside."""
    from smile_bench.baselines.registry import get_agent

    spec = get_agent(agent)
    training = spec.training
    part = training.trainer or training.trainings if training else spec.load or spec.read
    function = getattr(part, "func", part)
    module = function.partition(":")[0] if isinstance(function, str) else function.__module__
    names = module.split(".")
    if names[:2] != ["smile_bench", "baselines"]:
        return None
    path, found = "/".join(names[:3]), find_spec(".".join(names[:3]))
    folder = found is not None and found.submodule_search_locations
    return path if folder else f"{path}.py"


def _build(arguments: argparse.Namespace) -> int:
    from smile_bench.leaderboard.build import build_leaderboard, summary_lines
    from smile_bench.leaderboard.checks.further import read_further

    further = read_further(
        seasons=arguments.season, retrained=arguments.retrained, studies=arguments.study
    )
    rows = build_leaderboard(
        Path(arguments.entries),
        Path(arguments.output),
        evidence_base=arguments.evidence_url,
        agent_source=_source,
        further=further,
        **_checking(arguments),
    )
    print("\n".join(summary_lines(rows)))
    print(f"wrote {Path(arguments.output) / 'index.html'}")
    return 0


def _table(arguments: argparse.Namespace) -> int:
    from smile_bench.leaderboard.build import markdown_table

    print(markdown_table(Path(arguments.entries), **_checking(arguments)), end="")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from smile_bench.leaderboard.build import check_folder

    checking = _checking(arguments)
    for folder in arguments.entry:
        checked = check_folder(Path(folder).absolute(), **checking)
        for one in checked.entry.evaluations:
            source = _place_of_evidence(one, arguments.evidence)
            label = checked.status(one).label
            print(f"ok   {one.place:48} score {one.result.score:7.3f}  {source}; {label}")
    return 0


def _place_of_evidence(one: Evaluated, elsewhere: Path | None) -> str:
    """Where the evidence of an evaluation is."""
    if one.evidence is None:
        return "evidence missing"
    if one.evidence.parent == one.folder:
        return "evidence at hand"
    return f"evidence from {elsewhere}"
