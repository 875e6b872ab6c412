"""A context in every observation of one environment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from smile_bench.datasets.contexts import Context
from smile_bench.datasets.dataset import Demonstrations
from smile_bench.wrappers.contexts import ContextSource, Embed, Seen

__all__ = ["ContextObservation"]


class ContextObservation(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Shows a context of the episode's task in every observation.

    Each reset samples a context. ``reset(seed=...)`` seeds the choice, too; the environment's own
    random numbers stay as they are without the wrapper.

    Args:
        env: of a family, such as ``gymnasium.make("SmileAntGoal-v0")`` makes.
        demonstrations: of all tasks of the environment's split, arrays (N, D, T, ...).
        shots: K, demonstrations in a context.
        embed: a context to a vector (Z,), which is appended to the observation. Without it an
            observation is a dictionary with the keys ``observation``, ``context_observations``,
            ``context_actions`` and ``context_next_observations``, arrays (K, T, ...).
        split: of the tasks that the demonstrations are of; it must be the environment's.

    Raises:
        InputError: demonstrations of another family, or what :class:`ContextSource` refuses.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        demonstrations: Context | Demonstrations,
        shots: int = 1,
        embed: Embed | None = None,
        split: str = "train",
    ) -> None:
        RecordConstructorArgs.__init__(
            self, demonstrations=demonstrations, shots=shots, embed=embed, split=split
        )
        super().__init__(env)
        self.source = ContextSource(demonstrations, shots, embed, split)
        self.source.require_family(env.unwrapped)
        self.observation_space = self.source.space(env.observation_space)
        self._rng = np.random.default_rng()
        self._seen: Seen = self.source.example

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode and sample a context of its task."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        task = self.unwrapped.task.index  # type: ignore[attr-defined]
        self._seen = self.source.sample(task, self._rng)
        return self.source.join(observation, self._seen), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a control step; the context stays the episode's."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        seen = self.source.join(observation, self._seen)
        return seen, reward, terminated, truncated, info
