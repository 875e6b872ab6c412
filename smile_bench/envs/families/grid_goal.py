"""Grid goal: find the good cells of a small grid that slips; every quantity is computable."""

from __future__ import annotations

from smile_bench.envs.family import DatasetRecipe, Metric
from smile_bench.envs.grid.family import GridFamily
from smile_bench.envs.tables import load_table

LAYOUT = (
    "....m..b",
    ".a..m...",
    "..##.ww.",
    "..#..ww.",
    "mm...#..",
    "..e..#..",
    ".ww...d.",
    "c.w..m..",
)
KINDS = "abcdewm"
"""Five places a to e, water and mud."""

FAMILY = GridFamily(
    id="SmileGridGoal-v0",
    title="Grid goal",
    summary="find the good cells of an 8 × 8 grid whose moves slip",
    parameter_names=("slip", *(f"weight_{kind}" for kind in KINDS)),
    tasks=load_table("grid_goal"),
    horizon=20,
    metrics=(
        Metric(
            name="episode_return",
            description="sum of rewards over the episode",
            unit="",
            higher_is_better=True,
        ),
    ),
    context_sizes=(1, 2, 4, 8),
    evaluation_episodes=8,
    dataset_recipe=DatasetRecipe(expert="soft-optimal", demonstrations=16, subsample=1, noise=0.05),
    layout=LAYOUT,
    kinds=KINDS,
)
