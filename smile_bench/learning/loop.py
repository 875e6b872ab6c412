"""The loop around every training: progress, logs, checkpoints, resuming, Ctrl-C."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from smile_bench.errors import CheckpointError, DivergedError
from smile_bench.io.files import write_atomically
from smile_bench.io.tensors import CONTENT_ERRORS
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["Training", "run"]


class Training(Protocol):
    """What the loop asks of a training."""

    iteration: int

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration as JSON-able data; a checkpoint of another one is refused."""

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""

    def step(self) -> dict[str, float]:
        """Do one iteration; return what to log."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly, as :mod:`checkpoint` can store it."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""


def run(
    training: Training,
    directory: Path,
    *,
    subset: Mapping[str, int] | None = None,
    checkpoint_seconds: float = 120.0,
    stop_after: int | None = None,
) -> float:
    """Train to the end, or continue where ``directory`` left off.

    Writes ``checkpoint.safetensors``, ``progress.csv`` and TensorBoard events. After an error or an
    interrupt, Ctrl-C included, the last checkpoint is intact.

    Args:
        training: what to run.
        directory: where to write.
        subset: of the data, as ``Access.subset`` has it; a checkpoint of another one is refused.
        checkpoint_seconds: time between checkpoints.
        stop_after: stop at this iteration, as an interruption would; by default at the end.

    Returns:
        Seconds of training in all, those before a resume included.

    Raises:
        DivergedError: a logged number is not finite.
        CheckpointError: the checkpoint or the log is damaged or of another training.
    """
    record = _Record(training, directory, subset or {})
    last_save, began = time.perf_counter(), training.iteration
    shown: dict[str, str] = {}
    end = training.iterations if stop_after is None else min(stop_after, training.iterations)
    with (
        SummaryWriter(str(directory / "tensorboard"), purge_step=training.iteration) as board,
        tqdm(total=training.iterations, initial=training.iteration, disable=None) as bar,
    ):
        try:
            while training.iteration < end:
                log = training.step()
                record.add(log)
                for name, value in log.items():
                    board.add_scalar(name, value, training.iteration)
                bar.update()
                shown |= _shown(log)
                bar.set_postfix(shown)
                if time.perf_counter() - last_save > checkpoint_seconds:
                    record.save()
                    record.write_rows()
                    last_save = time.perf_counter()
        finally:
            # A cut iteration has half-changed the training: the last checkpoint stands.
            record.write_rows()
        # That of a training which had ended stays as it is: no step has set what steps set.
        if training.iteration > began or not record.checkpoint.exists():
            record.save()
    return record.seconds


class _Record:
    """What a training leaves in a folder: its checkpoint and the rows of its log.

    Args:
        training: continues from the folder's checkpoint, if there is one.
        directory: the folder.
        subset: of the data; stored with the settings.
    """

    def __init__(self, training: Training, directory: Path, subset: Mapping[str, int]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.training = training
        settings = {**training.settings, **({"subset": dict(subset)} if subset else {})}
        self._settings = json.loads(json.dumps(settings))
        self.checkpoint = directory / "checkpoint.safetensors"
        self._log = directory / "progress.csv"
        spent = 0.0
        if self.checkpoint.exists():
            spent = _resume(training, self.checkpoint, self._settings)
        self._started = time.perf_counter() - spent
        self._rows = _kept_rows(self._log, training.iteration)

    @property
    def seconds(self) -> float:
        """Of training in all, those before a resume included."""
        return time.perf_counter() - self._started

    def add(self, log: Mapping[str, float]) -> None:
        """Keep a row of the iteration that was done.

        Raises:
            DivergedError: a number is not finite.
        """
        done = self.training.iteration
        if bad := [name for name, value in log.items() if not math.isfinite(value)]:
            raise DivergedError(
                f"{', '.join(bad)} became non-finite at iteration {done}. "
                f"The last checkpoint, {self.checkpoint}, is intact; lower the learning rate."
            )
        self._rows.append({"iteration": done, "seconds": round(self.seconds, 2), **log})

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "settings": self._settings,
            "seconds": self.seconds,
            "training": self.training.state_dict(),
        }
        save_checkpoint(self.checkpoint, state)

    def write_rows(self) -> None:
        """Write the rows, if there are any."""
        if not self._rows:
            return
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self._log, text.getvalue())


def _shown(log: Mapping[str, float]) -> dict[str, str]:
    """What the progress bar says: a loss and, when there are new ones, validation metrics."""
    first = list(log.items())[:1]
    scores = [(name, value) for name, value in log.items() if name.startswith("validation/")]
    return {name.split("/")[-1]: f"{value:.3g}" for name, value in (*first, *scores)}


def _resume(training: Training, path: Path, expected: Mapping[str, Any]) -> float:
    """Continue from a checkpoint of the same settings; return the seconds spent until then."""
    stored = load_checkpoint(path)
    try:
        differences = _differences(stored["settings"], expected)
    except CONTENT_ERRORS as error:
        raise CheckpointError(
            f"{path} is not the checkpoint of a training ({_shortly(error)}). Give another folder "
            "or remove it."
        ) from error
    if differences:
        raise CheckpointError(
            f"{path} belongs to a training with other settings ({differences}). Give another "
            "folder or remove it."
        )
    try:
        training.load_state_dict(stored["training"])
        if training.iteration not in range(training.iterations + 1):
            raise ValueError(f"it is at iteration {training.iteration}")
        return float(stored["seconds"])
    except CONTENT_ERRORS as error:
        raise CheckpointError(
            f"{path} has the settings of this training but not its state, as another version of "
            f"smile-bench or another agent has it ({_shortly(error)}). Give another folder or "
            "remove it."
        ) from error


def _differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    names = [name for name in sorted({*stored, *given}) if stored.get(name) != given.get(name)]
    return ", ".join(f"{n}: {stored.get(n)!r} stored, {given.get(n)!r} given" for n in names)


def _shortly(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _kept_rows(path: Path, iteration: int) -> list[dict[str, Any]]:
    """The log rows up to an iteration; later ones were of work that will be repeated."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["iteration"]) <= iteration]
        if any(None in row for row in rows):
            raise ValueError("a row is longer than the header")
    except (csv.Error, OSError, *CONTENT_ERRORS) as error:
        raise CheckpointError(
            f"{path} is not the log of this training ({_shortly(error)}). Move or remove it; the "
            "training then continues without its rows."
        ) from error
    return rows
