"""Training tabular SMILe: meta-train tasks against their exact soft-optimal policies.

The discriminator has the density form (CS285 notes 11.4.6). Where SMILe trains a policy network by
soft actor-critic, the policy here is the exact soft-optimal one for the current reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from smile_bench.access import Access
from smile_bench.agents import Context
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines.imitation.context_sizes import announced_sizes, as_fact
from smile_bench.baselines.tabular_irl.adam import Adam
from smile_bench.baselines.tabular_irl.contexts import (
    DecodedContexts,
    read_contexts,
    require_grid,
)
from smile_bench.baselines.tabular_irl.smile import (
    TabularSmile,
    TabularSmileConfig,
    encode,
    forward,
    gradients,
    initial_weights,
)
from smile_bench.envs.grid.planning import MDP, soft_values, visitation
from smile_bench.errors import InputError

__all__ = ["TabularSmileTraining", "discriminator_step", "make_trainer", "preset"]


def discriminator_step(
    mdp: MDP, rewards: FloatArray, expert_visits: FloatArray, start: FloatArray, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """Gradient of the discriminator's objective by r(s), against the policy's best response.

    The policy is soft-optimal for the reward. Then D = ½ everywhere, and the gradient is half of
    MaxEnt's: half of the expert's visits minus the policy's (notes 11.4, after 11.4.6).

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
    policy_visits = visitation(mdp, policy, start).sum(axis=(1, 3))
    return 0.5 * (expert_visits - policy_visits), policy_visits


class TabularSmileTraining:
    """A training that can be saved after any iteration and resumed to the same numbers.

    Each iteration samples tasks. It encodes a context of each task and takes the task's remaining
    demonstrations as positives; a task's only demonstration is both. The negatives are the policy's
    exact visits from the positives' starts.

    Args:
        config: settings.
        access: to the demonstrations of the family.

    Raises:
        AgentError: the family is not a gridworld.
    """

    def __init__(self, config: TabularSmileConfig, access: Access) -> None:
        self.config, self.access = config, access
        self.family = require_grid(config.family)
        self.demonstrations = access.demonstrations()
        each = self.demonstrations.observations.shape[1]
        self.context_sizes = announced_sizes(access, each, beyond=1)
        """Numbers of demonstrations in a context."""
        self.rng = np.random.default_rng(config.seed)
        self.weights = initial_weights(self.family, config.hidden, self.rng)
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
        config = self.config
        progress = self.iteration / config.iterations
        rate = 0.5 * config.learning_rate * (1.0 + np.cos(np.pi * progress))
        contexts, positives = self._sample_batch()
        inputs = encode(contexts)
        embeddings, rewards = forward(self.weights, inputs)
        by_reward, _ = discriminator_step(
            contexts.mdp, rewards[..., None], positives.visits, positives.start, self.family.horizon
        )
        ascent = gradients(self.weights, inputs, embeddings, by_reward)
        self.weights = {
            name: array + rate * self._direction(name, ascent[name])
            for name, array in self.weights.items()
        }
        self.iteration += 1
        return {"losses/visit_difference": float(np.abs(by_reward).mean())}

    def agent(self, recipe: Mapping[str, Any]) -> TabularSmile:
        """The agent as it stands; its recipe gains the settings and the access counts."""
        joined = {
            **recipe,
            **as_fact(self.access, self.context_sizes),
            "settings": self.settings,
            "access": asdict(self.access.counts),
        }
        return TabularSmile(self.config, self.weights, joined)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        return {
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

    def _direction(self, name: str, gradient: FloatArray) -> FloatArray:
        """Adam's direction for one array of weights, less the weight decay."""
        decay = self.config.weight_decay * self.weights[name]
        return np.asarray(self.optimizers[name].direction(gradient) - decay)

    def _sample_batch(self) -> tuple[DecodedContexts, DecodedContexts]:
        """Contexts of sampled tasks, and the other demonstrations of the same tasks."""
        number, each = self.demonstrations.observations.shape[:2]
        contexts, positives = [], []
        for task in self.rng.integers(number, size=self.config.tasks_per_batch).tolist():
            shots = int(self.rng.choice(self.context_sizes))
            order = self.rng.permutation(each)
            others = order if each == 1 else order[shots:]
            contexts.append(_select(self.demonstrations, task, order[:shots]))
            positives.append(_select(self.demonstrations, task, others))
        return read_contexts(contexts, self.family), read_contexts(positives, self.family)


def preset(family: str, seed: int) -> TabularSmileConfig:
    """The settings for a gridworld family."""
    return TabularSmileConfig(family=family, seed=seed)


def make_trainer(config: TabularSmileConfig, access: Access, device: Any) -> TabularSmileTraining:
    """The training of a configuration.

    Raises:
        AgentError: the family is not a gridworld.
        InputError: a device other than the CPU.
    """
    if str(device) != "cpu":
        raise InputError(
            f"tabular-smile is trained on the CPU alone, in seconds, and was given {device}; leave "
            "the device out."
        )
    return TabularSmileTraining(config, access)


def _select(everything: Context, task: int, demonstrations: IntArray) -> Context:
    """Some demonstrations of one task, from those of all tasks (N, D, T, …)."""
    where = task, demonstrations
    return Context(
        family=everything.family,
        observations=everything.observations[where],
        actions=None if everything.actions is None else everything.actions[where],
        next_observations=everything.next_observations[where],
    )
