"""The dataset file: one HDF5 file per family, readable with plain h5py, checked on reading."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from smile_bench.datasets.dataset import ARRAYS, Dataset, Demonstrations
from smile_bench.envs import SPLITS, Family, all_families, get_family
from smile_bench.errors import DatasetError, SmileError, shown, suggestion
from smile_bench.io.files import replacing
from smile_bench.io.hdf5 import (
    FILTERS,
    READING_ERRORS,
    read_array,
    require_hard_links,
    require_plausible_sizes,
)
from smile_bench.io.hdf5_sound import require_sound
from smile_bench.io.shipped import require_unaltered

__all__ = ["FORMAT", "read_dataset", "reporting_full_disk", "write_dataset"]

FORMAT = "smile-bench-dataset-1"
TRAJECTORIES = "trajectory_observations"
"""Name of the T + 1 observations of each episode, which are stored once where all transitions are
kept; ``observations`` and ``next_observations`` are then virtual arrays that refer to them."""

MAXIMUM_DEMONSTRATIONS = 4096
"""Largest number per task that is read. A file that declares more is refused."""
ATTRIBUTES = (
    "recipe",
    "expert",
    "expert_sha256",
    "tables_sha256",
    "versions",
    "machine",
    "licence",
)
"""The attributes that say how a dataset was made. Every file has them."""


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Write a dataset file: whole or not at all.

    Raises:
        DatasetError: the disk is full. A file that was at ``path`` before is untouched.
    """
    with (
        reporting_full_disk(path),
        replacing(path) as temporary,
        h5py.File(temporary, "w", locking=False) as file,
    ):
        file.attrs["format"] = FORMAT
        file.attrs["family"] = dataset.family
        file.attrs["content_sha256"] = dataset.digest()
        for name, value in sorted(dataset.attributes.items()):
            file.attrs[name] = json.dumps(value, sort_keys=True)
        for split in SPLITS:
            _write_split(file.create_group(split), dataset.splits[split])


def read_dataset(path: Path) -> Dataset:
    """Read a dataset file and check that it is complete and unaltered.

    A file that does not ship with smile-bench is read in a child process first, because some
    damaged ones crash or hang the library that reads HDF5. That costs about 0.2 s and the time of
    reading, once in a process.

    Raises:
        DatasetError: the file is missing, truncated, altered, of another format or of an unknown
            family, or its arrays do not fit the family.
    """
    if not path.is_file():
        raise DatasetError(
            f"there is no dataset file {path}. Check the path, or build the dataset."
        )
    if not require_unaltered(path, DatasetError):
        require_sound(path, DatasetError)
    try:
        # A file is complete before anyone reads it, and some network file systems grant no locks.
        with h5py.File(path, "r", locking=False) as file:
            dataset, expected = _read(path, file)
    except READING_ERRORS as error:
        if isinstance(error, SmileError):
            raise
        raise DatasetError(
            f"{path} is not a readable dataset; it may be truncated or damaged "
            f"({shown(error, 200)}). "
            "Download or build it again."
        ) from error
    if dataset.digest() != expected:
        raise DatasetError(
            f"the arrays of {path} do not have the digest that the file states: it was altered or "
            "damaged. Download or build it again."
        )
    return dataset


@contextmanager
def reporting_full_disk(path: Path) -> Iterator[None]:
    """Report a full disk as one clear error.

    Raises:
        DatasetError: no space is left on the disk of ``path``.
    """
    try:
        yield
    except OSError as error:
        # h5py reports a failed write as text that contains the error number.
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            raise DatasetError(
                f"no space is left to write {path}. Nothing that was stored is lost: make room and "
                "run the command again; it continues where it stopped."
            ) from error
        raise


def _write_split(group: h5py.Group, split: Demonstrations) -> None:
    arrays = split.arrays()
    if split.contiguous:
        observations, following = arrays.pop("observations"), arrays.pop("next_observations")
        joined = np.concatenate((observations, following[:, :, -1:]), axis=2)
        source = group.create_dataset(TRAJECTORIES, data=joined, chunks=_chunks(joined), **FILTERS)
        for name, window in (("observations", np.s_[:-1]), ("next_observations", np.s_[1:])):
            layout = h5py.VirtualLayout(observations.shape, observations.dtype)
            layout[...] = h5py.VirtualSource(".", source.name, source.shape, source.dtype)[
                :, :, window
            ]
            group.create_virtual_dataset(name, layout)
    for name, array in arrays.items():
        group.create_dataset(name, data=array, chunks=_chunks(array), **FILTERS)


def _chunks(array: NDArray[Any]) -> tuple[int, ...]:
    """The chunk shape of an array: one task per chunk."""
    return (1, *array.shape[1:])


def _read(path: Path, file: h5py.File) -> tuple[Dataset, str]:
    if file.attrs.get("format") != FORMAT:
        raise DatasetError(
            f"{path} has format {shown(file.attrs.get('format'))}, expected {FORMAT!r}: it is not "
            "a smile-bench dataset, or one of another version of smile-bench."
        )
    name = str(file.attrs["family"])
    if name not in all_families():
        raise DatasetError(
            f"{path} is of an unknown family {shown(name)}. {suggestion(name, all_families())}"
        )
    family = get_family(name)
    for node in (file, *(file[split] for split in SPLITS), *(file[s]["metrics"] for s in SPLITS)):
        require_hard_links(path, node, DatasetError)
    names = [f"{split}/{name}" for split in SPLITS for name in _stored_names(file[split], ARRAYS)]
    require_plausible_sizes(path, file, names, DatasetError)
    splits = {split: _read_split(path, file[split], family, split) for split in SPLITS}
    own = ("format", "family", "content_sha256")
    attributes = {key: json.loads(value) for key, value in file.attrs.items() if key not in own}
    if missing := sorted(set(ATTRIBUTES) - set(attributes)):
        raise DatasetError(f"{path} lacks the attributes {', '.join(missing)}.")
    for key in ATTRIBUTES:
        mapping = key in ("recipe", "versions")
        if not isinstance(attributes[key], dict if mapping else str):
            what = "a mapping of names to values" if mapping else "text"
            raise DatasetError(f"{path} has a {key} that is not {what}.")
    if not isinstance(attributes["versions"].get("mujoco"), str):
        raise DatasetError(f"{path} does not state the version of MuJoCo that it was made with.")
    dataset = Dataset(family=name, splits=splits, attributes=attributes)
    return dataset, str(file.attrs["content_sha256"])


def _stored_names(group: h5py.Group, names: Iterable[str]) -> list[str]:
    """The arrays of a split that are read: the virtual ones are not, as what they show is."""
    stored = set(names) | {TRAJECTORIES, "replay_actions"}
    stored -= {name for name in (TRAJECTORIES, "replay_actions") if name not in group}
    if TRAJECTORIES in stored:
        stored -= {"observations", "next_observations"}
    return sorted(stored)


def _read_split(path: Path, group: h5py.Group, family: Family, split: str) -> Demonstrations:
    joined = TRAJECTORIES in group
    first = TRAJECTORIES if joined else "observations"
    if group[first].ndim != 4:
        raise DatasetError(f"{path}: {split}/{first} has {group[first].ndim} axes, not 4.")
    n, d, t, _ = group[first].shape
    t -= joined
    if n > len(family.table(split)) or t > family.horizon or d > MAXIMUM_DEMONSTRATIONS:
        raise DatasetError(
            f"{path}: {split} declares {n} tasks, {d} demonstrations and {t} transitions; "
            f"{family.id} has {len(family.table(split))} tasks and {family.horizon} steps, and "
            f"more than {MAXIMUM_DEMONSTRATIONS} demonstrations are refused."
        )
    shapes = {
        "task_parameters": (n, len(family.parameter_names)),
        TRAJECTORIES: (n, d, t + 1, family.observation_size),
        "observations": (n, d, t, family.observation_size),
        "actions": (n, d, t, family.action_size),
        "next_observations": (n, d, t, family.observation_size),
        "rewards": (n, d, t),
        "timesteps": (n, d, t),
        "initial_states": (n, d, family.state_size),
    }
    shapes["replay_actions"] = (n, family.horizon, family.action_size)
    shapes = {name: shapes[name] for name in _stored_names(group, shapes)}
    metrics = {f"metrics/{metric.name}": (n, d) for metric in family.metrics}
    types = (
        ARRAYS
        | dict.fromkeys(("replay_actions", TRAJECTORIES), np.float32)
        | dict.fromkeys(metrics, np.float64)
    )
    why = f"{family.id} with {n} tasks, {d} demonstrations and {t} transitions"
    arrays = {
        name: read_array(path, group, name, shape, types[name], DatasetError, why=why)
        for name, shape in (shapes | metrics).items()
    }
    if joined:
        states = arrays.pop(TRAJECTORIES)
        arrays["observations"] = np.ascontiguousarray(states[:, :, :-1])
        arrays["next_observations"] = np.ascontiguousarray(states[:, :, 1:])
    return Demonstrations(
        family=family.id,
        split=split,
        metrics={metric.name: arrays.pop(f"metrics/{metric.name}") for metric in family.metrics},
        **arrays,
    )
