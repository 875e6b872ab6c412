"""The ``smile-bench`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.leaderboard import add_leaderboard_commands
from smile_bench.errors import InputError, SmileError

if TYPE_CHECKING:
    from smile_bench.agents import Agent, PrivilegedAgent
    from smile_bench.envs.simulation import PrivilegedPolicy

__all__ = ["build_parser", "main"]

EXTRAS = {"torch": "baselines", "tensorboard": "baselines"}
"""Modules that some commands need, and the extra that installs each."""


def _families(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import SPLITS, all_families

    for family in all_families().values():
        sizes = " / ".join(str(len(family.table(split))) for split in SPLITS)
        print(f"{family.id:34} {family.horizon:5} steps  {sizes:14}  {family.summary}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from smile_bench.cli.tables import result_row, table_header
    from smile_bench.envs import get_family
    from smile_bench.protocol import evaluate

    family = get_family(arguments.family)
    curve = (None, *family.context_sizes) if arguments.shot_curve else (arguments.shots,)
    print(table_header(family))
    for name in arguments.agent:
        agent = _load(name, family.id)
        for shots in curve:
            result = evaluate(agent, family, shots=shots, name=name)
            print(result_row(result), flush=True)
            if arguments.save:
                folder = Path(arguments.save) / family.id / name.replace(":", ".")
                if arguments.shot_curve:
                    folder /= result.evaluation.replace(" ", "-")
                print(f"  written to {result.save(folder)}")
    return 0


def _load(name: str, family: str) -> Agent | PrivilegedAgent:
    """A reference agent, or the one that an import path names."""
    from smile_bench.agents import import_agent
    from smile_bench.baselines import load_agent

    return import_agent(name, family) if ":" in name else load_agent(name, family)


def _verify(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines import load_agent
    from smile_bench.protocol import verify_result

    load = None
    if arguments.agent:
        load = lambda _, family: _load(arguments.agent, family)  # noqa: E731
    elif arguments.rerun:
        # Only reference agents: a result must not name the code that is run.
        load = load_agent
    failed = 0
    for directory in arguments.directory:
        found = verify_result(directory, rerun=load)
        for finding in found.findings:
            print(f"{'ok  ' if finding.passed else 'FAIL'} {finding.name}: {finding.detail}")
        how = "exactly" if found.exact else "within the tolerance for results made elsewhere"
        print(f"{directory}: {f'verified {how}' if found.passed else 'NOT VERIFIED'}", flush=True)
        failed += not found.passed
    return 1 if failed else 0


def _render(arguments: argparse.Namespace) -> int:
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        # Before MuJoCo looks for a way to draw; a window system is not needed for films.
        os.environ.setdefault("MUJOCO_GL", "egl")
    from smile_bench.baselines import load_agent
    from smile_bench.envs import get_family
    from smile_bench.protocol.video import record, write_film

    family = get_family(arguments.family)
    agents = {name: load_agent(name, family.id) for name in arguments.agent}
    frames = record(family, agents, arguments.task, seconds=arguments.seconds)
    path = Path(arguments.output or f"{family.id}-{arguments.task}.gif")
    write_film(path, frames)
    print(f"wrote {path}: {len(frames)} frames")
    return 0


def _build_dataset(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets.build import BuildConfig, build_dataset
    from smile_bench.datasets.loading import add_to_manifest
    from smile_bench.datasets.variants import EXPERT
    from smile_bench.envs import SPLITS, get_family

    family = get_family(arguments.family)
    expert = arguments.variant == EXPERT
    if arguments.manifest and not expert:
        raise InputError("only the expert's demonstrations ship; --manifest is not for variants.")
    config = BuildConfig.canonical(
        family.id,
        arguments.demos,
        arguments.subsample,
        seed=arguments.seed,
        variant=arguments.variant,
        noise=arguments.noise,
    )
    path = Path(arguments.output or f"{family.id}{'' if expert else f'-{arguments.variant}'}.h5")
    dataset = build_dataset(config, path)
    if arguments.manifest:
        add_to_manifest(path)
    if (found := dataset.attributes.get("calibration")) is not None:
        print(f"half an expert: rate {found['rate']:g}, score {found['score']:.3f}")
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


def _verify_datasets(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets import load_dataset
    from smile_bench.datasets.format import read_dataset
    from smile_bench.datasets.loading import shipped_families
    from smile_bench.datasets.verify import verify_dataset

    failed = 0
    names = [arguments.family] if arguments.family else shipped_families()
    if arguments.path and not arguments.family:
        names = [read_dataset(Path(arguments.path)).family]
    for family in names:
        dataset = load_dataset(family, arguments.path)
        for check in verify_dataset(dataset):
            failed += not check.passed
            print(f"{'ok  ' if check.passed else 'FAIL'} {family}  {check.name}: {check.detail}")
    return 1 if failed else 0


def _dataset_card(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets import load_dataset
    from smile_bench.datasets.card import write_card
    from smile_bench.datasets.loading import data_folder

    dataset = load_dataset(arguments.family, arguments.path)
    file = Path(arguments.path) if arguments.path else data_folder() / f"{dataset.family}.h5"
    path = Path(arguments.output or f"{dataset.family}.md")
    write_card(dataset, path, size=file.stat().st_size)
    print(f"wrote {path} and {path.with_suffix('.png')}")
    return 0


def _evaluate_expert(arguments: argparse.Namespace) -> int:
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


def _train_expert(arguments: argparse.Namespace) -> int:
    from smile_bench.experts.training.train import train_expert

    kind, family, seed = arguments.kind, arguments.family, arguments.seed
    directory = Path(arguments.directory or f"runs/{kind}-{family}-{seed}")
    path = train_expert(family, directory, seed=seed, kind=kind)
    print(f"wrote {path}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from smile_bench.baselines.training import train_agent

    name = f"{arguments.agent}-{arguments.family}-{arguments.seed}"
    directory = Path(arguments.directory or f"runs/{name}")
    path = train_agent(
        arguments.agent,
        arguments.family,
        directory,
        seed=arguments.seed,
        device=arguments.device,
    )
    print(f"wrote {path}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line, documented by ``--help``."""
    parser = argparse.ArgumentParser(prog="smile-bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    families = commands.add_parser("families", help="list the families")
    families.set_defaults(run=_families)

    _add_evaluation_commands(commands)

    render = commands.add_parser("render", help="film agents in a meta-test episode")
    render.add_argument("family")
    render.add_argument("--task", type=int, default=0, help="index in the test split")
    render.add_argument("--agent", nargs="+", default=["expert"], help="side by side")
    render.add_argument("--seconds", type=float, help="simulated time, by default the episode")
    render.add_argument("--output", help=".gif or .mp4 file to write")
    render.set_defaults(run=_render)

    train = commands.add_parser("train", help="train a reference agent")
    train.add_argument("--agent", required=True)
    train.add_argument("--family", required=True)
    train.add_argument(
        "--device", default="cpu", help="what to train on: cpu (default), cuda or cuda:N"
    )
    _add_run_options(train)
    train.set_defaults(run=_train)

    _add_dataset_commands(commands)
    _add_expert_commands(commands)
    add_leaderboard_commands(commands)
    return parser


def _add_evaluation_commands(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="score agents under the protocol")
    evaluate.add_argument(
        "--agent",
        nargs="+",
        required=True,
        help="names of reference agents, or import paths package.module:make_agent",
    )
    evaluate.add_argument("--family", required=True)
    number = evaluate.add_mutually_exclusive_group()
    number.add_argument("--shots", type=int, help="demonstrations in every context")
    number.add_argument(
        "--shot-curve",
        action="store_true",
        help="the primary evaluation, then every context size; each is saved in its own folder",
    )
    evaluate.add_argument("--save", help="folder to write results below")
    evaluate.set_defaults(run=_evaluate)

    verify = commands.add_parser("verify", help="replay results and compute their numbers again")
    verify.add_argument("directory", nargs="+", help="a folder with result.json and evidence.h5")
    verify.add_argument(
        "--rerun", action="store_true", help="ask the reference agent for its actions again, too"
    )
    verify.add_argument(
        "--agent", help="the same with this agent: a name, or an import path package.module:name"
    )
    verify.set_defaults(run=_verify)


def _add_dataset_commands(commands: Any) -> None:
    datasets = commands.add_parser("datasets", help="the demonstrations")
    datasets_commands = datasets.add_subparsers(required=True, metavar="command")
    build = datasets_commands.add_parser("build", help="build a family's dataset")
    build.add_argument("family")
    build.add_argument("--demos", type=int, help="demonstrations per task")
    build.add_argument("--subsample", type=int, help="keep every so-manieth transition")
    build.add_argument("--seed", type=int, default=0)
    build.add_argument(
        "--variant",
        default="expert",
        help="expert, noisy (action noise) or half (half the expert's score); see docs/datasets.md",
    )
    build.add_argument("--noise", type=float, help="scale of noisy, by default the family's")
    build.add_argument("--output", help="HDF5 file to write, by default FAMILY[-VARIANT].h5 here")
    build.add_argument("--manifest", action="store_true", help="enter it in its folder's manifest")
    build.set_defaults(run=_build_dataset)

    verify = datasets_commands.add_parser("verify", help="check datasets, and replay them")
    verify.add_argument("family", nargs="?", help="by default every one that ships")
    verify.add_argument("--path", help="a file built locally")
    verify.set_defaults(run=_verify_datasets)

    card = datasets_commands.add_parser("card", help="describe a dataset from its metadata")
    card.add_argument("family")
    card.add_argument("--path", help="a file built locally")
    card.add_argument("--output", help=".md file to write; the plot goes beside it")
    card.set_defaults(run=_dataset_card)


def _add_expert_commands(commands: Any) -> None:
    experts = commands.add_parser("experts", help="the experts")
    experts_commands = experts.add_subparsers(required=True, metavar="command")
    evaluate_expert = experts_commands.add_parser("evaluate", help="an expert's metric per task")
    evaluate_expert.add_argument("family")
    evaluate_expert.add_argument("--episodes", type=int, default=16, help="per task")
    evaluate_expert.add_argument("--weights", help="by default those that ship")
    evaluate_expert.set_defaults(run=_evaluate_expert)
    train_expert = experts_commands.add_parser("train", help="train a family's expert")
    train_expert.add_argument("family")
    instead = train_expert.add_mutually_exclusive_group()
    for kind, which in (
        ("base", "the base policy, which knows the unmodified body only"),
        ("shared", "the policy for all tasks that experts of one policy a task begin with"),
    ):
        instead.add_argument(
            f"--{kind}", action="store_const", dest="kind", const=kind, default="expert", help=which
        )
    _add_run_options(train_expert)
    train_expert.set_defaults(run=_train_expert)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--directory", help="checkpoints, logs, weights; resumes what is there")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error that the user can mend is one line on standard error."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except SmileError as error:
        print(f"smile-bench: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"smile-bench: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        print(
            f"smile-bench: this needs {error.name}: install it with "
            f"`pip install 'smile-bench[{EXTRAS[error.name]}]'`",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("smile-bench: interrupted; what was finished is kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
