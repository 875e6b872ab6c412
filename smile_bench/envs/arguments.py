"""Checks of what users give to the environments: seeds, options, counts and render modes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray
from smile_bench.errors import InputError, require_known, shown

__all__ = [
    "as_array",
    "checked_autoreset_mode",
    "checked_count",
    "checked_mask",
    "checked_options",
    "checked_seed",
    "checked_seeds",
    "require_render_mode",
    "require_reset",
    "warn_of_no_render_mode",
]


def as_array(name: str, given: Any) -> NDArray[Any]:
    """What was given as an array, unchanged where it is one.

    Raises:
        InputError: nested sequences of different lengths.
    """
    try:
        return np.asarray(given)
    except ValueError as error:
        raise InputError(f"{name} must be an array of numbers, got {shown(given)}.") from error


def checked_seed(seed: Any) -> int | None:
    """A seed as Gymnasium takes it: None, or a Python integer of at least 0.

    Args:
        seed: what was given. NumPy's integers and 0-dimensional integer arrays are fine.

    Raises:
        InputError: anything else, such as a bool, a float or a negative number.
    """
    if seed is None:
        return None
    whole = _as_integer(seed)
    if whole is None or whole < 0:
        raise InputError(f"a seed is a whole number of at least 0, or None; got {shown(seed)}.")
    return whole


def checked_seeds(seed: Any, num_envs: int) -> list[int | None]:
    """A seed for each of N environments.

    Args:
        seed: None, an integer (environment i gets ``seed + i``), or a sequence or array of N
            integers or None.
        num_envs: N.

    Raises:
        InputError: another number of seeds, or something that is not a seed.
    """
    if seed is None:
        return [None] * num_envs
    first = _as_integer(seed)
    if first is not None and first >= 0:
        return [first + i for i in range(num_envs)]
    several = isinstance(seed, Sequence) or (isinstance(seed, np.ndarray) and seed.ndim == 1)
    if not several or isinstance(seed, (str, bytes)):
        raise InputError(
            f"seed is None, a whole number of at least 0, or a sequence of {num_envs} of them; "
            f"got {shown(seed)}."
        )
    if len(seed) != num_envs:
        raise InputError(f"give {num_envs} seeds or one, got {len(seed)}.")
    return [checked_seed(each) for each in seed]


def checked_options(options: Any, known: Sequence[str]) -> dict[str, Any]:
    """The options of a reset, in a new dictionary.

    Raises:
        InputError: not a dictionary.
        UnknownNameError: an option that does not exist.
    """
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise InputError(
            f"options of a reset are a dictionary with any of {list(known)}; got {shown(options)}."
        )
    require_known("reset option", options, known)
    return dict(options)


def checked_count(name: str, count: Any, otherwise: str = "") -> int:
    """A whole number of at least 1.

    Args:
        name: of the argument.
        count: what was given.
        otherwise: what else the argument may be, for the message.

    Raises:
        InputError: anything else, naming the argument.
    """
    whole = _as_integer(count)
    if whole is None:
        raise InputError(
            f"{name} must be a whole number of at least 1{otherwise}, got {shown(count)}."
        )
    if whole < 1:
        raise InputError(f"{name} must be at least 1{otherwise}, got {whole}.")
    return whole


def checked_mask(mask: Any, num_envs: int) -> BoolArray:
    """A mask of N environments that holds somewhere.

    Raises:
        InputError: anything else.
    """
    shape = (num_envs,)
    if (
        not isinstance(mask, np.ndarray)
        or mask.dtype != np.bool_
        or mask.shape != shape
        or not mask.any()
    ):
        raise InputError(
            f"options['reset_mask'] must be a NumPy array of bool of shape {shape} with at "
            f"least one True, got {shown(mask)}."
        )
    return mask


def checked_autoreset_mode(mode: Any) -> AutoresetMode:
    """One of Gymnasium's autoreset modes, given as such or by its value.

    Raises:
        UnknownNameError: naming the modes.
    """
    if isinstance(mode, AutoresetMode):
        return mode
    require_known("autoreset_mode", [_name(mode)], [each.value for each in AutoresetMode])
    return AutoresetMode(mode)


def require_render_mode(mode: Any, modes: Sequence[str]) -> None:
    """Refuse a render mode that an environment does not have. None is fine.

    Raises:
        UnknownNameError: naming the modes.
    """
    if mode is not None:
        require_known("render_mode", [_name(mode)], modes)


def warn_of_no_render_mode(family: str, make: str) -> None:
    """Warn, as Gymnasium's environments do, that ``render`` draws nothing without a render mode.

    Args:
        family: its id.
        make: the function that makes the environment.
    """
    gym.logger.warn(
        "render() returns None, because the environment was made without a render mode. Make it "
        f"with gymnasium.{make}({family!r}, render_mode='rgb_array')."
    )


def _as_integer(value: Any) -> int | None:
    """The value as a Python integer, None if it is not whole. A bool does not count as one."""
    if isinstance(value, (bool, np.bool_)) or getattr(value, "dtype", None) == np.bool_:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _name(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def require_reset(begun: BoolArray) -> None:
    """Refuse a step of environments that were never reset.

    Args:
        begun: which ones were, (N,).

    Raises:
        ResetNeeded: naming the first five.
    """
    if not begun.all():
        never = np.flatnonzero(~begun)[:5].tolist()
        raise ResetNeeded(f"call reset before step: environments {never} were never reset.")
