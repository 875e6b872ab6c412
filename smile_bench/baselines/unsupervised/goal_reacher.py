"""The imitator of goal-conditioned agents: it reaches what a demonstration reached."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from smile_bench.agents import Context, require_family
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.imitation.stored import (
    as_tensors,
    take_network,
    take_normaliser,
    write_agent,
)
from smile_bench.baselines.unsupervised.discrete_sac import CategoricalPolicy
from smile_bench.baselines.unsupervised.goal_space import GoalConfig, GoalSpace, goals_of
from smile_bench.envs import Family, get_family
from smile_bench.errors import AgentError
from smile_bench.io.tensors import read_tensors
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.networks import Source, SquashedGaussianPolicy
from smile_bench.learning.normaliser import CLIP, Normaliser

__all__ = [
    "GoalPolicy",
    "GoalReacher",
    "Member",
    "ReacherConfig",
    "is_discrete",
    "make_policy",
    "policy_input",
]

FORMAT = "smile-bench-goal-reacher-1"


@dataclass(frozen=True, kw_only=True)
class ReacherConfig:
    """What the networks are; enough to rebuild them."""

    family: str
    goal: GoalConfig = field(default_factory=GoalConfig)
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the policy's layers."""


class Member(NamedTuple):
    """A policy, and the normaliser of the observations that it sees."""

    policy: SquashedGaussianPolicy | CategoricalPolicy
    normaliser: Normaliser


def is_discrete(family: Family) -> bool:
    """Whether an action is one of a few."""
    return isinstance(family.action_space, spaces.Discrete)


def make_policy(
    config: ReacherConfig, source: Source, device: torch.device = CPU
) -> SquashedGaussianPolicy | CategoricalPolicy:
    """A policy on the device, or a stack of them, with initial weights from ``source``."""
    family, space = get_family(config.family), GoalSpace.of(config.family, config.goal)
    kind = CategoricalPolicy if is_discrete(family) else SquashedGaussianPolicy
    inputs = family.observation_size + space.size
    return kind(inputs, family.action_size, config.hidden, source).to(device)


def policy_input(
    states: Tensor, goals: Tensor, mean: Tensor, scale: Tensor, space: GoalSpace, relative: bool
) -> Tensor:
    """What policies and critics see, (..., O + G).

    Args:
        states: observations, (..., O).
        goals: (..., G).
        mean: of observations, (O,) or with leading axes.
        scale: standard deviations likewise.
        space: of the goals.
        relative: whether they see the way to the goal in place of the goal.
    """
    scores = ((states - mean) / scale).clamp(-CLIP, CLIP)
    origin = space.reached(states if relative else mean)
    shown = ((goals - origin) / space.reached(scale)).clamp(-CLIP, CLIP)
    return torch.cat((scores, shown), -1)


class GoalPolicy:
    """The policies' most likely actions on the way to a goal a slot; of several, the mean."""

    def __init__(
        self, config: ReacherConfig, members: Sequence[Member], goals: Float32Array
    ) -> None:
        self.config, self.members = config, members
        self.family = get_family(config.family)
        self._space = GoalSpace.of(config.family, config.goal)
        self._device = next(members[0].policy.parameters()).device
        self._goals = to_device(goals, self._device)
        """A goal a step, (slots, T, G)."""
        self._step = 0

    @torch.no_grad()
    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, A) for observations (slots, observation_size)."""
        states = to_device(np.asarray(observations, np.float32), self._device)
        goals = self._goals[:, min(self._step, self._goals.shape[1] - 1)]
        self._step += 1
        acted = []
        for policy, normaliser in self.members:
            mean, scale = (
                to_device(part, self._device) for part in (normaliser.mean, normaliser.scale)
            )
            seen = policy_input(states, goals, mean, scale, self._space, self.config.goal.relative)
            acted.append(policy.act(seen))
        return self.family.admissible(torch.stack(acted).mean(0).cpu().numpy())


class GoalReacher:
    """An agent whose policy was trained to reach goals; a demonstration shows it one.

    It uses no actions of demonstrations.

    Args:
        name: of the algorithm that trained it.
        config: its networks and goals.
        members: pairs of policy and normaliser, all on one device.
        recipe: command, versions, settings, seed and access of the training.

    Raises:
        AgentError: no member.
    """

    state_only = True

    def __init__(
        self,
        name: str,
        config: ReacherConfig,
        members: Sequence[Member],
        recipe: Mapping[str, Any],
    ) -> None:
        if not members:
            raise AgentError(f"{name} has no policy; give at least one.")
        self.name, self.config, self.recipe, self.members = name, config, recipe, members
        self.space = GoalSpace.of(config.family, config.goal)
        self.weights_sha256: str | None = None
        """SHA-256 of the file that it was loaded from."""

    def adapt(self, contexts: Sequence[Context]) -> GoalPolicy:
        """Take each context's goal.

        Raises:
            AgentError: contexts of another family, or none.
        """
        if not contexts:
            raise AgentError("adapt was given no contexts; give one per environment slot.")
        require_family(contexts, self.config.family)
        goals = goals_of(contexts, self.space, self.config.goal.shown)
        return GoalPolicy(self.config, self.members, goals)

    def reach(self, goals: Any, slots: int) -> GoalPolicy:
        """A policy for goals that you name.

        Args:
            goals: goal features, (slots, G) or (G,).
            slots: number of environments.

        Raises:
            InputError: goals outside the space.
        """
        checked = self.space.checked(goals, slots)
        return GoalPolicy(self.config, self.members, checked[:, None])

    def save(self, path: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        tensors: dict[str, Tensor] = {}
        for index, member in enumerate(self.members):
            tensors |= as_tensors(f"{index}.policy", member.policy)
            tensors |= as_tensors(f"{index}.normaliser", member.normaliser)
        write_agent(path, FORMAT, self, tensors)

    @classmethod
    def load(cls, path: Path) -> GoalReacher:
        """Read what :meth:`save` wrote.

        Raises:
            AgentError: the file is missing, damaged or of another agent.
        """
        what = "a goal reacher's weights"
        file = read_tensors(path, what, AgentError, formats=(FORMAT,), framework="pt")
        name, recipe, stored = file.text("name"), file.document("recipe"), file.document("config")
        tensors = dict(file.tensors)
        with file.understanding():
            goal = {**stored.pop("goal")}
            goal["features"] = tuple(goal["features"])
            hidden = tuple(stored.pop("hidden"))
            config = ReacherConfig(**stored, hidden=hidden, goal=GoalConfig(**goal))
            number = len({key.partition(".")[0] for key in tensors})
            members = [_read_member(config, index, tensors) for index in range(number)]
            if tensors:
                raise ValueError(f"it has tensors of other networks: {', '.join(sorted(tensors))}")
        agent = cls(name, config, members, recipe)
        agent.weights_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return agent


def _read_member(config: ReacherConfig, index: int, tensors: dict[str, Tensor]) -> Member:
    # A network without memory takes the file's tensors: no stated width allocates anything.
    policy = make_policy(config, None, torch.device("meta"))
    observed = get_family(config.family).observation_size
    return Member(
        take_network(f"{index}.policy", tensors, policy),
        take_normaliser(f"{index}.normaliser", tensors, observed),
    )
