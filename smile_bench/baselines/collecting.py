"""Acting in meta-train environments and keeping what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_bench.access import Environments
from smile_bench.baselines.checkpoint import Tensors
from smile_bench.baselines.devices import moved
from smile_bench.baselines.normaliser import Normaliser
from smile_bench.baselines.task_data import TaskReplay

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
        self.suspended: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
        """Where the episodes stand between two calls."""

    def collect(
        self, steps: int, act: Callable[[Tensor], Tensor], rng: np.random.Generator
    ) -> None:
        """Take control steps in every environment.

        Args:
            steps: how many in each.
            act: normalised observations (N, O) to actions (N, A).
            rng: draws the starts of episodes.
        """
        environments = self.environments
        if self.suspended is None:
            environments.reset(rng)
        else:
            environments.resume(*self.suspended)
        states = self._observe()
        for _ in range(steps):
            actions = act(states)
            environments.step(actions.cpu().numpy())
            next_states = self._observe()
            self.replay.add(states, actions, next_states)
            states = next_states
            ended = np.flatnonzero(environments.ended)
            if len(ended):
                environments.reset(rng, ended)
                states = self._observe()
        self.suspended = environments.suspend()

    def tensors(self) -> Tensors:
        """Where the episodes stand, to be checkpointed."""
        if self.suspended is None:
            return {}
        states, left = self.suspended
        return {"states": torch.from_numpy(states), "left": torch.from_numpy(left)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what :meth:`tensors` gave."""
        if "states" in tensors:
            self.suspended = tensors["states"].cpu().numpy(), tensors["left"].cpu().numpy()

    def _observe(self) -> Tensor:
        return moved(self.normaliser(self.environments.observe()), self.device)
