"""Pictures: cameras, markers, and one offscreen renderer for a whole batch of episodes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.envs.mujoco.body import Body
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.envs.mujoco.library import mujoco
from smile_bench.envs.mujoco.opengl import opengl_errors, prepare_viewer
from smile_bench.envs.mujoco.simulator import Simulator

if TYPE_CHECKING:
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

__all__ = ["BatchRenderer", "camera_options", "fit_offscreen_buffer", "place_markers"]


def camera_options(body: Body) -> dict[str, Any]:
    """The camera of a body, as options of :class:`gymnasium.envs.mujoco.MujocoEnv`."""
    if body.camera:
        return {"camera_id": -1, "default_camera_config": dict(body.camera)}
    return {"camera_name": "track"}


def fit_offscreen_buffer(model: mujoco.MjModel, width: int, height: int) -> None:
    """Make room in a model for pictures of a size in pixels."""
    visual = model.vis.global_
    visual.offwidth = max(visual.offwidth, width)
    visual.offheight = max(visual.offheight, height)


def place_markers(
    family: MujocoFamily,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    parameters: FloatArray,
    episode: FloatArray,
    time: float,
) -> None:
    """Move the markers to where they stand at a time in seconds.

    Args:
        family: whose markers.
        model: changed in place.
        data: changed in place, because MuJoCo would move the markers only with the next step.
        parameters: of the task, (P,).
        episode: what was sampled for the episode, (E,).
        time: seconds since the episode began.
    """
    positions = family.marker_positions(parameters, episode, time)
    for marker, position in zip(family.markers, positions, strict=True):
        model.site(marker.name).pos = position
        data.site(marker.name).xpos = position


class BatchRenderer:
    """Draws any state of a family with one OpenGL context.

    Args:
        family: what to draw.
        width: of a picture, in pixels.
        height: of a picture, in pixels.
    """

    def __init__(self, family: MujocoFamily, width: int, height: int) -> None:
        self._family = family
        self._nominal = family.body.compile(family.markers)
        self._model = copy.copy(self._nominal)
        fit_offscreen_buffer(self._model, width, height)
        self._data = mujoco.MjData(self._model)
        self._size = (width, height)
        self._renderer: MujocoRenderer | None = None

    def draw(
        self,
        qpos: FloatArray,
        qvel: FloatArray,
        parameters: FloatArray,
        episode: FloatArray,
        time: float,
    ) -> NDArray[np.uint8]:
        """Draw one state.

        Args:
            qpos: positions (nq,).
            qvel: velocities (nv,).
            parameters: of the task, (P,).
            episode: what was sampled for the episode, (E,).
            time: seconds since the episode began.

        Returns:
            The picture (height, width, 3).

        Raises:
            SimulationError: OpenGL cannot draw here.
        """
        model, data = self._model, self._data
        if self._family.varies_dynamics:
            # The tracking camera follows the centre of mass, which moves with the masses.
            self._family.change_model(model, self._nominal, parameters)
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_forward(model, data)
        place_markers(self._family, model, data, parameters, episode, time)
        if self._renderer is None:
            self._renderer = self._open()
        prepare_viewer(self._renderer, "rgb_array")
        with opengl_errors():
            picture: NDArray[np.uint8] = self._renderer.render("rgb_array")
        return picture

    def draw_slot(self, simulator: Simulator, slot: int) -> NDArray[np.uint8]:
        """Draw one episode of a simulator: the picture (height, width, 3)."""
        return self.draw(
            simulator.qpos[slot],
            simulator.qvel[slot],
            simulator.parameters[slot],
            simulator.episode[slot],
            float(simulator.time[slot]),
        )

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._renderer is not None:
            self._renderer.close()  # type: ignore[no-untyped-call]
            self._renderer = None

    def _open(self) -> MujocoRenderer:
        # Imported here, because it loads windowing libraries.
        from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

        options = camera_options(self._family.body)
        options["default_cam_config"] = options.pop("default_camera_config", None)
        width, height = self._size
        return MujocoRenderer(self._model, self._data, width=width, height=height, **options)
