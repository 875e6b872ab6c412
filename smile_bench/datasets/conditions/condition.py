"""Conditions as data: how many demonstrations of how many tasks, which transitions, from whom."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smile_bench.arrays import IntArray
from smile_bench.datasets.subsets import first_tasks, require_tasks
from smile_bench.datasets.variants import EXPERT, FORMER_NAMES, VARIANTS, current_variant
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError, UnknownNameError, require_known, shown, suggestion

__all__ = ["Condition", "FamilyCondition"]

MOST = 1024
"""Demonstrations of a task; a larger number is a slip of the keyboard."""
EXAMPLE = "Write it like '4 demonstrations, 8 tasks, subsample 20, noisy'."
NUMBERS = {
    "demonstrations": r"([0-9]+) demonstrations?",
    "tasks": r"([0-9]+) tasks?",
    "subsample": r"subsample ([0-9]+)",
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Which meta-train demonstrations a learner gets. What is None is as the family has it.

    A condition changes the meta-train demonstrations alone: meta-validation, meta-test, the
    references and the protocol's version are the same under each.

    Raises:
        InputError: a number is below 1, or there are more than 1024 demonstrations.
        UnknownNameError: there is no such variant.
    """

    demonstrations: int | None = None
    """Of each task, the first ones."""
    tasks: int | None = None
    """Meta-train tasks, the first ones of :func:`smile_bench.datasets.subsets.task_order`."""
    subsample: int | None = None
    """Every k-th transition is kept; 1 keeps all."""
    variant: str | None = None
    """Who gives the demonstrations: ``"expert"``, ``"noisy"`` or ``"medium"``."""

    def __post_init__(self) -> None:
        for name in NUMBERS:
            number = getattr(self, name)
            if number is None:
                continue
            whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
            if not whole or number < 1:
                raise InputError(f"{name} is {shown(number)}; give a whole number, 1 or more.")
            object.__setattr__(self, name, int(number))
        if self.demonstrations is not None and self.demonstrations > MOST:
            raise InputError(
                f"{self.demonstrations} demonstrations of each task are too many; give at most "
                f"{MOST}."
            )
        if self.variant is not None:
            variant = current_variant(str(self.variant), stacklevel=3)
            require_known("variant", [variant], VARIANTS)
            object.__setattr__(self, "variant", variant)

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition such as ``"4 demonstrations, 8 tasks"``; ``"canonical"`` for no limit.

        Raises:
            InputError: a part has another form, or stands twice.
            UnknownNameError: a part is one word and not a variant.
        """
        found: dict[str, Any] = {}
        given = " ".join(text.lower().split())
        for part in [] if given in ("", "canonical") else given.split(","):
            name, value = _read(part.strip(), text)
            if name in found:
                raise InputError(f"the condition {shown(text)} gives {name} twice. {EXAMPLE}")
            found[name] = value
        return cls(**{name: value for name, value in found.items() if value != "all"})

    def given(self) -> dict[str, int | str]:
        """What is not None, by the names of the fields."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def on(self, family: str | Family) -> FamilyCondition:
        """The condition with the numbers that a family has where this one gives none.

        Raises:
            UnknownNameError: there is no such family.
            InputError: the family has fewer tasks, or the horizon is not a multiple of subsample.
        """
        family = get_family(family)
        recipe, total = family.dataset_recipe, len(family.table("train"))
        tasks = total if self.tasks is None else self.tasks
        require_tasks(family, tasks)
        subsample = recipe.subsample if self.subsample is None else self.subsample
        if family.horizon % subsample:
            raise InputError(
                f"subsample is {subsample}, but an episode of {family.id} has {family.horizon} "
                "steps. Give a number that divides it."
            )
        each = recipe.demonstrations if self.demonstrations is None else self.demonstrations
        return FamilyCondition(
            family=family.id,
            demonstrations=each,
            tasks=tasks,
            subsample=subsample,
            variant=self.variant or EXPERT,
        )

    def __str__(self) -> str:
        parts = []
        if (n := self.demonstrations) is not None:
            parts.append(f"{n} demonstration{'' if n == 1 else 's'}")
        if (n := self.tasks) is not None:
            parts.append(f"{n} task{'' if n == 1 else 's'}")
        if self.subsample is not None:
            parts.append(f"subsample {self.subsample}")
        if self.variant is not None:
            parts.append(self.variant)
        return ", ".join(parts) or "canonical"


@dataclass(frozen=True, kw_only=True)
class FamilyCondition:
    """A condition on one family, with every number filled in."""

    family: str
    demonstrations: int
    tasks: int
    subsample: int
    variant: str

    @property
    def task_indices(self) -> IntArray:
        """The meta-train tasks, in ascending order, (tasks,). Smaller sets lie in larger ones."""
        return first_tasks(get_family(self.family), self.tasks)

    @property
    def canonical(self) -> bool:
        """Whether these are exactly the demonstrations that ship with the family."""
        return self == Condition().on(self.family)

    @property
    def ships(self) -> bool:
        """Whether the demonstrations are among those that ship with the family."""
        recipe = get_family(self.family).dataset_recipe
        same = (self.subsample, self.variant) == (recipe.subsample, EXPERT)
        return same and self.demonstrations <= recipe.demonstrations

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked for: family, task table, tasks, demonstrations, transitions."""
        family = get_family(self.family)
        table = np.ascontiguousarray(family.table("train"))
        document = {
            **self.to_dict(),
            "family": self.family,
            "table": hashlib.sha256(table.data).hexdigest(),
            "task_indices": self.task_indices.tolist(),
            "noise": family.dataset_recipe.noise if self.variant == "noisy" else None,
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The numbers and the variant, as JSON-able data."""
        facts = asdict(self)
        del facts["family"]
        return facts

    def __str__(self) -> str:
        """In words, with what is as usual left out: ``"4 demonstrations, all tasks"``."""
        usual = Condition().on(self.family)
        tasks = None if self.tasks == usual.tasks else self.tasks
        differs = {
            "subsample": self.subsample if self.subsample != usual.subsample else None,
            "variant": self.variant if self.variant != usual.variant else None,
        }
        demonstrations = str(Condition(demonstrations=self.demonstrations))
        rest = Condition(tasks=tasks, **differs)  # type: ignore[arg-type]
        parts = [demonstrations, *([] if tasks else ["all tasks"])]
        return ", ".join([*parts, *([] if rest == Condition() else [str(rest)])])


def condition_of(recipe: Mapping[str, Any]) -> Condition:
    """The condition that a training's recipe states; recipes of earlier versions state a subset.

    Raises:
        InputError: the recipe states something else in its place.
        UnknownNameError: it states an unknown variant.
    """
    stated = recipe.get("condition") or recipe.get("subset") or {}
    if not isinstance(stated, Mapping):
        raise InputError(
            f"the recipe states the condition {shown(stated)}; it should be an object with "
            "numbers and a variant."
        )
    names = (*NUMBERS, "variant")
    return Condition(**{name: stated[name] for name in names if stated.get(name) is not None})


def _read(part: str, text: str) -> tuple[str, Any]:
    """The name and value of one part of a condition."""
    if part == "all tasks":
        return "tasks", "all"
    if part in (*VARIANTS, *FORMER_NAMES):
        return "variant", current_variant(part)
    for name, pattern in NUMBERS.items():
        if (matched := re.fullmatch(pattern, part)) and len(matched[1]) < 10:
            return name, int(matched[1])
    number = (re.findall("[0-9]{1,9}", part) or ["8"])[0]
    known = [f"{number} demonstrations", f"{number} tasks", f"subsample {number}", "all tasks"]
    error = UnknownNameError if re.fullmatch("[a-z]+", part) else InputError
    raise error(
        f"cannot read {shown(part)} in the condition {shown(text)}. "
        f"{suggestion(part, [*known, *VARIANTS])}"
    )
