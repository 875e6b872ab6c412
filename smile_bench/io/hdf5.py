"""Reading HDF5 files from strangers: nothing outside the file, nothing larger than expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from smile_bench.errors import SmileError

__all__ = ["FILTERS", "READING_ERRORS", "read_array", "require_hard_links"]

FILTERS: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
"""How arrays are stored."""
READING_ERRORS = (
    OSError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    MemoryError,
)
"""The exceptions that h5py raises on damaged files."""
MAXIMUM_BYTES = 8 << 30
"""Largest array that is read. A file that declares a larger one is refused."""
LEAST_CHUNK = 1 << 20
"""Bytes that a chunk may have even where its array is smaller."""


def require_hard_links(path: Path, group: h5py.Group, error: type[SmileError]) -> None:
    """Refuse soft and external links, so that everything that is read lies in the file itself.

    Raises:
        error: the group contains a soft or external link.
    """
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise error(f"{path}: {group.name} links {name!r} elsewhere; refused.")


def read_array(
    path: Path,
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    error: type[SmileError],
    *,
    why: str = "",
) -> NDArray[Any]:
    """Read an array of a known shape and type. Both are checked before any data is read.

    Args:
        path: path of the file, for messages.
        group: the group that holds the array.
        name: name of the array in the group.
        shape: the shape that it must have.
        dtype: the type that it must have.
        error: type of the errors to raise.
        why: what requires this shape, for the message.

    Raises:
        error: it is not an array, has another shape or type, keeps its bytes in other files, is
            stored in a way that takes more memory than its size, or holds numbers that are not
            finite.
    """
    where = f"{group.name}/{name}".lstrip("/")
    item = group[name]
    if not isinstance(item, h5py.Dataset):
        raise error(f"{path}: {where} is not an array.")
    elsewhere = bool(item.external) or (
        item.is_virtual and any(source.file_name != "." for source in item.virtual_sources())
    )
    if elsewhere:
        raise error(f"{path}: {where.split('/')[0]} refers to other files; refused.")
    if item.shape != shape or item.dtype != np.dtype(dtype):
        raise error(
            f"{path}: {where} is {item.dtype} {item.shape}, but {why or 'this file'} needs "
            f"{np.dtype(dtype)} {shape}."
        )
    if item.nbytes > MAXIMUM_BYTES:
        raise error(f"{path}: {where} declares {item.nbytes} bytes; refused.")
    _require_ordinary_storage(path, item, where, error)
    array: NDArray[Any] = item[...]
    if not np.isfinite(array).all():
        raise error(f"{path}: {where} holds numbers that are not finite.")
    return array


def _require_ordinary_storage(
    path: Path, item: h5py.Dataset, where: str, error: type[SmileError]
) -> None:
    """Refuse chunks larger than the array, which HDF5 unpacks whole, and filters of plug-ins."""
    if item.chunks is not None:
        size = int(np.prod(item.chunks, dtype=np.float64)) * item.dtype.itemsize
        if size > max(item.nbytes, LEAST_CHUNK):
            raise error(f"{path}: {where} is stored in chunks of {size} bytes; refused.")
    properties = item.id.get_create_plist()
    known = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if set(filters) - known:
        raise error(f"{path}: {where} is stored with the HDF5 filters {filters}; refused.")
