"""Rewards, metrics and observations, recomputed from raw states."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from smile_bench.envs import MujocoFamily, get_mujoco_family
from smile_bench.envs.families.ant_linear_classification import REACH, TARGETS
from smile_bench.envs.mujoco.family import ControlStep
from smile_bench.envs.mujoco.simulator import Simulator, compile_task, split_state
from smile_bench.errors import UnknownNameError

SIZES = {
    "SmileHalfCheetahVelocity-v0": (17, 1000),
    "SmileAntGoal-v0": (29, 100),
    "SmileWalkerDynamics-v0": (17, 1000),
    "SmileAntLinearClassification-v0": (41, 50),
}
CLASSIFICATION = get_mujoco_family("SmileAntLinearClassification-v0")


def play(family_id: str, steps: int = 40, task: int = 2) -> dict[str, Any]:
    """One scalar episode: positions at the start and after each step, actions, rewards, infos."""
    env = gym.make(family_id, split="test", task=task)
    inner: Any = env.unwrapped
    env.reset(seed=3)
    env.action_space.seed(3)
    record: dict[str, Any] = {"qpos": [inner.data.qpos.copy()], "rewards": [], "infos": []}
    record["actions"] = [env.action_space.sample() for _ in range(steps)]
    for action in record["actions"]:
        _, reward, terminated, truncated, info = env.step(action)
        assert not terminated
        assert not truncated
        record["qpos"].append(inner.data.qpos.copy())
        record["rewards"].append(reward)
        record["infos"].append(info)
    record["task"] = np.array(inner.task.parameters)
    record["qpos"], record["actions"] = np.array(record["qpos"]), np.array(record["actions"])
    return record


def test_observation_size_and_horizon(family: MujocoFamily) -> None:
    assert (family.observation_size, family.horizon) == SIZES[family.id]


def test_task_never_enters_the_observation(family: MujocoFamily) -> None:
    rng = np.random.default_rng(0)
    n = len(family.tasks["train"])
    state = rng.normal(size=family.state_size)
    qpos, qvel, episode = split_state(family, np.tile(state, (n, 1)))
    observations = family.observe(qpos, qvel, family.tasks["train"], episode)
    assert observations.shape == (n, family.observation_size)
    np.testing.assert_array_equal(observations, np.tile(observations[0], (n, 1)))


def test_half_cheetah_reward_and_metric() -> None:
    played = play("SmileHalfCheetahVelocity-v0")
    velocity = np.diff(played["qpos"][:, 0]) / 0.05
    error = np.abs(velocity - played["task"][0])
    cost = 0.05 * (played["actions"].astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(played["rewards"], -error - cost, rtol=1e-12)
    metric = [info["velocity_error"] for info in played["infos"]]
    np.testing.assert_allclose(metric, np.cumsum(error) / np.arange(1, 41), rtol=1e-12)
    np.testing.assert_allclose([i["x_velocity"] for i in played["infos"]], velocity, rtol=1e-12)


def test_ant_goal_reward_and_metric() -> None:
    played = play("SmileAntGoal-v0")
    distance = np.linalg.norm(played["qpos"][:, :2] - played["task"], axis=1)
    cost = 0.005 * (played["actions"].astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(played["rewards"], -distance[1:] - cost, rtol=1e-12)
    metric = [info["min_distance"] for info in played["infos"]]
    np.testing.assert_allclose(metric, np.minimum.accumulate(distance)[1:], rtol=1e-12)


def test_walker_reward_and_metric() -> None:
    played = play("SmileWalkerDynamics-v0")
    cost = 1e-3 * (played["actions"].astype(np.float64) ** 2).sum(axis=1)
    rewards = np.diff(played["qpos"][:, 0]) / 0.008 + 1.0 - cost
    np.testing.assert_allclose(played["rewards"], rewards, rtol=1e-10)
    metric = [info["episode_return"] for info in played["infos"]]
    np.testing.assert_allclose(metric, np.cumsum(rewards), rtol=1e-10)


def test_walker_dynamics_are_applied_and_derived_constants_follow() -> None:
    family = get_mujoco_family("SmileWalkerDynamics-v0")
    nominal = family.body.compile()
    parameters = family.tasks["test"][4]
    named = dict(zip(family.parameter_names, parameters, strict=True))
    model = compile_task(family, nominal, parameters)
    for i in range(8):
        assert model.body_mass[i] == nominal.body_mass[i] * named[f"mass_{i}"]
        for j, (axis, kind) in enumerate(zip("xyz", ("slide", "spin", "roll"), strict=True)):
            inertia = nominal.body_inertia[i, j] * named[f"inertia_{i}_{axis}"]
            friction = nominal.geom_friction[i, j] * named[f"friction_{i}_{kind}"]
            assert model.body_inertia[i, j] == inertia
            assert model.geom_friction[i, j] == friction
    for i in range(9):
        assert model.dof_damping[i] == nominal.dof_damping[i] * named[f"damping_{i}"]
    # What MuJoCo derives from them is what it derives when asked again, and not the nominal.
    again = compile_task(family, nominal, parameters)
    mujoco.mj_setConst(again, mujoco.MjData(again))
    for name in ("dof_invweight0", "body_invweight0", "body_subtreemass", "dof_M0"):
        np.testing.assert_array_equal(getattr(model, name), getattr(again, name))
        assert not np.array_equal(getattr(model, name), getattr(nominal, name))
    assert model.body_subtreemass[0] == pytest.approx(model.body_mass.sum())


def test_walker_with_neutral_parameters_is_the_nominal_body() -> None:
    family = get_mujoco_family("SmileWalkerDynamics-v0")
    nominal = family.body.compile()
    changed = compile_task(family, nominal, family.tasks["test"][0])
    family.change_model(changed, nominal, family.neutral_parameters)
    for name in ("body_mass", "body_inertia", "dof_damping", "geom_friction", "dof_invweight0"):
        np.testing.assert_array_equal(getattr(changed, name), getattr(nominal, name))


def test_walker_tasks_move_differently_in_one_batch() -> None:
    family = get_mujoco_family("SmileWalkerDynamics-v0")
    simulator = Simulator(family, 3, threads=1)
    simulator.set_tasks(family.tasks["test"][[0, 1, 0]])
    start = simulator.sample_start(np.random.default_rng(0), family.tasks["test"][0])
    simulator.reset(np.tile(start, (3, 1)))
    for _ in range(20):
        simulator.step(np.full((3, 6), 0.3))
    np.testing.assert_array_equal(simulator.qpos[0], simulator.qpos[2])
    assert np.abs(simulator.qpos[0] - simulator.qpos[1]).max() > 1e-3


def test_classification_shows_one_vector_from_each_side() -> None:
    rng = np.random.default_rng(0)
    for normal in CLASSIFICATION.tasks["train"][:8]:
        drawn = np.array([CLASSIFICATION.sample_episode(rng, normal) for _ in range(400)])
        assert np.abs(drawn).max() <= 1.0
        first, second = drawn[:, :4] @ normal, drawn[:, 4:] @ normal
        assert np.all((first > 0) != (second > 0))
        # The order is random, and each coordinate stays spread over the cube.
        assert 0.4 < (first > 0).mean() < 0.6
        assert np.all(drawn.std(axis=0) > 0.5)


def test_classification_observation_shows_offsets_and_vectors() -> None:
    qpos = np.zeros((1, 15))
    qpos[0, :2] = 0.3, -0.2
    episode = np.arange(8.0)[None] / 10
    observation = CLASSIFICATION.observe(
        qpos, np.zeros((1, 14)), CLASSIFICATION.tasks["test"][:1], episode
    )[0]
    np.testing.assert_allclose(observation[29:33], [1.11, 1.61, -1.71, 1.61])
    np.testing.assert_array_equal(observation[33:], episode[0])


def visit(places: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Reward, success and no-op as a torso visits places; the right target is the first one."""
    family = CLASSIFICATION
    normal = np.array([[1.0, 0.0, 0.0, 0.0]])
    episode = np.array([[0.5, 0, 0, 0, -0.5, 0, 0, 0]])
    metric_state = family.initial_metrics(np.zeros((1, 15)), normal, episode)
    seen = []
    for k, place in enumerate(places):
        qpos = np.zeros((1, 15))
        qpos[0, :2] = place
        step = ControlStep(
            qpos, qpos, np.zeros((1, 8)), normal, episode, metric_state, np.array([k + 1])
        )
        result = family.reward_and_info(step)
        metric_state = result.metric_state
        info = result.info
        seen.append((result.rewards[0], info["success"][0], info["no_op"][0]))
    return seen


RIGHT, WRONG, FAR = (1.3, 1.3), (-1.3, 1.3), (0.0, 0.0)


def test_classification_first_target_entered_decides() -> None:
    assert visit([FAR, RIGHT, FAR, WRONG]) == [(0, 0, 1), (1, 1, 0), (0, 1, 0), (0, 1, 0)]
    assert visit([FAR, WRONG, FAR, RIGHT]) == [(0, 0, 1), (0, 0, 0), (0, 0, 0), (1, 0, 0)]


def test_classification_reach_is_half_a_metre() -> None:
    assert REACH == 0.5
    assert TARGETS.tolist() == [[1.41, 1.41], [-1.41, 1.41]]
    assert visit([(1.41, 0.92)]) == [(1, 1, 0)]
    assert visit([(1.41, 0.90)]) == [(0, 0, 1)]


def test_classification_negative_first_vector_means_the_other_target() -> None:
    normal = np.array([[1.0, 0.0, 0.0, 0.0]])
    negative_first = np.array([[-0.5, 0, 0, 0, 0.5, 0, 0, 0]])
    family: Any = CLASSIFICATION
    assert family.right_targets(normal, negative_first).tolist() == [[-1.41, 1.41]]
    assert family.right_targets(-normal, negative_first).tolist() == [[1.41, 1.41]]


def test_every_metric_stands_in_the_info(family: MujocoFamily) -> None:
    info = play(family.id, steps=1)["infos"][0]
    assert {metric.name for metric in family.metrics} <= set(info)
    assert "x_position" in info
    assert "x_velocity" in info


@pytest.mark.parametrize("index", [-1, 10_000, 1.0, "1", None])
def test_unknown_task(family: MujocoFamily, index: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"has no test task .*give an integer from 0 to"):
        family.task("test", index)


def test_unknown_split(family: MujocoFamily) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown split 'tset'. Did you mean 'test'\?"):
        family.task("tset", 0)
