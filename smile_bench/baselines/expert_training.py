"""Training the experts and base policies that ship with the families: one configuration each."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import torch

from smile_bench.baselines.ppo import PPO, PPOConfig
from smile_bench.baselines.sac import SACConfig
from smile_bench.baselines.sac_expert import SACExpert, SACExpertConfig
from smile_bench.baselines.specialist_training import SpecialistsConfig, SpecialistTraining
from smile_bench.baselines.training import Training, run
from smile_bench.datasets.expert import Expert, write_expert
from smile_bench.datasets.specialists import Specialists, write_specialists
from smile_bench.envs import get_mujoco_family
from smile_bench.errors import ExpertError

__all__ = ["BASE_TRAININGS", "EXPERT_TRAININGS", "train_expert"]


class ExpertTraining(Training, Protocol):
    """A training whose outcome is an expert."""

    def expert(self, recipe: dict[str, Any]) -> Expert | Specialists:
        """The expert as it stands; ``recipe`` joins what the training knows of itself."""


_WALKER_SHARED = PPOConfig(
    family="SmileWalkerDynamics-v0",
    practice="walk-dynamics",
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
    practice="walk-unmodified",
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
    practice="walk-one-dynamics",
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


EXPERT_TRAININGS: dict[str, Callable[[int], ExpertTraining]] = {
    "SmileAntGoal-v0": lambda seed: PPO(
        PPOConfig(family="SmileAntGoal-v0", practice="reach-goal", seed=seed, iterations=300)
    ),
    # The goal's environment: what the expert sees of either family is body, goal and offset.
    "SmileAntLinearClassification-v0": lambda seed: PPO(
        PPOConfig(
            family="SmileAntGoal-v0",
            practice="reach-target",
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
            practice="track-velocity",
            seed=seed,
            sac=SACConfig(discount=0.98, target_entropy=-6.0, entropy_weight=0.1, policy_every=2),
        )
    ),
    "SmileWalkerDynamics-v0": lambda seed: SpecialistTraining(
        SpecialistsConfig(shared="walker-dynamics-shared", ppo=replace(_WALKER, seed=seed))
    ),
}
"""Family id to its expert's training for a seed."""

BASE_TRAININGS: dict[str, Callable[[int], ExpertTraining]] = {
    "SmileWalkerDynamics-v0": lambda seed: PPO(replace(_WALKER_BASE, seed=seed)),
}
"""Family id to the training of its base policy, which knows the unmodified body only."""


def train_expert(
    family: str,
    directory: Path,
    *,
    seed: int = 0,
    base: bool = False,
    stop_after: int | None = None,
) -> Path | None:
    """Train a family's expert, or go on with a training, and store the expert.

    Args:
        family: the family's id.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training.
        base: train the family's base policy instead.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end.

    Raises:
        UnknownNameError: no such family.
        ExpertError: the family's expert is not trained here.
    """
    declared = get_mujoco_family(family)
    trainings, kind = (BASE_TRAININGS, "base policy") if base else (EXPERT_TRAININGS, "expert")
    if family not in trainings:
        raise ExpertError(
            f"{family} has no training of its {kind}. Families with one: "
            f"{', '.join(sorted(trainings))}."
        )
    torch.set_num_threads(1)
    training = trainings[family](seed)
    seconds = run(training, directory, stop_after=stop_after)
    if training.iteration < training.iterations:
        return None
    recipe = {
        "command": f"smile-bench experts train {family}{' --base' * base} --seed {seed}",
        "seconds": round(seconds),
        "machine": platform.machine(),
        "versions": {name: metadata.version(name) for name in ("mujoco", "torch", "numpy")},
    }
    expert = replace(training.expert(recipe), family=declared.id)
    path = directory / f"{declared.recipe.expert}{'-base' * base}.safetensors"
    if isinstance(expert, Specialists):
        write_specialists(path, expert)
    else:
        write_expert(path, _blinded(expert) if base else expert)
    return path


def _blinded(expert: Expert) -> Expert:
    """The expert without the weights that read the task, which follows the observation."""
    first = expert.weights[0].copy()
    first[:, get_mujoco_family(expert.family).observation_size :] = 0.0
    return replace(expert, weights=(first, *expert.weights[1:]))
