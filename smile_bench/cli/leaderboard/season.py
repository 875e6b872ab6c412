"""``smile-bench leaderboard season``: agents on a fresh meta-test set, beside the frozen one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.options import opened_agent
from smile_bench.errors import InputError

if TYPE_CHECKING:
    from smile_bench.agents import Agent, PrivilegedAgent

__all__ = ["add_season_command"]


def add_season_command(commands: Any) -> None:
    """Add ``season`` to the subcommands of ``leaderboard``."""
    season = commands.add_parser(
        "season", help="score agents on a meta-test set that a seed gives, beside the frozen one"
    )
    season.add_argument(
        "--seed",
        type=int,
        required=True,
        help="of the fresh set: a number that was published after the agents were",
    )
    season.add_argument("--family", nargs="+", help="by default all families")
    season.add_argument(
        "--agents",
        nargs="+",
        help="names or import paths, which run in a process of their own; by default all "
        "registered agents that have weights for the family",
    )
    season.add_argument("--output", required=True, metavar="FILE", help="JSON file to write")
    season.set_defaults(run=_season)


def _season(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import all_families, get_family
    from smile_bench.leaderboard.checks.season import measure_family, season_document, write_season

    def opened(name: str, family: str) -> AbstractContextManager[Agent | PrivilegedAgent]:
        return opened_agent(name, family, isolated=True, modules=arguments.modules)

    chosen = [get_family(name).id for name in arguments.family or all_families()]
    agents = {family: _agents(arguments.agents, family) for family in chosen}
    if not any(agents.values()):
        raise InputError(
            "none of the agents has weights for any of the families; name others with --agents "
            "and --family, and see `smile-bench agents`."
        )
    families: dict[str, Any] = {}
    for family, names in agents.items():
        if not names:
            continue
        print(
            f"{family}\n{'agent':24}{'frozen':>8}{'fresh':>8}{'gap':>8}{'± error':>9}", flush=True
        )
        for part in measure_family(family, names, arguments.seed, opened):
            families[family] = part
            write_season(Path(arguments.output), season_document(arguments.seed, families))
            name, row = next(reversed(part["agents"].items()))
            shown = "".join(f"{row[key]:8.3f}" for key in ("frozen", "fresh", "gap"))
            print(f"{name:24}{shown}{row['gap_error']:9.3f}", flush=True)
    print(f"wrote {arguments.output}")
    return 0


def _agents(named: Sequence[str] | None, family: str) -> list[str]:
    """The agents to score on a family: those named, without the ones that lack weights for it."""
    from smile_bench.baselines.registry import all_agents, get_agent

    if named is None:
        ready = [spec for spec in all_agents().values() if spec.read is not None]
        return [spec.name for spec in ready if spec.weights_path(family).exists()]
    found = []
    for name in named:
        spec = None if ":" in name else get_agent(name)
        if spec is None or spec.read is None or spec.weights_path(family).exists():
            found.append(name)
        else:
            print(f"{name} has no weights for {family} and is left out there")
    return found
