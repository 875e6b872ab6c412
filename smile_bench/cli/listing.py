"""``smile-bench families`` and ``agents``: what there is to choose from."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smile_bench.baselines import AgentSpec
    from smile_bench.envs import Family

__all__ = ["add_listing_commands", "describe_agent", "describe_family"]


def add_listing_commands(commands: Any) -> None:
    """Add ``families`` and ``agents`` to the subcommands of the parser."""
    for name, run in (("families", _families), ("agents", _agents)):
        parser = commands.add_parser(name, help=f"list the {name}")
        parser.add_argument("--json", action="store_true", help="write JSON")
        parser.set_defaults(run=run)


def describe_family(family: Family) -> dict[str, Any]:
    """A family's facts as JSON-able data."""
    from smile_bench.envs import SPLITS

    return {
        "id": family.id,
        "title": family.title,
        "summary": family.summary,
        "horizon": family.horizon,
        "observation_size": family.observation_size,
        "action_size": family.action_size,
        "parameters": list(family.parameter_names),
        "tasks": {split: len(family.table(split)) for split in SPLITS},
        "context_sizes": list(family.context_sizes),
        "metrics": [
            {
                "name": metric.name,
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "description": metric.description,
            }
            for metric in family.metrics
        ],
    }


def describe_agent(spec: AgentSpec) -> dict[str, Any]:
    """An agent's facts as JSON-able data; nothing of it is loaded."""
    from smile_bench.envs import all_families

    training = spec.training
    return {
        "name": spec.name,
        "summary": spec.summary,
        "trainable": training is not None,
        "track": "fine-tune" if spec.fine_tune is not None else training and training.track,
        "state_only": bool(training and training.state_only),
        "weights": [
            family
            for family in all_families()
            if spec.read is not None and spec.weights_path(family).exists()
        ],
    }


def _families(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import all_families

    found = [describe_family(family) for family in all_families().values()]
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    for one in found:
        sizes = " / ".join(map(str, one["tasks"].values()))
        print(f"{one['id']:34} {one['horizon']:5} steps  {sizes:14}  {one['summary']}")
    return 0


def _agents(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines import all_agents

    found = [describe_agent(spec) for spec in all_agents().values()]
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    width = 2 + max(len(one["name"]) for one in found)
    print(f"{'agent':{width}}{'track':16}{'sees':8}{'weights for':15}what it is")
    for one in found:
        seen = "states" if one["state_only"] else "actions" if one["trainable"] else ""
        number = len(one["weights"])
        weights = f"{number} {'family' if number == 1 else 'families'}" if one["trainable"] else ""
        print(f"{one['name']:{width}}{one['track'] or '':16}{seen:8}{weights:15}{one['summary']}")
    return 0
