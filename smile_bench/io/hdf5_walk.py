"""Program of a child process: read all that is in an HDF5 file once, and report nothing.

It runs by its path, without the package, so that it starts fast: keep it to h5py and the standard
library. What it shows is how it ends. A file that crashes HDF5 or keeps it busy for ever ends this
process instead of the one that wants the content.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import h5py

__all__ = ["limit", "walk"]

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
"""The filters of arrays that are read; those of plug-ins are code."""


def limit(seconds: int, memory: int) -> None:
    """Limit this process to some more processor time and memory, where the system can.

    Args:
        seconds: of processor time, which unlike wall-clock time does not depend on other programs.
        memory: bytes beyond those that are in use now.
    """
    try:
        import resource
    except ImportError:  # Windows; the parent still limits the time.
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (_least(seconds, hard), hard))
    with contextlib.suppress(OSError):  # Only Linux says how much is in use.
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (_least(wanted, hard), hard))


def walk(path: str) -> None:
    """Read every attribute and every array of a file, as far as that works.

    Errors that HDF5 reports mean nothing here: whoever reads the file next gets them, too.
    """
    with contextlib.suppress(Exception), h5py.File(path, "r", locking=False) as file:
        seen: set[int] = set()
        waiting: list[Any] = [file]
        while waiting:
            item = waiting.pop()
            with contextlib.suppress(Exception):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:
                    seen.add(address)
                    waiting += _read(item)


def _read(item: Any) -> list[Any]:
    """Read what a group or an array holds, and return the members of a group."""
    members = []
    for name in item.attrs:
        with contextlib.suppress(Exception):
            item.attrs[name]
    if isinstance(item, h5py.Group):
        for name in item:
            with contextlib.suppress(Exception):
                if isinstance(item.get(name, getlink=True), h5py.HardLink):
                    members.append(item[name])
    elif isinstance(item, h5py.Dataset) and _stored_here(item):
        item[...]
    return members


def _stored_here(item: h5py.Dataset) -> bool:
    """Whether an array, or all that it is a view of, is stored in the file itself."""
    if not item.is_virtual:
        properties = item.id.get_create_plist()
        filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
        return not item.external and filters <= {DEFLATE, SHUFFLE, FLETCHER32}
    sources = item.virtual_sources()
    if any(source.file_name != "." for source in sources):
        return False
    shown = [item.file[source.dset_name] for source in sources]
    return all(
        isinstance(one, h5py.Dataset) and not one.is_virtual and _stored_here(one) for one in shown
    )


def _least(wanted: int, hard: int) -> int:
    return wanted if hard < 0 else min(wanted, hard)


if __name__ == "__main__":
    limit(int(sys.argv[2]), int(sys.argv[3]))
    walk(sys.argv[1])
