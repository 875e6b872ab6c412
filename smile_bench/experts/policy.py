"""Experts: small networks that see the task, stored as safetensors and run in NumPy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import Family, get_family, get_mujoco_family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import PrivilegedPolicy, sample_starts
from smile_bench.errors import ExpertError
from smile_bench.experts import per_task
from smile_bench.experts.network import forward, require_sizes, unpack_network
from smile_bench.experts.per_task import PerTaskExperts, unpack_per_task
from smile_bench.io.tensors import read_tensors, write_tensors
from smile_bench.learning.normaliser import Normaliser

__all__ = [
    "Expert",
    "expert_metrics",
    "load_base_policy",
    "load_expert",
    "read_expert",
    "task_metrics",
    "weights_path",
    "write_expert",
]

FORMAT = "smile-bench-expert-1"
ACTIVATIONS, SQUASHES = ("tanh", "relu"), ("clip", "tanh")


@dataclass(frozen=True, kw_only=True, eq=False)
class Expert:
    """A deterministic policy that sees the task.

    It is a multilayer perceptron on the features ``family.privileged(observations, parameters)``,
    normalised to ``(features - mean) / scale`` and clipped; its output is squashed to [-1, 1].
    """

    family: str
    weights: tuple[Float32Array, ...]
    """One matrix (out, in) per layer."""
    biases: tuple[Float32Array, ...]
    """One vector (out,) per layer."""
    mean: Float32Array
    """Of the features, (F,)."""
    scale: Float32Array
    """Of the features, (F,)."""
    activation: str
    """``"tanh"`` or ``"relu"``, of the hidden layers."""
    squash: str
    """``"clip"`` or ``"tanh"``, of the output."""
    feature_clip: float = float("inf")
    """Normalised features are clipped to plus or minus this."""
    recipe: Mapping[str, Any]
    """How it was trained: command, configuration, versions, steps."""

    @property
    def arrays(self) -> tuple[Float32Array, ...]:
        """Weights, biases and normalisation."""
        return (*self.weights, *self.biases, self.mean, self.scale)

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Choose actions.

        Args:
            observations: (N, observation_size).
            parameters: task parameters (N, P).
            rng: unused; the policy is deterministic.

        Returns:
            Actions (N, A) in [-1, 1].
        """
        features = get_mujoco_family(self.family).privileged(observations, parameters)
        normalise = Normaliser(self.mean, self.scale, self.feature_clip)
        x = forward(normalise(features), self.weights, self.biases, activation=self.activation)
        x = np.tanh(x) if self.squash == "tanh" else np.clip(x, -1.0, 1.0)
        return x.astype(np.float32)


def write_expert(path: Path, expert: Expert) -> None:
    """Write an expert as safetensors, whole or not at all."""
    tensors = {"mean": expert.mean, "scale": expert.scale}
    for i, (weight, bias) in enumerate(zip(expert.weights, expert.biases, strict=True)):
        tensors[f"layer{i}.weight"] = np.ascontiguousarray(weight, np.float32)
        tensors[f"layer{i}.bias"] = np.ascontiguousarray(bias, np.float32)
    metadata = {
        "format": FORMAT,
        "family": expert.family,
        "activation": expert.activation,
        "squash": expert.squash,
        "feature_clip": repr(expert.feature_clip),
        "recipe": json.dumps(expert.recipe, sort_keys=True),
    }
    write_tensors(path, tensors, metadata)


def read_expert(path: Path, family: str | None = None) -> Expert | PerTaskExperts:
    """Read what :func:`write_expert` or :func:`write_per_task` wrote.

    Args:
        path: the file.
        family: id of the family that it must belong to; any by default.

    Raises:
        ExpertError: the file is missing, damaged, not an expert or of another family.
    """
    file = read_tensors(path, "an expert", ExpertError, formats=(FORMAT, per_task.FORMAT))
    stated = file.text("family")
    if family not in (None, stated):
        raise ExpertError(f"{path} holds an expert of {stated}, not of {family}.")
    with file.understanding():
        declared = get_mujoco_family(stated)
    if file.text("format") == per_task.FORMAT:
        experts = unpack_per_task(file)
        require_sizes(file, experts, declared.observation_size, declared.action_size)
        return experts
    activation, squash = file.text("activation"), file.text("squash")
    if activation not in ACTIVATIONS or squash not in SQUASHES:
        raise file.damaged(
            f"its layers are {activation!r} with {squash!r} outputs; known are "
            f"{' or '.join(ACTIVATIONS)} with {' or '.join(SQUASHES)}"
        )
    with file.understanding():
        expert = Expert(
            family=stated,
            **unpack_network(file),
            activation=activation,
            squash=squash,
            feature_clip=float(file.text("feature_clip")),
            recipe=file.document("recipe"),
        )
    shown = declared.privileged(
        np.zeros((1, declared.observation_size)), declared.table("train")[:1]
    )
    require_sizes(file, expert, shown.shape[1], declared.action_size)
    return expert


def load_expert(family: str | Family) -> PrivilegedPolicy:
    """The expert that ships with a family, or that its physics computes.

    Raises:
        UnknownNameError: no such family.
        ExpertError: the family has no expert yet, or its file is damaged.
    """
    return _expert(get_family(family))


def load_base_policy(family: str | Family) -> Expert:
    """The base policy that ships with a family: trained on the unmodified body, it sees no task.

    Raises:
        UnknownNameError: no such family.
        ExpertError: the family has no base policy, or its file is damaged.
    """
    return _base_policy(get_family(family))


def weights_path(family: Family, name: str) -> Path:
    """Where ``NAME.safetensors`` of a family lies: among the family's own files, else here.

    Args:
        family: whose weights.
        name: of the file, without its suffix.
    """
    file = f"{name}.safetensors"
    if family.data is not None and (own := family.data / file).exists():
        return own
    return Path(str(resources.files("smile_bench.experts") / "weights")) / file


def expert_metrics(
    family: Family, expert: PrivilegedPolicy, split: str, *, episodes: int = 8, seed: int = 0
) -> FloatArray:
    """An expert's primary metric in every task of a split, (tasks, episodes)."""
    return task_metrics(family, expert, family.table(split), episodes, seed)


def task_metrics(
    family: Family, expert: PrivilegedPolicy, tasks: FloatArray, episodes: int, seed: int
) -> FloatArray:
    """An expert's primary metric in each of some tasks.

    Args:
        family: of the tasks.
        expert: acts, and sees the task.
        tasks: parameters (N, P).
        episodes: per task.
        seed: of initial states and sampled actions.

    Returns:
        (N, episodes).
    """
    parameters = np.repeat(tasks, episodes, axis=0)
    simulator = family.make_simulator(len(parameters))
    simulator.set_tasks(parameters)
    rng = np.random.default_rng(seed)
    simulator.reset(sample_starts(simulator, rng, parameters))
    for step in rollout(simulator, lambda o: expert.act(o, parameters, rng), family.horizon):
        values = step.result.info[family.metric.name]
    return values.reshape(len(tasks), episodes)


@cache
def _expert(family: Family) -> PrivilegedPolicy:
    computed = family.computed_expert()
    return computed or _load(family, family.dataset_recipe.expert, "trained expert")


@cache
def _base_policy(family: Family) -> Expert:
    base = _load(family, f"{family.dataset_recipe.expert}-base", "base policy")
    if not isinstance(base, Expert):
        raise ExpertError(
            f"the base policy of {family.id} must be one network, but its file holds one policy "
            "per task. Install smile-bench again."
        )
    return base


def _load(family: Family, name: str, kind: str) -> Expert | PerTaskExperts:
    path = weights_path(family, name)
    if not path.exists():
        there = sorted(found.stem for found in path.parent.glob("*.safetensors"))
        own = "" if family.data is None else f" among its own files, {family.data}, nor"
        raise ExpertError(
            f"{family.id} has no {kind}: there is no {path.name}{own} in this version of "
            f"smile-bench. There are: {', '.join(there) or 'none'}."
        )
    return read_expert(path, family.id)
