"""Experts with one policy per task, for families whose tasks are a table of dynamics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.errors import ExpertError
from smile_bench.experts.network import forward, unpack_network
from smile_bench.io.tensors import TensorFile, write_tensors
from smile_bench.learning.normaliser import Normaliser

__all__ = ["FORMAT", "PerTaskExperts", "unpack_per_task", "write_per_task"]

FORMAT = "smile-bench-specialists-1"


@dataclass(frozen=True, kw_only=True, eq=False)
class PerTaskExperts:
    """One deterministic policy per task; the task's parameters select the policy.

    Each policy is a multilayer perceptron of tanh layers on ``(observation - mean) / scale``,
    clipped; its output is clipped to [-1, 1].
    """

    family: str
    tasks: FloatArray
    """Parameters of the tasks that have a policy, (N, P)."""
    weights: tuple[Float32Array, ...]
    """One stack of matrices (N, out, in) per layer."""
    biases: tuple[Float32Array, ...]
    """One stack (N, out) per layer."""
    mean: Float32Array
    """(N, observation_size)."""
    scale: Float32Array
    """(N, observation_size)."""
    feature_clip: float
    """Normalised observations are clipped to plus or minus this."""
    recipe: Mapping[str, Any]
    """How they were trained."""

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Tasks, weights, biases and normalisation."""
        return (self.tasks, *self.weights, *self.biases, self.mean, self.scale)

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        return {row.tobytes(): index for index, row in enumerate(self.tasks)}

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Choose actions.

        Args:
            observations: (N, observation_size).
            parameters: the task of each, (N, P).
            rng: unused; the policies are deterministic.

        Returns:
            Actions (N, A) in [-1, 1].

        Raises:
            ExpertError: a task has no policy.
        """
        which = self._look_up(parameters)
        actions = np.empty((len(observations), self.biases[-1].shape[1]), np.float32)
        for task in np.unique(which):
            slots = np.flatnonzero(which == task)
            normalise = Normaliser(self.mean[task], self.scale[task], self.feature_clip)
            actions[slots] = forward(
                normalise(observations[slots]),
                [weight[task] for weight in self.weights],
                [bias[task] for bias in self.biases],
                activation="tanh",
            )
        return np.clip(actions, -1.0, 1.0)

    def _look_up(self, parameters: FloatArray) -> IntArray:
        rows = np.ascontiguousarray(parameters, np.float64)
        try:
            return np.array([self._rows[row.tobytes()] for row in rows], np.int64)
        except KeyError:
            missing = [i for i, row in enumerate(rows) if row.tobytes() not in self._rows]
            raise ExpertError(
                f"the experts of {self.family} are one policy for each of its {len(self.tasks)} "
                f"tasks; none is for the parameters in slots {missing[:8]}. Give rows of the "
                "family's task tables."
            ) from None


def write_per_task(path: Path, experts: PerTaskExperts) -> None:
    """Write the policies as safetensors, whole or not at all."""
    tensors: dict[str, NDArray[Any]] = {
        "tasks": experts.tasks,
        "mean": experts.mean,
        "scale": experts.scale,
    }
    for i, (weight, bias) in enumerate(zip(experts.weights, experts.biases, strict=True)):
        tensors[f"layer{i}.weight"], tensors[f"layer{i}.bias"] = weight, bias
    metadata = {
        "format": FORMAT,
        "family": experts.family,
        "feature_clip": repr(experts.feature_clip),
        "recipe": json.dumps(experts.recipe, sort_keys=True),
    }
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_tensors(path, contiguous, metadata)


def unpack_per_task(file: TensorFile) -> PerTaskExperts:
    """Read what :func:`write_per_task` wrote.

    Raises:
        ExpertError: the file is damaged.
    """
    tasks = file.tensor("tasks")
    if tasks.ndim != 2 or tasks.dtype != np.float64 or not len(tasks):
        raise file.damaged(f"its tasks are {tasks.dtype} {tasks.shape}")
    with file.understanding():
        return PerTaskExperts(
            family=file.text("family"),
            tasks=tasks,
            **unpack_network(file, (len(tasks),)),
            feature_clip=float(file.text("feature_clip")),
            recipe=file.document("recipe"),
        )
