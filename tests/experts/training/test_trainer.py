"""What the trainings of experts share."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.episodes import TrainingStep, summarise
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.sac import SACExpert, SACExpertConfig

ANT = PPOConfig(family="SmileAntGoal-v0", curriculum="reach-goal", envs=2, hidden=8)
WALKER = PPOConfig(family="SmileWalkerDynamics-v0", curriculum="walk-unmodified", envs=4, hidden=8)


def test_settings_are_the_configuration_and_the_curriculum() -> None:
    curriculum = WalkOneDynamics(split="test", index=3)
    base = PPO([WALKER, replace(WALKER, seed=1)])
    training = PPO([replace(WALKER, envs=2)], [curriculum])
    assert training.curricula == [curriculum]
    (settings,) = training.settings
    assert settings["envs"] == 2
    assert settings["curriculum"] == "walk-unmodified"
    assert settings["curriculum_settings"]["index"] == 3
    assert [each["seed"] for each in base.settings] == [0, 1]
    assert (training.iterations, base.settings[1]["curriculum_settings"]["spread"]) == (160, 0.0)


def tiny_sac() -> SACExpert:
    return SACExpert(
        [
            SACExpertConfig(
                family="SmileHalfCheetahVelocity-v0",
                curriculum="track-velocity",
                envs=2,
                replay_capacity=10,
            )
        ]
    )


@pytest.mark.parametrize(
    ("make", "facts"),
    [
        (lambda: PPO([ANT]), ("ppo", "tanh", "clip", 10.0)),
        (tiny_sac, ("sac", "relu", "tanh", float("inf"))),
    ],
    ids=["ppo", "sac"],
)
def test_experts_are_stored_as_they_act(
    make: Callable[[], PPO | SACExpert], facts: tuple[str, str, str, float]
) -> None:
    training = make()
    expert, family = training.expert(0, {"command": "none"}), training.family
    assert facts == (
        expert.recipe["algorithm"],
        expert.activation,
        expert.squash,
        expert.feature_clip,
    )
    assert (expert.recipe["config"], expert.recipe["command"]) == (training.settings[0], "none")
    assert expert.weights[0].shape[1] == training.features == len(expert.mean)
    assert expert.weights[-1].shape[0] == family.body.actions == len(expert.biases[-1])
    observations = np.random.default_rng(0).standard_normal((3, family.observation_size))
    actions = expert.act(observations, family.table("train")[:3])
    assert actions.shape == (3, family.action_size)


def test_starts_are_sampled_for_the_environments_asked_for() -> None:
    alone, training, again = PPO([ANT]), *(PPO([ANT, replace(ANT, seed=1)]) for _ in range(2))
    for made in (alone, training, again):
        made.simulator.set_tasks(made.sample_tasks())
    # Environments 2 and 3 are those of the second training.
    starts = training.sample_starts(np.array([1, 2, 3]))
    assert starts.shape == (3, training.family.state_size)
    np.testing.assert_array_equal(starts[:1], alone.sample_starts(np.array([1])))
    np.testing.assert_array_equal(starts[1:], again.sample_starts(np.array([2, 3])))


def collected() -> tuple[PPO, list[TrainingStep]]:
    """Steps of the walkers of two trainings with random torques, some of which fall."""
    tasks = [WalkOneDynamics(split="test", index=index) for index in range(2)]
    training = PPO([replace(WALKER, envs=2, seed=seed) for seed in range(2)], tasks)
    rng = np.random.default_rng(0)
    training.simulator.set_tasks(training.sample_tasks())
    training.restart(np.arange(4))

    def act(observations: np.ndarray) -> np.ndarray:
        return rng.uniform(-1.0, 1.0, (len(observations), 6))

    return training, list(training.collect(act, 60))


def test_an_episode_that_terminates_is_followed_by_a_new_one() -> None:
    training, steps = collected()
    falls = [(t, i) for t, step in enumerate(steps) for i in np.flatnonzero(step.terminated)]
    assert falls
    for earlier, later in itertools.pairwise(steps):
        same = (earlier.next_observations == later.observations).all(axis=1)
        np.testing.assert_array_equal(same, ~earlier.terminated)
        assert not training.curricula[0].terminated(later.observations).any()
    # Rewards and metrics are those of the episode that ended, not of the new one.
    t, i = falls[0]
    assert training.curricula[0].terminated(steps[t].next_observations)[i]
    assert steps[t].metric[i] == pytest.approx(
        sum(step.rewards[i] for step in steps[: t + 1]), abs=1e-9
    )


def test_rewards_are_the_curriculums() -> None:
    training, steps = collected()
    dt = training.family.body.dt
    for step in steps[:5]:
        expected = training.curricula[0].reward(
            step.movement, step.actions, training.simulator.parameters
        )
        np.testing.assert_array_equal(step.rewards, expected)
        # A walker's speed is at most some metres per second.
        assert np.abs(step.movement).max() < 0.1 / dt


def test_a_summary_counts_every_episode_of_its_training_once() -> None:
    _, steps = collected()
    summaries = summarise(steps, 2)
    assert sum(summary.terminations for summary in summaries) > 0
    for summary, mine in zip(summaries, (slice(0, 2), slice(2, 4)), strict=True):
        ended = [value for step in steps for value in step.metric[mine][step.terminated[mine]]]
        running = steps[-1].metric[mine][~steps[-1].terminated[mine]]
        assert summary.terminations == len(ended)
        assert summary.metric == pytest.approx(np.mean([*ended, *running]))
        assert summary.reward == pytest.approx(np.mean([step.rewards[mine] for step in steps]))


def test_each_training_has_tasks_of_its_own_curriculum() -> None:
    training, _ = collected()
    table = training.family.table("test")
    np.testing.assert_array_equal(training.simulator.parameters, table[[0, 0, 1, 1]])


def test_actions_that_are_not_finite_are_not_applied() -> None:
    training = PPO([ANT])
    training.simulator.set_tasks(training.sample_tasks())
    training.restart(np.arange(2))
    spoilt = np.array([[np.nan] * 8, [0.5] * 7 + [np.inf]], np.float32)
    (step,) = training.collect(lambda observations: spoilt, 1)
    np.testing.assert_array_equal(step.actions, [[0.0] * 8, [0.5] * 7 + [0.0]])
    assert step.actions.dtype == np.float32
