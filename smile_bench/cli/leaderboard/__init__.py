"""``smile-bench leaderboard``: a module for each group of its commands."""

from __future__ import annotations

from typing import Any

from smile_bench.cli.leaderboard.checking import add_checking_commands
from smile_bench.cli.leaderboard.drafting import add_init_command
from smile_bench.cli.leaderboard.evaluation import add_evaluate_command
from smile_bench.cli.leaderboard.retraining import add_retrain_command
from smile_bench.cli.leaderboard.season import add_season_command

__all__ = ["add_leaderboard_commands"]


def add_leaderboard_commands(commands: Any) -> None:
    """Add ``leaderboard`` to the subcommands of the parser."""
    leaderboard = commands.add_parser("leaderboard", help="entries, ranking and page")
    leaderboard_commands = leaderboard.add_subparsers(required=True, metavar="command")
    add_init_command(leaderboard_commands)
    add_checking_commands(leaderboard_commands)
    add_retrain_command(leaderboard_commands)
    add_season_command(leaderboard_commands)
    add_evaluate_command(leaderboard_commands)
