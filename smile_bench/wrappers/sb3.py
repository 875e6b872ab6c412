"""Native vectorised environments for stable-baselines3 (``pip install 'smile-bench[sb3]'``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import iterate
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from smile_bench.errors import InputError

__all__ = ["SB3VecEnv"]


class SB3VecEnv(VecEnv):
    """Gymnasium's vectorised environments as those of stable-baselines3.

    Its own ``DummyVecEnv`` and ``SubprocVecEnv`` step one scalar environment after another, or in
    processes; here all are stepped together on native threads.

    Args:
        env: with the autoreset mode ``"SameStep"`` or ``"Disabled"``, such as
            ``gymnasium.make_vec("SmileAntGoal-v0", num_envs=32, autoreset_mode="Disabled")`` makes.
            The observation wrappers of Gymnasium take the second alone.

    Raises:
        InputError: another autoreset mode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
            raise InputError(
                f"stable-baselines3 expects the first observation of the next episode in the step "
                f"that ends one, and these environments have the autoreset mode {mode}. Make them "
                'with autoreset_mode="SameStep", or "Disabled" for wrappers of Gymnasium.'
            )
        self._resets = mode is AutoresetMode.DISABLED
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._actions: NDArray[Any] | None = None

    def reset(self) -> Any:
        """Begin all episodes, with the seeds and the options that were set before."""
        seeds: Any = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        options = self._options[0] if self._options else {}
        observations, info = self.env.reset(seed=seeds, options=options or None)
        self.reset_infos = self._infos(info)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Take the step.

        Returns:
            Observations, rewards (N,) in float32, which episodes are over (N,), and an info for
            each environment. Where an episode is over, it has ``terminal_observation`` and
            ``TimeLimit.truncated``.
        """
        observations, rewards, terminations, truncations, info = self.env.step(self._actions)
        ended = terminations | truncations
        infos = self._infos(info)
        if not ended.any():
            return observations, rewards.astype(np.float32), ended, infos
        if self._resets:
            last, final = list(iterate(self.env.observation_space, observations)), info
            observations, _ = self.env.reset(options={"reset_mask": ended})
        else:
            last, final = info["final_obs"], info["final_info"]
        for i in np.flatnonzero(ended):
            infos[i] = {
                **self._info(final, int(i)),
                "terminal_observation": last[i],
                "TimeLimit.truncated": bool(truncations[i] and not terminations[i]),
            }
        return observations, rewards.astype(np.float32), ended, infos

    def close(self) -> None:
        """Close the environments."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the environments: its value for each if it has one for each."""
        value = getattr(self.env, attr_name)
        each = isinstance(value, (tuple, list, np.ndarray)) and len(value) == self.num_envs
        return [value[i] if each else value for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all environments.

        Raises:
            InputError: only of some.
        """
        if len(list(self._get_indices(indices))) < self.num_envs:
            raise InputError(
                f"{attr_name!r} cannot be set for some of the environments, which are one object; "
                "leave indices out."
            )
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Not available: there are no environments of their own to call.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"{method_name!r} cannot be called on single environments: they are one object, "
            "SB3VecEnv.env. Call its methods."
        )

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Whether the environments are wrapped by a class, for each."""
        env: Any = self.env
        found = isinstance(env, wrapper_class)
        while not found and hasattr(env, "env"):
            env = env.env
            found = isinstance(env, wrapper_class)
        return [found] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """A picture (height, width, 3) of each environment."""
        pictures: Any = self.env.render()
        return pictures or [None] * self.num_envs

    def _infos(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._info(info, i) for i in range(self.num_envs)]

    def _info(self, info: dict[str, Any], index: int) -> dict[str, Any]:
        """What an info of all environments says of one."""
        return {
            key: values[index]
            for key, values in info.items()
            if not key.startswith(("_", "final_")) and info[f"_{key}"][index]
        }
