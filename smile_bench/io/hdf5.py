"""Reading HDF5 files from strangers: nothing outside the file, nothing larger than expected."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from smile_bench.errors import SmileError, shown

__all__ = [
    "FILTERS",
    "READING_ERRORS",
    "read_array",
    "require_hard_links",
    "require_plain_file",
    "require_plausible_sizes",
]

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
LARGEST_RATIO = 1032
"""How many bytes one byte of DEFLATE can stand for at most."""
LEAST_DECLARED = 1 << 20
"""Bytes that the arrays of a file may declare however small the file is."""


def require_plausible_sizes(
    path: Path, file: h5py.File, names: Iterable[str], error: type[SmileError]
) -> None:
    """Refuse a file whose arrays declare more bytes than its own bytes can hold.

    Args:
        path: path of the file, for the message.
        file: the file.
        names: the arrays that will be read; those that are missing do not count.
        error: type of the error to raise.

    Raises:
        error: together they declare too much.
    """
    items = [_linked_hard(file, name) for name in names]
    declared = sum(
        item.nbytes for item in items if isinstance(item, h5py.Dataset) and item.shape is not None
    )
    stored = file.id.get_filesize()
    if declared > max(LEAST_DECLARED, LARGEST_RATIO * stored):
        raise error(f"{path} declares {declared} bytes of arrays, but has {stored} bytes; refused.")


def require_plain_file(path: Path, error: type[SmileError]) -> None:
    """Refuse a file that another package will read, if any array in it is not simply stored.

    Raises:
        error: an array is a view, lies in another file, is stored in a way that takes more memory
            than its size, or declares more bytes than are stored.
        Exception: any of :data:`READING_ERRORS`, where the file is damaged.
    """
    names: list[str] = []

    def check(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.is_virtual:
                raise error(f"{path}: {name} is a view of other arrays; refused.")
            _require_ordinary_storage(path, item, name, error)
            names.append(name)

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(check)
        require_plausible_sizes(path, file, names, error)


def require_hard_links(path: Path, group: h5py.Group, error: type[SmileError]) -> None:
    """Refuse soft and external links, so that everything that is read lies in the file itself.

    Raises:
        error: the group contains a soft or external link.
    """
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise error(f"{path}: {group.name} links {shown(name)} elsewhere; refused.")


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
    if item.shape != shape or item.dtype != np.dtype(dtype):
        raise error(
            f"{path}: {where} is {item.dtype} {item.shape}, but {why or 'this file'} needs "
            f"{np.dtype(dtype)} {shape}."
        )
    if item.nbytes > MAXIMUM_BYTES:
        raise error(f"{path}: {where} declares {item.nbytes} bytes; refused.")
    if item.is_virtual:
        _require_ordinary_sources(path, item, where, error)
    else:
        _require_ordinary_storage(path, item, where, error)
    array: NDArray[Any] = item[...]
    if not np.isfinite(array).all():
        raise error(f"{path}: {where} holds numbers that are not finite.")
    return array


def _require_ordinary_sources(
    path: Path, item: h5py.Dataset, where: str, error: type[SmileError]
) -> None:
    """Refuse a view of anything but arrays stored in this file, at least as large as the view."""
    sources = {}
    for source in item.virtual_sources():
        if source.file_name != ".":
            raise error(f"{path}: {where} refers to other files; refused.")
        sources[source.dset_name] = _linked_hard(item.file, source.dset_name)
    for name, source in sources.items():
        if not isinstance(source, h5py.Dataset) or source.is_virtual:
            raise error(
                f"{path}: {where} is a view of {shown(name)}, which is not an array stored in this "
                "file; refused."
            )
        _require_ordinary_storage(path, source, where, error)
    if item.nbytes > sum(source.nbytes for source in sources.values()):
        raise error(f"{path}: {where} is a view that is larger than what it shows; refused.")


def _linked_hard(file: h5py.File, name: str) -> Any:
    """What lies at a path of the file without links to elsewhere; None if nothing does."""
    item: Any = file
    for part in name.strip("/").split("/"):
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            return None
        item = item[part]
    return item


def _require_ordinary_storage(
    path: Path, item: h5py.Dataset, where: str, error: type[SmileError]
) -> None:
    """Refuse bytes in other files, more bytes than are stored, and storage that takes more memory.

    HDF5 unpacks a chunk whole, so it must not be larger than the array. Filters of plug-ins are
    code.
    """
    if item.external:
        raise error(f"{path}: {where} refers to other files; refused.")
    if item.chunks is not None:
        size = int(np.prod(item.chunks, dtype=np.float64)) * item.dtype.itemsize
        if size > max(item.nbytes, LEAST_CHUNK):
            raise error(f"{path}: {where} is stored in chunks of {size} bytes; refused.")
    properties = item.id.get_create_plist()
    known = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if set(filters) - known:
        raise error(f"{path}: {where} is stored with the HDF5 filters {filters}; refused.")
    stored = item.id.get_storage_size()
    if item.nbytes > LARGEST_RATIO * stored:
        raise error(
            f"{path}: {where} declares {item.nbytes} bytes, but {stored} are stored; refused."
        )
