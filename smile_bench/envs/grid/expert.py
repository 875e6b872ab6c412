"""The expert of a gridworld family: the soft-optimal policy of the true task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs.grid.family import MOVES, GridFamily
from smile_bench.envs.grid.planning import soft_values
from smile_bench.errors import InputError

__all__ = ["GridExpert"]


class GridExpert:
    """The soft-optimal policy of the true task, by soft value iteration. It samples its moves.

    Args:
        family: whose tasks it solves.
    """

    def __init__(self, family: GridFamily) -> None:
        self.family = family
        self._policies: dict[bytes, FloatArray] = {}

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Says that nothing is trained."""
        return {"command": "exact soft value iteration, nothing to train", "seconds": 0}

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Where moves lead, the features and the horizon. With the task, they define the policy."""
        return (self.family.moves, self.family.features, np.array(self.family.horizon))

    def policies(self, parameters: FloatArray) -> FloatArray:
        """π_t(a | s), (N, T, S, A), of tasks (N, P)."""
        rows = np.asarray(parameters, np.float64)
        self._solve(rows)
        return np.stack([self._policies[row.tobytes()] for row in rows])

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Sampled moves as one-hot rows (N, 5), for observations (N, O) in tasks (N, P).

        Raises:
            InputError: no generator to sample from, or observations of another family.
        """
        if rng is None:
            raise InputError("the expert of a grid samples its moves: give it rng, a generator.")
        cells, times = self.family.decode(observations)
        rows = np.asarray(parameters, np.float64)
        self._solve(rows)
        triples = zip([row.tobytes() for row in rows], times, cells, strict=True)
        chances = np.stack([self._policies[key][t, s] for key, t, s in triples])
        passed = rng.random(len(chances))[:, None] > chances.cumsum(axis=1)
        moves = np.minimum(passed.sum(axis=1), len(MOVES) - 1)
        return np.asarray(np.eye(len(MOVES), dtype=np.float32)[moves])

    def _solve(self, rows: FloatArray) -> None:
        """Compute the policies of the tasks that are new."""
        new = {row.tobytes(): row for row in rows if row.tobytes() not in self._policies}
        if not new:
            return
        tasks, family = np.stack(list(new.values())), self.family
        rewards = family.rewards(tasks[:, 1:])
        solved = soft_values(family.mdp(tasks[:, 0]), rewards, family.horizon)
        self._policies.update(zip(new, solved.policy, strict=True))
