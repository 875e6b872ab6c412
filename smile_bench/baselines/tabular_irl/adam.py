"""Adam in NumPy.

PyTorch has an Adam as well, but the agents of the grid must act without PyTorch, and some of them
learn as they adapt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smile_bench.arrays import FloatArray

__all__ = ["Adam"]


class Adam:
    """Adam's direction of ascent (Kingma and Ba 2015), without the learning rate.

    Args:
        shape: of the parameters.
        decay: β1 and β2, the decay rates of the moments.
    """

    def __init__(self, shape: tuple[int, ...], decay: tuple[float, float] = (0.9, 0.99)) -> None:
        self.decay, self.steps = decay, 0
        self.mean: FloatArray = np.zeros(shape)
        self.square: FloatArray = np.zeros(shape)

    def state_dict(self) -> dict[str, Any]:
        """The moments and the number of steps."""
        return {"steps": self.steps, "mean": self.mean, "square": self.square}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.steps = state["steps"]
        self.mean, self.square = np.array(state["mean"]), np.array(state["square"])

    def direction(self, gradient: FloatArray) -> FloatArray:
        """The direction of the next step, for a gradient of the parameters' shape."""
        one, two = self.decay
        self.steps += 1
        self.mean = one * self.mean + (1.0 - one) * gradient
        self.square = two * self.square + (1.0 - two) * np.square(gradient)
        mean, square = self.mean / (1.0 - one**self.steps), self.square / (1.0 - two**self.steps)
        return np.asarray(mean / (np.sqrt(square) + 1e-8))
