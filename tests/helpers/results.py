"""Small results for tests: the grid's protocol takes a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import Context, require_family
from smile_bench.errors import AgentError
from smile_bench.protocol import Result, Verification, evaluate

GRID = "SmileGridGoal-v0"
RECIPE: dict[str, Any] = {
    "seed": 3,
    "command": "none",
    "seconds": 1.5,
    "track": "offline",
    "access": {"demonstrations": 64, "env_steps": 0},
    "versions": {"numpy": "2"},
}
WEIGHTS = "0123456789abcdef" * 4


class Wanderer:
    """Repeats in each slot the moves of its first demonstration, whatever it observes."""

    name = "wanderer"

    def __init__(self) -> None:
        self.recipe: Any = dict(RECIPE)
        self.weights_sha256: Any = WEIGHTS

    def adapt(self, contexts: Sequence[Context]) -> WandererPolicy:
        require_family(contexts, GRID)
        actions = [context.actions[0] for context in contexts if context.actions is not None]
        return WandererPolicy(np.stack(actions))


class WandererPolicy:
    def __init__(self, actions: NDArray[np.float32]) -> None:
        self.actions, self.time = actions, 0

    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float32]:
        self.time += 1
        return self.actions[:, self.time - 1]


@cache
def evaluated() -> Result:
    """The wanderer's result on the grid."""
    return evaluate(Wanderer(), GRID)


def load_wanderer(name: str, family: str) -> Wanderer:
    """Knows the wanderer and no other agent."""
    if name != "wanderer":
        raise AgentError(f"there is no {name}")
    return Wanderer()


def failed(found: Verification) -> list[str]:
    """The names of the checks that failed."""
    return [check.name for check in found.findings if not check.passed]


def forged(folder: Path, **changes: Any) -> Path:
    """An altered result whose means, hashes and seal follow from the alteration."""
    replace(evaluated(), **changes).save(folder)
    return folder
