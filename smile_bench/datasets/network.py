"""The forward pass of the experts' networks in NumPy, the same on any number of processors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

__all__ = ["Float32Array", "forward"]

Float32Array = NDArray[np.float32]


def forward(
    features: Float32Array,
    weights: Sequence[Float32Array],
    biases: Sequence[Float32Array],
    *,
    activation: str,
) -> Float32Array:
    """Outputs (N, out) of a multilayer perceptron for features (N, in).

    Args:
        features: (N, in).
        weights: one matrix (out, in) a layer.
        biases: one vector (out,) a layer.
        activation: ``"tanh"`` or ``"relu"``, of all layers but the last.
    """
    x = features
    last = len(weights) - 1
    # One thread: the sums must not depend on how many processors there are.
    with _blas().limit(limits=1, user_api="blas"):
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = x @ weight.T + bias
            if i < last:
                x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0.0)
    return x


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
