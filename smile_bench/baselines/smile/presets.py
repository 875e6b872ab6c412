"""SMILe's settings for each family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.smile.config import _SAC, SMILeConfig
from smile_bench.errors import InputError, UnknownNameError, suggestion
from smile_bench.learning.sac import SACConfig

__all__ = ["PRESETS", "preset"]


PRESETS = ("smile", "smile-state-only", "smile-paper", "smile-paper-state-only")
"""Names of SMILe's agents."""

_LENGTHS: Mapping[str, Mapping[str, Any]] = {
    "SmileAntGoal-v0": {"iterations": 60},
    "SmileHalfCheetahVelocity-v0": {"iterations": 120},
    "SmileWalkerDynamics-v0": {"iterations": 600},
    "SmileAntLinearClassification-v0": {
        "iterations": 150,
        "steps": 50,
        "capacity": 20_000,
    },
}
"""How long and on how much a family's agents train, unless ``_TUNED`` says otherwise."""

_STATE_ONLY_LENGTHS: Mapping[str, Mapping[str, Any]] = {
    "SmileAntLinearClassification-v0": {"iterations": 170},
}
"""How long without the actions, where it differs."""

_TUNED: Mapping[str, Mapping[str, Any]] = {
    # What a fall costs comes later than what a step earns, and nobody gets up again. Tasks differ
    # in the body, not in what is wanted of it, so that nothing need tell their experts apart, and
    # what is imitated for long is learnt by heart. Several members act together, each with batches
    # of half of the transitions.
    "SmileWalkerDynamics-v0": {
        "iterations": 235,
        "steps": 50,
        "transitions_per_task": 16,
        "imitated": 128,
        "imitation_iterations": 100,
        "other_tasks": 0.0,
        "sac": replace(_SAC, discount=0.99),
        "clamp": 2.0,
        "patience": 8,
        "inverse_told": True,
        "return_steps": 3,
        "average": 0.95,
        "decay_to": 0.5,
        "encoder": EncoderConfig(code=8, changes=True),
    },
    "SmileAntLinearClassification-v0": {
        "tasks_per_batch": 32,
        "transitions_per_task": 8,
        "context_timesteps": 8,
        "discriminator_every": 1,
        "discriminator_rate": 1e-3,
        "discriminator_momentum": 0.9,
        "penalty": 0.3,
        "weight_decay": 0.01,
        "episode_noise": 0.1,
        "episode_vectors": 4,
        "outcome": 1.0,
        "other_tasks": 0.5,
        "imitated_first": 64,
        "encoder": EncoderConfig(pooled=128, code=64),
    },
}
"""What ``smile`` changes for a family."""

_STATE_ONLY: Mapping[str, Mapping[str, Any]] = {
    # Until the actions of demonstrations are known, they lead astray: one model of the inverse
    # dynamics learns them from what all members do, at more updates than each alone would make.
    # Experts lie on the ground in 6 % of what is demonstrated. Wider networks learn more.
    "SmileWalkerDynamics-v0": {
        "iterations": 216,
        "trimmed": 0.08,
        "hidden": (384, 384),
        "inverse_updates": 2,
        "imitation": 0.0,
        "patience": 25,
        "shared": True,
    },
}
"""What ``smile`` changes besides where it does not see actions."""

# About 24 for the half-cheetah, 4 for the ants, 20 for the walker in the authors' code.
_PAPER_REWARD_SCALES = {
    "SmileAntGoal-v0": 4.0,
    "SmileHalfCheetahVelocity-v0": 24.0,
    "SmileWalkerDynamics-v0": 20.0,
    "SmileAntLinearClassification-v0": 4.0,
}


def preset(name: str, family: str, seed: int = 0) -> SMILeConfig:
    """The settings of one of SMILe's agents for a family.

    ``smile`` is the best that we make of the algorithm. ``smile-paper`` is the published one: no
    demonstrations in the policy's batches, no other tasks' demonstrations as negatives, constant
    learning rates, a sum over demonstrations, and the authors' penalty, discount and reward scale.
    It trains as long as ``smile`` does, on as much, but for walker dynamics: there several members
    of ``smile`` act together (``members`` of ``presets.py``), of each of which these are the
    settings. Neither their batches nor their control steps are more in all than those of
    ``smile-paper``.

    Args:
        name: one of :data:`PRESETS`.
        family: the family's id.
        seed: of the training.

    Raises:
        UnknownNameError: no such preset.
        InputError: the family has no settings.
    """
    if name not in PRESETS:
        raise UnknownNameError(f"unknown preset {name!r}. {suggestion(name, PRESETS)}")
    if family not in _LENGTHS:
        raise InputError(
            f"{name} has no settings for {family}; those with some: {', '.join(_LENGTHS)}. "
            "Make an SMILeConfig of your own."
        )
    published: dict[str, Any] = {
        "reward_scale": _PAPER_REWARD_SCALES[family],
        "penalty": 10.0,
        "other_tasks": 0.0,
        "demonstrated": 0.0,
        "decay_to": 1.0,
        "encoder": EncoderConfig(code=64, across="sum"),
        "sac": SACConfig(discount=0.99),
    }
    state_only = name.endswith("state-only")
    settings = dict(_LENGTHS[family])
    if state_only:
        settings |= _STATE_ONLY_LENGTHS.get(family, {})
    if name.startswith("smile-paper"):
        settings |= published
    else:
        settings |= {"imitation": 20.0 if state_only else 50.0, **_TUNED.get(family, {})}
        settings |= _STATE_ONLY.get(family, {}) if state_only else {}
    return SMILeConfig(family=family, name=name, seed=seed, state_only=state_only, **settings)
