"""``smile-bench leaderboard retrain``: train an entry's agent again from its recipe."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.errors import LeaderboardError, require_known

if TYPE_CHECKING:
    from smile_bench.datasets import Condition
    from smile_bench.leaderboard.checks.retraining import Retrained
    from smile_bench.leaderboard.entries.reading import Entry

__all__ = ["add_retrain_command"]

OWN = ("family", "seed")
"""Settings that a training is given apart."""


def add_retrain_command(commands: Any) -> None:
    """Add ``retrain`` to the subcommands of ``leaderboard``."""
    retrain = commands.add_parser(
        "retrain",
        help="train an entry's agent again and compare the scores",
        description="Train an entry's agent with new seeds, from the recipe that its results "
        "state, and say whether the entry's score lies in the interval of the new ones. The exit "
        "status is 1 if it does not.",
    )
    retrain.add_argument("entry", help="an entry's folder")
    retrain.add_argument("--seeds", type=int, default=3, metavar="N", help="new trainings (3)")
    retrain.add_argument("--family", nargs="+", help="by default all families of the entry")
    retrain.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    retrain.add_argument(
        "--directory",
        default="runs/retrained",
        help="where trainings go (runs/retrained); those that were interrupted there continue",
    )
    retrain.add_argument(
        "--output", metavar="FILE", help="JSON file to write, for `leaderboard build --retrained`"
    )
    retrain.set_defaults(run=_retrain)


def _retrain(arguments: argparse.Namespace) -> int:
    from smile_bench.leaderboard.checks.further import write_retrained
    from smile_bench.leaderboard.entries.reading import read_entry

    entry = read_entry(Path(arguments.entry).absolute())
    families = arguments.family or entry.card.families
    require_known("family of the entry", families, entry.card.families)
    from smile_bench.learning.devices import use_one_thread

    use_one_thread()
    done = []
    for family in families:
        found = _retrained(entry, family, arguments)
        scores = ", ".join(f"{score:.3f}" for score in found.scores)
        print(
            f"{'ok  ' if found.agrees else 'FAIL'} {family}: the entry scores {found.score:.3f}, "
            f"new trainings {scores}; expected in [{found.low:.3f}, {found.high:.3f}]",
            flush=True,
        )
        done.append(found)
        if arguments.output:
            write_retrained(Path(arguments.output), entry.card.name, done)
    return 0 if all(found.agrees for found in done) else 1


def _retrained(entry: Entry, family: str, arguments: argparse.Namespace) -> Retrained:
    from smile_bench.baselines import ComputeOptions, get_agent, train_agent
    from smile_bench.leaderboard.checks.retraining import judge, new_seeds, runs_of
    from smile_bench.protocol import evaluate
    from smile_bench.settings import as_text, flatten, replaced

    runs = runs_of(entry, family)
    agent, recipe = entry.card.agent or "", runs[0].primary.result.training or {}
    spec = get_agent(agent) if agent else None
    if spec is None or spec.training is None:
        raise LeaderboardError(
            f"{entry.card.name} is not an entry of an agent that smile-bench trains, so it cannot "
            'be trained again here. entry.json names such an agent under "agent".'
        )
    seeds = new_seeds(runs, arguments.seeds)
    changes = _changes(recipe, flatten(spec.training.make_preset(family, seeds[0])))
    condition = _condition(recipe, family)
    scores = []
    for seed in seeds:
        directory = Path(arguments.directory) / f"{entry.card.name}-{family}-{seed}"
        path = train_agent(
            agent,
            family,
            directory,
            seed=seed,
            device=arguments.device,
            compute=ComputeOptions(precision=recipe.get("precision", "float32")),
            configure=lambda config: replaced(config, changes),
            settings={name: as_text(value) for name, value in changes.items()},
            condition=condition,
        )
        assert path is not None
        result = evaluate(spec.read_weights(path, family), family, name=agent)
        print(f"     {family}, seed {seed}: score {result.score:.3f}", flush=True)
        scores.append(result.score)
    return judge(runs, seeds, scores)


def _condition(recipe: Mapping[str, Any], family: str) -> Condition:
    """The condition that a recipe states.

    Raises:
        InputError, UnknownNameError: it cannot be read, or the family does not have it.
        LeaderboardError: the demonstrations were others than the condition stands for.
    """
    from smile_bench.datasets.conditions.condition import condition_of

    condition = condition_of(recipe)
    stated = recipe.get("condition")
    if stated and stated.get("sha256") != condition.on(family).digest:
        raise LeaderboardError(
            f"the recipe's condition, {condition}, does not have the digest of these "
            f"demonstrations of {family}. A training on a dataset of its own cannot be trained "
            "again here."
        )
    return condition


def _changes(recipe: Mapping[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a recipe that differ from today's preset, under their names of today.

    Settings that earlier versions had and that are gone are left out, and said so.
    """
    from smile_bench.compat.settings import current_name, renamed_settings
    from smile_bench.settings import as_text

    stored = _flat(recipe.get("settings") or {})
    gone = [name for name in stored if current_name(name, preset) is None]
    if gone:
        print(f"     settings without a successor, left out: {', '.join(sorted(gone))}")
    # A width of hidden layers was one number for all of them.
    named = {
        name: (value,) * len(preset[name])
        if isinstance(preset[name], tuple) and isinstance(value, int)
        else value
        for name, value in renamed_settings(stored, preset).items()
    }
    return {
        name: value
        for name, value in named.items()
        if name not in OWN and as_text(value) != as_text(preset[name])
    }


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested settings by dotted names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = value
    return found
