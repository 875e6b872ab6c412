"""Q-learning in a table with demonstrations in the buffer (CS285 notes, 6.5.3, Algorithm 34).

Q-learning is off-policy, so that demonstrations need no weights: they are in the buffer from the
beginning. In a table, line 8's squared error has an exact minimiser, which takes the place of K
gradient steps: Q(s, a) becomes the mean target of the transitions at (s, a).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.visitation import require_discount

__all__ = ["Buffer", "Learning", "Settings", "learn", "swept"]


@dataclass(frozen=True, eq=False)
class Buffer:
    """Transitions of a table: how often each was seen."""

    counts: FloatArray
    """N(s, a, s′), (S, A, S). Chances P(s′ | s, a) make sweeps exact value iteration."""

    @classmethod
    def of(cls, states: IntArray, actions: IntArray, size: tuple[int, int]) -> Buffer:
        """The transitions of episodes.

        Args:
            states: s_1 to s_{T+1}, (N, T + 1).
            actions: a_1 to a_T, (N, T).
            size: S and A.

        Raises:
            InputError: shapes that do not fit, or states or actions out of range.
        """
        fits = actions.ndim == 2 and states.shape == (len(actions), actions.shape[1] + 1)
        if not fits:
            raise InputError(
                f"episodes have states (N, T + 1) and actions (N, T), got {states.shape} and "
                f"{actions.shape}."
            )
        for name, given, limit in (("states", states, size[0]), ("actions", actions, size[1])):
            if given.size and (given.min() < 0 or given.max() >= limit):
                raise InputError(f"{name} must be integers from 0 to {limit - 1}.")
        counts = np.zeros((size[0], size[1], size[0]))
        np.add.at(counts, (states[:, :-1], actions, states[:, 1:]), 1.0)
        return cls(counts)

    def joined(self, other: Buffer) -> Buffer:
        """The transitions of both."""
        return Buffer(self.counts + other.counts)


@dataclass(frozen=True)
class Settings:
    """How :func:`learn` learns.

    Raises:
        InputError: a discount or chance out of range, or a number below 1.
    """

    discount: float = 0.9
    horizon: int = 20
    """Steps of an episode."""
    exploration: float = 0.3
    """The chance of a random action."""
    sweeps: int = 20
    """Updates of the target network after each episode."""

    def __post_init__(self) -> None:
        require_discount(self.discount)
        if not 0.0 <= self.exploration <= 1.0 or min(self.horizon, self.sweeps) < 1:
            raise InputError(
                f"exploration must be in [0, 1], horizon and sweeps at least 1, got {self}."
            )


@dataclass(frozen=True, eq=False)
class Learning:
    """What was learnt, and how fast."""

    q: FloatArray
    """Q(s, a), (S, A)."""
    values: FloatArray
    """The greedy policy's exact discounted return after 0 to E episodes, (E + 1,)."""
    buffer: Buffer
    """All transitions, demonstrations included."""


def swept(
    q: FloatArray, buffer: Buffer, rewards: FloatArray, discount: float, sweeps: int
) -> FloatArray:
    """Q(s, a), (S, A), after minimising the squared error against the former Q, again and again.

    Each sweep has targets y = r + γ max_a' Q(s′, a′) of the Q before it, the target network. Pairs
    (s, a) that are not in the buffer keep their value.

    Args:
        q: Q(s, a), (S, A).
        buffer: the transitions.
        rewards: r(s, a), (S, A).
        discount: γ.
        sweeps: how many.

    Raises:
        InputError: shapes that do not fit, or a discount outside [0, 1).
    """
    require_discount(discount)
    if not q.shape == rewards.shape == buffer.counts.shape[:2]:
        raise InputError(
            f"Q and rewards must have the buffer's shape {buffer.counts.shape[:2]}, got {q.shape} "
            f"and {rewards.shape}."
        )
    total = buffer.counts.sum(axis=2)
    seen = total > 0.0
    chances = buffer.counts / np.where(seen, total, 1.0)[..., None]
    for _ in range(sweeps):
        q = np.where(seen, rewards + discount * (chances @ q.max(axis=1)), q)
    return q


def learn(
    mdp: MDP,
    rewards: FloatArray,
    start: FloatArray,
    episodes: int,
    rng: np.random.Generator,
    *,
    demonstrations: Buffer | None = None,
    settings: Settings | None = None,
) -> Learning:
    """Algorithm 34 in one task, from Q = 0, with ε-greedy episodes; equal actions at random.

    Args:
        mdp: dynamics of one task.
        rewards: r(s, a), (S, A).
        start: distribution of the first state, (S,).
        episodes: E.
        rng: source of randomness.
        demonstrations: what the buffer holds in the beginning.
        settings: how to learn.

    Raises:
        InputError: more than one task, or shapes that do not fit.
    """
    settings = settings or Settings()
    if mdp.tasks != 1:
        raise InputError(f"learn takes one task at a time, got dynamics of {mdp.tasks}.")
    first = mdp.require_start(start[None])[0]
    size = (mdp.states, mdp.actions)
    buffer = demonstrations or Buffer(np.zeros((*size, mdp.states)))
    q = swept(np.zeros(size), buffer, rewards, settings.discount, settings.sweeps)
    values = [_value(mdp, rewards, first, q, settings.discount)]
    for _ in range(episodes):
        states, actions = _episode(mdp, q, first, settings, rng)
        buffer = buffer.joined(Buffer.of(states, actions, size))
        q = swept(q, buffer, rewards, settings.discount, settings.sweeps)
        values.append(_value(mdp, rewards, first, q, settings.discount))
    return Learning(q, np.array(values), buffer)


def _episode(
    mdp: MDP, q: FloatArray, start: FloatArray, settings: Settings, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """States (1, T + 1) and actions (1, T) of an ε-greedy episode."""
    tensor = mdp.tensor[0]
    states = np.empty((1, settings.horizon + 1), np.int64)
    actions = np.empty((1, settings.horizon), np.int64)
    state = int(rng.choice(mdp.states, p=start))
    for t in range(settings.horizon):
        best = np.flatnonzero(q[state] == q[state].max())
        explore = rng.random() < settings.exploration
        action = int(rng.integers(mdp.actions) if explore else rng.choice(best))
        states[0, t], actions[0, t] = state, action
        state = int(rng.choice(mdp.states, p=tensor[state, action]))
    states[0, -1] = state
    return states, actions


def _value(
    mdp: MDP, rewards: FloatArray, start: FloatArray, q: FloatArray, discount: float
) -> float:
    """E[Σ γ^t r] of the greedy policy; equal actions are equally likely."""
    best = (q == q.max(axis=1, keepdims=True)).astype(np.float64)
    policy = best / best.sum(axis=1, keepdims=True)
    steps = np.einsum("sa,saz->sz", policy, mdp.tensor[0])
    v = np.linalg.solve(np.eye(mdp.states) - discount * steps, (policy * rewards).sum(axis=1))
    return float(start @ v)
