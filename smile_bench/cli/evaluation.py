"""``smile-bench evaluate``, ``verify`` and ``render``: score agents, check results, film."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.options import (
    add_timeout_option,
    agent_by_name,
    fine_tuner_by_name,
    opened_agent,
)
from smile_bench.errors import InputError

if TYPE_CHECKING:
    from smile_bench.agents import Agent, FineTuningAgent, PrivilegedAgent

__all__ = ["add_evaluation_commands"]

AGENT_HELP = "names that `smile-bench agents` lists, or import paths package.module:make_agent"

STATUS = {"verified": 0, "consistent, not exact": 1, "not verified": 2}
"""Exit status of ``verify`` for the worst of the results, by ``Verification.status``."""

ISOLATED_HELP = "run an agent that an import path names in a process of its own"


def add_evaluation_commands(commands: Any) -> None:
    """Add ``evaluate``, ``verify`` and ``render`` to the subcommands of the parser."""
    evaluate = commands.add_parser("evaluate", help="score agents under the protocol")
    evaluate.add_argument("--agent", nargs="+", required=True, help=AGENT_HELP)
    evaluate.add_argument("--family", required=True)
    number = evaluate.add_mutually_exclusive_group()
    number.add_argument("--shots", type=int, help="demonstrations in every context")
    number.add_argument(
        "--shot-curve",
        action="store_true",
        help="the primary evaluation, then every context size; each is saved in its own folder",
    )
    evaluate.add_argument("--save", metavar="FOLDER", help="write the results below this folder")
    evaluate.add_argument("--isolated", action="store_true", help=ISOLATED_HELP)
    add_timeout_option(evaluate)
    evaluate.set_defaults(run=_evaluate)

    verify = commands.add_parser(
        "verify",
        help="replay results and compute their numbers again",
        epilog="Each result is read and replayed in a process of its own. The exit status is that "
        "of the worst result: 0 if it replays exactly; 1 if it is consistent, not exact; 2 if it "
        "is refused, because a check failed or its files cannot be read. A wrong command line "
        "also gives 2.",
    )
    verify.add_argument("directory", nargs="+", help="a folder with result.json and evidence.h5")
    verify.add_argument(
        "--rerun",
        action="store_true",
        help="also run the reference agent again; one that fine-tunes learns again",
    )
    verify.add_argument(
        "--agent", help="also ask this agent: a name, or an import path package.module:name"
    )
    verify.add_argument("--isolated", action="store_true", help=ISOLATED_HELP)
    add_timeout_option(verify)
    verify.set_defaults(run=_verify)

    render = commands.add_parser("render", help="film agents in a meta-test episode")
    render.add_argument("family")
    render.add_argument("--task", type=int, default=0, help="index in the meta-test split")
    render.add_argument(
        "--agent", nargs="+", default=["expert"], help=f"{AGENT_HELP}; side by side"
    )
    render.add_argument("--seconds", type=float, help="simulated time, by default the episode")
    render.add_argument("--output", metavar="FILE", help=".gif or .mp4 file to write")
    render.set_defaults(run=_render)


def _evaluate(arguments: argparse.Namespace) -> int:
    from smile_bench.cli.tables import result_row, table_header
    from smile_bench.envs import get_family
    from smile_bench.protocol import evaluate

    _require_paths(arguments, arguments.agent)
    family = get_family(arguments.family)
    curve = (None, *family.context_sizes) if arguments.shot_curve else (arguments.shots,)
    print(table_header(family))
    for name in arguments.agent:
        with _opened(name, family.id, arguments) as agent:
            for shots in curve:
                result = evaluate(agent, family, shots=shots, name=name)
                print(result_row(result), flush=True)
                if arguments.save:
                    folder = Path(arguments.save) / family.id / name.replace(":", ".")
                    if arguments.shot_curve:
                        folder /= result.evaluation.replace(" ", "-")
                    print(f"  written to {result.save(folder)}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from smile_bench.protocol.result_file import read_result
    from smile_bench.protocol.verification import rerun_verified
    from smile_bench.protocol.verification.isolated import verify_isolated

    opened = ExitStack()
    _require_paths(arguments, [arguments.agent or ""])
    worst = 0
    for directory in arguments.directory:
        # A file that crashes or hangs what reads it is a line with its name.
        found = verify_isolated(directory, families=tuple(arguments.modules))
        if found.passed and (arguments.agent or arguments.rerun):
            fine_tunes = read_result(directory).fine_tuning is not None
            with opened:
                found = rerun_verified(found, _loader(arguments, opened, fine_tunes))
        for finding in found.findings:
            print(f"{'ok  ' if finding.passed else 'FAIL'} {finding.name}: {finding.detail}")
        outcome = {"verified": "verified exactly", "not verified": "NOT VERIFIED"}
        print(f"{directory}: {outcome.get(found.status, found.status)}", flush=True)
        worst = max(worst, STATUS[found.status])
    return worst


def _loader(
    arguments: argparse.Namespace, opened: ExitStack, fine_tunes: bool
) -> Callable[[str, str], Agent | PrivilegedAgent | FineTuningAgent]:
    """Loads the agent that shall act again: the one of ``--agent``, or a result's own.

    A result's own agent must be registered: a result must not name the code that is run.
    """
    from smile_bench.baselines import load_agent, load_fine_tuner

    def named(_: str, family: str) -> Agent | PrivilegedAgent | FineTuningAgent:
        if fine_tunes:
            return fine_tuner_by_name(arguments.agent, family)
        return opened.enter_context(_opened(arguments.agent, family, arguments))

    if fine_tunes and arguments.isolated:
        raise InputError(
            "--isolated is for agents that imitate; an agent that learns from rewarded episodes "
            "runs in this process. Leave --isolated out."
        )
    if arguments.agent:
        return named
    return load_fine_tuner if fine_tunes else load_agent


def _opened(
    name: str, family: str, arguments: argparse.Namespace
) -> AbstractContextManager[Agent | PrivilegedAgent]:
    """An agent for a ``with`` block, as the command line says."""
    return opened_agent(
        name,
        family,
        isolated=arguments.isolated,
        modules=arguments.modules,
        timeout=arguments.timeout,
    )


def _require_paths(arguments: argparse.Namespace, agents: Sequence[str]) -> None:
    """Refuse ``--isolated`` where no agent is given by an import path."""
    if arguments.isolated and not any(":" in name for name in agents):
        raise InputError(
            "--isolated is for an agent of your own, given as --agent package.module:name; "
            "registered agents are part of the suite and run in this process."
        )


def _render(arguments: argparse.Namespace) -> int:
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        # Before MuJoCo looks for a way to draw; a film needs no window system.
        os.environ.setdefault("MUJOCO_GL", "egl")
    from smile_bench.envs import get_family
    from smile_bench.protocol.video import record, write_film

    family = get_family(arguments.family)
    agents = {name: agent_by_name(name, family.id) for name in arguments.agent}
    frames = record(family, agents, arguments.task, seconds=arguments.seconds)
    path = Path(arguments.output or f"{family.id}-{arguments.task}.gif")
    write_film(path, frames)
    print(f"wrote {path}: {len(frames)} frames")
    return 0
