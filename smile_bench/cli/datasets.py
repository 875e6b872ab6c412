"""``smile-bench datasets``: build, verify and describe demonstrations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from smile_bench.errors import InputError

__all__ = ["add_dataset_commands"]


def add_dataset_commands(commands: Any) -> None:
    """Add ``datasets`` to the subcommands of the parser."""
    datasets = commands.add_parser("datasets", help="build, verify and describe demonstrations")
    datasets_commands = datasets.add_subparsers(required=True, metavar="command")
    build = datasets_commands.add_parser("build", help="build a family's dataset")
    build.add_argument("family")
    build.add_argument("--demos", type=int, metavar="N", help="demonstrations per task")
    build.add_argument("--subsample", type=int, metavar="N", help="keep every N-th transition")
    build.add_argument("--seed", type=int, default=0)
    build.add_argument(
        "--variant",
        default="expert",
        help="expert, noisy (action noise) or medium (half the expert's score); see the "
        "documentation of datasets",
    )
    build.add_argument("--noise", type=float, help="scale of noisy, by default the family's")
    build.add_argument("--output", help="HDF5 file to write, by default FAMILY[-VARIANT].h5 here")
    build.add_argument("--manifest", action="store_true", help="enter it in its folder's manifest")
    build.set_defaults(run=_build)

    verify = datasets_commands.add_parser("verify", help="check datasets, and replay them")
    verify.add_argument("family", nargs="?", help="by default every one that ships")
    verify.add_argument("--path", help="a file that you built")
    verify.set_defaults(run=_verify)

    card = datasets_commands.add_parser("card", help="describe a dataset from its metadata")
    card.add_argument("family")
    card.add_argument("--path", help="a file that you built")
    card.add_argument("--output", help=".md file to write; the plot goes beside it")
    card.set_defaults(run=_card)


def _build(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets.build import BuildConfig, build_dataset
    from smile_bench.datasets.loading import add_to_manifest
    from smile_bench.datasets.variants import EXPERT
    from smile_bench.envs import SPLITS, get_family

    family = get_family(arguments.family)
    expert = arguments.variant == EXPERT
    if arguments.manifest and not expert:
        raise InputError(
            "only the expert's demonstrations ship: leave out --manifest, or build the expert "
            "variant."
        )
    config = BuildConfig.canonical(
        family.id,
        arguments.demos,
        arguments.subsample,
        seed=arguments.seed,
        variant=arguments.variant,
        noise=arguments.noise,
    )
    path = Path(arguments.output or f"{family.id}{'' if expert else f'-{config.variant}'}.h5")
    dataset = build_dataset(config, path)
    if arguments.manifest:
        add_to_manifest(path)
    if (found := dataset.attributes.get("calibration")) is not None:
        print(f"half of the expert's score: rate {found['rate']:g}, score {found['score']:.3f}")
    for split in SPLITS:
        part = dataset.split(split)
        values = part.metrics[family.metric.name]
        print(
            f"{split:10} {part.tasks:3} tasks × {part.demonstrations} demonstrations, "
            f"{family.metric.name} mean {values.mean():.4g}, "
            f"worst task {family.metric.worst(values.mean(axis=1)):.4g}"
        )
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB), arrays {dataset.digest()[:16]}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets import load_dataset
    from smile_bench.datasets.format import read_dataset
    from smile_bench.datasets.loading import shipped_families
    from smile_bench.datasets.verify import CONSISTENT, verify_dataset

    unverified = 0
    names = [arguments.family] if arguments.family else shipped_families()
    if arguments.path and not arguments.family:
        names = [read_dataset(Path(arguments.path)).family]
    for family in names:
        dataset = load_dataset(family, arguments.path)
        failed = []
        for check in verify_dataset(dataset):
            failed += [] if check.passed else [check.name]
            print(f"{'ok  ' if check.passed else 'FAIL'} {family}  {check.name}: {check.detail}")
        status = "NOT VERIFIED" if failed else "verified exactly"
        print(f"{family}: {CONSISTENT if failed == ['exact'] else status}", flush=True)
        unverified += bool(failed)
    return 1 if unverified else 0


def _card(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets import load_dataset
    from smile_bench.datasets.card import write_card
    from smile_bench.datasets.loading import dataset_file

    dataset = load_dataset(arguments.family, arguments.path)
    file = Path(arguments.path) if arguments.path else dataset_file(dataset.family)
    path = Path(arguments.output or f"{dataset.family}.md")
    write_card(dataset, path, size=file.stat().st_size)
    print(f"wrote {path} and {path.with_suffix('.png')}")
    return 0
