"""Metered environments in Gymnasium's vector API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.arguments import (
    checked_autoreset_mode,
    checked_mask,
    checked_options,
    checked_seeds,
    require_reset,
)
from smile_bench.envs.vector_info import with_final
from smile_bench.errors import InputError
from smile_bench.reward_free import Environments

__all__ = ["MeteredVectorEnv"]


class MeteredVectorEnv(VectorEnv[FloatArray, NDArray[Any], NDArray[Any]]):
    """A learner's environments as a ``gymnasium.vector.VectorEnv``.

    :meth:`smile_bench.access.Access.vector_env` makes them. Every control step is counted.
    Observations equal those of ``gymnasium.make_vec`` with the same tasks and seeds. Rewards are 0
    unless the access's track has them, and infos say nothing of the task.

    Args:
        environments: what acts and counts.
        autoreset_mode: one of Gymnasium's.

    ``reset`` takes the option ``"reset_mask"`` (N,).

    Raises:
        UnknownNameError: an unknown autoreset mode.
    """

    def __init__(
        self,
        environments: Environments,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        self.environments, self.family = environments, environments.family
        self.num_envs = len(environments.tasks)
        self.task_indices: IntArray = environments.tasks.copy()
        """Meta-train task of each environment, (N,)."""
        self.autoreset_mode = checked_autoreset_mode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        self.single_observation_space = self.family.observation_space
        self.single_action_space = self.family.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._generators: list[np.random.Generator] | None = None
        self._begun: BoolArray = np.zeros(self.num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: None, an int (environment i gets ``seed + i``), or one seed per environment.
            options: see the class.

        Raises:
            InputError: options or seeds that do not fit.
            UnknownNameError: no such option.
        """
        options = checked_options(options, ("reset_mask",))
        given = options.get("reset_mask")
        everywhere: BoolArray = np.ones(self.num_envs, np.bool_)
        mask = everywhere if given is None else checked_mask(given, self.num_envs)
        seeds = checked_seeds(seed, self.num_envs)
        if self._generators is None:
            self._generators = [seeding.np_random()[0] for _ in range(self.num_envs)]
        for i in np.flatnonzero(mask):
            if seeds[i] is not None:
                self._generators[i] = seeding.np_random(seeds[i])[0]
        self._begin(mask)
        self._begun = self._begun | mask
        return self.environments.observe(), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Take one control step in every environment.

        Raises:
            AgentError: actions that cannot be applied.
            InputError: an episode is over and autoreset is disabled.
            ResetNeeded: environments that were never reset.
        """
        require_reset(self._begun)
        environments, ended = self.environments, self.environments.ended
        again = ended.any() and self.autoreset_mode is AutoresetMode.NEXT_STEP
        if again:
            self._begin(ended)
        observations = environments.step(actions, active=~ended if again else None)
        truncations = environments.ended
        rewards = environments.rewards if environments.rewarded else np.zeros(self.num_envs)
        info: dict[str, Any] = {}
        if truncations.any() and self.autoreset_mode is AutoresetMode.SAME_STEP:
            info = with_final({}, observations, truncations)
            self._begin(truncations)
            observations = environments.observe()
        return observations, rewards, np.zeros(self.num_envs, np.bool_), truncations, info

    def _begin(self, mask: BoolArray) -> None:
        if self._generators is None:
            raise InputError("call reset before step.")
        for i in np.flatnonzero(mask):
            self.environments.reset(self._generators[i], np.array([i]))
