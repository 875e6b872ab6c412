"""A context in every observation of vectorised environments."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from smile_bench.arrays import BoolArray
from smile_bench.datasets.contexts import Context
from smile_bench.datasets.dataset import Demonstrations
from smile_bench.envs.arguments import checked_seeds
from smile_bench.wrappers.contexts import ContextSource, Embed

__all__ = ["VectorContextObservation"]


class VectorContextObservation(VectorWrapper):
    """Shows each environment a context of its episode's task in every observation.

    Observations equal those of N environments in
    :class:`smile_bench.wrappers.ContextObservation`, in every autoreset mode.

    Args:
        env: of a family, such as ``gymnasium.make_vec("SmileAntGoal-v0", num_envs=32)`` makes, or
            ``smile_bench.access.Access.vector_env``.
        demonstrations: of all tasks of the environments' split, arrays (N, D, T, ...).
        shots: K, demonstrations in a context.
        embed: a context to a vector (Z,), or None for a dictionary, as there.
        split: of the tasks that the demonstrations are of; it must be the environments'.

    Raises:
        InputError: demonstrations of another family, or what :class:`ContextSource` refuses.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        demonstrations: Context | Demonstrations,
        shots: int = 1,
        embed: Embed | None = None,
        split: str = "train",
    ) -> None:
        super().__init__(env)
        self.source = ContextSource(demonstrations, shots, embed, split)
        base: Any = env.unwrapped
        self._base = base
        """What knows the family and the tasks."""
        self.source.require_family(base)
        self.single_observation_space = self.source.space(env.single_observation_space)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._mode = env.metadata["autoreset_mode"]
        self._rngs = [np.random.default_rng() for _ in range(self.num_envs)]
        self._seen = {
            name: np.repeat(part[None], self.num_envs, axis=0)
            for name, part in self.source.example.items()
        }
        """What each observation shows, (N, ...) by name."""
        self._ended: BoolArray = np.zeros(self.num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: Any = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes and sample a context of the task of each.

        Args:
            seed: None, an int (environment i gets ``seed + i``), or one seed per environment.
            options: of the environments.
        """
        observations, info = self.env.reset(seed=seed, options=options)
        mask = (options or {}).get("reset_mask")
        begun: BoolArray = np.ones(self.num_envs, np.bool_) if mask is None else np.asarray(mask)
        for i, own in enumerate(checked_seeds(seed, self.num_envs)):
            if begun[i] and own is not None:
                self._rngs[i] = np.random.default_rng(own)
        self._sample(begun)
        self._ended = self._ended & ~begun
        return self.source.join(observations, self._seen), info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take a control step in every environment; those that begin again get a new context."""
        observations, rewards, terminations, truncations, info = self.env.step(actions)
        ended: BoolArray = terminations | truncations
        if self._mode is AutoresetMode.SAME_STEP and ended.any():
            info = {**info, "final_obs": self._finals(info["final_obs"], ended)}
            self._sample(ended)
        elif self._mode is AutoresetMode.NEXT_STEP:
            self._sample(self._ended)
        self._ended = ended
        seen = self.source.join(observations, self._seen)
        return seen, rewards, terminations, truncations, info

    def _sample(self, begun: BoolArray) -> None:
        """Sample a context for the environments of a mask."""
        where = np.flatnonzero(begun)
        if not len(where):
            return
        # The former batch may still be in somebody's hands.
        self._seen = {name: part.copy() for name, part in self._seen.items()}
        tasks = self._base.task_indices
        for i in where:
            for name, part in self.source.sample(int(tasks[i]), self._rngs[i]).items():
                self._seen[name][i] = part

    def _finals(self, final: Any, ended: BoolArray) -> Any:
        """Last observations, which show the contexts of the episodes that are over."""
        joined = np.full(len(final), None, dtype=object)
        for i in np.flatnonzero(ended):
            seen = {name: part[i] for name, part in self._seen.items()}
            joined[i] = self.source.join(final[i], seen)
        return joined
