"""Actions inferred from their effects: models a(s, s') fitted on the learner's own transitions.

State-only imitators do not see the expert's actions. Their own transitions teach them the dynamics,
with which they infer the actions (as in Behavioural Cloning from Observation, Torabi et al. 2018).
Where tasks are bodies, the same change takes another action on each body; the model may then see
the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from smile_bench.learning.compute import Compute
from smile_bench.learning.networks import relu_mlp
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.replay import Transitions, take_rows
from smile_bench.learning.stacking import FiniteLosses

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
    """M ReLU networks on (s, s' − s), with their optimizer; tanh keeps actions in [-1, 1].

    Args:
        observations: O, length of a normalised observation.
        actions: A.
        tasks: N, how many tasks they distinguish; 0 for none.
        generators: M, sources of the initial weights.
        compute: how to compute.
        hidden: width of the two layers.
    """

    def __init__(
        self,
        observations: int,
        actions: int,
        tasks: int,
        generators: Sequence[torch.Generator],
        compute: Compute,
        hidden: int = HIDDEN,
    ) -> None:
        self.tasks = tasks
        sizes = (2 * observations + tasks, hidden, hidden, actions)
        network = nn.Sequential(relu_mlp(sizes, generators), nn.Tanh())
        self.network = network.to(compute.device)
        self._one_hot = torch.eye(tasks, device=compute.device)
        self._adam = StackedAdam([self.network], [AdamConfig(learning_rate=1e-3)] * len(generators))
        compute.prepare(self.network)
        self.finite = FiniteLosses(("inverse dynamics",), len(generators), compute.device)
        self._losses = compute.compiled(self._losses)  # type: ignore[method-assign]

    @torch.no_grad()
    def infer(self, sampled: Transitions, tasks: Tensor) -> Transitions:
        """The transitions with the actions (M, B, A) that lead from their states to the next ones.

        Args:
            sampled: B transitions of each training.
            tasks: of each, (M, B).
        """
        return sampled._replace(actions=self._actions(sampled, tasks))

    def update(self, sampled: Transitions, tasks: Tensor) -> Tensor:
        """Take one step on transitions whose actions are known; return mean squared errors (M,).

        Args:
            sampled: B transitions of each training.
            tasks: of each, (M, B).
        """
        losses = self._losses(sampled, tasks)
        self.finite.watch("inverse dynamics", losses)
        self._adam.step(losses.sum())
        return losses.detach()

    def scale_learning_rate(self, factor: float | Sequence[float]) -> None:
        """Set the learning rates to a multiple of the configured one."""
        self._adam.scale_learning_rate(factor)

    def state_dict(self, index: int) -> dict[str, Any]:
        """Weights of a training and its optimizer's state."""
        return self._adam.state_dict(index)

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._adam.load_state_dict(index, state)

    def _losses(self, sampled: Transitions, tasks: Tensor) -> Tensor:
        assert sampled.actions is not None
        return (self._actions(sampled, tasks) - sampled.actions).square().mean((1, 2))

    def _actions(self, sampled: Transitions, tasks: Tensor) -> Tensor:
        seen = [sampled.states, sampled.next_states - sampled.states]
        if self.tasks:
            seen.append(take_rows(self._one_hot, tasks))
        actions: Tensor = self.network(torch.cat(seen, dim=-1))
        return actions
