"""Draw the pictures of the families in ``docs/images``.

Needs an OpenGL that draws without a screen: ``MUJOCO_GL=egl python tools/render_families.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import smile_bench  # noqa: F401 (registers the families)
from smile_bench.envs.families.ant_linear_classification import TARGETS
from smile_bench.envs.mujoco.env import SmileEnv

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH, HEIGHT = 480, 360
SUPERSAMPLING = 2
"""Drawn this many times larger, then shrunk: smooth edges on any backend."""
COLOURS = 160
"""Size of the palette; keeps a picture near 100 KB."""
RUNNING = {"azimuth": 90.0, "elevation": -12.0}
GREY = (0.15, 0.15, 0.15, 0.55)

Extra = dict[str, Any]


def sphere(position: tuple[float, ...], radius: float, rgba: tuple[float, ...]) -> Extra:
    """A sphere to add to a scene."""
    return {
        "type": mujoco.mjtGeom.mjGEOM_SPHERE,
        "size": [radius] * 3,
        "pos": position,
        "rgba": rgba,
    }


def arrow(position: tuple[float, ...], length: float, rgba: tuple[float, ...]) -> Extra:
    """An arrow along x to add to a scene."""
    along_x = np.array([0.0, 0, 1, 0, 1, 0, -1, 0, 0])
    size = [0.035, 0.035, length]
    kind = mujoco.mjtGeom.mjGEOM_ARROW
    return {"type": kind, "size": size, "pos": position, "mat": along_x, "rgba": rgba}


def soften(model: mujoco.MjModel) -> None:
    """Lighten floor, sky and shadows, so that the eye goes to the body."""
    for texture in range(model.ntex):
        start = model.tex_adr[texture]
        size = model.tex_height[texture] * model.tex_width[texture] * model.tex_nchannel[texture]
        texels = model.tex_data[start : start + size]
        if model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_2D:
            texels[:] = 130 + texels * 0.2
        elif model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            texels[:] = 140 + texels * 0.4
    model.mat_reflectance[:] *= 0.3
    model.vis.headlight.ambient[:] = 0.45


def draw(
    family: str,
    task: int,
    pose: dict[int, float],
    camera: dict[str, Any],
    extras: list[Extra],
    paint: Callable[[SmileEnv], None] | None = None,
    steps: int = 0,
) -> Image.Image:
    """Draw one family.

    Args:
        family: id.
        task: index in the test split.
        pose: what to change in the start, by position coordinate.
        camera: free camera.
        extras: shapes to add.
        paint: changes the model's looks.
        steps: control steps without action before the picture, to come to rest.
    """
    wrapped = gym.make(
        family,
        split="test",
        task=task,
        render_mode="rgb_array",
        width=WIDTH * SUPERSAMPLING,
        height=HEIGHT * SUPERSAMPLING,
        camera_id=-1,
        default_camera_config=camera,
    )
    env = cast(SmileEnv, wrapped.unwrapped)
    wrapped.reset(seed=0)
    state = np.concatenate((env.init_qpos, env.init_qvel, env._episode[0]))
    for coordinate, value in pose.items():
        state[coordinate] = value
    wrapped.reset(options={"state": state})
    for _ in range(steps):
        wrapped.step(np.zeros(env.family.body.actions, np.float32))
    soften(env.model)
    if paint is not None:
        paint(env)
    viewer = env.mujoco_renderer._get_viewer("rgb_array")
    for extra in extras:
        viewer.add_marker(**extra)
    pixels = cast("NDArray[np.uint8]", wrapped.render())
    wrapped.close()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def half_cheetah_velocity() -> Image.Image:
    """A running cheetah; the arrows are velocities that tasks ask for."""
    pose = {1: 0.02, 2: -0.05, 3: 0.5, 4: -0.9, 5: -0.5, 6: -0.6, 7: 0.7, 8: 0.3}
    speeds = np.linspace(0.5, 2.9, 5)
    extras = [
        arrow((0.85, 0.0, 0.15 + 0.17 * i), 0.55 * v, (0.15, 0.75 - 0.1 * i, 0.15 + 0.15 * i, 1.0))
        for i, v in enumerate(speeds)
    ]
    camera = {**RUNNING, "distance": 3.6, "lookat": (0.5, 0.0, 0.6)}
    return draw("SmileHalfCheetahVelocity-v0", 20, pose, camera, extras)


def ant_goal() -> Image.Image:
    """The ant, its goal in green and the goals of other tasks in grey."""
    angles = np.arange(32) * np.pi / 16
    extras = [sphere((2 * np.cos(a), 2 * np.sin(a), 0.06), 0.06, GREY) for a in angles]
    camera = {"azimuth": 90.0, "elevation": -42.0, "distance": 5.6, "lookat": (0.0, -0.1, 0.2)}
    return draw("SmileAntGoal-v0", 1, {}, camera, extras, steps=40)


def ant_linear_classification() -> Image.Image:
    """The ant before its two targets, the right one in green."""
    extras = [sphere((float(x), float(y), 0.05), 0.07, GREY) for x, y in TARGETS]
    camera = {"azimuth": 90.0, "elevation": -40.0, "distance": 5.6, "lookat": (0.0, 0.55, 0.2)}
    return draw("SmileAntLinearClassification-v0", 0, {}, camera, extras, steps=40)


def walker_dynamics() -> Image.Image:
    """A walker whose limbs are coloured by mass: blue light, white as usual, red heavy."""

    def by_mass(env: SmileEnv) -> None:
        names = env.family.parameter_names
        masses = env.task.parameters[: sum(name.startswith("mass") for name in names)]
        for geom, body in enumerate(env.model.geom_bodyid):
            if body == 0:
                continue
            weight = float(np.log(masses[body]) / (3 * np.log(1.5)))
            full = np.array((0.9, 0.15, 0.1) if weight > 0 else (0.1, 0.3, 0.9))
            env.model.geom_matid[geom] = -1
            env.model.geom_rgba[geom, :3] = 0.95 + abs(weight) * (full - 0.95)

    pose = {1: 1.25, 2: 0.1, 3: -0.5, 4: -0.3, 5: 0.2, 6: 0.35, 7: -0.15, 8: -0.1}
    camera = {**RUNNING, "distance": 2.9, "lookat": (0.0, 0.0, 0.8)}
    return draw("SmileWalkerDynamics-v0", 3, pose, camera, [], by_mass)


def grid_goal() -> Image.Image:
    """The grid in the colours of a task's rewards, and the agent."""
    size: dict[str, Any] = {"width": SUPERSAMPLING * WIDTH, "height": SUPERSAMPLING * HEIGHT}
    family, mode = "SmileGridGoal-v0", "rgb_array"
    env = gym.make(family, split="test", task=3, render_mode=mode, **size)
    env.reset(options={"state": [3 * 8 + 4, 0]})
    pixels = cast("NDArray[np.uint8]", env.render())
    env.close()
    return Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


PICTURES = {
    "SmileHalfCheetahVelocity-v0": half_cheetah_velocity,
    "SmileAntGoal-v0": ant_goal,
    "SmileAntLinearClassification-v0": ant_linear_classification,
    "SmileWalkerDynamics-v0": walker_dynamics,
    "SmileGridGoal-v0": grid_goal,
}


def main() -> None:
    """Draw all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for family, picture in tqdm(PICTURES.items(), desc="pictures"):
        image = picture().quantize(COLOURS, dither=Image.Dither.NONE)
        image.save(IMAGES / f"{family}.png", optimize=True)


if __name__ == "__main__":
    main()
