"""Q-learning with and without demonstrations against the true values."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.q_demonstrations import Buffer, Settings, learn, swept
from tests.helpers import small_mdp as small

DISCOUNT = 0.9


def true_q(mdp: MDP, rewards: FloatArray) -> FloatArray:
    q = np.zeros_like(rewards)
    for _ in range(400):
        q = rewards + DISCOUNT * mdp.tensor[0] @ q.max(axis=1)
    return q


def far_goal() -> tuple[MDP, FloatArray, FloatArray]:
    """The grid without slips: a reward in one corner, and a start in the opposite one."""
    mdp = FAMILY.mdp(np.array([0.0]))
    rewards = np.zeros((mdp.states, mdp.actions))
    rewards[63] = 1.0
    return mdp, rewards, np.eye(mdp.states)[0]


def demonstration(mdp: MDP, q: FloatArray, first: int, steps: int) -> Buffer:
    """One episode of the best policy."""
    states, actions = [first], []
    for _ in range(steps):
        actions.append(int(q[states[-1]].argmax()))
        states.append(int(mdp.moves[states[-1], actions[-1]]))
    return Buffer.of(np.array([states]), np.array([actions]), (mdp.states, mdp.actions))


@pytest.mark.parametrize("seed", range(3))
def test_sweeps_over_every_transition_at_its_chance_give_the_true_values(seed: int) -> None:
    mdp, rewards = small.dynamics(seed), small.rewards(seed)[0]
    exact = Buffer(mdp.tensor[0])
    found = swept(np.zeros_like(rewards), exact, rewards, DISCOUNT, 400)
    np.testing.assert_allclose(found, true_q(mdp, rewards), rtol=0, atol=1e-9)
    # Demonstrations at their chances move nothing, however many there are.
    more = exact.joined(Buffer(1000.0 * mdp.tensor[0] * np.array([[[1.0]], [[0.0]], [[1.0]]])))
    again = swept(np.zeros_like(rewards), more, rewards, DISCOUNT, 400)
    np.testing.assert_allclose(again, found, rtol=0, atol=1e-9)


@pytest.mark.parametrize("demonstrated", [False, True])
def test_episodes_lead_to_the_true_values(demonstrated: bool) -> None:
    rng = np.random.default_rng(0)
    mdp, rewards = small.dynamics(1, deterministic=True), small.rewards(1)[0]
    truth = true_q(mdp, rewards)
    data = None
    if demonstrated:
        after = mdp.tensor[0].argmax(axis=2)
        best = int(truth[0].argmax())
        data = Buffer.of(np.array([[0, after[0, best]]]), np.array([[best]]), (3, 2))
    settings = Settings(discount=DISCOUNT, horizon=10, exploration=0.5, sweeps=50)
    even = np.full(3, 1.0 / 3.0)
    found = learn(mdp, rewards, even, 30, rng, demonstrations=data, settings=settings)
    assert (found.buffer.counts.sum(axis=2) > 0.0).all()
    np.testing.assert_allclose(found.q, truth, rtol=0, atol=1e-9)
    assert found.values[-1] == pytest.approx(even @ truth.max(axis=1), abs=1e-9)


def test_demonstrations_save_episodes() -> None:
    mdp, rewards, start = far_goal()
    truth = true_q(mdp, rewards)
    best = float(start @ truth.max(axis=1))
    settings = Settings(discount=DISCOUNT, horizon=60, exploration=0.3)
    data = demonstration(mdp, truth, 0, 20)
    needed: dict[str, list[int]] = {}
    for name, given in (("without", None), ("with", data)):
        needed[name] = []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            found = learn(mdp, rewards, start, 150, rng, demonstrations=given, settings=settings)
            assert found.values.max() <= best + 1e-9
            good = np.flatnonzero(found.values >= 0.95 * best)
            needed[name].append(int(good[0]) if len(good) else 151)
    # Episodes: 0 with, 47 to 73 without, and more than 150 for one seed.
    assert max(needed["with"]) < min(needed["without"]), needed


def test_pairs_that_were_not_seen_keep_their_value() -> None:
    buffer = Buffer.of(np.array([[0, 1]]), np.array([[1]]), (3, 2))
    q = swept(np.full((3, 2), 5.0), buffer, np.ones((3, 2)), 0.5, 3)
    assert q.tolist() == [[5.0, 3.5], [5.0, 5.0], [5.0, 5.0]]


def test_bad_input_is_refused() -> None:
    zero = np.zeros((1, 2), np.int64)
    with pytest.raises(InputError, match=r"states \(N, T \+ 1\)"):
        Buffer.of(zero, zero, (3, 2))
    with pytest.raises(InputError, match="states must be integers from 0 to 2"):
        Buffer.of(zero + 3, zero[:, 1:], (3, 2))
    buffer = Buffer.of(zero, zero[:, 1:], (3, 2))
    with pytest.raises(InputError, match=r"the buffer's shape \(3, 2\)"):
        swept(np.zeros((3, 2)), buffer, np.zeros((3, 1)), 0.9, 1)
    with pytest.raises(InputError, match="discount must be in"):
        Settings(discount=1.0)
    with pytest.raises(InputError, match="horizon and sweeps at least 1"):
        Settings(sweeps=0)
    two = small.dynamics(tasks=2)
    with pytest.raises(InputError, match="one task at a time, got dynamics of 2"):
        learn(two, np.zeros((3, 2)), small.start()[0], 1, np.random.default_rng(0))
