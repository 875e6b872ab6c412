"""Small made-up data for tests that need no physics."""

from __future__ import annotations

import numpy as np

from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.envs import SPLITS, get_family

FAMILY = "SmileAntGoal-v0"


def demonstrations(
    split: str,
    *,
    family: str = FAMILY,
    tasks: int = 3,
    each: int = 4,
    length: int = 5,
    subsample: int = 1,
    seed: int = 0,
) -> Demonstrations:
    """Random demonstrations; adjacent transitions if ``subsample`` is 1."""
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    declared = get_family(family)
    size = declared.observation_size
    states = rng.standard_normal((tasks, each, length + 1, size)).astype(np.float32)
    following = states[:, :, 1:]
    if subsample > 1:
        following = rng.standard_normal(following.shape).astype(np.float32)
    shape = (tasks, each, length)
    return Demonstrations(
        family=family,
        split=split,
        task_parameters=declared.table(split)[:tasks],
        observations=states[:, :, :-1].copy(),
        actions=rng.uniform(-1, 1, (*shape, declared.action_size)).astype(np.float32),
        next_observations=following.copy(),
        rewards=rng.standard_normal(shape).astype(np.float32),
        timesteps=np.broadcast_to(subsample * np.arange(length), shape).astype(np.int32),
        initial_states=rng.standard_normal((tasks, each, declared.state_size)),
        replay_actions=None
        if subsample == 1
        else rng.uniform(-1, 1, (tasks, declared.horizon, declared.action_size)).astype(np.float32),
        metrics={metric.name: rng.random((tasks, each)) for metric in declared.metrics},
    )


def dataset(
    *, subsample: int = 1, seed: int = 0, tasks: int = 3, each: int = 4, length: int = 5
) -> Dataset:
    """A random dataset of ant goal."""
    return Dataset(
        family=FAMILY,
        splits={
            split: demonstrations(
                split, subsample=subsample, seed=seed, tasks=tasks, each=each, length=length
            )
            for split in SPLITS
        },
        attributes={
            "recipe": {"subsample": subsample, "seed": seed},
            "expert": "none",
            "expert_sha256": "",
            "tables_sha256": "",
            "versions": {"mujoco": "0"},
            "machine": "none",
            "licence": "none",
        },
    )


def showing_dataset() -> Dataset:
    """The same with two observed coordinates that stay constant in an episode."""
    made = dataset()
    for part in made.splits.values():
        for array in (part.observations, part.next_observations):
            array[..., :2] = part.observations[:, :, :1, :2]
    return made
