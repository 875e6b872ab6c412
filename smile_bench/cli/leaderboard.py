"""``smile-bench leaderboard``: check entries, evaluate into them, write the page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_leaderboard_commands"]


def add_leaderboard_commands(commands: Any) -> None:
    """Add ``leaderboard`` to the subcommands of the parser."""
    leaderboard = commands.add_parser("leaderboard", help="entries, ranking and page")
    leaderboard_commands = leaderboard.add_subparsers(required=True, metavar="command")

    build = leaderboard_commands.add_parser("build", help="check every entry, write the page")
    build.add_argument("--entries", default="leaderboard/entries", help="folder of entries")
    build.add_argument("--output", default="site", help="folder to write, replaced as a whole")
    build.add_argument("--evidence-url", help="address of the entries' folder, for links")
    build.add_argument("--no-replay", dest="replay", action="store_false", help="trust results")
    build.set_defaults(run=_build)

    check = leaderboard_commands.add_parser("check", help="check entries, and replay them")
    check.add_argument("entry", nargs="+", help="an entry's folder")
    check.add_argument("--no-replay", dest="replay", action="store_false", help="trust results")
    check.set_defaults(run=_check)

    evaluate = leaderboard_commands.add_parser(
        "evaluate", help="evaluate an agent into an entry's folder"
    )
    evaluate.add_argument("entry", help="an entry's folder, with its entry.json")
    evaluate.add_argument("--agent", help="name or import path, by default as in entry.json")
    evaluate.add_argument(
        "--weights", help="file of a reference agent trained locally; {family} stands for the id"
    )
    evaluate.add_argument("--family", nargs="+", help="by default all of the entry")
    evaluate.add_argument("--seed", type=int, default=0, help="training seed of the agent")
    evaluate.add_argument("--shot-curve", action="store_true", help="every context size, too")
    evaluate.add_argument("--keep-evidence", action="store_true", help="of the shot curve, too")
    evaluate.set_defaults(run=_evaluate)


def _build(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines.registry import all_agents
    from smile_bench.leaderboard.build import build_leaderboard, summary_lines
    from smile_bench.leaderboard.verification import Verifier, default_cache

    rows = build_leaderboard(
        Path(arguments.entries),
        Path(arguments.output),
        Verifier(replay=arguments.replay, cache=default_cache()),
        known_agent=all_agents().__contains__,
        evidence_base=arguments.evidence_url,
    )
    print("\n".join(summary_lines(rows)))
    print(f"wrote {Path(arguments.output) / 'index.html'}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines.registry import all_agents
    from smile_bench.leaderboard.build import check_folder
    from smile_bench.leaderboard.verification import Verifier, default_cache

    verify = Verifier(replay=arguments.replay, cache=default_cache())
    for folder in arguments.entry:
        checked = check_folder(
            Path(folder).absolute(), verify, known_agent=all_agents().__contains__
        )
        for run in checked.entry.runs:
            for one in run.evaluations:
                place = f"{run.family}/seed-{run.seed}/{one.folder.name}"
                label = checked.status(one).label
                print(f"ok   {place:48} score {one.result.score:7.3f}  {label}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from smile_bench.agents import import_agent
    from smile_bench.baselines import load_agent
    from smile_bench.cli.tables import result_row, table_header
    from smile_bench.envs import get_family
    from smile_bench.leaderboard.card import read_card
    from smile_bench.protocol import evaluate
    from smile_bench.protocol.result import EVIDENCE_FILE

    entry = Path(arguments.entry)
    card = read_card(entry / "entry.json")
    name = arguments.agent or card.agent or card.name
    for family in map(get_family, arguments.family or card.families):
        print(f"{family.id}\n{table_header(family)}")
        if arguments.weights:
            from smile_bench.baselines.imitation.imitator import Imitator

            agent: Any = Imitator.load(Path(arguments.weights.replace("{family}", family.id)))
        else:
            agent = import_agent(name, family.id) if ":" in name else load_agent(name, family.id)
        folder = entry / family.id / f"seed-{arguments.seed}"
        curve = (
            family.context_sizes if arguments.shot_curve and len(family.context_sizes) > 1 else ()
        )
        for shots in (None, *curve):
            result = evaluate(agent, family, shots=shots, name=name)
            saved = folder / ("primary" if shots is None else f"{shots}-shots")
            result.save(saved)
            ships = card.agent == name and not arguments.weights
            if shots is not None and ships and not arguments.keep_evidence:
                # Anyone can make it again.
                (saved / EVIDENCE_FILE).unlink()
            print(result_row(result), flush=True)
    return 0
