"""Actions inferred from their effects: a model a(s, s') fitted on the learner's own transitions.

State-only imitators do not see the expert's actions. Their own transitions teach them the dynamics,
with which they infer the actions (as in Behavioural Cloning from Observation, Torabi et al. 2018).
Where tasks are bodies, the same change takes another action on each body; the model may then see
the task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.arrays import IntArray
from smile_bench.errors import DivergedError
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.networks import linear
from smile_bench.learning.optimizers import AdamConfig, VectorAdam
from smile_bench.learning.replay import Transitions

__all__ = ["InverseDynamics", "InverseDynamicsConfig"]

HIDDEN = 256
"""Width of the two hidden layers."""


@dataclass(frozen=True, kw_only=True)
class InverseDynamicsConfig:
    """Settings of the model; it is used state-only."""

    sees_task: bool = False
    """Whether it sees which meta-train task a transition is of, for tasks that are bodies."""
    updates: int = 1
    """At each update of the policy."""


class InverseDynamics:
    """A ReLU network on (s, s' − s), with its optimizer; tanh keeps its actions in [-1, 1].

    Args:
        observations: O, length of a normalised observation.
        actions: A.
        tasks: N, how many tasks it distinguishes; 0 for none.
        generator: source of the initial weights.
        device: where the network lies.
        hidden: width of the two layers.
    """

    def __init__(
        self,
        observations: int,
        actions: int,
        tasks: int,
        generator: torch.Generator,
        device: torch.device = CPU,
        hidden: int = HIDDEN,
    ) -> None:
        self.tasks, self._device = tasks, device
        self.network = nn.Sequential(
            linear(2 * observations + tasks, hidden, generator),
            nn.ReLU(),
            linear(hidden, hidden, generator),
            nn.ReLU(),
            linear(hidden, actions, generator),
            nn.Tanh(),
        ).to(device)
        self._adam = VectorAdam([self.network], AdamConfig(learning_rate=1e-3))

    @torch.no_grad()
    def infer(self, sampled: Transitions, tasks: IntArray) -> Transitions:
        """The transitions with the actions (B, A) that lead from their states to the next ones.

        Args:
            sampled: B transitions.
            tasks: of each, (B,).
        """
        return sampled._replace(actions=self._actions(sampled, tasks))

    def update(self, sampled: Transitions, tasks: IntArray) -> float:
        """Take one step on transitions whose actions are known; return the mean squared error.

        Args:
            sampled: B transitions.
            tasks: of each, (B,).

        Raises:
            DivergedError: the loss is not finite.
        """
        assert sampled.actions is not None
        loss = functional.mse_loss(self._actions(sampled, tasks), sampled.actions)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(
                f"the loss of the inverse dynamics became {value}: its transitions are not finite. "
                "Continue from the last checkpoint."
            )
        self._adam.step(loss)
        return value

    def scale_learning_rate(self, factor: float) -> None:
        """Set the learning rate to a multiple of the configured one."""
        self._adam.scale_learning_rate(factor)

    def state_dict(self) -> dict[str, Any]:
        """Weights and the optimizer's state."""
        return {"network": self.network.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self._adam.load_state_dict(state["adam"])

    def _actions(self, sampled: Transitions, tasks: IntArray) -> Tensor:
        seen = [sampled.states, sampled.next_states - sampled.states]
        if self.tasks:
            which = functional.one_hot(to_device(tasks, self._device), self.tasks)
            seen.append(which.to(sampled.states))
        actions: Tensor = self.network(torch.cat(seen, dim=-1))
        return actions
