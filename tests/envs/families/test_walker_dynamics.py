"""The reward and the metric, recomputed from positions; a task's dynamics in the model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from smile_bench.envs import get_mujoco_family
from smile_bench.envs.mujoco.simulator import Simulator
from tests.envs.families.episode import play


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
    model = family.task_model(nominal, parameters)
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
    again = family.task_model(nominal, parameters)
    mujoco.mj_setConst(again, mujoco.MjData(again))
    for name in ("dof_invweight0", "body_invweight0", "body_subtreemass", "dof_M0"):
        np.testing.assert_array_equal(getattr(model, name), getattr(again, name))
        assert not np.array_equal(getattr(model, name), getattr(nominal, name))
    assert model.body_subtreemass[0] == pytest.approx(model.body_mass.sum())


def test_walker_with_neutral_parameters_is_the_nominal_body() -> None:
    family = get_mujoco_family("SmileWalkerDynamics-v0")
    nominal = family.body.compile()
    changed = family.task_model(nominal, family.tasks["test"][0])
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
