"""Imports of modules in the working directory, without changing ``sys.path`` for good."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["working_directory_importable"]


@contextmanager
def working_directory_importable() -> Iterator[None]:
    """Let modules of the working directory be imported inside this block.

    The directory comes last in ``sys.path``, so that none of its modules hides an installed one.
    It is removed at the end of the block unless it was there before.
    """
    directory = str(Path.cwd())
    if "" in sys.path or directory in sys.path:
        yield
        return
    sys.path.append(directory)
    try:
        yield
    finally:
        # An imported module may have removed it, too.
        if directory in sys.path:
            sys.path.remove(directory)
