"""The ``smile-bench`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from smile_bench.errors import SmileError

__all__ = ["main"]


def _train_expert(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines.expert_training import train_expert

    directory = Path(arguments.directory or f"runs/expert-{arguments.family}-{arguments.seed}")
    path = train_expert(arguments.family, directory, seed=arguments.seed)
    print(f"wrote {path}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line, documented by ``--help``."""
    parser = argparse.ArgumentParser(prog="smile-bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    experts = commands.add_parser("experts", help="the experts").add_subparsers(required=True)
    train = experts.add_parser("train", help="train a family's expert")
    train.add_argument("family")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--directory", help="checkpoints, logs and weights; resumes what is there")
    train.set_defaults(run=_train_expert)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error that the user can mend is one line on standard error."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except SmileError as error:
        print(f"smile-bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("smile-bench: interrupted; the last checkpoint is intact", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
