"""One clear error where pictures are asked for and OpenGL has no library or no screen."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smile_bench.envs.mujoco.library import BACKENDS, REMEDY, mujoco
from smile_bench.errors import SimulationError

if TYPE_CHECKING:
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

__all__ = ["opengl_errors", "prepare_viewer"]


def prepare_viewer(renderer: MujocoRenderer, mode: str) -> None:
    """Make the OpenGL context of a renderer the current one, or check that there can be one.

    Several environments may draw in one process, each with a context of its own. Gymnasium leaves
    current whichever was made last.

    Args:
        renderer: of one environment.
        mode: its render mode.

    Raises:
        SimulationError: OpenGL cannot draw here.
    """
    viewer = renderer._viewers.get(mode)
    if viewer is None:
        _require_opengl(window=mode == "human")
    else:
        viewer.make_context_current()


def _require_opengl(*, window: bool = False) -> None:
    """Refuse to draw where OpenGL cannot, before Gymnasium tries: it leaves half-made viewers.

    Args:
        window: whether to draw in a window on the screen.

    Raises:
        SimulationError: naming the cause and the remedy.
    """
    given = os.environ.get("MUJOCO_GL")
    if window:
        if not _has_screen(with_monitor=True):
            raise SimulationError(
                "render_mode='human' opens a window, and there is no screen here. Use "
                "render_mode='rgb_array'."
            )
    elif given is not None and given not in BACKENDS:
        raise _error(f"it must be one of {list(BACKENDS)}")
    elif given in (None, "glfw"):
        if not _has_screen():
            raise _error("GLFW finds no screen")
    else:
        try:
            importlib.import_module(f"mujoco.{given}")
        except Exception as error:
            raise _error(str(error)) from error


@contextmanager
def opengl_errors() -> Iterator[None]:
    """Raise MuJoCo's errors of drawing as one that says what to do."""
    try:
        yield
    except mujoco.FatalError as error:
        raise _error(str(error)) from error


def _has_screen(*, with_monitor: bool = False) -> bool:
    try:
        import glfw

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(glfw.init()) and bool(not with_monitor or glfw.get_primary_monitor())
    except ImportError:
        return False


def _error(cause: str) -> SimulationError:
    value = os.environ.get("MUJOCO_GL")
    setting = "without MUJOCO_GL" if value is None else f"with MUJOCO_GL={value!r}"
    return SimulationError(f"no pictures can be drawn {setting}: {cause}. {REMEDY}.")
