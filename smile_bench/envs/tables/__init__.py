"""Frozen task tables: sampled once and kept as data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import ProtocolError
from smile_bench.io.shipped import require_unaltered

__all__ = ["FrozenTables", "load_table"]


class FrozenTables(Mapping[str, FloatArray]):
    """Split to parameters (number of tasks, P), read-only.

    The file is read when it is first needed, so that a damaged one concerns its family alone.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _tables(self) -> dict[str, FloatArray]:
        require_unaltered(self.path, ProtocolError)
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            tables = {split: np.array(table, np.float64) for split, table in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ProtocolError(
                f"cannot read the task table {self.path}: {error}. Install smile-bench again."
            ) from error
        for table in tables.values():
            table.setflags(write=False)
        return tables

    def __reduce__(self) -> tuple[type[FrozenTables], tuple[Path]]:
        return FrozenTables, (self.path,)

    def __getitem__(self, split: str) -> FloatArray:
        return self._tables[split]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def load_table(name: str) -> FrozenTables:
    """A frozen task table, which is read on first use.

    Args:
        name: file name, without ending.

    Returns:
        Split to parameters (number of tasks, P). Asking for a split raises a ProtocolError if the
        file is missing or was altered.
    """
    return FrozenTables(Path(str(resources.files(__name__) / f"{name}.json")))
