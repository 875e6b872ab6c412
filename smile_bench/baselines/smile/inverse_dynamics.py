"""Actions inferred from what they did: a model a(s, s') fitted on the learner's own transitions.

State-only imitators may not see the expert's actions. What their own transitions teach of the
dynamics lets them guess them (as in Behavioural Cloning from Observation, Torabi et al. 2018).
Where tasks are bodies, the same change takes other actions in each; the model may be told which.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.arrays import IntArray
from smile_bench.errors import DivergedError
from smile_bench.learning.checkpoint import (
    Tensors,
    pack_module,
    pack_optimizer,
    unpack_module,
    unpack_optimizer,
)
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.networks import linear
from smile_bench.learning.optimizers import VectorAdam
from smile_bench.learning.replay import Transitions

__all__ = ["InverseDynamics"]

LEARNING_RATE = 1e-3


class InverseDynamics:
    """A ReLU network on (s, s' − s), with its optimizer; tanh keeps its actions in [-1, 1].

    Args:
        observations: O, length of a normalised observation.
        actions: A.
        tasks: N, how many tasks it tells apart; 0 for none.
        generator: draws the initial weights.
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
        hidden: int = 256,
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
        self._optimizer = VectorAdam([self.network], LEARNING_RATE)

    @torch.no_grad()
    def infer(self, drawn: Transitions, tasks: IntArray) -> Transitions:
        """The transitions with actions (B, A) that lead from their states to the next ones.

        Args:
            drawn: B transitions.
            tasks: of each, (B,).
        """
        return drawn._replace(actions=self._actions(drawn, tasks))

    def update(self, drawn: Transitions, tasks: IntArray) -> float:
        """One step on transitions whose actions are known; returns the mean squared error.

        Args:
            drawn: B transitions.
            tasks: of each, (B,).

        Raises:
            DivergedError: the loss is not finite.
        """
        assert drawn.actions is not None
        loss = functional.mse_loss(self._actions(drawn, tasks), drawn.actions)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(f"the loss of the inverse dynamics became {value}.")
        self._optimizer.step(loss)
        return value

    def set_learning_rate(self, factor: float) -> None:
        """Scale the learning rate."""
        self._optimizer.set_rate(LEARNING_RATE * factor)

    def tensors(self) -> Tensors:
        """Weights and the optimizer's state, to be checkpointed."""
        return pack_module("inverse", self.network) | pack_optimizer(
            "optimizer.inverse", self._optimizer.optimizer
        )

    def restore(self, tensors: Tensors) -> None:
        """Put back what :meth:`tensors` gave."""
        unpack_module("inverse", self.network, tensors)
        unpack_optimizer("optimizer.inverse", self._optimizer.optimizer, tensors)

    def _actions(self, drawn: Transitions, tasks: IntArray) -> Tensor:
        seen = [drawn.states, drawn.next_states - drawn.states]
        if self.tasks:
            which = functional.one_hot(to_device(tasks, self._device), self.tasks)
            seen.append(which.to(drawn.states))
        actions: Tensor = self.network(torch.cat(seen, dim=-1))
        return actions
