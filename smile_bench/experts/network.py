"""The networks of the experts in NumPy: reading them, and the same outputs on any processors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from smile_bench.arrays import Float32Array
from smile_bench.io.tensors import TensorFile

__all__ = ["Float32Array", "forward", "unpack_network"]


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


def unpack_network(file: TensorFile, stacked: tuple[int, ...] = ()) -> dict[str, Any]:
    """A network's ``weights``, ``biases``, ``mean`` and ``scale`` from a file, checked.

    Args:
        file: layers as ``layer0.weight`` (out, in), ``layer0.bias`` (out,) and so on, beside
            ``mean`` and ``scale`` (in,) of the features.
        stacked: shape that goes before all of these, where a file holds many networks in one.

    Raises:
        SmileError: of the file's type; a tensor is missing or has another shape or type.
    """
    layers = max(1, sum(name.endswith(".weight") for name in file.tensors))
    weights = tuple(file.tensor(f"layer{i}.weight") for i in range(layers))
    biases = tuple(file.tensor(f"layer{i}.bias") for i in range(layers))
    mean, scale = file.tensor("mean"), file.tensor("scale")
    width = mean.shape[-1:]
    expected = [stacked + width] * 2
    for weight in weights:
        expected.append(stacked + weight.shape[-2:-1] + width)
        width = weight.shape[-2:-1]
        expected.append(stacked + width)
    pairs = [array for layer in zip(weights, biases, strict=True) for array in layer]
    for array, shape in zip((mean, scale, *pairs), expected, strict=True):
        if array.shape != shape or array.dtype != np.float32:
            raise file.damaged(f"its layers do not fit: {array.dtype} {array.shape}, not {shape}")
    return {"weights": weights, "biases": biases, "mean": mean, "scale": scale}


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
