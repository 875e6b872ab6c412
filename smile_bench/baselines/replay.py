"""A replay buffer: one contiguous float32 matrix, a transition a row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["ReplayBuffer"]

Float32Array = NDArray[np.float32]


class ReplayBuffer:
    """A ring of transitions; a batch is one fancy index.

    Args:
        capacity: transitions kept; the oldest are overwritten.
        widths: the fields of a transition and their lengths, in the order of the columns.
    """

    def __init__(self, capacity: int, widths: Mapping[str, int]) -> None:
        ends = np.cumsum(list(widths.values())).tolist()
        self._columns = {
            name: slice(end - width, end)
            for (name, width), end in zip(widths.items(), ends, strict=True)
        }
        self._rows: Float32Array = np.zeros((capacity, ends[-1]), np.float32)
        self.added = 0
        """Transitions added so far, the overwritten ones included."""

    def __len__(self) -> int:
        return min(self.added, len(self._rows))

    def add(self, **fields: NDArray[np.generic]) -> None:
        """Add n transitions.

        Args:
            **fields: each of the buffer's, (n, width) or, of width 1, (n,).

        Raises:
            ValueError: other fields than the buffer's.
        """
        if fields.keys() != self._columns.keys():
            raise ValueError(
                f"a transition has the fields {list(self._columns)}, got {list(fields)}."
            )
        n = len(next(iter(fields.values())))
        where = (self.added + np.arange(n)) % len(self._rows)
        for name, values in fields.items():
            self._rows[where, self._columns[name]] = values.reshape(n, -1)
        self.added += n

    def sample(self, rng: np.random.Generator, n: int) -> dict[str, Float32Array]:
        """Draw n transitions uniformly with replacement; each field (n, width)."""
        rows = self._rows[rng.integers(len(self), size=n)]
        return {name: rows[:, columns] for name, columns in self._columns.items()}

    def tensor(self) -> torch.Tensor:
        """The filled rows, to be checkpointed together with ``added``."""
        return torch.from_numpy(self._rows[: len(self)])

    def restore(self, rows: torch.Tensor, added: int) -> None:
        """Put back what :meth:`tensor` gave."""
        self._rows[: len(rows)] = rows.numpy()
        self.added = added
