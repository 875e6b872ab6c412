"""The folder of one training: its checkpoint, the rows of its log, and why it has stopped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_bench.errors import CheckpointError, DivergedError, clipped
from smile_bench.io.files import read_bounded, write_atomically
from smile_bench.io.tensors import CONTENT_ERRORS
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.loop.clock import Spent
from smile_bench.seeds import seeds_as_text

__all__ = ["Folder", "Place", "Stored", "shortly"]

REMEDY = "Give another folder or remove it."
LARGEST = 2**16
"""Bytes of the file that says why a training has stopped."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which training of which run."""

    position: int = 0
    of: int = 1
    seeds: tuple[int, ...] = ()
    """Of all trainings of the run, where their settings have one."""

    def __str__(self) -> str:
        if self.of == 1:
            return f"a training alone{self._named_seeds}"
        return f"training {self.position + 1} of {self.of}{self._named_seeds}"

    @property
    def _named_seeds(self) -> str:
        if not self.seeds:
            return ""
        return f", seed{'s' if self.of > 1 else ''} {seeds_as_text(self.seeds)}"

    @property
    def option(self) -> str:
        """How the run is asked for, in words."""
        if not self.seeds:
            return "its run" if self.of > 1 else "a run of one"
        return f"--seed{'s' if self.of > 1 else ''} {seeds_as_text(self.seeds)}"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Content of a checkpoint."""

    path: Path
    iteration: int
    """Of the round that it belongs to; 0 for a run of one, which has no rounds."""
    spent: Spent
    """By the run until then."""
    state: Mapping[str, Any]
    """Of the training."""


class Folder:
    """What a training leaves in a folder.

    Args:
        directory: the folder; it is made if needed.
        settings: of the training, with what else a checkpoint must agree in.
        place: of the training in its run.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any], place: Place) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.place = directory, place
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))
        self.checkpoint = directory / "checkpoint.safetensors"
        self.next = directory / "checkpoint.safetensors.next"
        self.reason: DivergedError | None = None
        """Why the training has stopped, if it has."""
        self._log, self._diverged = directory / "progress.csv", directory / "diverged.json"
        self._rows: list[dict[str, Any]] = []

    def read(self, path: Path) -> Stored:
        """Read a checkpoint.

        Raises:
            CheckpointError: it is damaged, or of another run or other settings.
        """
        stored = load_checkpoint(path)
        try:
            place, iteration = _place_of(stored)
            layout = (place.position, place.of) == (self.place.position, self.place.of)
            if self.place.of > 1 or place.of > 1:
                layout = layout and place.seeds == self.place.seeds
            differences = _differences(stored["settings"], self.settings)
        except CONTENT_ERRORS as error:
            raise CheckpointError(
                f"{path} is not the checkpoint of a training ({shortly(error)}). {REMEDY}"
            ) from error
        if not layout:
            raise CheckpointError(
                f"{path} is of {place}, and this run has {self.place}. Continue it with "
                f"{place.option}, or give another folder."
            )
        if differences:
            raise CheckpointError(
                f"{path} belongs to a training with other settings ({differences}). {REMEDY}"
            )
        try:
            spent, state = _spent_of(stored), stored["training"]
        except CONTENT_ERRORS as error:
            raise self.foreign(path, error) from error
        return Stored(path=path, iteration=iteration, spent=spent, state=state)

    def foreign(self, path: Path, error: Exception) -> CheckpointError:
        """The error for a checkpoint whose state the training cannot take."""
        others = " or a checkpoint beside it" if self.place.of > 1 else ""
        return CheckpointError(
            f"{path}{others} has the settings of this training but not its state, as another "
            f"version of smile-bench or another agent has it ({shortly(error)}). {REMEDY}"
        )

    def write(self, path: Path, state: Mapping[str, Any], iteration: int, spent: Spent) -> None:
        """Write a checkpoint."""
        content = {"settings": self.settings, "seconds": spent.seconds, "training": state}
        if spent.cpu_seconds is not None:
            content["cpu_seconds"] = spent.cpu_seconds
        if self.place.of > 1:
            place = {"position": self.place.position, "of": self.place.of}
            content["run"] = {**place, "seeds": list(self.place.seeds), "iteration": iteration}
        save_checkpoint(path, content)

    def stopped_at(self) -> int | None:
        """The iteration that the training stopped in, as the folder states it; None if it did not.

        Raises:
            CheckpointError: the file that states it is damaged.
        """
        if not self._diverged.exists():
            return None
        content = read_bounded(self._diverged, LARGEST, CheckpointError)
        try:
            stated = json.loads(content)
            iteration, self.reason = stated["iteration"], DivergedError(str(stated["message"]))
            if type(iteration) is not int:
                raise TypeError(f"its iteration is {iteration!r}")
        except CONTENT_ERRORS as error:
            raise CheckpointError(
                f"cannot read why a training has stopped from {self._diverged} "
                f"({shortly(error)}). Remove the file, and the training is tried again."
            ) from error
        return int(iteration)

    def stop(self, reason: DivergedError, iteration: int) -> None:
        """Write down that the training stopped, and its rows until then."""
        self.write_rows()
        self.reason = reason
        document = {"iteration": iteration, "message": str(reason)}
        write_atomically(self._diverged, json.dumps(document, indent=2) + "\n")

    def clear_stop(self) -> None:
        """Forget that the training stopped, in work that will be repeated."""
        self.reason = None
        self._diverged.unlink(missing_ok=True)

    def clear_leftovers(self) -> None:
        """Remove what a killed run had begun to write."""
        self.next.unlink(missing_ok=True)
        for written in (self.checkpoint, self.next, self._log, self._diverged):
            for part in self.directory.glob(f".{written.name}.*.part"):
                part.unlink(missing_ok=True)

    def read_rows(self, iteration: int) -> None:
        """Read the rows up to an iteration; later ones were of work that will be repeated.

        Raises:
            CheckpointError: the file is not a log.
        """
        if not self._log.exists():
            return
        try:
            with self._log.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["iteration"]) <= iteration]
            if any(None in row for row in rows):
                raise ValueError("a row is longer than the header")
        except (csv.Error, OSError, *CONTENT_ERRORS) as error:
            raise CheckpointError(
                f"{self._log} is not the log of this training ({shortly(error)}). Move or remove "
                "it; the training then continues without its rows."
            ) from error
        self._rows = rows

    def add_row(self, iteration: int, seconds: float, log: Mapping[str, float]) -> None:
        """Keep a row of an iteration that was done."""
        self._rows.append({"iteration": iteration, "seconds": round(seconds, 2), **log})

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


def _place_of(stored: Mapping[str, Any]) -> tuple[Place, int]:
    """Which training a checkpoint is of, and the iteration of its round.

    One that does not say so is of a run of one, as all were before trainings ran together.
    """
    if "run" not in stored:
        seed = stored["settings"].get("seed")
        return Place(seeds=(seed,) if type(seed) is int else ()), 0
    run = stored["run"]
    numbers: Sequence[int] = (run["position"], run["of"], run["iteration"], *run["seeds"])
    if any(type(number) is not int for number in numbers):
        raise TypeError("its place in a run is not given by integers")
    return (
        Place(position=run["position"], of=run["of"], seeds=tuple(run["seeds"])),
        run["iteration"],
    )


def _spent_of(stored: Mapping[str, Any]) -> Spent:
    """What a run had taken; former versions did not count seconds of the processor."""
    cpu_seconds = stored.get("cpu_seconds")
    return Spent(
        seconds=float(stored["seconds"]),
        cpu_seconds=None if cpu_seconds is None else float(cpu_seconds),
    )


def _differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    names = [name for name in sorted({*stored, *given}) if stored.get(name) != given.get(name)]
    return ", ".join(f"{n}: {stored.get(n)!r} stored, {given.get(n)!r} given" for n in names)


def shortly(error: Exception) -> str:
    """An error for the middle of a message."""
    return clipped(f"{type(error).__name__}: {error}")
