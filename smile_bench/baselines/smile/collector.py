"""Acting in the meta-train environments, and storing what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Environments
from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.learning.devices import to_device
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import TaskReplay, Transitions

__all__ = ["Collector"]


class Collector:
    """Training episodes, one an environment, that continue from call to call.

    Args:
        environments: one for each of N meta-train tasks.
        normaliser: of observations.
        replay: where transitions are stored.
        device: where actions are computed.
        stall_limit: consecutive stalled steps after which an episode restarts; 0 for never.
    """

    def __init__(
        self,
        environments: Environments,
        normaliser: Normaliser,
        replay: TaskReplay,
        device: torch.device,
        stall_limit: int = 0,
    ) -> None:
        self.environments, self.normaliser = environments, normaliser
        self.replay, self.device, self.stall_limit = replay, device, stall_limit
        self.suspended: tuple[FloatArray, IntArray] | None = None
        """Where the episodes stand between two calls."""
        self.stalled_steps = np.zeros(len(environments.tasks), np.int64)
        """Consecutive stalled steps of each episode, (N,)."""

    def collect(
        self,
        steps: int,
        act: Callable[[Tensor], Tensor],
        rng: np.random.Generator,
        stalled: Callable[[Transitions], BoolArray] | None = None,
    ) -> None:
        """Take control steps in every environment.

        Args:
            steps: how many in each.
            act: normalised observations (N, O) to actions (N, A).
            rng: samples the starts of episodes.
            stalled: which of N transitions count as stalled, (N,).
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
            if stalled is not None and self.stall_limit > 0:
                lost = stalled(Transitions(states, actions, next_states))
                self.stalled_steps = np.where(lost, self.stalled_steps + 1, 0)
                over = over | (self.stalled_steps >= self.stall_limit)
            states = next_states
            restarted = np.flatnonzero(over)
            if len(restarted):
                environments.reset(rng, restarted)
                self.stalled_steps[restarted] = 0
                states = self._observe()
        self.suspended = environments.suspend()

    def state_dict(self) -> dict[str, Any]:
        """Where the episodes stand."""
        return {"suspended": self.suspended, "stalled_steps": self.stalled_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        suspended = state["suspended"]
        self.suspended = None if suspended is None else (suspended[0], suspended[1])
        self.stalled_steps = np.array(state["stalled_steps"])

    def _observe(self) -> Tensor:
        return to_device(self.normaliser(self.environments.observe()), self.device)
