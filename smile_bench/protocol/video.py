"""Films of agents side by side in a meta-test episode, drawn without a screen."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import Agent, PrivilegedAgent, is_state_only
from smile_bench.datasets import load_dataset
from smile_bench.envs import Family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import BatchSimulator, Renderer
from smile_bench.errors import InputError, SmileError, UnknownNameError
from smile_bench.io.files import write_atomically
from smile_bench.protocol.evaluation import Actor, adapt
from smile_bench.protocol.meta_test import load_meta_test

__all__ = ["RenderError", "record", "write_film"]

FORMATS = (".gif", ".mp4")
FRAMES_PER_SECOND = 20
GIF_COLOURS = 64


class RenderError(SmileError, RuntimeError):
    """A film cannot be drawn or written."""


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
        agents: the agents, by the name to show.
        task: index of the task in the test split.
        width: of each agent's picture, in pixels.
        height: of the picture, in pixels.
        seconds: stop after this much simulated time, by default at the horizon.

    Returns:
        Frames (height, width × agents, 3) at ``FRAMES_PER_SECOND``, in real time.

    Raises:
        UnknownNameError: there is no such task, or no agent is named.
        InputError: ``seconds`` is shorter than one frame.
        RenderError: there is no OpenGL, or Pillow is not installed.
    """
    family.task("test", task)
    if seconds is not None and seconds * FRAMES_PER_SECOND < 1.0:
        raise InputError(
            f"a film lasts at least {1 / FRAMES_PER_SECOND} seconds, got {seconds}. Give a larger "
            "number."
        )
    if not agents:
        raise UnknownNameError("no agent is named. Name at least one to film.")
    columns = [
        _film(family, name, agent, task, (width, height), seconds) for name, agent in agents.items()
    ]
    return [np.concatenate(frames, axis=1) for frames in zip(*columns, strict=True)]


def write_film(path: Path, frames: list[NDArray[np.uint8]]) -> None:
    """Write frames as GIF or MP4, whole or not at all.

    Raises:
        RenderError: the path ends in neither, or the package that writes it is not installed.
    """
    if path.suffix not in FORMATS:
        raise RenderError(f"a film is written as {' or '.join(FORMATS)}, not {path.suffix!r}.")
    try:
        content = _gif(frames) if path.suffix == ".gif" else _mp4(frames)
    except ImportError as error:
        raise RenderError(
            f"writing {path.suffix} needs {error.name or error}: "
            "`pip install 'smile-bench[render]'`."
        ) from error
    write_atomically(path, content)


def _gif(frames: list[NDArray[np.uint8]]) -> bytes:
    from PIL import Image

    # With one palette and no dithering, pixels that do not move stay equal and cost nothing.
    sample = np.concatenate(frames[:: max(1, len(frames) // 8)])
    palette = Image.fromarray(sample).quantize(GIF_COLOURS)
    pictures = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
    )
    return buffer.getvalue()


def _mp4(frames: list[NDArray[np.uint8]]) -> bytes:
    import imageio.v3 as iio
    import imageio_ffmpeg  # noqa: F401 (imageio writes with it)

    content: bytes = iio.imwrite(
        "<bytes>",
        np.stack(frames),
        extension=".mp4",
        plugin="FFMPEG",
        fps=FRAMES_PER_SECOND,
        codec="libx264",
    )
    return content


def _film(
    family: Family,
    name: str,
    agent: Agent | PrivilegedAgent,
    task: int,
    size: tuple[int, int],
    seconds: float | None,
) -> list[NDArray[np.uint8]]:
    """The frames of one agent."""
    meta_test = load_meta_test(family)
    episode = meta_test.select(np.flatnonzero(meta_test.tasks == task)[:1])
    policy = adapt(agent, family, episode, load_dataset(family), episode.shots)
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

    def draw(value: float) -> None:
        picture = _draw(renderer, simulator)
        frames.append(_captioned(picture, _caption(family, name, agent, value)))

    try:
        draw(float("nan"))
        for step in rollout(simulator, Actor(family, policy, 1), steps):
            passed = step.time + 1
            if passed % every == 0 and passed < steps:
                draw(float(step.result.info[family.metric.name][0]))
    finally:
        renderer.close()
    return frames


def _draw(renderer: Renderer, simulator: BatchSimulator) -> NDArray[np.uint8]:
    try:
        return renderer.draw_slot(simulator, 0)
    except Exception as error:
        # OpenGL backends raise errors of any type.
        raise RenderError(
            f"OpenGL cannot draw here ({type(error).__name__}: {error}). Without a screen, set "
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
