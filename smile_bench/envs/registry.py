"""All families by name: those of ``smile_bench.envs.families``, and those that are registered."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import gymnasium as gym

from smile_bench.envs import families
from smile_bench.envs.family import Family
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.errors import InputError, UnknownNameError, shown, suggestion

__all__ = [
    "all_families",
    "get_family",
    "get_mujoco_family",
    "register_families",
    "register_family",
]

_registered: dict[str, Family] = {}


def register_family(family: Family) -> Family:
    """Add a family of your own to the suite, and its environments to Gymnasium.

    Afterwards its id works wherever the suite takes a family, and in ``gymnasium.make`` and
    ``gymnasium.make_vec``. Call it where the family's module is imported, so that every process
    that imports the module knows the family.

    Args:
        family: its declaration.

    Returns:
        The family.

    Raises:
        InputError: not a family, or the id is taken.
    """
    if not isinstance(family, Family):
        raise InputError(
            f"register_family takes a Family, got {type(family).__name__}. Declare one, for "
            "instance with a subclass of smile_bench.envs.MujocoFamily."
        )
    if family.id in all_families() or family.id in gym.registry:
        raise InputError(
            f"an environment {family.id!r} is already registered. Register each family once, under "
            "an id of its own; a changed family gets the next version, such as -v1 after -v0."
        )
    _register_with_gymnasium(family)
    _registered[family.id] = family
    return family


def all_families() -> dict[str, Family]:
    """Every family by its id: those that ship, in the order of their modules, then the others."""
    return {**_shipped(), **_registered}


def get_family(family: str | Family) -> Family:
    """A family by its id.

    Raises:
        UnknownNameError: no such family.
    """
    if isinstance(family, Family):
        return family
    known = all_families()
    if not isinstance(family, str) or family not in known:
        raise UnknownNameError(f"unknown family {shown(family)}. {suggestion(family, known)}")
    return known[family]


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
    """Register with Gymnasium the families that ship with smile-bench."""
    for family in _shipped().values():
        if family.id not in gym.registry:
            _register_with_gymnasium(family)


@cache
def _shipped() -> dict[str, Family]:
    """The ``FAMILY`` of each module of ``smile_bench.envs.families``."""
    found = {}
    for module in sorted(pkgutil.iter_modules(families.__path__), key=lambda m: m.name):
        family: Family = importlib.import_module(f"{families.__name__}.{module.name}").FAMILY
        found[family.id] = family
    return found


def _register_with_gymnasium(family: Family) -> None:
    gym.register(
        id=family.id,
        entry_point=family.entry_point,
        vector_entry_point=family.vector_entry_point,
        max_episode_steps=family.horizon,
        kwargs={"family": family.id},
    )
