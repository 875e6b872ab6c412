"""Running trainings to their end, one folder each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from smile_bench.errors import DivergedError, InputError, clipped
from smile_bench.io.tensors import CONTENT_ERRORS
from smile_bench.learning.loop.clock import Clock, Spent
from smile_bench.learning.loop.folder import Folder, Place, Stored
from smile_bench.learning.loop.rounds import latest_round, save_round
from smile_bench.learning.loop.showing import Boards, shown
from smile_bench.learning.loop.trainings import Interleaved, Training, Trainings, not_finite

__all__ = ["RunReport", "run", "run_all"]

SHARE = 20
"""Between two rounds of checkpoints passes this many times what the last one took."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """How a run of trainings went."""

    seconds: float
    """Of training in all, those before a resume included. All trainings ran in this time."""
    cpu_seconds: float | None
    """Of the processor, over all threads of the process, in the same time; None where a part of
    the run was under a version that did not count them."""
    diverged: Mapping[int, str]
    """Why trainings stopped before the end, by position; empty if none did."""

    def costs(self) -> dict[str, int]:
        """What the run took, for recipes: ``seconds`` and, where known, ``cpu_seconds``."""
        costs = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        return {name: round(cost) for name, cost in costs.items() if cost is not None}


def run(
    training: Training,
    directory: Path,
    *,
    subset: Mapping[str, int | str] | None = None,
    checkpoint_seconds: float = 120.0,
    stop_after: int | None = None,
) -> float:
    """Train to the end, or continue where ``directory`` left off: :func:`run_all` of one training.

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
    return run_all(
        Interleaved([training]),
        [directory],
        subset=subset,
        checkpoint_seconds=checkpoint_seconds,
        stop_after=stop_after,
    ).seconds


def run_all(
    trainings: Trainings,
    directories: Sequence[Path],
    *,
    subset: Mapping[str, int | str] | None = None,
    extra: Mapping[str, Any] | None = None,
    loggers: Sequence[str] = (),
    checkpoint_seconds: float = 120.0,
    stop_after: int | None = None,
) -> RunReport:
    """Train all to the end, or continue where their folders left off.

    Each training writes ``checkpoint.safetensors``, ``progress.csv`` and TensorBoard events into
    its own folder, as if it ran alone; its seconds are those of the whole run. The checkpoints of
    all folders are of one iteration, also after the run was killed. After an error or an interrupt,
    Ctrl-C included, the last checkpoints are intact.

    A training that diverges is stopped and the others continue. Its folder keeps its last
    checkpoint and gains ``diverged.json`` with ``iteration`` and ``message``. It stays stopped when
    the run is resumed.

    Args:
        trainings: what to run.
        directories: where to write, one folder a training.
        subset: of the data, as ``Access.subset`` has it; checkpoints of another one are refused.
        extra: what else must be the same when the run is resumed, as JSON-able data; it is stored
            with the settings.
        loggers: names of :data:`smile_bench.learning.loop.loggers.LOGGERS`, besides TensorBoard.
        checkpoint_seconds: least time between checkpoints; 0 for some after every iteration. It
            is longer where writing takes more than a twentieth of it.
        stop_after: stop at this iteration, as an interruption would; by default at the end.

    Returns:
        The time and which trainings diverged.

    Raises:
        DivergedError: every training has diverged; of a single one, its own error.
        CheckpointError: checkpoints or a log are damaged or of another training, or some folders
            have none.
        InputError: the numbers of trainings and folders differ, or a folder was given twice.
    """
    record = _Record(trainings, directories, {**(extra or {}), **_given(subset=subset)})
    if len(directories) > 1 and not record.resumed:
        record.save()  # A training that diverges before the next round has a checkpoint, too.
    began = trainings.iteration
    end = trainings.iterations if stop_after is None else min(stop_after, trainings.iterations)
    _step(record, end, checkpoint_seconds, loggers)
    # Those of a run which had ended stay as they are: no step has set what steps set.
    if trainings.iteration > began or not record.resumed:
        record.save()
    spent = record.clock.spent
    return RunReport(seconds=spent.seconds, cpu_seconds=spent.cpu_seconds, diverged=record.diverged)


def _step(record: _Record, end: int, checkpoint_seconds: float, loggers: Sequence[str]) -> None:
    """Do the iterations before ``end``, with rows, events, progress bar and checkpoints."""
    trainings, folders = record.trainings, record.folders
    with (
        Boards(folders, trainings.iteration, loggers) as boards,
        tqdm(total=trainings.iterations, initial=trainings.iteration, disable=None) as bar,
    ):
        postfix: dict[str, str] = {}
        try:
            while trainings.iteration < end:
                logs = record.kept(trainings.step())
                boards.add(logs, trainings.iteration)
                bar.update()
                postfix |= shown(logs, len(folders))
                bar.set_postfix(postfix)
                if record.due(checkpoint_seconds):
                    boards.flush()
                    record.write_rows()
                    record.save()
        finally:
            # A cut iteration has half-changed the trainings: the last checkpoints stand.
            record.write_rows()


class _Record:
    """What trainings leave in their folders.

    Args:
        trainings: continue from the folders' checkpoints, if there are some.
        directories: the folders.
        extra: stored with the settings.
    """

    def __init__(
        self, trainings: Trainings, directories: Sequence[Path], extra: Mapping[str, Any]
    ) -> None:
        settings = trainings.settings
        if len(settings) != len(directories) or len({*directories}) < len(directories):
            raise InputError(
                f"got {len(settings)} trainings and {len({*directories})} folders; give each "
                "training a folder of its own."
            )
        self.trainings = trainings
        self.folders = [
            Folder(directory, {**own, **extra}, place)
            for directory, own, place in zip(directories, settings, _places(settings), strict=True)
        ]
        stored = latest_round(self.folders)
        self.resumed = stored is not None
        self.clock = Clock(max((one.spent for one in stored), key=_seconds) if stored else None)
        if stored:
            self._resume(stored)
        for folder in self.folders:
            if folder.reason is None:
                folder.read_rows(trainings.iteration)
        self._saved, self._took = time.perf_counter(), 0.0

    @property
    def diverged(self) -> dict[int, str]:
        """Why trainings have stopped, by position."""
        reasons = {n: folder.reason for n, folder in enumerate(self.folders)}
        return {n: str(reason) for n, reason in reasons.items() if reason is not None}

    def kept(
        self, logs: Sequence[Mapping[str, float] | DivergedError]
    ) -> dict[int, Mapping[str, float]]:
        """Keep a row of the iteration that was done for each training that has not stopped.

        Returns:
            These rows, by position.

        Raises:
            DivergedError: all trainings have stopped.
        """
        done, rows = self.trainings.iteration, {}
        for index, (folder, log) in enumerate(zip(self.folders, logs, strict=True)):
            if folder.reason is not None:
                continue
            if not isinstance(log, DivergedError) and (names := not_finite(log)):
                log = DivergedError(
                    f"{names} became non-finite at iteration {done}. The last checkpoint, "
                    f"{folder.checkpoint}, is intact; lower the learning rate."
                )
            if isinstance(log, DivergedError):
                if len(self.folders) == 1:
                    raise log
                folder.stop(log, done)
                continue
            folder.add_row(done, self.clock.spent.seconds, log)
            rows[index] = log
        if not rows:
            named = "; ".join(
                f"{folder.directory.name}: {clipped(str(folder.reason))}" for folder in self.folders
            )
            raise DivergedError(f"all {len(self.folders)} trainings have diverged. {named}")
        return rows

    def due(self, checkpoint_seconds: float) -> bool:
        """Whether it is time for a round of checkpoints."""
        if checkpoint_seconds <= 0.0:
            return True
        passed = time.perf_counter() - self._saved
        return passed >= max(checkpoint_seconds, SHARE * self._took)

    def save(self) -> None:
        """Write a round of checkpoints."""
        began = time.perf_counter()
        save_round(self.folders, self.trainings, self.clock.spent)
        self._saved = time.perf_counter()
        self._took = self._saved - began

    def write_rows(self) -> None:
        """Write the rows of all trainings that have not stopped."""
        for folder in self.folders:
            if folder.reason is None:
                folder.write_rows()

    def _resume(self, stored: Sequence[Stored]) -> None:
        """Continue from a round."""
        trainings = self.trainings
        try:
            trainings.load_state_dict([one.state for one in stored])
            there = trainings.iteration
            wrong = len(stored) > 1 and there != max(one.iteration for one in stored)
            if there not in range(trainings.iterations + 1) or wrong:
                raise ValueError(f"it is at iteration {there}")
        except CONTENT_ERRORS as error:
            raise self.folders[0].foreign(stored[0].path, error) from error


def _seconds(spent: Spent) -> float:
    return spent.seconds


def _places(settings: Sequence[Mapping[str, Any]]) -> list[Place]:
    seeds = tuple(own["seed"] for own in settings if type(own.get("seed")) is int)
    if len({*seeds}) < len(settings):
        seeds = ()
    return [Place(position=n, of=len(settings), seeds=seeds) for n in range(len(settings))]


def _given(**named: Mapping[str, Any] | None) -> dict[str, Any]:
    """The mappings that are not empty, by name."""
    return {name: dict(value) for name, value in named.items() if value}
