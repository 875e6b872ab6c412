"""What is shown while trainings run: loggers, and the text of the progress bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing

import numpy as np

from smile_bench.learning.loop.folder import Folder
from smile_bench.learning.loop.loggers import LOGGERS, tensorboard

__all__ = ["Boards", "shown"]


class Boards:
    """The loggers of trainings that have not stopped, for a ``with`` block.

    Args:
        folders: of the trainings.
        iteration: that they continue after.
        names: loggers besides TensorBoard, of :data:`smile_bench.learning.loop.loggers.LOGGERS`.
    """

    def __init__(
        self, folders: Sequence[Folder], iteration: int, names: Sequence[str] = ()
    ) -> None:
        self._stack = ExitStack()
        self._loggers = {
            n: [
                self._stack.enter_context(closing(logger))
                for logger in (
                    tensorboard(folder.directory, iteration),
                    *(LOGGERS[name](folder.directory, folder.settings) for name in names),
                )
            ]
            for n, folder in enumerate(folders)
            if folder.reason is None
        }

    def __enter__(self) -> Boards:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, logs: Mapping[int, Mapping[str, float]], iteration: int) -> None:
        """Add the numbers of an iteration, by position of the training."""
        for index, log in logs.items():
            for logger in self._loggers[index]:
                logger.add(log, iteration)

    def flush(self) -> None:
        """Write what was added: a killed run keeps all events before its checkpoint."""
        for loggers in self._loggers.values():
            for logger in loggers:
                logger.flush()


def shown(logs: Mapping[int, Mapping[str, float]], number: int) -> dict[str, str]:
    """What the progress bar says: the mean loss and, when there are new ones, validation metrics.

    With several trainings, also how many have stopped.
    """
    first = next(iter(logs.values()))
    names = [name for n, name in enumerate(first) if n == 0 or name.startswith("validation/")]
    means = {
        name: float(np.mean([log[name] for log in logs.values() if name in log])) for name in names
    }
    stopped = {"stopped": str(number - len(logs))} if len(logs) < number else {}
    return {name.split("/")[-1]: f"{value:.3g}" for name, value in means.items()} | stopped
