"""What can be trained: the settings of every expert, base policy and shared policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from smile_bench.experts.training.per_task import PerTaskConfig
from smile_bench.experts.training.ppo import PPOConfig
from smile_bench.experts.training.sac import SACExpertConfig
from smile_bench.learning.sac import SACConfig

__all__ = ["KINDS", "Config", "Kind"]

Config: TypeAlias = PPOConfig | SACExpertConfig | PerTaskConfig


@dataclass(frozen=True)
class Kind:
    """A kind of policy."""

    title: str
    """In messages."""
    presets: Mapping[str, Config]
    """Family id to settings."""


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
# The shared policy falls on most bodies. Fine-tuned to one body, it learns to walk in minutes.
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

KINDS: Mapping[str, Kind] = {
    "expert": Kind(
        "expert",
        {
            "SmileAntGoal-v0": PPOConfig(
                family="SmileAntGoal-v0", curriculum="reach-goal", iterations=300
            ),
            # Trained in the ant goal's environment: in both families the expert sees the body, the
            # goal and the offset to it.
            "SmileAntLinearClassification-v0": PPOConfig(
                family="SmileAntGoal-v0",
                curriculum="reach-target",
                iterations=250,
                envs=256,
                horizon=50,
                discount=0.97,
            ),
            "SmileHalfCheetahVelocity-v0": SACExpertConfig(
                family="SmileHalfCheetahVelocity-v0",
                curriculum="track-velocity",
                sac=SACConfig(
                    discount=0.98, target_entropy=-6.0, entropy_weight=0.1, policy_every=2
                ),
            ),
            "SmileWalkerDynamics-v0": PerTaskConfig(
                shared="walker-dynamics-shared", ppo=_WALKER, later=_WALKER_LATER
            ),
        },
    ),
    # Trained on the unmodified body only.
    "base": Kind("base policy", {"SmileWalkerDynamics-v0": _WALKER_BASE}),
    # The initial weights of experts with one policy per task.
    "shared": Kind("shared policy", {"SmileWalkerDynamics-v0": _WALKER_SHARED}),
}
"""Name on the command line to kind."""
