"""Collecting demonstrations: the episodes of some tasks, rolled out together under one policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.datasets.calibration import Calibration
from smile_bench.envs import SPLITS, Family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.experts.noisy import Medium, Noisy
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks

__all__ = ["Block", "collect", "demonstrator"]

ACTIONS, MISMATCHED_TASKS = 1, 2
"""Uses of a block's randomness; each has a generator of its own."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Consecutive tasks of a split, whose demonstrations are collected together.

    All randomness follows from the seed, the split and the tasks, so that the order in which blocks
    are collected does not matter.
    """

    split: str
    first: int
    """Index of the first task."""
    last: int
    """Index after the last task."""
    demonstrations: int
    """D, per task."""
    subsample: int
    """Every k-th transition is kept, from a random offset; it divides the horizon."""
    seed: int

    @property
    def file(self) -> str:
        """Name of the file that holds its arrays."""
        return f"{self.split}-{self.first:03d}-{self.last:03d}.safetensors"

    def generator(self, use: int) -> np.random.Generator:
        """The block's randomness for one use."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), self.first, use])

    def task_generators(self) -> list[np.random.Generator]:
        """The randomness of each task's initial states and offsets."""
        split = SPLITS.index(self.split)
        tasks = range(self.first, self.last)
        return [np.random.default_rng([self.seed, split, task]) for task in tasks]


def demonstrator(
    family: Family,
    expert: PrivilegedPolicy,
    block: Block,
    *,
    noise: float | None,
    calibration: Calibration | None,
) -> PrivilegedPolicy:
    """The policy that gives the demonstrations of a block.

    Args:
        family: the family.
        expert: its expert.
        block: the block.
        noise: scale of the action noise, for noisy demonstrations.
        calibration: how often the expert errs, for medium ones.
    """
    if noise is not None:
        return Noisy(family, expert, noise)
    if calibration is None:
        return expert
    tasks = np.repeat(np.arange(block.first, block.last), block.demonstrations)
    table, rng = family.table(block.split), block.generator(MISMATCHED_TASKS)
    mismatched = sample_mismatched_tasks(rng, table, tasks)
    return Medium(expert, load_task_blind(family), mismatched, calibration.rate)


def collect(family: Family, policy: PrivilegedPolicy, block: Block) -> dict[str, NDArray[Any]]:
    """Collect the demonstrations of a block.

    Args:
        family: the family.
        policy: acts in all N tasks × D episodes.
        block: which tasks, and how many demonstrations of each.

    Returns:
        The arrays of :class:`Demonstrations` with the leading axes (N, D), metrics by the name
        ``metrics/NAME``. ``replay_actions`` (N, horizon, A) only if transitions are subsampled.
    """
    table = family.table(block.split)[block.first : block.last]
    parameters = np.repeat(table, block.demonstrations, axis=0)
    simulator = family.make_simulator(len(parameters))
    simulator.set_tasks(parameters)
    generators = block.task_generators()
    starts = np.stack(
        [
            simulator.sample_start(rng, row)
            for rng, row in zip(generators, table, strict=True)
            for _ in range(block.demonstrations)
        ]
    )
    offsets = np.concatenate(
        [rng.integers(block.subsample, size=block.demonstrations) for rng in generators]
    )
    simulator.reset(starts)
    kept = _Kept(family, offsets, block.subsample)
    replay = np.empty((len(table), family.horizon, family.action_size), np.float32)
    rng = block.generator(ACTIONS)

    def act(observations: FloatArray) -> Float32Array:
        return policy.act(observations, parameters, rng)

    for step in rollout(simulator, act, family.horizon):
        replay[:, step.time] = step.actions[:: block.demonstrations]
        kept.add(
            step.time,
            observations=step.observations,
            actions=step.actions,
            next_observations=simulator.observe(),
            rewards=step.result.rewards,
        )
    arrays: dict[str, NDArray[Any]] = {
        **kept.arrays,
        "timesteps": kept.timesteps,
        "initial_states": starts,
        **{f"metrics/{m.name}": step.result.info[m.name] for m in family.metrics},
    }
    shape = (len(table), block.demonstrations)
    arrays = {name: array.reshape(*shape, *array.shape[1:]) for name, array in arrays.items()}
    return arrays | ({"replay_actions": replay} if block.subsample > 1 else {})


class _Kept:
    """The transitions of E episodes that are kept: every k-th one from an offset.

    Args:
        family: the family, for sizes.
        offsets: first control step that is kept in each episode, (E,).
        subsample: k.
    """

    def __init__(self, family: Family, offsets: NDArray[np.int64], subsample: int) -> None:
        self.offsets, self.subsample = offsets, subsample
        shape = (len(offsets), family.horizon // subsample)
        observation, action = (*shape, family.observation_size), (*shape, family.action_size)
        self.arrays = {
            "observations": np.empty(observation, np.float32),
            "actions": np.empty(action, np.float32),
            "next_observations": np.empty(observation, np.float32),
            "rewards": np.empty(shape, np.float32),
        }
        steps = offsets[:, None] + subsample * np.arange(shape[1])
        self.timesteps = steps.astype(np.int32)

    def add(self, time: int, **transition: NDArray[Any]) -> None:
        """Keep the transition of a control step, each array (E, ...), where it is its turn."""
        episodes = np.flatnonzero(time % self.subsample == self.offsets)
        for name, values in transition.items():
            self.arrays[name][episodes, time // self.subsample] = values[episodes]
