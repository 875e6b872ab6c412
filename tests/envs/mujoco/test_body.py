"""Bodies are Gymnasium's, but for what the declarations change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from smile_bench.envs.mujoco.body import ANT, HALF_CHEETAH, WALKER, Body, Marker
from smile_bench.errors import SimulationError

BODIES = {"HalfCheetah-v5": HALF_CHEETAH, "Ant-v5": ANT, "Walker2d-v5": WALKER}
MARKER = Marker(name="here", rgba=(1.0, 0.0, 0.0, 1.0), radius=0.2)


@pytest.fixture(params=BODIES, ids=lambda name: name)
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Body, Any]:
    """A body and Gymnasium's environment of it."""
    monkeypatch.chdir(tmp_path)  # MuJoCo logs a deprecated attribute of a file to this folder.
    options: dict[str, Any] = {"exclude_current_positions_from_observation": True}
    if request.param != "HalfCheetah-v5":
        options["terminate_when_unhealthy"] = False
    return BODIES[request.param], gym.make(request.param, **options).unwrapped


def roll(model: mujoco.MjModel, body: Body, steps: int = 60) -> np.ndarray[Any, Any]:
    """States (steps, nq + nv) under seeded random actions."""
    rng = np.random.default_rng(5)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = body.sample_start(rng, model.qpos0, np.zeros(model.nv))
    mujoco.mj_forward(model, data)
    states = []
    for action in rng.uniform(-1.0, 1.0, (steps, model.nu)):
        data.ctrl[:] = action
        mujoco.mj_step(model, data, nstep=body.frame_skip)
        states.append(np.concatenate((data.qpos, data.qvel)))
    return np.array(states)


def test_numbers_are_the_models(pair: tuple[Body, Any]) -> None:
    body, env = pair
    model = body.compile()
    assert (body.positions, body.velocities, body.actions) == (model.nq, model.nv, model.nu)
    assert body.timestep == model.opt.timestep
    assert body.frame_skip == env.frame_skip
    assert body.dt == env.dt
    np.testing.assert_array_equal(model.actuator_ctrlrange, [[-1.0, 1.0]] * model.nu)


def test_physics_is_gymnasiums_to_the_last_bit(pair: tuple[Body, Any]) -> None:
    body, env = pair
    ours = replace(body, gear=None).compile()
    np.testing.assert_array_equal(ours.body_mass, env.model.body_mass)
    np.testing.assert_array_equal(ours.dof_invweight0, env.model.dof_invweight0)
    np.testing.assert_array_equal(roll(ours, body), roll(env.model, body))


def test_only_the_gear_of_the_ant_differs() -> None:
    ours, theirs = ANT.compile(), replace(ANT, gear=None).compile()
    np.testing.assert_array_equal(ours.actuator_gear, [[30.0, 0, 0, 0, 0, 0]] * 8)
    np.testing.assert_array_equal(theirs.actuator_gear, [[150.0, 0, 0, 0, 0, 0]] * 8)
    assert ours.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
    np.testing.assert_array_equal(ours.body_mass, theirs.body_mass)


def test_starts_and_observations_are_gymnasiums(pair: tuple[Body, Any]) -> None:
    body, env = pair
    expected, _ = env.reset(seed=11)
    qpos, qvel = body.sample_start(np.random.default_rng(11), env.init_qpos, env.init_qvel)
    if body is ANT:
        # Gymnasium's ant starts anywhere within the noise; ours at (0, 0), all else equal.
        assert qpos[:2].tolist() == [0.0, 0.0]
        np.testing.assert_array_equal(qpos[2:], env.data.qpos[2:])
        np.testing.assert_array_equal(qvel, env.data.qvel)
        assert body.observe(qpos[None], qvel[None]).shape == (1, 29)
    else:
        np.testing.assert_array_equal(body.observe(qpos[None], qvel[None])[0], expected)


def test_walker_velocities_are_clipped() -> None:
    qvel = np.array([[-30.0, 30.0, 9.5, 0, 0, 0, 0, 0, 0]])
    observation = WALKER.observe(np.zeros((1, 9)), qvel)
    assert observation[0, 8:11].tolist() == [-10.0, 10.0, 9.5]
    assert HALF_CHEETAH.observe(np.zeros((1, 9)), qvel)[0, 8] == -30.0


@pytest.mark.parametrize("body", BODIES.values(), ids=lambda body: body.name)
def test_markers_leave_the_physics_alone(body: Body) -> None:
    marked = body.compile((MARKER, replace(MARKER, name="there")))
    assert marked.nsite == body.compile().nsite + 2
    np.testing.assert_array_equal(roll(marked, body), roll(body.compile(), body))


@dataclass(frozen=True, kw_only=True)
class GrownBody(Body):
    """A body with fields that the first protocols did not know."""

    wind: float = 0.0
    surfaces: tuple[str, ...] = ("floor",)


def grown(body: Body, **new: Any) -> GrownBody:
    return GrownBody(**{field.name: getattr(body, field.name) for field in fields(body)}, **new)


@pytest.mark.parametrize("body", BODIES.values(), ids=lambda body: body.name)
def test_physics_are_the_first_fields_but_how_the_body_is_filmed(body: Body) -> None:
    expected = asdict(body)
    del expected["camera"]
    assert body.physics == expected
    assert replace(body, camera={"distance": 1.0}).physics == expected
    assert replace(body, frame_skip=7).physics == {**expected, "frame_skip": 7}


@pytest.mark.parametrize("body", BODIES.values(), ids=lambda body: body.name)
def test_a_new_field_enters_the_physics_only_where_it_is_set(body: Body) -> None:
    assert grown(body).physics == body.physics
    assert grown(body, wind=0.5).physics == {**body.physics, "wind": 0.5}
    assert grown(body, surfaces=("ice",)).physics == {**body.physics, "surfaces": ("ice",)}


@pytest.mark.parametrize("change", [lambda text: text.replace("0.046", "0.047")])
def test_a_changed_model_file_is_refused(
    change: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "half_cheetah.xml"
    original = HALF_CHEETAH._asset_path().read_text(encoding="utf-8")
    changed.write_text(change(original), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != original
    monkeypatch.setattr(Body, "_asset_path", lambda self: changed)
    with pytest.raises(SimulationError, match=r"half_cheetah\.xml.*install the Gymnasium"):
        HALF_CHEETAH.compile()
