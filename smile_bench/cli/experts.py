"""``smile-bench experts``: evaluate and train the privileged policies that demonstrate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.options import add_run_options

if TYPE_CHECKING:
    from smile_bench.envs.simulation import PrivilegedPolicy

__all__ = ["add_expert_commands"]


def add_expert_commands(commands: Any) -> None:
    """Add ``experts`` to the subcommands of the parser."""
    experts = commands.add_parser("experts", help="evaluate and train experts")
    experts_commands = experts.add_subparsers(required=True, metavar="command")
    evaluate = experts_commands.add_parser("evaluate", help="an expert's metric on each task")
    evaluate.add_argument("family")
    evaluate.add_argument("--episodes", type=int, default=16, help="per task (default: 16)")
    evaluate.add_argument("--weights", metavar="FILE", help="by default those that ship")
    evaluate.set_defaults(run=_evaluate)

    train = experts_commands.add_parser("train", help="train a family's expert")
    train.add_argument("family")
    instead = train.add_mutually_exclusive_group()
    for kind, which in (
        ("base", "the base policy, which knows the unmodified body only"),
        ("shared", "one policy for all tasks, from which per-task experts start"),
    ):
        instead.add_argument(
            f"--{kind}", action="store_const", dest="kind", const=kind, default="expert", help=which
        )
    add_run_options(train)
    train.set_defaults(run=_train)


def _evaluate(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import SPLITS, get_family
    from smile_bench.experts.policy import expert_metrics, load_expert, read_expert

    family = get_family(arguments.family)
    expert: PrivilegedPolicy = load_expert(family)
    if arguments.weights:
        expert = read_expert(Path(arguments.weights), family.id)
    for split in SPLITS:
        values = expert_metrics(family, expert, split, episodes=arguments.episodes)
        means = values.mean(axis=1)
        worst = family.metric.worst(means)
        print(
            f"{split:10} {family.metric.name}: mean {means.mean():.4f}, worst task {worst:.4f}, "
            f"worst episode {family.metric.worst(values):.4f}"
        )
        print("  " + " ".join(f"{mean:.3f}" for mean in means))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import get_family
    from smile_bench.experts.training.train import train_expert
    from smile_bench.learning.devices import use_one_thread

    kind, family, seed = arguments.kind, get_family(arguments.family).id, arguments.seed
    use_one_thread()
    directory = Path(arguments.directory or f"runs/{kind}-{family}-{seed}")
    path = train_expert(family, directory, seed=seed, kind=kind)
    print(f"wrote {path}")
    return 0
