"""``smile-bench train``: train an agent, with any setting changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smile_bench.cli.options import add_run_options
from smile_bench.errors import InputError, clipped
from smile_bench.seeds import checked_seeds, parse_seeds, seeds_as_text

__all__ = ["add_training_command"]

OPTIONS = {"family": "--family", "seed": "--seed or --seeds"}
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
    train.add_argument(
        "--seeds",
        metavar="SEEDS",
        help="train many at once, such as 0-31 or 0,3,5-7, each in its own folder below the "
        "directory; in place of --seed",
    )
    _add_compute_options(train)
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
        help="train on the first N demonstrations of each meta-train task; more than those that "
        "ship are built once and kept in a cache",
    )
    train.add_argument(
        "--tasks",
        type=int,
        metavar="N",
        help="train on N meta-train tasks; those of a smaller N are among those of a larger one",
    )
    train.add_argument(
        "--subsample", type=int, metavar="K", help="train on every K-th transition; 1 for all"
    )
    train.add_argument(
        "--variant", help="who gives the demonstrations: expert (default), noisy or medium"
    )
    train.add_argument(
        "--log",
        dest="loggers",
        metavar="TRACKER",
        action="append",
        default=[],
        help="send the logged numbers to wandb or trackio, too; both keep them on this machine "
        "unless WANDB_MODE or TRACKIO_SPACE_ID say otherwise",
    )
    add_run_options(train)
    train.set_defaults(run=_train, seed=None)


def _add_compute_options(train: argparse.ArgumentParser) -> None:
    train.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    train.add_argument(
        "--no-graph",
        dest="graph",
        action="store_false",
        help="do not replay the updates on a GPU as one CUDA graph; to debug",
    )
    train.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="compile the losses; by default where it pays, on a CPU that has a compiler, in a "
        "long training",
    )
    train.add_argument(
        "--precision",
        default="float32",
        help="of products in training: float32 (default), or bf16 where the hardware has it",
    )
    train.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="native threads of the simulators: 1 on the CPU and all beside a GPU by default",
    )


def _train(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines import ComputeOptions, get_agent, train_agent
    from smile_bench.baselines.training import trainable_agents
    from smile_bench.datasets import Condition
    from smile_bench.envs import get_family
    from smile_bench.settings import as_text, flatten, replaced

    name, family, seeds = arguments.agent, get_family(arguments.family).id, _seeds(arguments)
    changes = _changes(arguments.changes)
    training = get_agent(name).training
    if training is None:
        raise InputError(
            f"{name} is not trained. Agents that are: {', '.join(trainable_agents())}."
        )
    settings = flatten(replaced(training.make_preset(family, seeds[0]), changes))
    if arguments.print_config:
        print(f"# {name} on {family}, seed {seeds_as_text(seeds)}")
        for setting, value in settings.items():
            if setting not in OPTIONS:
                print(f"{setting} = {as_text(value)}")
        return 0
    from smile_bench.learning.devices import use_one_thread

    use_one_thread()
    many = arguments.seeds is not None
    options: dict[str, Any] = {
        "device": arguments.device,
        "compute": ComputeOptions(
            graph=arguments.graph,
            compile=arguments.compile,
            precision=arguments.precision,
            threads=arguments.threads,
        ),
        "configure": lambda config: replaced(config, changes),
        "settings": {setting: as_text(settings[setting]) for setting in changes},
        "loggers": arguments.loggers,
        "condition": Condition(
            demonstrations=arguments.demonstrations,
            tasks=arguments.tasks,
            subsample=arguments.subsample,
            variant=arguments.variant,
        ),
    }
    where = Path(arguments.directory or f"runs/{name}-{family}{'' if many else f'-{seeds[0]}'}")
    if not many:
        print(f"wrote {train_agent(name, family, where, seed=seeds[0], **options)}")
        return 0
    trained = train_agent(name, family, where, seeds=seeds, **options)
    for path in trained.paths.values():
        print(f"wrote {path}")
    for seed, reason in trained.diverged.items():
        print(f"seed {seed} diverged: {clipped(reason)}", file=sys.stderr)
    return 1 if trained.diverged else 0


def _seeds(arguments: argparse.Namespace) -> tuple[int, ...]:
    """The seeds that were asked for.

    Raises:
        InputError: both options were given, or one that is not a seed.
    """
    if arguments.seeds is None:
        return checked_seeds([0 if arguments.seed is None else arguments.seed])
    if arguments.seed is not None:
        raise InputError("both --seed and --seeds were given; give one of them.")
    return parse_seeds(arguments.seeds)


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
