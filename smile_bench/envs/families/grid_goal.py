"""Grid goal: find the good cells of a small grid whose moves slip."""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray
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


def slips_and_weights(rng: np.random.Generator, number: int) -> FloatArray:
    """Sample tasks (number, 8): one of the five places is good, and ground may be bad."""
    slips = rng.uniform(0.0, 0.3, (number, 1))
    places = rng.uniform(-2.0, 1.0, (number, 5))
    places[np.arange(number), rng.integers(5, size=number)] = rng.uniform(3.0, 5.0, number)
    ground = rng.uniform(-4.0, 0.0, (number, 2))
    return np.asarray(np.round(np.concatenate((slips, places, ground), axis=1), 6), np.float64)


class GridGoal(GridFamily):
    """Find the good cells of a small grid whose moves slip; every quantity can be computed.

    ## Description
    A map of 8 × 8 cells. Five of them are walls; the others are five places a to e, water w, mud m
    and plain ground. :mod:`smile_bench.envs.grid.planning` computes values, visitation and
    log-partitions exactly, and trainings take seconds.

    The expert is the soft-optimal policy of the true task, by exact soft value iteration. It
    samples its moves, so that demonstrations are those that maximum-entropy inverse RL assumes. A
    policy that plans for the true reward without sampling does a little better, so scores above 1
    are possible.

    ## Task
    The slip probability, U(0, 0.3), and a weight for each of the seven kinds of cell: one place
    U(3, 5), the other places U(−2, 1), water and mud U(−4, 0). There are 64 train, 16 validation
    and 24 test tasks, sampled once. A context holds 1 to 8 demonstrations.

    ## Action space
    ``Discrete(5)``: stay, north, east, south, west. With the slip probability a random one of the
    five is made instead. A move into a wall or off the map stays. Datasets and simulators hold an
    action as a one-hot row of five.

    ## Observation space
    ``Box(-1e6, 1e6, (65,), float64)``: 1 for the agent's cell and 0 for the 63 others, then the
    share of the episode that has passed. The task is left out.

    ## Rewards
    The weight of the cell in which the step was taken, 0 on plain ground.

    ## Starting state
    Any cell that is not a wall, and an integer below 2³² that determines all slips of the episode.
    An episode therefore follows from its task, initial state and actions, and can be replayed.

    ## Episode end
    Never terminates. Truncated after 20 steps.

    ## Metrics
    ``episode_return``: sum of rewards over the episode. Higher is better.

    ## Version history
    * v0: first version.
    """


FAMILY = GridGoal(
    id="SmileGridGoal-v0",
    title="Grid goal",
    summary="find the good cells of an 8 × 8 grid whose moves slip",
    parameter_names=("slip", *(f"weight_{kind}" for kind in KINDS)),
    tasks=load_table("grid_goal"),
    task_distribution=slips_and_weights,
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
