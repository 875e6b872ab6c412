"""Where the numbers of a training go besides its files: TensorBoard, and trackers on request."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from smile_bench.errors import InputError, require_known

__all__ = ["LOGGERS", "Logger", "require_loggers", "tensorboard"]

PROJECT = "smile-bench"


class Logger(Protocol):
    """Takes the numbers of one training, by names such as ``losses/critic``."""

    def add(self, values: Mapping[str, float], iteration: int) -> None:
        """Take the numbers of an iteration."""

    def flush(self) -> None:
        """Write what was added."""

    def close(self) -> None:
        """Write what was added, and end."""


class _TensorBoard:
    def __init__(self, directory: Path, iteration: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # The steps of a former run after the checkpoint are done again: hide them.
        self._writer = SummaryWriter(str(directory / "tensorboard"), purge_step=iteration + 1)

    def add(self, values: Mapping[str, float], iteration: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _Tracker:
    """A run of Weights & Biases or Trackio, which have one interface."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def add(self, values: Mapping[str, float], iteration: int) -> None:
        self._run.log(dict(values), step=iteration)

    def flush(self) -> None:
        """They write in the background."""

    def close(self) -> None:
        self._run.finish()


def tensorboard(directory: Path, iteration: int) -> Logger:
    """Events in the folder ``tensorboard`` of a training.

    Args:
        directory: the training's folder.
        iteration: that it continues after.
    """
    return _TensorBoard(directory, iteration)


def _wandb(directory: Path, settings: Mapping[str, Any]) -> Logger:
    wandb = importlib.import_module("wandb")
    return _Tracker(
        wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=_name(directory),
            id=_identity(directory),
            config=dict(settings),
            dir=str(directory),
            mode=os.environ.get("WANDB_MODE", "offline"),
            resume="allow",
            reinit="create_new",
        )
    )


def _trackio(directory: Path, settings: Mapping[str, Any]) -> Logger:
    trackio = importlib.import_module("trackio")
    return _Tracker(
        trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", PROJECT),
            name=f"{_name(directory)}-{_identity(directory)}",
            config=dict(settings),
            resume="allow",
        )
    )


LOGGERS: Mapping[str, Callable[[Path, Mapping[str, Any]], Logger]] = MappingProxyType(
    {"trackio": _trackio, "wandb": _wandb}
)
"""What can be asked for by name; each is called with a training's folder and its settings. Both
keep their data on this machine unless their own environment variables say otherwise."""


def require_loggers(names: tuple[str, ...]) -> None:
    """Refuse a tracker that does not exist or is not installed.

    Raises:
        UnknownNameError: there is no such tracker.
        InputError: its package is not installed.
    """
    require_known("tracker", names, LOGGERS)
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise InputError(
                f"{name} is not installed. Install it with `pip install 'smile-bench[{name}]'`."
            ) from error


def _name(directory: Path) -> str:
    """The last two parts of a folder, such as ``smile-SmileAntGoal-v0/seed-0``."""
    return "/".join(directory.resolve().parts[-2:])


def _identity(directory: Path) -> str:
    """The same for a training that is resumed in its folder, and different elsewhere."""
    return hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]
