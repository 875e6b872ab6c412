"""Rewarded episodes in meta-test tasks: what a fine-tuning agent learns from, and its budget."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents.actions import checked_actions
from smile_bench.arrays import BoolArray, FloatArray
from smile_bench.envs import Family
from smile_bench.errors import InputError

__all__ = ["RewardedEpisodes"]


class RewardedEpisodes:
    """One environment a slot, stepped together, with the task's reward and a budget of episodes.

    The protocol makes them; see :func:`smile_bench.protocol.fine_tuning.fine_tune`. All slots
    begin their episodes together. Task parameters cannot be read from them, and initial states are
    frozen: an agent chooses neither.

    Args:
        family: the family.
        parameters: task of each slot, (slots, P).
        starts: initial states of the episodes, in order, (slots, budget, S).
        threads: native threads, by default one per available processor.

    Example:
        ::

            while environments.episodes_left:
                environments.reset()
                while not environments.ended.any():
                    observations = environments.observe()
                    next_observations = environments.step(choose(observations))
                    learn(environments.rewards)
    """

    def __init__(
        self,
        family: Family,
        parameters: FloatArray,
        starts: FloatArray,
        *,
        threads: int | None = None,
    ) -> None:
        self.family, self.slots = family, len(parameters)
        self._starts = starts
        self._simulator = family.make_simulator(self.slots, threads=threads)
        self._simulator.set_tasks(parameters)
        self._rewards = np.zeros(self.slots)
        self._left = 0
        self._episodes = self._steps = 0

    @property
    def budget(self) -> int:
        """Episodes that may begin in every slot."""
        return int(self._starts.shape[1])

    @property
    def episodes(self) -> int:
        """Episodes that have begun in every slot; one that was left early counts."""
        return self._episodes

    @property
    def episodes_left(self) -> int:
        """Episodes that may still begin in every slot."""
        return self.budget - self._episodes

    @property
    def steps(self) -> int:
        """Control steps taken in every slot."""
        return self._steps

    @property
    def ended(self) -> BoolArray:
        """Which slots have reached the horizon or have not begun, (slots,). It is all or none."""
        return np.full(self.slots, self._left == 0)

    @property
    def rewards(self) -> FloatArray:
        """The task's reward in the last step of each slot, (slots,); 0 after a reset."""
        return self._rewards.copy()

    def observe(self) -> FloatArray:
        """Observations (slots, observation_size), a new array."""
        return self._simulator.observe()

    def reset(self) -> FloatArray:
        """Begin the next episode in every slot, whether the current one has ended or not.

        Returns:
            The first observations (slots, observation_size).

        Raises:
            InputError: no episode is left.
        """
        if not self.episodes_left:
            raise InputError(
                f"the budget of {self.budget} rewarded episodes a task is used up, and another one "
                "was asked for. Begin an episode only while episodes_left is above 0."
            )
        self._simulator.reset(self._starts[:, self._episodes])
        self._episodes += 1
        self._left = self.family.horizon
        self._rewards = np.zeros(self.slots)
        return self._simulator.observe()

    def step(self, actions: NDArray[Any]) -> FloatArray:
        """Take one control step in every slot.

        Args:
            actions: (slots, action_size), in [-1, 1]. If the family's actions are discrete, indices
                (slots,) or one-hot rows (slots, n).

        Returns:
            The next observations (slots, observation_size).

        Raises:
            AgentError: the actions cannot be applied.
            InputError: the episodes have not begun or have reached the horizon.
        """
        if not self._left:
            raise InputError(
                "the episodes have not begun or have reached their horizon; call reset() first."
            )
        step = self.family.horizon - self._left
        result = self._simulator.step(checked_actions(self.family, actions, self.slots, step))
        self._rewards = np.array(result.rewards, np.float64)
        self._left -= 1
        self._steps += 1
        return self._simulator.observe()
