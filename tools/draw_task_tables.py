"""How the frozen task tables in ``smile_bench/envs/tables`` were drawn; kept for the record.

The committed files are the benchmark: run this only to check them, with ``--check``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_bench.envs import get_family

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

TABLES = Path(__file__).parent.parent / "smile_bench" / "envs" / "tables"
WALKER_SIZES = {"train": 50, "validation": 10, "test": 25}
CLASSIFICATION_SIZES = {"train": 64, "validation": 16, "test": 32}
GRID_SIZES = {"train": 64, "validation": 16, "test": 24}
SEEDS = {"walker_dynamics": 20191, "ant_linear_classification": 20192, "grid_goal": 20193}


def walker_dynamics(rng: np.random.Generator, tasks: int) -> NDArray[np.float64]:
    """Multipliers (tasks, 65): mass 8, inertia 24, damping 9, friction 24."""
    base = np.full(8 + 24 + 9 + 24, 1.5)
    base[32:41] = 1.3
    return np.asarray(base ** rng.uniform(-3.0, 3.0, (tasks, len(base))))


def of_family(family: str) -> Draw:
    """The rule by which a family samples tasks."""

    draw = get_family(family).task_distribution
    assert draw is not None
    return draw


def main() -> int:
    """Draw or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    parser.add_argument("--table", help="only this one")
    arguments = parser.parse_args()
    check = arguments.check
    status = 0
    for name, draw, sizes in (
        ("walker_dynamics", walker_dynamics, WALKER_SIZES),
        (
            "ant_linear_classification",
            of_family("SmileAntLinearClassification-v0"),
            CLASSIFICATION_SIZES,
        ),
        ("grid_goal", of_family("SmileGridGoal-v0"), GRID_SIZES),
    ):
        if arguments.table not in (None, name):
            continue
        rng = np.random.default_rng(SEEDS[name])
        tables = {split: draw(rng, tasks) for split, tasks in sizes.items()}
        path = TABLES / f"{name}.json"
        if check:
            stored = json.loads(path.read_text(encoding="utf-8"))
            same = all(np.allclose(stored[s], t, rtol=1e-12, atol=0.0) for s, t in tables.items())
            print(f"{path.name}: {'as drawn' if same else 'DIFFERENT'}")
            status |= not same
        else:
            rows = {split: table.tolist() for split, table in tables.items()}
            path.write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
