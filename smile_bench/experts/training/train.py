"""Training and storing a policy that ships with a family: expert, base policy or shared policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from smile_bench.envs import get_mujoco_family
from smile_bench.errors import DivergedError, ExpertError, require_known
from smile_bench.experts.per_task import PerTaskExperts, write_per_task
from smile_bench.experts.policy import Expert, write_expert
from smile_bench.experts.training.per_task import PerTaskConfig, PerTaskTraining
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.presets import KINDS, Config
from smile_bench.experts.training.sac import SACExpert
from smile_bench.experts.training.shared import write_shared
from smile_bench.learning.compute import Compute
from smile_bench.learning.loop import Alone, Interleaved, Training, run_all
from smile_bench.provenance import training_recipe

__all__ = ["ExpertTraining", "make_training", "train_expert"]


class ExpertTraining(Training, Protocol):
    """A training that makes an expert."""

    def expert(self, recipe: Mapping[str, Any]) -> Expert | PerTaskExperts:
        """The expert as it stands; ``recipe`` joins the algorithm and its settings."""


class _SingleExpert(Alone):
    """The training of a computation that holds one."""

    def __init__(self, trainings: PPO | SACExpert) -> None:
        super().__init__(trainings)
        self.experts = trainings

    def expert(self, recipe: Mapping[str, Any]) -> Expert:
        """The expert as it stands; ``recipe`` joins the algorithm and its settings."""
        return self.experts.expert(0, recipe)


def make_training(
    family: str, *, seed: int = 0, kind: str = "expert", compute: Compute | None = None
) -> ExpertTraining:
    """The training of a family's policy, before its first iteration.

    Args:
        family: the family's id.
        seed: of all randomness.
        kind: a name in ``KINDS``.
        compute: how to compute.

    Raises:
        UnknownNameError: no such family or kind.
        ExpertError: the family has no training of this kind.
    """
    get_mujoco_family(family)
    require_known("kind of policy", [kind], KINDS)
    presets = KINDS[kind].presets
    if family not in presets:
        raise ExpertError(
            f"{family} has no training of its {KINDS[kind].title}. Families with one: "
            f"{', '.join(sorted(presets))}."
        )
    return _make(presets[family], seed, compute)


def train_expert(
    family: str,
    directory: Path,
    *,
    seed: int = 0,
    kind: str = "expert",
    stop_after: int | None = None,
) -> Path | None:
    """Train a family's expert, or continue a training, and store the expert.

    PyTorch uses as many threads as the caller allows it; the command line allows one.

    Args:
        family: the family's id.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training.
        kind: ``"expert"``; ``"base"``, the base policy, which is trained on the unmodified body
            only; or ``"shared"``, the initial weights of experts with one policy per task.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end.

    Raises:
        UnknownNameError: no such family or kind.
        ExpertError: the family has no training of this kind.
        DivergedError: the training met a number that is not finite. Where each task has a policy of
            its own, the others are trained to their end and stored before.
    """
    training = make_training(family, seed=seed, kind=kind)
    report = run_all(Interleaved([training]), [directory], stop_after=stop_after)
    if training.iteration < training.iterations:
        return None
    option, suffix = ("", "") if kind == "expert" else (f" --{kind}", f"-{kind}")
    command = f"smile-bench experts train {family}{option} --seed {seed}"
    recipe = {**training_recipe(command, seed), **report.costs()}
    declared = get_mujoco_family(family)
    path = directory / f"{declared.dataset_recipe.expert}{suffix}.safetensors"
    if kind == "shared" and isinstance(training, _SingleExpert):
        assert isinstance(training.experts, PPO)
        write_shared(path, training.experts, 0, recipe)
        return path
    expert = replace(training.expert(recipe), family=declared.id)
    if isinstance(expert, PerTaskExperts):
        write_per_task(path, expert)
        assert isinstance(training, PerTaskTraining)
        if training.diverged:
            raise DivergedError(
                f"the turns of {len(training.diverged)} of {len(training.tasks)} tasks diverged. "
                f"{path} has the policy of each one's former turn, if there was one, and those of "
                f"all other tasks. {training.report()}"
            )
    else:
        write_expert(path, _without_task(expert) if kind == "base" else expert)
    return path


def _make(config: Config, seed: int, compute: Compute | None) -> ExpertTraining:
    if isinstance(config, PerTaskConfig):
        ppo, later = replace(config.ppo, seed=seed), replace(config.later, seed=seed)
        return PerTaskTraining(replace(config, ppo=ppo, later=later), compute)
    if isinstance(config, PPOConfig):
        return _SingleExpert(PPO([replace(config, seed=seed)], compute=compute))
    return _SingleExpert(SACExpert([replace(config, seed=seed)], compute))


def _without_task(expert: Expert) -> Expert:
    """The expert without the weights of the task's features, which follow the observation."""
    first = expert.weights[0].copy()
    first[:, get_mujoco_family(expert.family).observation_size :] = 0.0
    return replace(expert, weights=(first, *expert.weights[1:]))
