"""Variants of a dataset: who gives the demonstrations, and with how much noise."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from gymnasium import spaces

from smile_bench.compat import deprecated
from smile_bench.envs import Family
from smile_bench.errors import DatasetError, require_known

__all__ = ["EXPERT", "MEDIUM", "NOISY", "VARIANTS", "current_variant", "require_noise"]

EXPERT, NOISY, MEDIUM = VARIANTS = ("expert", "noisy", "medium")
"""The expert; the expert with noise on its actions; a policy with half the expert's score."""

FORMER_NAMES = {"half": MEDIUM}
"""Former name of a variant to its name. Stored recipes keep the name that they were built with."""


def current_variant(name: str, *, stacklevel: int | None = None) -> str:
    """Return a variant's name; for a former name, the one that replaces it.

    Args:
        name: a variant, or anything else, which is returned as it is.
        stacklevel: where a warning about a former name points; None for no warning.

    Warns:
        DeprecationWarning: ``name`` is a former name.
    """
    current = FORMER_NAMES.get(name, name)
    if current != name and stacklevel is not None:
        warnings.warn(
            f"the variant {name!r} is now called {current!r}; the demonstrations are the same.",
            DeprecationWarning,
            stacklevel=stacklevel + 1,
        )
    return current


def require_noise(family: Family, variant: str, noise: float | None) -> float | None:
    """Check the scale of the action noise.

    Args:
        family: the family.
        variant: one of :data:`VARIANTS`.
        noise: the scale; None for the family's.

    Returns:
        The scale for noisy demonstrations, else None.

    Raises:
        UnknownNameError: there is no such variant.
        DatasetError: the scale does not fit the variant or the family.
    """
    require_known("variant", [variant], VARIANTS)
    if variant != NOISY:
        if noise is not None:
            raise DatasetError(f"noise is for the variant {NOISY!r}, not for {variant!r}.")
        return None
    noise = family.dataset_recipe.noise if noise is None else noise
    discrete = isinstance(family.action_space, spaces.Discrete)
    if not 0.0 < noise <= (1.0 if discrete else sys.float_info.max):
        what = "a probability above 0" if discrete else "a standard deviation above 0"
        raise DatasetError(f"the noise of {family.id} is {what}, got {noise:g}.")
    return noise


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
