"""The privileged references: whose task each acts for."""

from __future__ import annotations

import numpy as np

from smile_bench import get_family
from smile_bench.baselines.references import ExpertAgent, TaskBlind
from smile_bench.experts.policy import load_base_policy, load_expert

ANT, WALKER = "SmileAntGoal-v0", "SmileWalkerDynamics-v0"


def observations(family: str, slots: int) -> np.ndarray:
    size = get_family(family).observation_size
    return np.random.default_rng(0).normal(scale=0.1, size=(slots, size))


def test_the_expert_acts_for_the_true_task_and_task_blind_for_the_other_one() -> None:
    table = get_family(ANT).table("test")
    true, others, seen = table[:3], table[3:6], observations(ANT, 3)
    expert = load_expert(ANT)
    for_true, for_others = (expert.act(seen, tasks) for tasks in (true, others))
    assert np.abs(for_true - for_others).max() > 0.01
    np.testing.assert_array_equal(ExpertAgent(ANT).adapt_to_tasks(true, others).act(seen), for_true)
    np.testing.assert_array_equal(TaskBlind(ANT).adapt_to_tasks(true, others).act(seen), for_others)


def test_where_tasks_differ_in_dynamics_task_blind_is_the_base_policy() -> None:
    table, seen = get_family(WALKER).table("test"), observations(WALKER, 2)
    policy = TaskBlind(WALKER).adapt_to_tasks(table[:2], table[2:4])
    np.testing.assert_array_equal(policy.act(seen), load_base_policy(WALKER).act(seen, table[2:4]))
    np.testing.assert_array_equal(
        policy.act(seen), TaskBlind(WALKER).adapt_to_tasks(table[:2], table[4:6]).act(seen)
    )
    expert = ExpertAgent(WALKER).adapt_to_tasks(table[:2], table[2:4])
    assert not np.array_equal(policy.act(seen), expert.act(seen))


def test_an_expert_that_samples_its_moves_repeats_them_for_every_policy() -> None:
    family = get_family("SmileGridGoal-v0")
    tasks, seen = family.table("test")[:2], np.zeros((2, family.observation_size))
    seen[:, 0] = 1.0
    agent = ExpertAgent(family.id)
    first, second = (agent.adapt_to_tasks(tasks, tasks) for _ in range(2))
    moves = [[policy.act(seen) for _ in range(30)] for policy in (first, second)]
    np.testing.assert_array_equal(moves[0], moves[1])
    assert len({tuple(move.argmax(axis=1)) for move in moves[0]}) > 1
