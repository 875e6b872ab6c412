"""SMILe in a table: a context-conditioned discriminator against exact soft-optimal policies.

SMILe (Seyed Ghasemipour et al. 2019) meta-trains an encoder, a discriminator and a policy. The
discriminator and the policy are conditioned on the embedding of a context. Here states are one-hot,
so the reward for an embedding is one number per cell. The discriminator has the density form (CS285
notes 11.4.6). Where SMILe trains a policy network by soft actor-critic, the policy here is the exact
soft-optimal one for the reward. What remains is what makes SMILe a meta-learner: encoder and reward
are trained across meta-train tasks, and a new task costs one forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from smile_bench.access import Access
from smile_bench.agents import Context
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines.tabular_irl.adam import Adam
from smile_bench.baselines.tabular_irl.contexts import (
    DecodedContexts,
    PlannedPolicy,
    read_contexts,
    require_grid,
)
from smile_bench.envs.grid.family import GridFamily
from smile_bench.envs.grid.planning import MDP, hard_values, soft_values, visitation
from smile_bench.errors import AgentError, InputError
from smile_bench.io.files import write_atomically
from smile_bench.io.tensors import read_tensors

__all__ = [
    "TabularSmile",
    "TabularSmileConfig",
    "TabularSmileTraining",
    "discriminator_step",
    "make_trainer",
    "preset",
]


FORMAT = "smile-bench-tabular-smile-1"
LAYERS = ("encoder", "encoder_bias", "reward", "reward_bias")


@dataclass(frozen=True, kw_only=True)
class TabularSmileConfig:
    """Settings of a training."""

    family: str
    seed: int = 0
    iterations: int = 150
    tasks_per_batch: int = 24
    hidden: int = 64
    """Size of the context embedding."""
    learning_rate: float = 0.02
    """Of Adam; falls to 0 along a cosine."""
    weight_decay: float = 0.002
    """Pull of the weights towards 0, per unit of learning rate."""


def discriminator_step(
    mdp: MDP, rewards: FloatArray, expert_visits: FloatArray, start: FloatArray, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """Gradient by r(s) of the density discriminator's objective, against its own best response.

    The policy is soft-optimal for the reward, so that D = ½ everywhere and the gradient is half of
    the difference of visits (notes 11.4, after 11.4.6): MaxEnt's, halved.

    Args:
        mdp: dynamics of B tasks.
        rewards: r(s), (B, S, 1).
        expert_visits: expected number of steps in each state, (B, S).
        start: distribution of s_1, (B, S).
        horizon: T.

    Returns:
        The gradient (B, S), and the policy's visits (B, S).
    """
    policy = soft_values(mdp, rewards, horizon).policy
    made = visitation(mdp, policy, start).sum(axis=(1, 3))
    return 0.5 * (expert_visits - made), made


class TabularSmile:
    """A trained agent: context → embedding → reward of every cell → plan.

    Args:
        config: how it was trained.
        weights: of the encoder and the reward, by the names of :data:`LAYERS`.
        recipe: command, versions and access of the training.
    """

    name = "tabular-smile"

    def __init__(
        self,
        config: TabularSmileConfig,
        weights: dict[str, FloatArray],
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.weights, self.recipe = config, weights, recipe or {}
        self.family = require_grid(config.family)

    def infer(self, contexts: Sequence[Context]) -> tuple[MDP, FloatArray]:
        """The estimated dynamics and the reward of every cell (slots, S)."""
        decoded = read_contexts(contexts, self.family)
        _, rewards = _forward(self.weights, _encoded(decoded))
        return decoded.mdp, rewards

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Infer and plan.

        Raises:
            AgentError: contexts that ``read_contexts`` refuses.
        """
        mdp, rewards = self.infer(contexts)
        planned = hard_values(mdp, rewards[..., None], self.family.horizon)
        return PlannedPolicy(self.family, planned.policy)

    def save(self, path: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        tensors = {name: self.weights[name].astype(np.float32) for name in LAYERS}
        metadata = {
            "format": FORMAT,
            "config": json.dumps(asdict(self.config)),
            "recipe": json.dumps(self.recipe),
        }
        write_atomically(path, save(tensors, metadata))

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


class TabularSmileTraining:
    """A training that can be saved after any iteration and resumed to the same numbers.

    Each iteration samples tasks; a context of each is encoded and the remaining demonstrations are
    the positives. The negatives are the policy's own visits from the positives' starts.

    Args:
        config: settings.
        access: to the demonstrations.

    Raises:
        AgentError: the family is not a gridworld.
    """

    def __init__(self, config: TabularSmileConfig, access: Access) -> None:
        self.config, self.access = config, access
        self.family = require_grid(config.family)
        self.demonstrations = access.demonstrations()
        self.rng = np.random.default_rng(config.seed)
        self.weights = _initial(self.family, config, self.rng)
        self.optimizers = {name: Adam(array.shape) for name, array in self.weights.items()}
        self.iteration = 0

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration as data."""
        return asdict(self.config)

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.iterations

    def step(self) -> dict[str, float]:
        """Do one iteration; return what to log."""
        config, family = self.config, self.family
        progress = self.iteration / config.iterations
        rate = 0.5 * config.learning_rate * (1.0 + np.cos(np.pi * progress))
        seen, positives = _batch(family, self.demonstrations, config, self.rng)
        encoded = _encoded(seen)
        embedding, rewards = _forward(self.weights, encoded)
        gradient, _ = discriminator_step(
            seen.mdp, rewards[..., None], positives.visits, positives.start, family.horizon
        )
        for name, direction in _backward(self.weights, encoded, embedding, gradient).items():
            ascent = self.optimizers[name].direction(direction)
            step = ascent - config.weight_decay * self.weights[name]
            self.weights[name] = self.weights[name] + rate * step
        self.iteration += 1
        return {"losses/visit_difference": float(np.abs(gradient).mean())}

    def agent(self, recipe: Mapping[str, Any]) -> TabularSmile:
        """The agent as it stands; settings and access counts join its recipe."""
        joined = {**recipe, "settings": self.settings, "access": asdict(self.access.counts)}
        return TabularSmile(self.config, dict(self.weights), joined)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        return {
            "config": self.settings,
            "iteration": self.iteration,
            "rng": self.rng.bit_generator.state,
            "access": asdict(self.access.counts),
            "weights": self.weights,
            "optimizers": {name: adam.state_dict() for name, adam in self.optimizers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.iteration = state["iteration"]
        self.rng.bit_generator.state = state["rng"]
        self.access.restore(state["access"])
        self.weights = {name: np.array(array) for name, array in state["weights"].items()}
        for name, adam in self.optimizers.items():
            adam.load_state_dict(state["optimizers"][name])


def preset(family: str, seed: int) -> TabularSmileConfig:
    """The settings for a gridworld family."""
    return TabularSmileConfig(family=family, seed=seed)


def make_trainer(config: TabularSmileConfig, access: Access, device: Any) -> TabularSmileTraining:
    """The training of a configuration.

    Raises:
        InputError: a device other than the CPU.
    """
    if str(device) != "cpu":
        raise InputError("tabular-smile is trained on the CPU, in seconds; leave the device out.")
    return TabularSmileTraining(config, access)


def _batch(
    family: GridFamily, train: Context, config: TabularSmileConfig, rng: np.random.Generator
) -> tuple[DecodedContexts, DecodedContexts]:
    """Decoded contexts, and of other demonstrations of the same tasks."""
    number, each = train.observations.shape[:2]
    tasks = rng.integers(number, size=config.tasks_per_batch)
    contexts, others = [], []
    for task in tasks.tolist():
        shots = int(rng.choice(family.context_sizes))
        order = rng.permutation(each)
        contexts.append(_select(train, task, order[:shots]))
        others.append(_select(train, task, order[shots:]))
    return read_contexts(contexts, family), read_contexts(others, family)


def _select(train: Context, task: int, demonstrations: IntArray) -> Context:
    """Some of the demonstrations of one task."""
    where = task, demonstrations
    return Context(
        family=train.family,
        observations=train.observations[where],
        actions=None if train.actions is None else train.actions[where],
        next_observations=train.next_observations[where],
    )


def _encoded(decoded: DecodedContexts) -> FloatArray:
    """What the encoder sees of contexts, (B, 2S + 2): pooled one-hot cells and slips.

    Mean visits, first cells, the estimated slip and one over the number of demonstrations: sums
    over timesteps and means over demonstrations, as SMILe pools.
    """
    horizon = decoded.family.horizon
    parts = (decoded.visits / horizon, decoded.start, decoded.slips[:, None])
    return np.concatenate((*parts, 1.0 / decoded.shots[:, None]), axis=1)


def _initial(
    family: GridFamily, config: TabularSmileConfig, rng: np.random.Generator
) -> dict[str, FloatArray]:
    inputs, hidden = 2 * family.cells + 2, config.hidden
    return {
        "encoder": rng.standard_normal((inputs, hidden)) * 0.5,
        "encoder_bias": np.zeros(hidden),
        "reward": rng.standard_normal((hidden, family.cells)) * 0.1 / np.sqrt(hidden),
        "reward_bias": np.zeros(family.cells),
    }


def _forward(weights: dict[str, FloatArray], encoded: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Embeddings (B, hidden) and rewards of the cells (B, S)."""
    embedding = np.tanh(encoded @ weights["encoder"] + weights["encoder_bias"])
    return embedding, embedding @ weights["reward"] + weights["reward_bias"]


def _backward(
    weights: dict[str, FloatArray], encoded: FloatArray, embedding: FloatArray, gradient: FloatArray
) -> dict[str, FloatArray]:
    """Mean gradients of the weights, from those of the rewards (B, S)."""
    gradient = gradient / len(gradient)
    inner = (gradient @ weights["reward"].T) * (1.0 - np.square(embedding))
    return {
        "encoder": encoded.T @ inner,
        "encoder_bias": inner.sum(axis=0),
        "reward": embedding.T @ gradient,
        "reward_bias": gradient.sum(axis=0),
    }
