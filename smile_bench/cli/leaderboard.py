"""``smile-bench leaderboard``: check entries, evaluate into them, retrain, write the page."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.options import add_timeout_option, opened_agent
from smile_bench.cli.retraining import add_retrain_command
from smile_bench.cli.season import add_season_command
from smile_bench.errors import AgentError, InputError, LeaderboardError

if TYPE_CHECKING:
    from smile_bench.agents import Agent, PrivilegedAgent
    from smile_bench.leaderboard.entries.reading import Evaluated

__all__ = ["add_leaderboard_commands"]

ENTRIES = "leaderboard/entries"


def add_leaderboard_commands(commands: Any) -> None:
    """Add ``leaderboard`` to the subcommands of the parser."""
    leaderboard = commands.add_parser("leaderboard", help="entries, ranking and page")
    leaderboard_commands = leaderboard.add_subparsers(required=True, metavar="command")

    build = leaderboard_commands.add_parser("build", help="check every entry, write the page")
    build.add_argument("--entries", default=ENTRIES, help=f"folder of entries ({ENTRIES})")
    build.add_argument("--output", default="site", help="folder to write; all of it is replaced")
    build.add_argument("--evidence-url", help="address of the entries' folder, for links")
    for option, command in (("--season", "season"), ("--retrained", "retrain")):
        build.add_argument(
            option,
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help=f"what `leaderboard {command}` wrote, to show beside the entries",
        )
    _add_checking(build)
    build.set_defaults(run=partial(_line_by_line, _build))

    table = leaderboard_commands.add_parser("table", help="print the ranking as Markdown")
    table.add_argument("--entries", default=ENTRIES, help=f"folder of entries ({ENTRIES})")
    _add_checking(table)
    table.set_defaults(run=partial(_line_by_line, _table))

    check = leaderboard_commands.add_parser("check", help="check entries and replay them")
    check.add_argument("entry", nargs="+", help="an entry's folder")
    _add_checking(check)
    check.set_defaults(run=partial(_line_by_line, _check))

    add_retrain_command(leaderboard_commands)
    add_season_command(leaderboard_commands)

    evaluate = leaderboard_commands.add_parser(
        "evaluate", help="evaluate an agent into an entry's folder"
    )
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
        AgentError: none ship for the family, though the agent has weights.
    """
    from smile_bench.baselines.registry import get_agent
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
    return hashlib.sha256(path.read_bytes()).hexdigest()


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

    further = read_further(seasons=arguments.season, retrained=arguments.retrained)
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
        for run in checked.entry.runs:
            for one in run.evaluations:
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
