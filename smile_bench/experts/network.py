"""The experts' networks in NumPy: reading them, and computing outputs on one thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from smile_bench.arrays import Float32Array
from smile_bench.io.tensors import TensorFile

__all__ = ["forward", "require_sizes", "unpack_network"]


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
        weights: one matrix (out, in) per layer.
        biases: one vector (out,) per layer.
        activation: ``"tanh"`` or ``"relu"``, of all layers but the last.
    """
    x = features
    last = len(weights) - 1
    # One thread: the order of the sums must not depend on the number of processors.
    with _blas().limit(limits=1, user_api="blas"):
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = x @ weight.T + bias
            if i < last:
                x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0.0)
    return x


def unpack_network(file: TensorFile, stacked: tuple[int, ...] = ()) -> dict[str, Any]:
    """Read and check the ``weights``, ``biases``, ``mean`` and ``scale`` of a network.

    Args:
        file: holds layers as ``layer0.weight`` (out, in), ``layer0.bias`` (out,) and so on, and
            ``mean`` and ``scale`` (in,) of the features.
        stacked: leading shape of all these tensors, where a file stacks several networks.

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
            raise file.damaged(
                f"its layers do not fit together: found {array.dtype} {array.shape}, expected "
                f"float32 {shape}"
            )
    return {"weights": weights, "biases": biases, "mean": mean, "scale": scale}


def require_sizes(file: TensorFile, network: Any, features: int, actions: int) -> None:
    """Refuse a network that does not fit its family, or whose numbers are not all finite.

    Args:
        file: where it was read.
        network: has ``weights``, ``biases``, ``mean`` and ``scale``.
        features: number of inputs that the family gives.
        actions: number of outputs that it takes.

    Raises:
        SmileError: of the file's type.
    """
    found = network.mean.shape[-1:] + network.biases[-1].shape[-1:]
    if found != (features, actions):
        raise file.damaged(
            f"its network has inputs and outputs {found}, but its family needs "
            f"{(features, actions)}"
        )
    if not all(np.isfinite(array).all() for array in network.arrays):
        raise file.damaged("its network holds numbers that are not finite")


@cache
def _blas() -> ThreadpoolController:
    # Finding the libraries takes milliseconds, so it is done once.
    return ThreadpoolController()
