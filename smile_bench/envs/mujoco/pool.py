"""MuJoCo's batch, whose native threads a forked child does not have and must not wait for."""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

from smile_bench.envs.mujoco.library import mujoco
from smile_bench.errors import SimulationError

__all__ = ["Pool"]


class Pool:
    """A batch of simulations and the process that its threads belong to.

    A fork copies the memory of a process but not its threads. A call on an inherited batch would
    wait for them for ever, and so would the batch's destructor.

    Args:
        model: what is simulated.
        num_envs: number of simulations.
        threads: native threads.
    """

    def __init__(self, model: mujoco.MjModel, num_envs: int, threads: int) -> None:
        self._batch = mujoco.batch.Batch(model, num_envs, min(threads, num_envs))
        self._process = os.getpid()
        # What the batch's arrays are views of: it lives as long as any of them, and joins its
        # threads when it dies.
        _native.add(self._batch.state.base)

    @property
    def batch(self) -> mujoco.batch.Batch:
        """The batch, to compute with.

        Raises:
            SimulationError: its threads belong to another process.
        """
        if os.getpid() != self._process and self._batch.nthread > 1:
            raise SimulationError(
                f"these environments have threads in process {self._process}; process "
                f"{os.getpid()}, a fork of it, has none of them. Make the environments in the "
                "process that uses them, or continue there with a copy.deepcopy of them, or start "
                "processes by 'spawn' or 'forkserver'."
            )
        return self._batch

    @property
    def memory(self) -> mujoco.batch.Batch:
        """The batch, to read and write its arrays only, which any process may do."""
        return self._batch


_native: weakref.WeakSet[Any] = weakref.WeakSet()
"""What owns native threads in this process."""


def _keep_what_was_inherited() -> None:
    """In a forked child, keep every inherited thread pool alive, up to the end of the process."""
    for owner in list(_native):
        # A reference that nobody gives back. A Python list would go when the interpreter ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))
    _native.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_what_was_inherited)
