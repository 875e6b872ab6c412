"""The studies of the tests of reports."""

from __future__ import annotations

from smile_bench.studies.study import Cell

CHEETAH = "SmileHalfCheetahVelocity-v0"
WALKER = "SmileWalkerDynamics-v0"
CLASSIFICATION = "SmileAntLinearClassification-v0"
ANT = "SmileAntGoal-v0"

PAPER = f"""
name = "small-paper"
description = "A part of the paper."
seeds = "0-2"

[[cells]]
families = ["{CHEETAH}"]
agents = ["smile", "smile-state-only", "meta-bc", "meta-dagger"]
conditions = [
    "16 demonstrations", "4 demonstrations", "64 demonstrations",
    "64 demonstrations, subsample 1",
]

[[cells]]
families = ["{CLASSIFICATION}", "{WALKER}"]
agents = ["smile", "smile-state-only", "meta-bc", "meta-dagger"]

[[cells]]
families = ["{ANT}"]
agents = ["smile", "meta-bc"]
"""

BUDGET = f"""
name = "small-budget"
seeds = "0-2"

[[cells]]
families = ["{ANT}"]
agents = ["meta-bc", "smile"]
conditions = [
    "1 demonstration, 8 tasks", "4 demonstrations, 8 tasks",
    "1 demonstration, all tasks", "4 demonstrations, all tasks",
]
"""


def level(cell: Cell, seed: int) -> float | None:
    """Scores of :data:`PAPER`, with a cell that is missing and one with a single seed."""
    condition = cell.condition.on(cell.family)
    if (cell.agent, condition.demonstrations) == ("meta-dagger", 64):
        return None
    if (cell.family, cell.agent, condition.demonstrations) == (CHEETAH, "smile", 4) and seed:
        return None
    base = {"smile": 0.95, "smile-state-only": 0.9, "meta-bc": 0.3, "meta-dagger": 0.85}[cell.agent]
    return base + 0.01 * seed
