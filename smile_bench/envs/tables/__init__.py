"""Frozen task tables: sampled once and kept as data."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np

from smile_bench.arrays import FloatArray

__all__ = ["load_table"]


def load_table(name: str) -> dict[str, FloatArray]:
    """Read a frozen task table.

    Args:
        name: file name, without ending.

    Returns:
        Split to parameters (number of tasks, P).
    """
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return {split: np.array(rows, np.float64) for split, rows in json.loads(text).items()}
