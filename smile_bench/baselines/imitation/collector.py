"""Acting in the meta-train environments, and storing what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Environments
from smile_bench.arrays import BoolArray, Float32Array, FloatArray, IntArray
from smile_bench.learning.devices import to_device
from smile_bench.learning.replay import Transitions
from smile_bench.learning.stacking import finite_or_zero

__all__ = ["Collector"]


class Replay(Protocol):
    """Where transitions are stored, one an environment at a time."""

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor, /) -> None:
        """Add (M, N, O), (M, N, A), (M, N, O)."""


class Collector:
    """Training episodes, one an environment, that continue from call to call.

    Args:
        environments: M · N, one for each of N meta-train tasks of each training, those of the
            first training first.
        normaliser: makes of observations (M · N, O) what actions are chosen by and what is stored,
            as float32.
        replay: where transitions are stored.
        device: where actions are computed.
        stall_limit: consecutive stalled steps after which an episode restarts; 0 for never.
    """

    def __init__(
        self,
        environments: Environments,
        normaliser: Callable[[FloatArray], Float32Array],
        replay: Replay,
        device: torch.device,
        stall_limit: int = 0,
    ) -> None:
        self.environments, self.normaliser = environments, normaliser
        self.replay, self.device, self.stall_limit = replay, device, stall_limit
        self.suspended: tuple[FloatArray, IntArray] | None = None
        """Where the episodes stand between two calls."""
        self.stalled_steps = np.zeros(len(environments.tasks), np.int64)
        """Consecutive stalled steps of each episode, (M · N,)."""

    def collect(
        self,
        steps: int,
        act: Callable[[Tensor], Tensor],
        rngs: Sequence[np.random.Generator],
        stalled: Callable[[Transitions], BoolArray] | None = None,
        began: Callable[[BoolArray], None] | None = None,
    ) -> None:
        """Take control steps in every environment.

        Actions that are not finite are those of a training that has diverged; 0 is applied.

        Args:
            steps: how many in each.
            act: what the normaliser gives (M, N, O) to actions (M, N, A).
            rngs: M, sample the starts of episodes.
            stalled: which of the transitions count as stalled, (M · N,).
            began: is told in which environments (M · N,) an episode has just begun.
        """
        environments, number = self.environments, len(rngs)
        if self.suspended is None:
            everywhere = np.ones(len(environments.tasks), np.bool_)
            self._restart(everywhere, rngs)
            if began is not None:
                began(everywhere)
        else:
            environments.resume(*self.suspended)
        states = self._observed(environments.observe(), number)
        for _ in range(steps):
            actions = act(states)
            applied: Float32Array = actions.flatten(0, 1).cpu().numpy()
            observations = environments.step(finite_or_zero(applied))
            next_states = self._observed(observations, number)
            self.replay.add(states, actions, next_states)
            over = environments.ended
            if stalled is not None and self.stall_limit > 0:
                lost = stalled(Transitions(states, actions, next_states))
                self.stalled_steps = np.where(lost, self.stalled_steps + 1, 0)
                over = over | (self.stalled_steps >= self.stall_limit)
            states = next_states
            if over.any():
                self._restart(over, rngs)
                self.stalled_steps[over] = 0
                if began is not None:
                    began(over)
                states = self._observed(environments.observe(), number)
        self.suspended = environments.suspend()

    def state_dict(self, index: int, trainings: int) -> dict[str, Any]:
        """Where the episodes of one of M trainings stand."""
        mine = self._of(index, trainings)
        suspended = None
        if self.suspended is not None:
            suspended = (self.suspended[0][mine], self.suspended[1][mine])
        return {"suspended": suspended, "stalled_steps": self.stalled_steps[mine]}

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state a training."""
        suspended = [state["suspended"] for state in states]
        self.suspended = None
        if given := [each for each in suspended if each is not None]:
            # One that stopped before its first episode fills its place with another's.
            snapshots, left = zip(*(each or given[0] for each in suspended), strict=True)
            self.suspended = np.concatenate(snapshots), np.concatenate(left)
        self.stalled_steps = np.concatenate([state["stalled_steps"] for state in states])

    def _restart(self, over: BoolArray, rngs: Sequence[np.random.Generator]) -> None:
        """Begin new episodes where the old ones are over, each training's from its own numbers."""
        each = len(over) // len(rngs)
        for index, (part, rng) in enumerate(zip(np.split(over, len(rngs)), rngs, strict=True)):
            ids = index * each + np.flatnonzero(part)
            if len(ids):
                self.environments.reset(rng, ids)

    def _observed(self, observations: FloatArray, trainings: int) -> Tensor:
        states = to_device(self.normaliser(observations), self.device)
        return torch.unflatten(states, 0, (trainings, -1))

    def _of(self, index: int, trainings: int) -> slice:
        each = len(self.stalled_steps) // trainings
        return slice(index * each, (index + 1) * each)
