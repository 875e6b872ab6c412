"""Pictures show the markers where they stand; run where OpenGL works without a screen."""

from __future__ import annotations

import copy
import functools
import os
import subprocess
import sys
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from smile_bench.envs import get_mujoco_family
from smile_bench.envs.mujoco.body import ANT, HALF_CHEETAH, WALKER, Body
from smile_bench.envs.mujoco.rendering import camera_options, place_markers

SIZE: dict[str, Any] = {"width": 120, "height": 90}


@functools.cache
def backend() -> str | None:
    """The first OpenGL backend that draws; tried in other processes, because a bad one can kill."""
    code = "import mujoco; mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>')).render()"
    for name in (os.environ.get("MUJOCO_GL"), "egl", "osmesa"):
        environment = {**os.environ, "MUJOCO_GL": name or "", "PYOPENGL_PLATFORM": name or ""}
        command = [sys.executable, "-c", code]
        if name and not subprocess.run(command, env=environment, capture_output=True).returncode:
            return name
    return None


@pytest.fixture
def opengl(monkeypatch: pytest.MonkeyPatch) -> str:
    name = backend()
    if name is None:
        pytest.skip("neither EGL nor OSMesa draws on this machine")
    monkeypatch.setenv("MUJOCO_GL", name)
    monkeypatch.setenv("PYOPENGL_PLATFORM", name)
    return name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SmileWalkerDynamics-v0", "SmileAntLinearClassification-v0"])
def test_scalar_and_batched_pictures_are_the_same(name: str, opengl: str) -> None:
    """For models that differ in the batch, and for markers that do."""
    family = get_mujoco_family(name)
    tasks = [1, 4]
    envs = gym.make_vec(
        family.id, num_envs=2, split="test", tasks=tasks, render_mode="rgb_array", **SIZE
    )
    envs.reset(seed=0)
    pictures = envs.render()
    assert pictures is not None
    assert len(pictures) == 2
    assert envs.render() is not None  # With the renderer it has.
    envs.close()
    for seed, (task, picture) in enumerate(zip(tasks, pictures, strict=True)):
        options: dict[str, Any] = {"split": "test", "task": task, "render_mode": "rgb_array"}
        env = gym.make(family.id, **options, **SIZE)
        env.reset(seed=seed)
        expected: Any = env.render()
        env.close()
        assert isinstance(picture, np.ndarray)
        assert picture.shape == (90, 120, 3)
        assert picture.std() > 10.0
        np.testing.assert_array_equal(picture, expected)


@pytest.mark.slow
def test_pictures_show_the_goal(opengl: str) -> None:
    """The goal is green, and where it is depends on the task, from the reset on."""
    env = gym.make("SmileAntGoal-v0", split="test", render_mode="rgb_array", **SIZE)
    columns = []
    for task in (0, 7):  # Right and left of the start, seen with x to the right.
        env.reset(seed=0, options={"task": task})
        picture = np.asarray(env.render()).astype(int)
        green = picture[..., 1] - np.maximum(picture[..., 0], picture[..., 2]) > 40
        assert green.sum() > 3
        columns.append(np.nonzero(green)[1].mean())
    env.close()
    assert columns[0] > 70
    assert columns[1] < 50


def test_rendering_does_not_change_the_episode(opengl: str) -> None:
    drawn = gym.make("SmileHalfCheetahVelocity-v0", task=1, render_mode="rgb_array", **SIZE)
    plain = gym.make("SmileHalfCheetahVelocity-v0", task=1)
    np.testing.assert_array_equal(drawn.reset(seed=0)[0], plain.reset(seed=0)[0])
    drawn.action_space.seed(0)
    for _ in range(5):
        drawn.render()
        action = drawn.action_space.sample()
        np.testing.assert_array_equal(drawn.step(action)[0], plain.step(action)[0])
    drawn.close()


@pytest.mark.slow
def test_a_copy_draws_its_own_episode(opengl: str) -> None:
    env: Any = gym.make("SmileAntGoal-v0", task=1, render_mode="rgb_array", **SIZE)
    env.reset(seed=0)
    env.render()
    twin = copy.deepcopy(env)
    np.testing.assert_array_equal(twin.render(), env.render())
    for _ in range(10):
        twin.step(np.ones(8, np.float32))
    assert not np.array_equal(twin.render(), env.render())
    twin.close()
    assert np.asarray(env.render()).std() > 10.0
    env.close()


@pytest.mark.parametrize("name", ["SmileAntGoal-v0", "SmileGridGoal-v0"])
def test_without_a_render_mode_there_is_a_warning_and_no_picture(name: str) -> None:
    env, envs = gym.make(name), gym.make_vec(name, num_envs=2, tasks="draw")
    env.reset(seed=0)
    envs.reset(seed=0)
    for each, make in ((env, "make"), (envs, "make_vec")):
        message = rf"made without a render mode. Make it with gymnasium.{make}\('{name}', render_m"
        with pytest.warns(UserWarning, match=message):
            assert each.unwrapped.render() is None
        each.close()


@pytest.mark.parametrize("body", [ANT, HALF_CHEETAH, WALKER], ids=lambda b: b.name)
def test_cameras_exist(body: Body) -> None:
    options = camera_options(body)
    if "camera_name" in options:
        assert body.compile().camera(options["camera_name"]).id >= 0
    else:
        assert options["camera_id"] == -1
        assert options["default_camera_config"] == body.camera


def test_a_camera_of_ones_own_replaces_ours() -> None:
    env: Any = gym.make("SmileHalfCheetahVelocity-v0", camera_id=-1).unwrapped
    assert env.camera_name is None
    assert camera_options(HALF_CHEETAH) == {"camera_name": "track"}


@pytest.mark.parametrize(
    ("family_id", "time", "expected"),
    [
        ("SmileHalfCheetahVelocity-v0", 2.0, {"target": (3.0, 0.0)}),
        ("SmileAntGoal-v0", 2.0, {"goal": (0.5, 1.5)}),
        (
            "SmileAntLinearClassification-v0",
            0.0,
            {"right": (-1.41, 1.41), "wrong": (1.41, 1.41)},
        ),
    ],
)
def test_markers_stand_where_the_task_says(
    family_id: str, time: float, expected: dict[str, tuple[float, float]]
) -> None:
    family = get_mujoco_family(family_id)
    parameters = {
        "SmileHalfCheetahVelocity-v0": [1.5],
        "SmileAntGoal-v0": [0.5, 1.5],
        "SmileAntLinearClassification-v0": [1.0, 0.0, 0.0, 0.0],
    }[family_id]
    episode = np.array([-0.3, 0, 0, 0, 0.3, 0, 0, 0])[: family.episode_size]
    model = family.task_model(family.body.compile(family.markers), np.array(parameters))
    data = mujoco.MjData(model)
    place_markers(family, model, data, np.array(parameters), episode, time)
    for name, place in expected.items():
        np.testing.assert_allclose(model.site(name).pos[:2], place)
        np.testing.assert_allclose(data.site(name).xpos[:2], place)


CODE = """
import gymnasium, smile_bench
make = {"scalar": gymnasium.make, "batch": gymnasium.make_vec}[KIND]
options = {} if KIND == "scalar" else {"num_envs": 32}
try:
    env = make("SmileAntGoal-v0", render_mode=MODE, **options)
    env.reset(seed=0)
    env.render()
except smile_bench.errors.SmileError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode", "setting", "message"),
    [
        ("scalar", None, "foo", "MuJoCo cannot be imported with MUJOCO_GL='foo' (invalid value"),
        ("batch", None, "foo", "MuJoCo cannot be imported with MUJOCO_GL='foo' (invalid value"),
        (
            "scalar",
            "rgb_array",
            "",
            "no pictures can be drawn with MUJOCO_GL='': it must be one of",
        ),
        ("batch", "rgb_array", "off", "no pictures can be drawn with MUJOCO_GL='off': it must be"),
        ("scalar", "rgb_array", "glfw", "with MUJOCO_GL='glfw': GLFW finds no screen. Set MUJOCO_"),
        ("batch", "rgb_array", None, "without MUJOCO_GL: GLFW finds no screen. Set MUJOCO_GL"),
        ("scalar", "human", "egl", "there is no screen here. Use render_mode='rgb_array'"),
    ],
)
def test_opengl_that_cannot_draw_is_one_clear_error(
    kind: str, mode: str | None, setting: str | None, message: str
) -> None:
    without = {"DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL", "PYOPENGL_PLATFORM"}
    environment = {key: value for key, value in os.environ.items() if key not in without}
    if setting is not None:
        environment["MUJOCO_GL"] = setting
    code = CODE.replace("KIND", repr(kind)).replace("MODE", repr(mode))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert message in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not done.stderr
