"""Tabular SMILe: an encoder of contexts and a reward for every cell of the grid.

SMILe (Seyed Ghasemipour et al. 2019) meta-trains an encoder, a discriminator and a policy. The
discriminator and the policy are conditioned on the embedding of a context. Here states are one-hot,
so the reward for an embedding is one number per cell, and the policy is the exact soft-optimal one
for that reward instead of a network. What remains is what makes SMILe a meta-learner: encoder and
reward are trained across meta-train tasks, and a new task costs one forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.agents import Context
from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.contexts import (
    DecodedContexts,
    PlannedPolicy,
    read_contexts,
    require_grid,
)
from smile_bench.envs.grid.family import GridFamily
from smile_bench.envs.grid.planning import MDP, hard_values
from smile_bench.errors import AgentError
from smile_bench.io.tensors import read_tensors, write_tensors

__all__ = [
    "LAYERS",
    "TabularSmile",
    "TabularSmileConfig",
    "Weights",
    "encode",
    "forward",
    "gradients",
    "initial_weights",
]

Weights = Mapping[str, FloatArray]

FORMAT = "smile-bench-tabular-smile-1"
LAYERS = ("encoder", "encoder_bias", "reward", "reward_bias")
"""The weights: (2S + 2, hidden), (hidden,), (hidden, S) and (S,)."""


@dataclass(frozen=True, kw_only=True)
class TabularSmileConfig:
    """Settings of a training."""

    family: str
    """Id of the family."""
    seed: int = 0
    """Of all randomness."""
    iterations: int = 150
    """Length of the training."""
    tasks_per_batch: int = 24
    """Meta-train tasks in a batch."""
    hidden: int = 64
    """Size of the task embedding."""
    learning_rate: float = 0.02
    """Of Adam; falls to 0 along a cosine."""
    weight_decay: float = 0.002
    """Pull of the weights towards 0, per unit of learning rate."""


def encode(decoded: DecodedContexts) -> FloatArray:
    """The encoder's inputs for B contexts, (B, 2S + 2).

    They are the mean visits to each cell as a share of the episode, the distribution of the first
    cell, the estimated slip, and one over the number of demonstrations. Like SMILe's pooling, they
    sum over timesteps and average over demonstrations.
    """
    horizon = decoded.family.horizon
    parts = (decoded.visits / horizon, decoded.start, decoded.slips[:, None])
    return np.concatenate((*parts, 1.0 / decoded.shots[:, None]), axis=1)


def initial_weights(family: GridFamily, hidden: int, rng: np.random.Generator) -> Weights:
    """Weights before training, by the names in :data:`LAYERS`."""
    inputs = 2 * family.cells + 2
    return {
        "encoder": rng.standard_normal((inputs, hidden)) * 0.5,
        "encoder_bias": np.zeros(hidden),
        "reward": rng.standard_normal((hidden, family.cells)) * 0.1 / np.sqrt(hidden),
        "reward_bias": np.zeros(family.cells),
    }


def forward(weights: Weights, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Embeddings (B, hidden) and the reward of every cell (B, S), for inputs (B, 2S + 2)."""
    embeddings = np.tanh(inputs @ weights["encoder"] + weights["encoder_bias"])
    return embeddings, embeddings @ weights["reward"] + weights["reward_bias"]


def gradients(
    weights: Weights, inputs: FloatArray, embeddings: FloatArray, by_reward: FloatArray
) -> Weights:
    """Backpropagate: gradients by the weights, averaged over the batch.

    Args:
        weights: by the names in :data:`LAYERS`.
        inputs: what :func:`encode` returned, (B, 2S + 2).
        embeddings: what :func:`forward` returned, (B, hidden).
        by_reward: the gradient by the reward of every cell, (B, S).
    """
    by_reward = by_reward / len(by_reward)
    inner = (by_reward @ weights["reward"].T) * (1.0 - np.square(embeddings))
    return {
        "encoder": inputs.T @ inner,
        "encoder_bias": inner.sum(axis=0),
        "reward": embeddings.T @ by_reward,
        "reward_bias": by_reward.sum(axis=0),
    }


class TabularSmile:
    """A trained agent: context → embedding → reward of every cell → plan.

    Args:
        config: the settings of its training.
        weights: by the names in :data:`LAYERS`.
        recipe: command, versions and access of the training.

    Raises:
        AgentError: the family is not a gridworld.
    """

    name = "tabular-smile"

    def __init__(
        self,
        config: TabularSmileConfig,
        weights: Weights,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.weights, self.recipe = config, weights, recipe or {}
        self.family = require_grid(config.family)

    def infer(self, contexts: Sequence[Context]) -> tuple[MDP, FloatArray]:
        """The estimated dynamics and the reward of every cell (slots, S).

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        decoded = read_contexts(contexts, self.family)
        _, rewards = forward(self.weights, encode(decoded))
        return decoded.mdp, rewards

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Infer the reward, then plan for it.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        mdp, rewards = self.infer(contexts)
        planned = hard_values(mdp, rewards[..., None], self.family.horizon)
        return PlannedPolicy(self.family, planned.policy)

    def save(self, path: Path) -> None:
        """Write weights, settings and recipe as one safetensors file."""
        tensors = {name: self.weights[name].astype(np.float32) for name in LAYERS}
        metadata = {
            "format": FORMAT,
            "config": json.dumps(asdict(self.config)),
            "recipe": json.dumps(self.recipe),
        }
        write_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: Path) -> TabularSmile:
        """Read what :meth:`save` wrote.

        Raises:
            AgentError: the file is missing, damaged or of another agent.
        """
        file = read_tensors(path, "a tabular-smile agent", AgentError, formats=(FORMAT,))
        with file.understanding():
            config = TabularSmileConfig(**file.document("config"))
            weights = {name: file.tensor(name).astype(np.float64) for name in LAYERS}
            return cls(config, weights, file.document("recipe"))
