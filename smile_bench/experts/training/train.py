"""Training the policies that ship with the families: experts, base policies, shared policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch

from smile_bench.envs import get_mujoco_family
from smile_bench.errors import ExpertError, require_known
from smile_bench.experts.per_task import PerTaskExperts, write_per_task
from smile_bench.experts.policy import Expert, write_expert
from smile_bench.experts.training.per_task import (
    PerTaskConfig,
    PerTaskTraining,
    write_shared,
)
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.sac import SACExpert, SACExpertConfig
from smile_bench.learning.loop import Training, run
from smile_bench.learning.sac import SACConfig
from smile_bench.provenance import training_recipe

__all__ = ["BASE_TRAININGS", "EXPERT_TRAININGS", "SHARED_TRAININGS", "train_expert"]


class ExpertTraining(Training, Protocol):
    """A training whose outcome is an expert."""

    def expert(self, recipe: dict[str, Any]) -> Expert | PerTaskExperts:
        """The expert as it stands; ``recipe`` joins what the training knows of itself."""


_WALKER_SHARED = PPOConfig(
    family="SmileWalkerDynamics-v0",
    curriculum="walk-dynamics",
    iterations=1000,
    rollouts=4,
    episode=1000,
    envs=86,
    horizon=128,
    epochs=6,
    minibatches=22,
    reward_scale=0.1,
    initial_std=0.5,
    minimum_std=0.25,
    kl_low=0.01,
    task_scale=0.7,
)
# One body needs less data for an update than 86.
_WALKER_BASE = replace(
    _WALKER_SHARED,
    curriculum="walk-unmodified",
    iterations=60,
    rollouts=8,
    episode=None,
    horizon=64,
    epochs=8,
    minibatches=11,
    minimum_std=0.2,
    entropy=1e-3,
    kl_high=0.025,
    kl_low=0.012,
)
# What is shared by all bodies falls on most of them; on one body it learns to walk in minutes.
_WALKER = replace(
    _WALKER_SHARED,
    curriculum="walk-one-dynamics",
    iterations=8,
    rollouts=8,
    episode=None,
    envs=64,
    horizon=64,
    epochs=8,
    minibatches=8,
    minimum_std=0.15,
    kl_high=0.025,
    kl_low=0.012,
)
# A fall costs the rest of an episode of 1000 steps, which a discount of 0.99 does not see.
_WALKER_LATER = replace(
    _WALKER,
    iterations=10,
    rollouts=4,
    horizon=128,
    minibatches=16,
    discount=0.997,
    gae=0.97,
    reward_scale=0.03,
)

EXPERT_TRAININGS: dict[str, Callable[[int], ExpertTraining]] = {
    "SmileAntGoal-v0": lambda seed: PPO(
        PPOConfig(family="SmileAntGoal-v0", curriculum="reach-goal", seed=seed, iterations=300)
    ),
    # The goal's environment: what the expert sees of either family is body, goal and offset.
    "SmileAntLinearClassification-v0": lambda seed: PPO(
        PPOConfig(
            family="SmileAntGoal-v0",
            curriculum="reach-target",
            seed=seed,
            iterations=250,
            envs=256,
            horizon=50,
            discount=0.97,
        )
    ),
    "SmileHalfCheetahVelocity-v0": lambda seed: SACExpert(
        SACExpertConfig(
            family="SmileHalfCheetahVelocity-v0",
            curriculum="track-velocity",
            seed=seed,
            sac=SACConfig(discount=0.98, target_entropy=-6.0, entropy_weight=0.1, policy_every=2),
        )
    ),
    "SmileWalkerDynamics-v0": lambda seed: PerTaskTraining(
        PerTaskConfig(
            shared="walker-dynamics-shared",
            ppo=replace(_WALKER, seed=seed),
            later=replace(_WALKER_LATER, seed=seed),
        )
    ),
}
"""Family id to its expert's training for a seed."""

BASE_TRAININGS: dict[str, Callable[[int], ExpertTraining]] = {
    "SmileWalkerDynamics-v0": lambda seed: PPO(replace(_WALKER_BASE, seed=seed)),
}
"""Family id to the training of its base policy, which knows the unmodified body only."""


SHARED_TRAININGS: dict[str, Callable[[int], PPO]] = {
    "SmileWalkerDynamics-v0": lambda seed: PPO(replace(_WALKER_SHARED, seed=seed)),
}
"""Family id to the training of the policy that its experts, one for each task, begin with."""

KINDS: dict[str, tuple[str, Mapping[str, Callable[[int], ExpertTraining]]]] = {
    "expert": ("expert", EXPERT_TRAININGS),
    "base": ("base policy", BASE_TRAININGS),
    "shared": ("shared policy", SHARED_TRAININGS),
}
"""What can be trained, as the command names it, to how errors call it and to its trainings."""


def train_expert(
    family: str,
    directory: Path,
    *,
    seed: int = 0,
    kind: str = "expert",
    stop_after: int | None = None,
) -> Path | None:
    """Train a family's expert, or go on with a training, and store the expert.

    Args:
        family: the family's id.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training.
        kind: ``"expert"``; ``"base"``, the base policy, which knows the unmodified body only; or
            ``"shared"``, the policy for all tasks that experts of one policy a task begin with.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end.

    Raises:
        UnknownNameError: no such family or kind.
        ExpertError: the family has no training of this kind.
    """
    declared = get_mujoco_family(family)
    require_known("kind of policy", [kind], KINDS)
    called, trainings = KINDS[kind]
    if family not in trainings:
        raise ExpertError(
            f"{family} has no training of its {called}. Families with one: "
            f"{', '.join(sorted(trainings))}."
        )
    torch.set_num_threads(1)
    training = trainings[family](seed)
    seconds = run(training, directory, stop_after=stop_after)
    if training.iteration < training.iterations:
        return None
    option, suffix = ("", "") if kind == "expert" else (f" --{kind}", f"-{kind}")
    command = f"smile-bench experts train {family}{option} --seed {seed}"
    recipe = {**training_recipe(command, seed), "seconds": round(seconds)}
    path = directory / f"{declared.dataset_recipe.expert}{suffix}.safetensors"
    if kind == "shared" and isinstance(training, PPO):
        write_shared(path, training, recipe)
        return path
    expert = replace(training.expert(recipe), family=declared.id)
    if isinstance(expert, PerTaskExperts):
        write_per_task(path, expert)
    else:
        write_expert(path, _blinded(expert) if kind == "base" else expert)
    return path


def _blinded(expert: Expert) -> Expert:
    """The expert without the weights that read the task, which follows the observation."""
    first = expert.weights[0].copy()
    first[:, get_mujoco_family(expert.family).observation_size :] = 0.0
    return replace(expert, weights=(first, *expert.weights[1:]))
