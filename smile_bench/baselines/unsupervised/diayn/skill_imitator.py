"""The imitator of DIAYN: it follows the skill under which a demonstration is most likely."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.agents import Context, require_family
from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.baselines.imitation.stored import (
    as_tensors,
    take_network,
    take_normaliser,
    write_agent,
)
from smile_bench.baselines.unsupervised.diayn.discriminator import skill_network
from smile_bench.baselines.unsupervised.discrete_sac import CategoricalPolicy
from smile_bench.baselines.unsupervised.goal_reacher import is_discrete
from smile_bench.envs import get_family
from smile_bench.errors import AgentError
from smile_bench.io.tensors import read_tensors
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.networks import Source, SquashedGaussianPolicy
from smile_bench.learning.normaliser import Normaliser

__all__ = [
    "SkillConfig",
    "SkillImitator",
    "SkillPolicy",
    "Skills",
    "make_skill_discriminator",
    "make_skill_policy",
]

FORMAT = "smile-bench-skills-1"
LARGEST_ACTION = 0.999
"""What demonstrated actions are clipped to before their density is taken, which is 0 at ±1."""


@dataclass(frozen=True, kw_only=True)
class SkillConfig:
    """What the networks are and how a skill is chosen; enough to rebuild the imitator."""

    family: str
    skills: int
    """K."""
    choice: str
    """``"states"`` or ``"actions"``."""
    columns: tuple[int, ...]
    """Of an observation, those that the discriminator sees."""
    hidden: tuple[int, ...]
    """Widths of the policy's layers."""
    discriminator_hidden: tuple[int, ...]
    """Widths of the discriminator's layers."""


class Skills(NamedTuple):
    """What one training has learnt."""

    policy: SquashedGaussianPolicy | CategoricalPolicy
    """π(a | s, z), of a normalised observation and a one-hot skill."""
    discriminator: nn.Module
    """Logits of q(z | s)."""
    normaliser: Normaliser


def make_skill_policy(
    config: SkillConfig, source: Source, device: torch.device = CPU
) -> SquashedGaussianPolicy | CategoricalPolicy:
    """π(a | s, z) on the device, or a stack of them, with initial weights from ``source``."""
    family = get_family(config.family)
    kind = CategoricalPolicy if is_discrete(family) else SquashedGaussianPolicy
    inputs = family.observation_size + config.skills
    return kind(inputs, family.action_size, config.hidden, source).to(device)


def make_skill_discriminator(config: SkillConfig, source: Source) -> nn.Sequential:
    """The network of q(z | s)."""
    return skill_network(len(config.columns), config.skills, config.discriminator_hidden, source)


class SkillPolicy:
    """The most likely actions of one skill a slot."""

    def __init__(self, config: SkillConfig, networks: Skills, skills: IntArray) -> None:
        self.skills = skills
        """The skill of each slot, (slots,)."""
        self._family, self._networks = get_family(config.family), networks
        self._device = next(networks.policy.parameters()).device
        chosen = to_device(skills, self._device)
        self._one_hot = functional.one_hot(chosen, config.skills).to(torch.float32)

    @torch.no_grad()
    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, A) for observations (slots, observation_size)."""
        states = to_device(self._networks.normaliser(observations), self._device)
        actions = self._networks.policy.act(torch.cat((states, self._one_hot), -1))
        return self._family.admissible(actions.cpu().numpy())


class SkillImitator:
    """An agent that learnt skills without rewards; a demonstration chooses one of them.

    Args:
        name: of the algorithm that trained it.
        config: its networks and how it chooses.
        networks: all on one device.
        recipe: command, versions, settings, seed and access of the training.
    """

    def __init__(
        self, name: str, config: SkillConfig, networks: Skills, recipe: Mapping[str, Any]
    ) -> None:
        self.name, self.config, self.networks, self.recipe = name, config, networks, recipe
        self.state_only = config.choice == "states"
        self.weights_sha256: str | None = None
        """SHA-256 of the file that it was loaded from."""

    def adapt(self, contexts: Sequence[Context]) -> SkillPolicy:
        """Choose the skill under which each context is most likely.

        Raises:
            AgentError: no contexts, contexts of another family, or without the actions that it
                chooses by.
        """
        if not contexts:
            raise AgentError("adapt was given no contexts; give one per environment slot.")
        require_family(contexts, self.config.family)
        chosen = [int(self.log_likelihoods(context).argmax()) for context in contexts]
        return SkillPolicy(self.config, self.networks, np.array(chosen))

    def follow(self, skills: Sequence[int] | IntArray) -> SkillPolicy:
        """A policy that follows skills that you name, one a slot.

        Raises:
            AgentError: not whole numbers below the number of skills.
        """
        given, number = np.asarray(skills), self.config.skills
        if given.ndim != 1 or given.dtype.kind not in "iu" or not len(given):
            raise AgentError(f"skills are whole numbers, one a slot; got {given.tolist()}.")
        if given.min() < 0 or given.max() >= number:
            raise AgentError(f"{self.name} has the skills 0 to {number - 1}, got {given.tolist()}.")
        return SkillPolicy(self.config, self.networks, given.astype(np.int64))

    @torch.no_grad()
    def log_likelihoods(self, context: Context) -> FloatArray:
        """Of a context under each skill, (K,), up to a constant.

        By states, Σ_t log q(z | s_{t+1}) over the states that the demonstrated actions led to; by
        actions, Σ_t log π(a_t | s_t, z).

        Args:
            context: of one slot.

        Raises:
            AgentError: the context has no actions and the agent chooses by them.
        """
        if self.state_only:
            return self._by_states(context)
        if context.actions is None:
            raise AgentError(
                f"{self.name} chooses a skill by the demonstrations' actions, and the context has "
                "none. Give the actions, or train it with choice=states."
            )
        return self._by_actions(context.observations, context.actions)

    def _by_states(self, context: Context) -> FloatArray:
        states = self._states(context.next_observations)[:, list(self.config.columns)]
        logs = functional.log_softmax(self.networks.discriminator(states), -1)
        return _as_array(logs.sum(0, dtype=torch.float64))

    def _by_actions(self, observations: Float32Array, actions: Float32Array) -> FloatArray:
        states, number, policy = (
            self._states(observations),
            self.config.skills,
            self.networks.policy,
        )
        taken = to_device(actions.reshape(-1, actions.shape[-1]), states.device)
        one_hot = torch.eye(number, device=states.device)[:, None].expand(-1, len(states), -1)
        seen = torch.cat((states.expand(number, -1, -1), one_hot), -1)
        if isinstance(policy, CategoricalPolicy):
            logs = (policy(seen) * taken).sum(-1)
        else:
            before_tanh = torch.atanh(taken.clamp(-LARGEST_ACTION, LARGEST_ACTION))
            mean, log_std = policy(seen)
            logs = policy.log_density(mean, log_std, before_tanh)
        return _as_array(logs.sum(1, dtype=torch.float64))

    def _states(self, observations: Float32Array) -> Tensor:
        """Normalised observations of all demonstrations, one after another, (n, O)."""
        flat = observations.reshape(-1, observations.shape[-1])
        device = next(self.networks.policy.parameters()).device
        return to_device(self.networks.normaliser(flat), device)

    def save(self, path: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        policy, discriminator, normaliser = self.networks
        tensors = {
            **as_tensors("policy", policy),
            **as_tensors("discriminator", discriminator),
            **as_tensors("normaliser", normaliser),
        }
        write_agent(path, FORMAT, self, tensors)

    @classmethod
    def load(cls, path: Path) -> SkillImitator:
        """Read what :meth:`save` wrote.

        Raises:
            AgentError: the file is missing, damaged or of another agent.
        """
        what = "the weights of skills"
        file = read_tensors(path, what, AgentError, formats=(FORMAT,), framework="pt")
        name, recipe, stored = file.text("name"), file.document("recipe"), file.document("config")
        tensors = dict(file.tensors)
        with file.understanding():
            config = _read_config(stored)
            meta = torch.device("meta")
            networks = Skills(
                take_network("policy", tensors, make_skill_policy(config, None, meta)),
                take_network("discriminator", tensors, make_skill_discriminator(config, None)),
                take_normaliser("normaliser", tensors, get_family(config.family).observation_size),
            )
            if tensors:
                raise ValueError(f"it has tensors of other networks: {', '.join(sorted(tensors))}")
        agent = cls(name, config, networks, recipe)
        agent.weights_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return agent


def _as_array(values: Tensor) -> FloatArray:
    return np.asarray(values.cpu())


def _read_config(stored: dict[str, Any]) -> SkillConfig:
    lists = ("columns", "hidden", "discriminator_hidden")
    config = SkillConfig(**{**stored, **{name: tuple(stored[name]) for name in lists}})
    if config.choice not in ("states", "actions"):
        raise ValueError(f"it chooses skills by {config.choice!r}")
    observed = get_family(config.family).observation_size
    if not all(type(column) is int and 0 <= column < observed for column in config.columns):
        raise ValueError(f"its discriminator sees other columns than 0 to {observed - 1}")
    return config
