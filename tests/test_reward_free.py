"""Environments without rewards: the family's, stepped, reset and resumed together."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.access import Access
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, InputError
from smile_bench.reward_free import Environments
from tests.helpers import synthetic

FAMILY = get_family(synthetic.FAMILY)
HORIZON, ACTIONS = FAMILY.horizon, FAMILY.action_size


def access() -> Access:
    return Access(FAMILY, dataset=synthetic.dataset())


def environments_of(tasks: list[int]) -> Environments:
    return access().environments(np.array(tasks))


def test_failed_steps_are_not_counted() -> None:
    given = access()
    environments = given.environments(np.array([0]))
    with pytest.raises(InputError, match="have not begun"):
        environments.step(np.zeros((1, ACTIONS), np.float32))
    environments.reset(np.random.default_rng(0))
    with pytest.raises(AgentError, match="NaN"):
        environments.step(np.full((1, ACTIONS), np.nan, np.float32))
    assert given.counts.env_steps == 0


def test_environments_are_the_family_s() -> None:
    environments = environments_of([4])
    environments.reset(np.random.default_rng(3))
    simulator = FAMILY.make_simulator(1, threads=1)
    row = FAMILY.table("train")[4]
    simulator.set_tasks(row[None])
    simulator.reset(simulator.sample_start(np.random.default_rng(3), row)[None])
    rng = np.random.default_rng(4)
    for step in range(HORIZON):
        np.testing.assert_array_equal(environments.observe(), simulator.observe())
        assert environments.ended.tolist() == [False]
        action = rng.uniform(-1.0, 1.0, (1, ACTIONS)).astype(np.float32)
        seen = environments.step(action)
        simulator.step(action)
        np.testing.assert_array_equal(seen, simulator.observe())
        assert environments.ended.tolist() == [step == HORIZON - 1]
    with pytest.raises(InputError, match="reset"):
        environments.step(action)


def test_suspended_episodes_continue_with_their_clocks() -> None:
    environments = environments_of([0, 1])
    environments.reset(np.random.default_rng(0))
    actions = np.full((2, ACTIONS), 0.5, np.float32)
    for _ in range(3):
        environments.step(actions)
    environments.reset(np.random.default_rng(1), np.array([1]))
    states, left = environments.suspend()
    assert left.tolist() == [HORIZON - 3, HORIZON]
    other = environments_of([0, 1])
    other.resume(states, left)
    environments.resume(states, left)
    for _ in range(4):
        np.testing.assert_array_equal(environments.step(actions), other.step(actions))
    assert other.suspend()[1].tolist() == [HORIZON - 7, HORIZON - 4]
