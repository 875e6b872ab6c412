"""``smile-bench leaderboard evaluate``: evaluate an agent into an entry's folder."""

from __future__ import annotations

import argparse
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.options import add_timeout_option, opened_agent
from smile_bench.errors import InputError

if TYPE_CHECKING:
    from smile_bench.agents import Agent, PrivilegedAgent

__all__ = ["add_evaluate_command"]


def add_evaluate_command(commands: Any) -> None:
    """Add ``evaluate`` to the subcommands of ``leaderboard``."""
    evaluate = commands.add_parser("evaluate", help="evaluate an agent into an entry's folder")
    evaluate.add_argument("entry", help="an entry's folder, with its entry.json")
    evaluate.add_argument(
        "--agent",
        help="name or import path; by default as in entry.json. A function that an import path "
        "names is called with the family's id, and with the seed if it takes one",
    )
    evaluate.add_argument(
        "--weights", help="file of an agent trained locally; {family} stands for the family's id"
    )
    evaluate.add_argument("--family", nargs="+", help="by default all families of the entry")
    evaluate.add_argument("--seed", type=int, default=0, help="training seed of the agent (0)")
    evaluate.add_argument(
        "--no-isolation",
        action="store_true",
        help="run an agent that an import path names in this process, not in one of its own",
    )
    add_timeout_option(evaluate)
    evaluate.add_argument("--shot-curve", action="store_true", help="also every context size")
    kept = evaluate.add_mutually_exclusive_group()
    kept.add_argument(
        "--keep-evidence",
        action="store_true",
        help="that of an agent's shot curve, even if it ships",
    )
    kept.add_argument(
        "--evidence", metavar="DIR", help="write evidence into DIR, not into the entry's folder"
    )
    evaluate.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from smile_bench.cli.tables import result_row, table_header
    from smile_bench.envs import get_family
    from smile_bench.leaderboard.entries.card import read_card
    from smile_bench.protocol import evaluate

    entry = Path(arguments.entry)
    card = read_card(entry / "entry.json")
    name = arguments.agent or card.agent or card.name
    # Anyone can run an agent that ships; its weights are those of one seed.
    ships = card.agent == name and not arguments.weights and arguments.seed == 0
    for family in map(get_family, arguments.family or card.families):
        with _opened(name, family.id, arguments) as agent:
            _require_seed(agent, arguments.seed)
            print(f"{family.id}\n{table_header(family)}")
            # An agent from outside goes by its own name, whatever path it was imported from.
            called = None if ":" in name else name
            sizes = family.context_sizes if len(family.context_sizes) > 1 else ()
            for shots in (None, *(sizes if arguments.shot_curve else ())):
                result = evaluate(agent, family, shots=shots, name=called)
                evaluation = "primary" if shots is None else f"{shots}-shots"
                place = Path(family.id, f"seed-{arguments.seed}", evaluation)
                result.save(entry / place)
                if arguments.evidence:
                    _move_evidence(entry / place, Path(arguments.evidence) / card.name / place)
                elif ships and shots is not None and not arguments.keep_evidence:
                    _evidence(entry / place).unlink()
                print(result_row(result), flush=True)
    return 0


def _require_seed(agent: object, seed: int) -> None:
    """Refuse an agent that says it was trained with another seed."""
    from smile_bench.leaderboard.entries.training import stated_seed
    from smile_bench.provenance import training_of

    stated = stated_seed(training_of(agent))
    if stated is not None and stated != seed:
        raise InputError(
            f"the agent's recipe says it was trained with seed {stated}, but --seed is {seed}. "
            f"Give --seed {stated}, or the agent that was trained with seed {seed}."
        )


def _opened(
    name: str, family: str, arguments: argparse.Namespace
) -> AbstractContextManager[Agent | PrivilegedAgent]:
    """An agent by its name or import path, or one of the table with weights trained locally."""
    from smile_bench.baselines.registry import get_agent

    if arguments.weights is None:
        return opened_agent(
            name,
            family,
            isolated=not arguments.no_isolation,
            modules=arguments.modules,
            seed=arguments.seed,
            timeout=arguments.timeout,
        )
    path = Path(arguments.weights.replace("{family}", family))
    return nullcontext(get_agent(name).read_weights(path, family))


def _evidence(folder: Path) -> Path:
    from smile_bench.protocol.result import EVIDENCE_FILE

    return folder / EVIDENCE_FILE


def _move_evidence(source: Path, target: Path) -> None:
    """Move the evidence of a result into another folder."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.move(_evidence(source), _evidence(target))
