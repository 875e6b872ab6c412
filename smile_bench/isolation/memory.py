"""Memory that the parent and the agent's process share."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Memory", "places"]

ALIGNMENT = 64
"""Bytes to which arrays are aligned."""


class Memory:
    """Memory that two processes share, through the descriptor of a file without a name.

    Args:
        descriptor: of the file. By default a new one is made.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _nameless_file() if descriptor is None else descriptor
        self.size = 0
        self.map: mmap.mmap | None = None

    def reach(self, size: int, *, grow: bool) -> None:
        """Make sure that ``size`` bytes can be used; ``grow`` also enlarges the file."""
        if size > self.size:
            if grow:
                size += size // 2
                os.ftruncate(self.descriptor, size)
            self.map, self.size = mmap.mmap(self.descriptor, size), size

    def view(self, place: Sequence[Any]) -> NDArray[Any]:
        """The array at a place: offset, shape and type."""
        offset, shape, dtype = place
        assert self.map is not None
        return np.ndarray(tuple(shape), np.dtype(dtype), buffer=self.map, offset=offset)


def places(arrays: Mapping[str, NDArray[Any]]) -> tuple[dict[str, Any], int]:
    """Where arrays lie one after the other (offset, shape, type), and the end of the last."""
    found: dict[str, Any] = {}
    end = 0
    for name, array in arrays.items():
        begin = -(-end // ALIGNMENT) * ALIGNMENT
        found[name] = (begin, array.shape, array.dtype.str)
        end = begin + array.nbytes
    return found, end


def _nameless_file() -> int:
    """The descriptor of a file in memory that nobody can shorten, or else of a temporary file."""
    try:
        import fcntl

        descriptor = os.memfd_create("smile-bench", os.MFD_ALLOW_SEALING)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return descriptor
    except (AttributeError, ImportError):
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
