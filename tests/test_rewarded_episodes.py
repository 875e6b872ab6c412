from __future__ import annotations

import numpy as np
import pytest

from smile_bench.agents import RewardedEpisodes
from smile_bench.agents.fine_tuning import checked_fine_tuning, require_fine_tuner
from smile_bench.envs import get_family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import AgentError, InputError
from tests.helpers.fine_tuner import BestOfChance, Repeat

GRID = get_family("SmileGridGoal-v0")
SLOTS, BUDGET = 3, 2


@pytest.fixture
def episodes() -> RewardedEpisodes:
    parameters = GRID.table("test")[:SLOTS]
    simulator = GRID.make_simulator(SLOTS)
    rng = np.random.default_rng(0)
    starts = np.stack([sample_starts(simulator, rng, parameters) for _ in range(BUDGET)], axis=1)
    return RewardedEpisodes(GRID, parameters, starts)


def test_rewards_are_those_of_the_tasks(episodes: RewardedEpisodes) -> None:
    simulator = GRID.make_simulator(SLOTS)
    simulator.set_tasks(GRID.table("test")[:SLOTS])
    rng = np.random.default_rng(1)
    for number in range(BUDGET):
        assert np.array_equal(episodes.reset(), episodes.observe())
        assert (episodes.rewards == 0.0).all()
        simulator.reset(episodes._starts[:, number])
        for _ in range(GRID.horizon):
            chosen = rng.integers(5, size=SLOTS)
            result = simulator.step(np.eye(5, dtype=np.float32)[chosen])
            assert np.array_equal(episodes.step(chosen), simulator.observe())
            assert np.array_equal(episodes.rewards, result.rewards)
        assert episodes.ended.all()
    assert (episodes.episodes, episodes.steps) == (BUDGET, BUDGET * GRID.horizon)


def test_more_episodes_than_the_budget_are_refused(episodes: RewardedEpisodes) -> None:
    for left in (2, 1):
        assert episodes.episodes_left == left
        episodes.reset()
    assert episodes.episodes_left == 0
    with pytest.raises(InputError, match=r"budget of 2 rewarded episodes a task is used up"):
        episodes.reset()


def test_an_episode_that_is_left_early_counts(episodes: RewardedEpisodes) -> None:
    episodes.reset()
    episodes.step(np.zeros(SLOTS, np.float32))
    episodes.reset()
    assert (episodes.episodes, episodes.episodes_left, episodes.steps) == (2, 0, 1)


def test_steps_need_an_episode_that_has_begun_and_has_not_ended(episodes: RewardedEpisodes) -> None:
    still = np.zeros(SLOTS, np.float32)
    assert episodes.ended.all()
    with pytest.raises(InputError, match=r"call reset\(\) first"):
        episodes.step(still)
    episodes.reset()
    for _ in range(GRID.horizon):
        episodes.step(still)
    with pytest.raises(InputError, match=r"have reached their horizon"):
        episodes.step(still)


def test_actions_that_cannot_be_applied_are_refused(episodes: RewardedEpisodes) -> None:
    episodes.reset()
    with pytest.raises(AgentError, match="the integers 0 to 4"):
        episodes.step(np.full(SLOTS, 5.0, np.float32))


def test_who_fine_tunes() -> None:
    agent = BestOfChance()
    assert require_fine_tuner(agent) is agent
    for other in (Repeat(), BestOfChance, 3):
        with pytest.raises(AgentError, match="is not a fine-tuning agent"):
            require_fine_tuner(other)
    with pytest.raises(AgentError, match=r"BestOfChance\.begin returned Repeat, which lacks"):
        checked_fine_tuning(agent, Repeat())
