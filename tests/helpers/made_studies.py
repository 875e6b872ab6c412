"""Made-up tables of studies, as ``smile-bench study table`` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smile_bench.datasets.conditions import Condition
from smile_bench.envs import get_family
from smile_bench.protocol.meta_test import load_meta_test


def study_cell(
    family: str, demonstrations: int, tasks: int, level: float, /, **facts: Any
) -> dict[str, Any]:
    """A cell in which every run on every task scores ``level``, two thirds of it for seed 1.

    Args:
        family: the family's id.
        demonstrations: of each task.
        tasks: meta-train tasks.
        level: normalised score of seed 0.
        facts: fields that differ.
    """
    condition = Condition(demonstrations=demonstrations, tasks=tasks).on(family)
    count = len(get_family(family).table("test"))
    cell = {
        "agent": "meta-bc",
        "family": family,
        "protocol": load_meta_test(family).version,
        "track": "offline",
        "state_only": False,
        "condition": {
            **condition.to_dict(),
            "sha256": condition.digest,
            "label": str(condition),
        },
        "settings": {},
        "seeds": [0, 1],
        "scores": [[level] * count, [level * 2 / 3] * count],
        "metric": get_family(family).metric.name,
        "metrics": [[0.1] * count, [0.3] * count],
        "best": [0.1, None],
        "last": [0.12, None],
        "cost": {
            "seconds": 600.0,
            "cpu_seconds": 540.0,
            "env_steps": 0.0,
            "expert_queries": None,
        },
    }
    return {**cell, **facts}


def study_table(cells: Sequence[dict[str, Any]], **facts: Any) -> dict[str, Any]:
    """A table of cells."""
    return {
        "format": "smile-bench-study-table-1",
        "study": "budget",
        "sha256": "a" * 64,
        "versions": {"smile-bench": "0.1.0"},
        "cells": list(cells),
        **facts,
    }


def write_study(path: Path, cells: Sequence[dict[str, Any]], **facts: Any) -> Path:
    """Write a table of cells; return its path."""
    path.write_text(json.dumps(study_table(cells, **facts)), encoding="utf-8")
    return path
