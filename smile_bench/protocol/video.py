"""Films of agents in a meta-test episode, side by side, drawn without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import Agent, Policy, PrivilegedAgent, checked_actions, is_state_only
from smile_bench.datasets import load_dataset
from smile_bench.datasets.files import replacing
from smile_bench.envs import Family
from smile_bench.envs.family import BatchSimulator, Renderer
from smile_bench.errors import SmileError, UnknownNameError
from smile_bench.protocol.evaluation import adapt
from smile_bench.protocol.metatest import load_meta_test

__all__ = ["RenderError", "record", "write_film"]

FORMATS = (".gif", ".mp4")
FRAMES_PER_SECOND = 20


class RenderError(SmileError, RuntimeError):
    """A film that can not be drawn or written."""


def record(
    family: Family,
    agents: Mapping[str, Agent | PrivilegedAgent],
    task: int,
    *,
    width: int = 320,
    height: int = 240,
    seconds: float | None = None,
) -> list[NDArray[np.uint8]]:
    """Film agents in the first frozen episode of a meta-test task.

    Args:
        family: the family.
        agents: by the name to show.
        task: index in the test split.
        width: of each agent's picture, in pixels.
        height: of the picture, in pixels.
        seconds: stop after this much simulated time, by default at the horizon.

    Returns:
        Frames (height, width × agents, 3) at ``FRAMES_PER_SECOND``, in real time.

    Raises:
        UnknownNameError: no such task.
        RenderError: no OpenGL, or Pillow is not installed.
    """
    family.task("test", task)
    if not agents:
        raise UnknownNameError("name at least one agent to film.")
    columns = [
        _film(family, name, agent, task, (width, height), seconds) for name, agent in agents.items()
    ]
    return [np.concatenate(frames, axis=1) for frames in zip(*columns, strict=True)]


def write_film(path: Path, frames: list[NDArray[np.uint8]]) -> None:
    """Write frames as GIF or, with imageio's ffmpeg, MP4; whole or not at all.

    Raises:
        RenderError: another ending, or what writes it is not installed.
    """
    if path.suffix not in FORMATS:
        raise RenderError(f"a film is written as {' or '.join(FORMATS)}, not {path.suffix!r}.")
    try:
        import imageio.v3 as iio
    except ModuleNotFoundError as error:
        raise RenderError(
            "writing films needs imageio: `pip install 'smile-bench[render]'`."
        ) from error
    options: dict[str, Any] = {"extension": path.suffix}
    if path.suffix == ".gif":
        options |= {"duration": 1000 / FRAMES_PER_SECOND, "loop": 0}
    else:
        options |= {"fps": FRAMES_PER_SECOND, "codec": "libx264"}
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(iio.imwrite("<bytes>", np.stack(frames), **options))
    except (ImportError, OSError) as error:
        raise RenderError(
            f"can not write {path}: {error}. A GIF needs Pillow, an MP4 imageio-ffmpeg."
        ) from error


def _film(
    family: Family,
    name: str,
    agent: Agent | PrivilegedAgent,
    task: int,
    size: tuple[int, int],
    seconds: float | None,
) -> list[NDArray[np.uint8]]:
    """One agent's frames."""
    meta_test, _ = load_meta_test(family.id)
    episode = meta_test.select(np.flatnonzero(meta_test.tasks == task)[:1])
    policy: Policy = adapt(agent, family, episode, load_dataset(family), episode.shots)
    simulator = family.make_simulator(1)
    simulator.set_tasks(family.table("test")[[task]])
    simulator.reset(episode.initial_states)
    steps = (
        family.horizon
        if seconds is None
        else min(family.horizon, round(seconds / family.control_seconds))
    )
    every = max(1, round(1.0 / (family.control_seconds * FRAMES_PER_SECOND)))
    renderer = family.make_renderer(*size)
    frames = []
    try:
        value = float("nan")
        for step in range(steps):
            if step % every == 0:
                picture = _draw(renderer, simulator)
                frames.append(_captioned(picture, _caption(family, name, agent, value)))
            actions = checked_actions(family, policy.act(simulator.observe()), 1, step)
            value = float(simulator.step(actions).info[family.metric.name][0])
    finally:
        renderer.close()
    return frames


def _draw(renderer: Renderer, simulator: BatchSimulator) -> NDArray[np.uint8]:
    try:
        return renderer.draw_slot(simulator, 0)
    except Exception as error:
        # OpenGL backends raise whatever they like.
        raise RenderError(
            f"OpenGL can not draw here ({type(error).__name__}: {error}). Without a screen, set "
            "the environment variable MUJOCO_GL to egl or osmesa."
        ) from error


def _caption(
    family: Family, name: str, agent: Agent | PrivilegedAgent, value: float
) -> tuple[str, str]:
    kind = " (state-only)" if is_state_only(agent) else ""
    metric = family.metric
    shown = "" if np.isnan(value) else f"{metric.name} {value:.2f} {metric.unit}"
    return name + kind, shown


def _captioned(picture: NDArray[np.uint8], lines: tuple[str, str]) -> NDArray[np.uint8]:
    try:
        from PIL import Image, ImageDraw
    except ModuleNotFoundError as error:
        raise RenderError("captions need Pillow: `pip install 'smile-bench[render]'`.") from error
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((8, 6 + 16 * row), line, fill="white", stroke_width=2, stroke_fill="black")
    return np.asarray(image)
