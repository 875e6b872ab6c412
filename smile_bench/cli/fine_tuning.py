"""``smile-bench fine-tune``: score an agent after rewarded episodes in the meta-test tasks."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from smile_bench.cli.options import fine_tuner_by_name
from smile_bench.errors import InputError, require_known, shown
from smile_bench.seeds import parse_seeds

__all__ = ["add_fine_tuning_command"]


def add_fine_tuning_command(commands: Any) -> None:
    """Add ``fine-tune`` to the subcommands of the parser."""
    command = commands.add_parser(
        "fine-tune",
        help="let an agent learn from rewarded episodes in the meta-test tasks, and score it",
        description="Let a fine-tuning agent learn from rewarded episodes in frozen meta-test "
        "tasks, and score it after each number of them. Results are written as they are reached. "
        "Training seeds whose results are all there are not run again; what a run that was "
        "interrupted had learned is not kept.",
    )
    command.add_argument(
        "--agent",
        required=True,
        help="a name that `smile-bench agents` lists, or an import path package.module:make_agent",
    )
    command.add_argument("--family", required=True)
    command.add_argument(
        "--contexts",
        nargs="+",
        default=["expert"],
        metavar="KIND",
        help="who gives the demonstrations of the contexts: expert, half or both (default: expert)",
    )
    command.add_argument(
        "--seeds", default="0", help="training seeds, such as 0-2, learned together (default: 0)"
    )
    command.add_argument(
        "--episodes",
        default=None,
        metavar="NUMBERS",
        help="rewarded episodes after which the policy is scored, rising "
        "(default: 0,1,5,20,100; an entry needs these)",
    )
    command.add_argument(
        "--output",
        required=True,
        metavar="FOLDER",
        help="results go to FAMILY/seed-N/CONTEXTS-EPISODES below it",
    )
    command.set_defaults(run=_fine_tune)


def _fine_tune(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import get_family
    from smile_bench.protocol.fine_tuning import CONTEXTS, EPISODES
    from smile_bench.protocol.fine_tuning.folder import fine_tune_into

    family, seeds = get_family(arguments.family), parse_seeds(arguments.seeds)
    require_known("kind of contexts", arguments.contexts, CONTEXTS)
    numbers = EPISODES if arguments.episodes is None else _numbers(arguments.episodes)
    agent = fine_tuner_by_name(arguments.agent, family.id)
    for contexts in arguments.contexts:
        found = fine_tune_into(
            Path(arguments.output),
            agent,
            family,
            contexts=contexts,
            seeds=seeds,
            episodes=numbers,
            name=arguments.agent,
        )
        print(found, flush=True)
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    """Numbers of episodes from text such as ``"0,1,5"``.

    Raises:
        InputError: the text has another form, or the numbers do not rise within the budget.
    """
    from smile_bench.protocol.fine_tuning.running import checked_episodes

    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise InputError(
            f"cannot read numbers of episodes from {shown(text)}. Give whole numbers with commas, "
            "such as 0,1,5,20,100."
        )
    return checked_episodes([int(part) for part in text.split(",")])
