"""``smile-bench train``: train an agent, with any setting changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smile_bench.cli.options import add_run_options, use_one_thread
from smile_bench.errors import InputError

__all__ = ["add_training_command"]

OPTIONS = {"family": "--family", "seed": "--seed"}
"""Settings that have an option of their own."""


def add_training_command(commands: Any) -> None:
    """Add ``train`` to the subcommands of the parser."""
    train = commands.add_parser(
        "train",
        help="train an agent",
        description="Train an agent on a family, or continue the training in its directory.",
    )
    train.add_argument("--agent", required=True, help="a name that `smile-bench agents` lists")
    train.add_argument("--family", required=True, help="a name that `smile-bench families` lists")
    train.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    train.add_argument(
        "--set",
        dest="changes",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change a setting of the agent, such as sac.discount=0.98, hidden=256,256 or "
        "reward_scale=none; may be given several times",
    )
    train.add_argument(
        "--print-config",
        action="store_true",
        help="print every setting as --set takes it, and stop",
    )
    train.add_argument(
        "--demonstrations",
        type=int,
        metavar="N",
        help="train on the first N demonstrations of each meta-train task",
    )
    train.add_argument(
        "--tasks",
        type=int,
        metavar="N",
        help="train on N meta-train tasks; those of a smaller N are among those of a larger one",
    )
    add_run_options(train)
    train.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines import get_agent, train_agent
    from smile_bench.baselines.training import trainable_agents
    from smile_bench.envs import get_family
    from smile_bench.settings import as_text, flatten, replaced

    name, family, seed = arguments.agent, get_family(arguments.family).id, arguments.seed
    changes = _changes(arguments.changes)
    training = get_agent(name).training
    if training is None:
        raise InputError(
            f"{name} is not trained. Agents that are: {', '.join(trainable_agents())}."
        )
    settings = flatten(replaced(training.make_preset(family, seed), changes))
    if arguments.print_config:
        print(f"# {name} on {family}, seed {seed}")
        for setting, value in settings.items():
            if setting not in OPTIONS:
                print(f"{setting} = {as_text(value)}")
        return 0
    use_one_thread()
    path = train_agent(
        name,
        family,
        Path(arguments.directory or f"runs/{name}-{family}-{seed}"),
        seed=seed,
        device=arguments.device,
        configure=lambda config: replaced(config, changes),
        settings={setting: as_text(settings[setting]) for setting in changes},
        demonstrations=arguments.demonstrations,
        tasks=arguments.tasks,
    )
    print(f"wrote {path}")
    return 0


def _changes(given: Sequence[str]) -> dict[str, str]:
    """Settings and their new values as text.

    Raises:
        InputError: an item is not of the form NAME=VALUE, or the setting has its own option.
    """
    changes = {}
    for item in given:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not name or not equals:
            raise InputError(f"--set takes NAME=VALUE, such as iterations=40; got {item!r}.")
        if name in OPTIONS:
            raise InputError(f"{name!r} is not changed by --set; use {OPTIONS[name]}.")
        changes[name] = value
    return changes
