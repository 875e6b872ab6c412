"""Acting in meta-train environments and keeping what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Environments
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.learning.checkpoint import Tensors
from smile_bench.learning.devices import to_device
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import TaskReplay, Transitions

__all__ = ["Collector"]


class Collector:
    """Episodes, one an environment, that go on from call to call.

    Args:
        environments: one for each of N meta-train tasks.
        normaliser: of observations.
        replay: where transitions go.
        device: where they are computed on.
    """

    def __init__(
        self,
        environments: Environments,
        normaliser: Normaliser,
        replay: TaskReplay,
        device: torch.device,
    ) -> None:
        self.environments, self.normaliser = environments, normaliser
        self.replay, self.device = replay, device
        self.suspended: tuple[FloatArray, IntArray] | None = None
        """Where the episodes stand between two calls."""
        self.hopeless_for = np.zeros(len(environments.tasks), np.int64)
        """For how many steps each episode has been hopeless, (N,)."""

    def collect(
        self,
        steps: int,
        act: Callable[[Tensor], Tensor],
        rng: np.random.Generator,
        hopeless: Callable[[Transitions], Tensor] | None = None,
        patience: int = 0,
    ) -> None:
        """Take control steps in every environment.

        Args:
            steps: how many in each.
            act: normalised observations (N, O) to actions (N, A).
            rng: draws the starts of episodes.
            hopeless: which of N transitions show nothing that is worth more of it, (N,).
            patience: an episode begins anew after so many hopeless steps on end; 0 for never.
        """
        environments = self.environments
        if self.suspended is None:
            environments.reset(rng)
        else:
            environments.resume(*self.suspended)
        states = self._observe()
        for _ in range(steps):
            actions = act(states)
            observations = environments.step(actions.cpu().numpy())
            next_states = to_device(self.normaliser(observations), self.device)
            self.replay.add(states, actions, next_states)
            over = environments.ended
            if hopeless is not None and patience > 0:
                lost = hopeless(Transitions(states, actions, next_states)).cpu().numpy()
                self.hopeless_for = np.where(lost, self.hopeless_for + 1, 0)
                over = over | (self.hopeless_for >= patience)
            states = next_states
            anew = np.flatnonzero(over)
            if len(anew):
                environments.reset(rng, anew)
                self.hopeless_for[anew] = 0
                states = self._observe()
        self.suspended = environments.suspend()

    def tensors(self) -> Tensors:
        """Where the episodes stand, to be checkpointed."""
        if self.suspended is None:
            return {}
        states, left = self.suspended
        arrays = {"states": states, "left": left, "hopeless_for": self.hopeless_for}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what :meth:`tensors` gave."""
        if "states" in tensors:
            self.suspended = tensors["states"].cpu().numpy(), tensors["left"].cpu().numpy()
            self.hopeless_for = tensors["hopeless_for"].cpu().numpy().copy()

    def _observe(self) -> Tensor:
        return to_device(self.normaliser(self.environments.observe()), self.device)
