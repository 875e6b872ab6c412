"""Evidence of an evaluation: the actions in every episode and the states that they led to."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.compat import deprecated
from smile_bench.envs import Family, get_family
from smile_bench.envs.simulation import BatchSimulator
from smile_bench.errors import ProtocolError
from smile_bench.io.files import read_bounded
from smile_bench.io.hdf5 import (
    FILTERS,
    READING_ERRORS,
    read_array,
    require_hard_links,
    require_plausible_sizes,
)
from smile_bench.protocol.meta_test import MetaTest

__all__ = [
    "EVIDENCE_FORMAT",
    "Evidence",
    "Recorder",
    "evidence_of",
    "keyframes",
    "read_evidence",
    "row_digests",
]

EVIDENCE_FORMAT = "smile-bench-evidence-1"
KEYFRAME_EVERY = 10
"""Control steps between two recorded states. Contacts amplify last bits so fast that another
machine could not replay longer stretches."""
NO_DEMONSTRATION = -1
MAXIMUM_FILE = 256 << 20
"""Size limit in bytes; a larger file is refused unread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Evidence of E episodes of T control steps, with the states at C keyframes."""

    family: str
    protocol_version: str
    actions: Float32Array
    """Actions as the simulator took them, (E, T, A): one-hot rows where actions are discrete."""
    tasks: IntArray
    """Meta-test task of each episode, (E,)."""
    demonstrations: IntArray
    """Demonstrations in each context, in order, (E, K); −1 after the last."""
    shots: IntArray
    """Number of demonstrations in each context, (E,)."""
    initial_digests: NDArray[np.uint64]
    """Digest of each frozen initial state, (E,)."""
    steps: IntArray
    """Control steps after which states were recorded, (C,). The last one is the horizon."""
    states: Float32Array
    """The states, rounded, (E, C, W): positions and velocities of a body, or the cell of a grid."""
    state_digests: NDArray[np.uint64]
    """Digests of the states before rounding, (E, C)."""

    def __repr__(self) -> str:
        """A line; the arrays are in the attributes."""
        episodes, steps = self.actions.shape[:2]
        return (
            f"Evidence of {episodes} episodes of {steps} control steps on {self.family} (protocol "
            f"{self.protocol_version})"
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in TYPES}

    def to_bytes(self) -> bytes:
        """The content of an evidence file."""
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.attrs["format"] = EVIDENCE_FORMAT
            file.attrs["family"] = self.family
            file.attrs["protocol_version"] = self.protocol_version
            for name, array in self.arrays().items():
                file.create_dataset(name, data=array, chunks=_chunks(array), **FILTERS)
        return buffer.getvalue()


TYPES: dict[str, DTypeLike] = {
    "actions": np.float32,
    "tasks": np.int64,
    "demonstrations": np.int64,
    "shots": np.int64,
    "initial_digests": np.uint64,
    "steps": np.int64,
    "states": np.float32,
    "state_digests": np.uint64,
}
"""Arrays of an evidence file."""
ATTRIBUTES = {"family", "format", "protocol_version"}


class Recorder:
    """Fills the arrays of :class:`Evidence` while episodes run.

    Args:
        family: the family.
        slots: E.
    """

    def __init__(self, family: Family, slots: int) -> None:
        self.steps = keyframes(family)
        self.actions = np.zeros((slots, family.horizon, family.action_size), np.float32)
        self._states: list[FloatArray] = []

    def record(self, step: int, actions: Float32Array, simulator: BatchSimulator) -> None:
        """Keep the actions (E, A) of a control step, from 0, and the states at keyframes."""
        self.actions[:, step] = actions
        if step + 1 in self.steps:
            self._states.append(simulator.state())

    def evidence(self, meta_test: MetaTest, sizes: IntArray) -> Evidence:
        """The evidence of episodes that have ended, given the sizes (E,) of their contexts."""
        return evidence_of(meta_test, sizes, self.actions, self.states)

    @property
    def states(self) -> FloatArray:
        """The states at keyframes so far, (E, C, W)."""
        return np.stack(self._states, axis=1)


def evidence_of(
    meta_test: MetaTest, sizes: IntArray, actions: Float32Array, states: FloatArray
) -> Evidence:
    """The evidence of episodes that have ended.

    Args:
        meta_test: the frozen set of the episodes, E.
        sizes: of their contexts, (E,).
        actions: as the simulator took them, (E, T, A).
        states: at the keyframes, (E, C, W).
    """
    return Evidence(
        family=meta_test.family,
        protocol_version=meta_test.version,
        actions=actions,
        tasks=meta_test.tasks,
        demonstrations=context_demonstrations(meta_test, sizes),
        shots=sizes,
        initial_digests=row_digests(meta_test.initial_states),
        steps=keyframes(get_family(meta_test.family)),
        states=states.astype(np.float32),
        state_digests=row_digests(states),
    )


def context_demonstrations(meta_test: MetaTest, sizes: IntArray) -> IntArray:
    """Demonstrations in contexts of ``sizes`` (E,), in order, (E, K); −1 after the last."""
    order = meta_test.demonstrations
    return np.where(np.arange(order.shape[1]) < sizes[:, None], order, NO_DEMONSTRATION)


def keyframes(family: Family) -> IntArray:
    """Control steps after which states are recorded, (C,)."""
    regular = np.arange(KEYFRAME_EVERY, family.horizon, KEYFRAME_EVERY)
    return np.append(regular, family.horizon)


def row_digests(rows: FloatArray) -> NDArray[np.uint64]:
    """Digests (...) of rows (..., W): the first 8 bytes of each row's SHA-256, little-endian.

    A row is hashed as little-endian float64.
    """
    flat = np.ascontiguousarray(rows, "<f8").reshape(-1, rows.shape[-1])
    digests = b"".join(hashlib.sha256(row.data).digest()[:8] for row in flat)
    return np.frombuffer(digests, "<u8").astype(np.uint64).reshape(rows.shape[:-1])


def read_evidence(path: Path, family: Family, episodes: int, sha256: str) -> Evidence:
    """Read an evidence file of E episodes.

    Args:
        path: the file; it may come from anyone.
        family: the family whose episodes it must hold.
        episodes: E.
        sha256: the SHA-256 that the file must have.

    Raises:
        ProtocolError: the file is missing, altered, damaged, of another format or family, or holds
            what no evaluation can produce.
    """
    content = read_bounded(path, MAXIMUM_FILE, ProtocolError)
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise ProtocolError(
            f"{path} has the SHA-256 {found[:16]}…, but its result says {sha256[:16]}…: it was "
            "altered or belongs to another evaluation."
        )
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            return _read(path, file, family, episodes)
    except READING_ERRORS as error:
        if isinstance(error, ProtocolError):
            raise
        raise ProtocolError(
            f"{path} cannot be read as evidence; it may be truncated or damaged ({error}). "
            "Evaluate the agent again."
        ) from error


def _read(path: Path, file: h5py.File, family: Family, episodes: int) -> Evidence:
    if file.attrs.get("format") != EVIDENCE_FORMAT:
        raise ProtocolError(
            f"{path} has format {file.attrs.get('format')!r}, expected {EVIDENCE_FORMAT!r}."
        )
    if set(file.attrs) != ATTRIBUTES:
        raise ProtocolError(
            f"{path} has the attributes {sorted(file.attrs)}, expected {sorted(ATTRIBUTES)}."
        )
    if file.attrs["family"] != family.id:
        raise ProtocolError(
            f"{path} holds episodes of {file.attrs['family']!r}, not of {family.id}."
        )
    if set(file) != set(TYPES):
        raise ProtocolError(f"{path} holds {sorted(file)}, expected {sorted(TYPES)}.")
    require_hard_links(path, file, ProtocolError)
    require_plausible_sizes(path, file, TYPES, ProtocolError)
    steps = keyframes(family)
    width = family.make_simulator(1, threads=1).state().shape[1]
    shapes = {
        "actions": (episodes, family.horizon, family.action_size),
        "demonstrations": (episodes, max(family.context_sizes)),
        "steps": (len(steps),),
        "states": (episodes, len(steps), width),
        "state_digests": (episodes, len(steps)),
    }
    why = f"{family.id} with {episodes} episodes"
    arrays = {
        name: read_array(
            path, file, name, shapes.get(name, (episodes,)), dtype, ProtocolError, why=why
        )
        for name, dtype in TYPES.items()
    }
    version = str(file.attrs["protocol_version"])
    return Evidence(family=family.id, protocol_version=version, **arrays)


def _chunks(array: NDArray[Any]) -> tuple[int, ...]:
    """Chunks of about a megabyte."""
    row = max(1, array[:1].nbytes)
    return (max(1, min(len(array), (1 << 20) // row)), *array.shape[1:])


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
