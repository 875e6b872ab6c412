"""Every family over a body keeps what its declaration says."""

from __future__ import annotations

import numpy as np

from smile_bench.envs import MujocoFamily
from tests.envs.families.episode import play

SIZES = {
    "SmileHalfCheetahVelocity-v0": (17, 1000),
    "SmileAntGoal-v0": (29, 100),
    "SmileWalkerDynamics-v0": (17, 1000),
    "SmileAntLinearClassification-v0": (41, 50),
}


def test_observation_size_and_horizon(family: MujocoFamily) -> None:
    assert (family.observation_size, family.horizon) == SIZES[family.id]


def test_task_never_enters_the_observation(family: MujocoFamily) -> None:
    rng = np.random.default_rng(0)
    n = len(family.tasks["train"])
    state = rng.normal(size=family.state_size)
    qpos, qvel, episode = family.split_state(np.tile(state, (n, 1)))
    observations = family.observe(qpos, qvel, family.tasks["train"], episode)
    assert observations.shape == (n, family.observation_size)
    np.testing.assert_array_equal(observations, np.tile(observations[0], (n, 1)))


def test_every_metric_stands_in_the_info(family: MujocoFamily) -> None:
    info = play(family.id, steps=1)["infos"][0]
    assert {metric.name for metric in family.metrics} <= set(info)
    assert "x_position" in info
    assert "x_velocity" in info


def test_states_are_split_into_positions_velocities_and_episode(family: MujocoFamily) -> None:
    states = np.arange(2.0 * family.state_size).reshape(2, -1)
    parts = family.split_state(states)
    sizes = [part.shape[1] for part in parts]
    assert sizes == [family.body.positions, family.body.velocities, family.episode_size]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), states)


def test_a_start_is_the_bodys_and_then_the_episodes(family: MujocoFamily) -> None:
    model = family.body.compile()
    task = family.tasks["train"][0]
    default = model.qpos0, np.zeros(model.nv)
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    qpos, qvel, episode = family.split_state(family.sample_start(one, task, *default))
    expected = family.body.sample_start(other, *default)
    np.testing.assert_array_equal(qpos, expected[0])
    np.testing.assert_array_equal(qvel, expected[1])
    np.testing.assert_array_equal(episode, family.sample_episode(other, task))


def test_physics_are_the_bodys(family: MujocoFamily) -> None:
    assert family.physics == family.body.physics
