"""All families by name, found in ``smile_bench.envs.families``, and their registration."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import gymnasium as gym

from smile_bench.envs import families
from smile_bench.envs.family import Family
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.errors import UnknownNameError, suggestion

__all__ = ["all_families", "get_family", "get_mujoco_family", "register_families"]


@cache
def all_families() -> dict[str, Family]:
    """Every family by its id, in the order of their module names."""
    found = {}
    for module in sorted(pkgutil.iter_modules(families.__path__), key=lambda m: m.name):
        family = importlib.import_module(f"{families.__name__}.{module.name}").FAMILY
        found[family.id] = family
    return found


def get_family(family: str | Family) -> Family:
    """A family by its id.

    Raises:
        UnknownNameError: no such family.
    """
    if isinstance(family, Family):
        return family
    try:
        return all_families()[family]
    except KeyError:
        raise UnknownNameError(
            f"unknown family {family!r}. {suggestion(family, all_families())}"
        ) from None


def get_mujoco_family(family: str | Family) -> MujocoFamily:
    """A family over a MuJoCo body, by its id.

    Raises:
        UnknownNameError: no such family, or one without a body.
    """
    found = get_family(family)
    if not isinstance(found, MujocoFamily):
        known = [name for name, f in all_families().items() if isinstance(f, MujocoFamily)]
        raise UnknownNameError(f"{found.id} has no MuJoCo body. {suggestion(found.id, known)}")
    return found


def register_families() -> None:
    """Register every family with Gymnasium, scalar and vectorised."""
    for family in all_families().values():
        if family.id in gym.registry:
            continue
        gym.register(
            id=family.id,
            entry_point=family.entry_point,
            vector_entry_point=family.vector_entry_point,
            max_episode_steps=family.horizon,
            kwargs={"family": family.id},
        )
