"""Adam in NumPy, for small models that need no PyTorch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Adam"]

FloatArray = NDArray[np.float64]


class Adam:
    """Adam's direction of ascent (Kingma and Ba 2015), without the learning rate.

    Args:
        shape: of the parameters.
        decay: β1 and β2.
    """

    def __init__(self, shape: tuple[int, ...], decay: tuple[float, float] = (0.9, 0.99)) -> None:
        self.decay, self.steps = decay, 0
        self.mean: FloatArray = np.zeros(shape)
        self.square: FloatArray = np.zeros(shape)

    def direction(self, gradient: FloatArray) -> FloatArray:
        """What to add, times the learning rate, for a gradient of the parameters' shape."""
        one, two = self.decay
        self.steps += 1
        self.mean = one * self.mean + (1.0 - one) * gradient
        self.square = two * self.square + (1.0 - two) * np.square(gradient)
        mean, square = self.mean / (1.0 - one**self.steps), self.square / (1.0 - two**self.steps)
        return np.asarray(mean / (np.sqrt(square) + 1e-8))
