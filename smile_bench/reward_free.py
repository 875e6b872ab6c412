"""Environments in which a learner acts without seeing task parameters or, by default, rewards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smile_bench.agents import checked_actions
from smile_bench.arrays import BoolArray, Float32Array, FloatArray, IntArray
from smile_bench.envs import Family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError

__all__ = ["Environments"]


class Environments:
    """Environments of meta-train tasks, stepped together.

    They are made by :meth:`smile_bench.access.Access.environments`. Task parameters cannot be read
    from them, and rewards only on a track that has them.

    Args:
        family: the family.
        tasks: meta-train task of each slot, (slots,).
        parameters: parameters of these tasks, (slots, P).
        count: called with the number of control steps after each step of all slots.
        threads: native threads, by default one per available processor.
        rewards: whether the learner may see the task's reward.
        watch: called with the observations (slots, O) after each step and reset.
    """

    def __init__(
        self,
        family: Family,
        tasks: IntArray,
        parameters: FloatArray,
        count: Callable[[int], None],
        *,
        threads: int | None = None,
        rewards: bool = False,
        watch: Callable[[FloatArray], None] | None = None,
    ) -> None:
        self.family = family
        self.tasks = tasks
        self._parameters, self._count, self._watch = parameters, count, watch
        self._simulator = self.family.make_simulator(len(tasks), threads=threads)
        self._simulator.set_tasks(parameters)
        self._left = np.zeros(len(tasks), np.int64)
        self._rewards = np.zeros(len(tasks)) if rewards else None

    @property
    def ended(self) -> BoolArray:
        """Which slots have reached the horizon and must be reset, (slots,)."""
        ended: BoolArray = self._left == 0
        return ended

    def observe(self) -> FloatArray:
        """Observations (slots, observation_size), a new array."""
        return self._simulator.observe()

    @property
    def rewards(self) -> FloatArray:
        """The task's reward in the last step of each slot, (slots,).

        It is 0 before the first step after :meth:`reset` and :meth:`resume`.

        Raises:
            InputError: the track is reward-free.
        """
        if self._rewards is None:
            raise InputError(
                "these environments are reward-free. An access with track='rewards' makes "
                "environments with the task's reward."
            )
        return self._rewards.copy()

    def reset(self, rng: np.random.Generator, ids: IntArray | None = None) -> None:
        """Begin a new episode in some slots, whether the current one has ended or not.

        Args:
            rng: source of randomness of the initial states.
            ids: the slots, by default all.
        """
        where = np.arange(len(self.tasks)) if ids is None else ids
        if len(where):
            starts = sample_starts(self._simulator, rng, self._parameters[where])
            self._simulator.reset(starts, where)
            self._left[where] = self.family.horizon
            if self._watch is not None and not self.ended.any():
                self._watch(self._simulator.observe())
            if self._rewards is not None:
                self._rewards[where] = 0.0

    @property
    def rewarded(self) -> bool:
        """Whether the learner may see the task's reward."""
        return self._rewards is not None

    def step(self, actions: Float32Array, active: BoolArray | None = None) -> FloatArray:
        """Take one control step in every slot.

        Args:
            actions: (slots, action_size), in [-1, 1].
            active: which slots (slots,) take the step, all by default.

        Returns:
            The next observations (slots, observation_size).

        Raises:
            AgentError: the actions cannot be applied.
            InputError: an episode has ended and was not reset.
        """
        moved: BoolArray = np.ones(len(self.tasks), np.bool_) if active is None else active
        if (over := self.ended & moved).any():
            raise InputError(
                f"the episodes of slots {np.flatnonzero(over).tolist()} have not begun or "
                "have reached their horizon; reset them."
            )
        step = int(self.family.horizon - self._left.min())
        applied = checked_actions(self.family, actions, len(self.tasks), step)
        result = self._simulator.step(applied, active)
        if self._rewards is not None:
            self._rewards = np.where(moved, result.rewards, 0.0)
        self._left -= moved
        self._count(int(moved.sum()))
        observations = self._simulator.observe()
        if self._watch is not None:
            self._watch(observations)
        return observations

    def suspend(self) -> tuple[FloatArray, IntArray]:
        """Snapshots of the episodes (slots, Z) and their remaining steps (slots,)."""
        return self._simulator.snapshot(), self._left.copy()

    def resume(self, states: FloatArray, left: IntArray) -> None:
        """Continue from what :meth:`suspend` returned. The solver's warm start is not kept."""
        self._simulator.restore(states)
        self._left = left.copy()
        if self._rewards is not None:
            self._rewards = np.zeros(len(self.tasks))
