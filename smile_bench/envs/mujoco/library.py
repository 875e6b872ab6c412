"""MuJoCo and Gymnasium's base, with one clear error where ``MUJOCO_GL`` breaks their import."""

from __future__ import annotations

import os

from smile_bench.errors import SimulationError

__all__ = ["BACKENDS", "REMEDY", "MujocoEnv", "mujoco"]

BACKENDS = ("egl", "glfw", "osmesa")
"""Values of ``MUJOCO_GL`` with which pictures can be drawn."""
REMEDY = (
    "Set MUJOCO_GL before Python starts: 'egl' draws without a screen, on a GPU or with Mesa; "
    "'osmesa' in software, with libOSMesa; 'glfw' on a screen"
)

try:
    import mujoco
    import mujoco.batch
    from gymnasium.envs.mujoco.mujoco_env import MujocoEnv
except Exception as error:
    if "MUJOCO_GL" not in os.environ:
        raise
    raise SimulationError(
        f"MuJoCo cannot be imported with MUJOCO_GL={os.environ['MUJOCO_GL']!r} ({error}). "
        f"{REMEDY}; without it, everything but pictures works."
    ) from error
