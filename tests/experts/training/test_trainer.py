"""What the trainings of experts share."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.sac import SACExpert, SACExpertConfig
from smile_bench.experts.training.trainer import TrainingStep, summarise

ANT = PPOConfig(family="SmileAntGoal-v0", curriculum="reach-goal", envs=2, hidden=8)
WALKER = PPOConfig(family="SmileWalkerDynamics-v0", curriculum="walk-unmodified", envs=4, hidden=8)


def test_settings_are_the_configuration_and_the_curriculum() -> None:
    curriculum = WalkOneDynamics(split="test", index=3)
    base, training = PPO(WALKER), PPO(replace(WALKER, envs=2), curriculum)
    assert training.curriculum is curriculum
    assert training.settings["envs"] == 2
    assert training.settings["curriculum"] == "walk-unmodified"
    assert training.settings["curriculum_settings"]["index"] == 3
    assert (training.iterations, base.settings["curriculum_settings"]["spread"]) == (160, 0.0)


def tiny_sac() -> SACExpert:
    return SACExpert(
        SACExpertConfig(
            family="SmileHalfCheetahVelocity-v0",
            curriculum="track-velocity",
            envs=2,
            replay_capacity=10,
        )
    )


@pytest.mark.parametrize(
    ("make", "facts"),
    [
        (lambda: PPO(ANT), ("ppo", "tanh", "clip", 10.0)),
        (tiny_sac, ("sac", "relu", "tanh", float("inf"))),
    ],
    ids=["ppo", "sac"],
)
def test_experts_are_stored_as_they_act(
    make: Callable[[], PPO | SACExpert], facts: tuple[str, str, str, float]
) -> None:
    training = make()
    expert, family = training.expert({"command": "none"}), training.family
    assert facts == (
        expert.recipe["algorithm"],
        expert.activation,
        expert.squash,
        expert.feature_clip,
    )
    assert (expert.recipe["config"], expert.recipe["command"]) == (training.settings, "none")
    assert expert.weights[0].shape[1] == training.features == len(expert.mean)
    assert expert.weights[-1].shape[0] == family.body.actions == len(expert.biases[-1])
    observations = np.random.default_rng(0).standard_normal((3, family.observation_size))
    actions = expert.act(observations, family.table("train")[:3])
    assert actions.shape == (3, family.action_size)


def test_starts_are_sampled_for_the_environments_asked_for() -> None:
    training, again = PPO(ANT), PPO(ANT)
    for made in (training, again):
        made.simulator.set_tasks(made.curriculum.sample_tasks(made.rng, 2, 0.0))
    both = training.sample_starts(np.array([1, 0]))
    assert both.shape == (2, training.family.state_size)
    np.testing.assert_array_equal(both[:1], again.sample_starts(np.array([1])))


def collected() -> tuple[PPO, list[TrainingStep]]:
    """Steps of walkers with random torques, some of which fall."""
    training = PPO(WALKER)
    rng = np.random.default_rng(0)
    training.simulator.set_tasks(training.curriculum.sample_tasks(rng, 4, 0.0))
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
        assert not training.curriculum.terminated(later.observations).any()
    # Rewards and metrics are those of the episode that ended, not of the new one.
    t, i = falls[0]
    assert training.curriculum.terminated(steps[t].next_observations)[i]
    assert steps[t].metric[i] == pytest.approx(
        sum(step.rewards[i] for step in steps[: t + 1]), abs=1e-9
    )


def test_rewards_are_the_curriculums() -> None:
    training, steps = collected()
    dt = training.family.body.dt
    for step in steps[:5]:
        expected = training.curriculum.reward(
            step.movement, step.actions, training.simulator.parameters
        )
        np.testing.assert_array_equal(step.rewards, expected)
        # A walker's speed is at most some metres per second.
        assert np.abs(step.movement).max() < 0.1 / dt


def test_a_summary_counts_every_episode_once() -> None:
    _, steps = collected()
    summary = summarise(steps)
    ended = [value for step in steps for value in step.metric[step.terminated]]
    running = steps[-1].metric[~steps[-1].terminated]
    assert summary.terminations == len(ended)
    assert summary.metric == pytest.approx(np.mean([*ended, *running]))
    assert summary.reward == pytest.approx(np.mean([step.rewards for step in steps]))
