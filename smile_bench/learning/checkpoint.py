"""Checkpoints: a nested ``state_dict``, flattened once into one safetensors file.

What a training saves is the ``state_dict`` of each of its parts: mappings and lists of tensors,
arrays, numbers, text, booleans and None. The file holds the tensors by number and, as JSON, the
tree that they hang in and a digest of everything. It is data, never code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smile_bench.errors import CheckpointError
from smile_bench.io.tensors import TensorFile, read_tensors, write_tensors

__all__ = ["load_checkpoint", "load_optimizer", "save_checkpoint"]

FORMAT = "smile-bench-checkpoint-2"
REMEDY = "Remove the file to start from scratch."

Leaves = dict[str, torch.Tensor]


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state, whole or not at all; tensors are stored from the CPU.

    Args:
        path: the file.
        state: nested mappings (keys text or integers) and lists of tensors, NumPy arrays and what
            JSON can hold.

    Raises:
        TypeError: the state holds something else.
    """
    leaves: Leaves = {}
    tree = _flatten(state, leaves)
    document = {"format": FORMAT, "sha256": _digest(tree, leaves), "tree": tree}
    write_tensors(path, leaves, {"state": json.dumps(document)}, framework="pt")


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote; tensors lie on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged or of another format.
    """
    what = "a checkpoint"
    file = read_tensors(path, what, CheckpointError, framework="pt", remedy=REMEDY)
    document = file.document("state")
    if document.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is a checkpoint of another version of smile-bench. Continue it with that "
            "version, or remove the file to start from scratch."
        )
    with file.understanding():
        if document.get("sha256") != _digest(document["tree"], file.tensors):
            raise ValueError("its content does not have the digest that it states")
        state = _unflatten(document["tree"], file)
        if not isinstance(state, dict):
            raise TypeError(f"it holds {type(state).__name__} and not a mapping")
    return state


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Put the moments of a ``state_dict`` back into an optimizer of the same parameters.

    Its options, such as the learning rate, are configuration and stay as they are.

    Raises:
        RuntimeError: the state is of another optimizer. PyTorch does not compare sizes, and a fused
            step would write beyond a moment that is too short.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for position, values in state["state"].items():
        for name, value in values.items():
            if name == "step":
                continue
            if position >= len(parameters) or value.shape != parameters[position].shape:
                raise RuntimeError(f"{name} of parameter {position} is of another optimizer")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": dict(state["state"])})


def _digest(tree: Any, leaves: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of a tree as JSON and of its tensors."""
    digest = hashlib.sha256(json.dumps(tree).encode())
    for name, tensor in sorted(leaves.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():  # PyTorch has no view of nothing as bytes.
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _flatten(value: Any, leaves: Leaves) -> Any:
    """The tree of a state as JSON-able data; its tensors join ``leaves``."""
    if isinstance(value, torch.Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        tensor = torch.as_tensor(value).detach()
        name = str(len(leaves))
        # A copy, because safetensors refuses tensors that share memory.
        leaves[name] = tensor.to("cpu", copy=True).contiguous()
        return {kind: name}
    if isinstance(value, Mapping):
        return {"items": [[_key(key), _flatten(item, leaves)] for key, item in value.items()]}
    if isinstance(value, tuple | list):
        return {"list": [_flatten(item, leaves) for item in value]}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}.")


def _unflatten(tree: Any, file: TensorFile) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "items":
        return {key: _unflatten(item, file) for key, item in content}
    if kind == "list":
        return [_unflatten(item, file) for item in content]
    tensor = file.tensor(content)
    return tensor.numpy() if kind == "array" else tensor


def _key(key: Any) -> str | int:
    if isinstance(key, str) or type(key) is int:
        return key
    raise TypeError(f"a checkpoint's keys are text or integers, not {type(key).__name__}.")
