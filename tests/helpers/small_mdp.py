"""A Markov decision process so small that every trajectory and policy can be listed."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.planning import MDP, visitation

STATES, ACTIONS, HORIZON = 3, 2, 3


def dynamics(seed: int = 0, *, tasks: int = 1, deterministic: bool = False) -> MDP:
    """Random transition tensors; one next state in three has probability zero."""
    rng = np.random.default_rng(seed)
    shape = (tasks, STATES, ACTIONS)
    if deterministic:
        return MDP.from_tensor(np.eye(STATES)[rng.integers(STATES, size=shape)])
    tensor = rng.random((*shape, STATES))
    never = rng.integers(STATES, size=shape)
    np.put_along_axis(tensor, never[..., None], 0.0, axis=3)
    return MDP.from_tensor(tensor / tensor.sum(axis=3, keepdims=True))


def rewards(seed: int = 1, *, tasks: int = 1) -> FloatArray:
    """Rewards of every state and action, (tasks, S, A)."""
    return np.random.default_rng(seed).normal(0.0, 1.5, (tasks, STATES, ACTIONS))


def start(*, tasks: int = 1) -> FloatArray:
    """A start that never is state 2, (tasks, S)."""
    return np.tile([0.3, 0.7, 0.0], (tasks, 1))


def trajectories() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """States and actions (n, T) of every trajectory, possible or not."""
    pairs = list(itertools.product(range(STATES), range(ACTIONS)))
    rows = np.array(list(itertools.product(pairs, repeat=HORIZON)))
    return rows[..., 0], rows[..., 1]


def dynamics_chances(
    mdp: MDP, start_: FloatArray, states: NDArray[np.int64], actions: NDArray[np.int64]
) -> FloatArray:
    """p(s_1) Π p(s_{t+1} | s_t, a_t), (n,), in the first task."""
    steps = mdp.tensor[0][states[:, :-1], actions[:, :-1], states[:, 1:]]
    return np.asarray(start_[0][states[:, 0]] * steps.prod(axis=1))


def returns(
    rewards_: FloatArray, states: NDArray[np.int64], actions: NDArray[np.int64]
) -> FloatArray:
    """Σ r, (n,), in the first task."""
    return np.asarray(rewards_[0][states, actions].sum(axis=1))


def deterministic_policies() -> FloatArray:
    """Every deterministic time-dependent policy, (n, T, S, A)."""
    choices = itertools.product(range(ACTIONS), repeat=HORIZON * STATES)
    return np.asarray(np.eye(ACTIONS)[np.array(list(choices)).reshape(-1, HORIZON, STATES)])


def value(mdp: MDP, rewards_: FloatArray, policy: FloatArray, start_: FloatArray) -> float:
    """Expected return of a policy (T, S, A) in the first task."""
    visits = visitation(mdp, policy[None], start_)
    return float((visits[0].sum(axis=0) * rewards_[0]).sum())
