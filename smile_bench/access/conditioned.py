"""The condition of an access and the dataset that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from smile_bench.datasets import Condition, Dataset, load_dataset
from smile_bench.datasets.conditions import FamilyCondition, condition_dataset
from smile_bench.envs import Family
from smile_bench.errors import InputError, shown

__all__ = ["ConditionedData", "given_condition"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConditionedData:
    """Demonstrations under a condition."""

    asked: Condition
    """As it was given."""
    condition: FamilyCondition
    """With every number, those of a dataset that was given included."""
    dataset: Dataset
    own: bool
    """Whether a dataset was given in place of the canonical one. It need not be the frozen
    demonstrations that the condition's digest stands for."""

    @classmethod
    def of(cls, family: Family, asked: Condition, dataset: Dataset | None) -> ConditionedData:
        """The demonstrations of a condition, from a dataset that was given or what ships.

        Raises:
            DatasetError: no dataset of the family ships, or what is needed cannot be built or read.
            ExpertError: demonstrations have to be built, and the family has no expert.
            InputError: the condition cannot be met.
        """
        condition, own = asked.on(family), dataset is not None
        if dataset is not None:
            condition = _of_dataset(condition, asked, dataset)
        if asked == Condition():
            dataset = load_dataset(family) if dataset is None else dataset
        else:
            dataset = condition_dataset(condition, dataset)
        condition = replace(condition, tasks=dataset.train.tasks)
        return cls(asked=asked, condition=condition, dataset=dataset, own=own)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the meta-train demonstrations."""
        return self.dataset.train.digest()

    def facts(self) -> dict[str, Any]:
        """What a recipe says: numbers, digest of the condition, digest of the demonstrations."""
        digest = {} if self.own else {"sha256": self.condition.digest}
        return {**self.condition.to_dict(), **digest, "data_sha256": self.digest}


def given_condition(
    condition: str | Condition | None, demonstrations: int | None, tasks: int | None
) -> Condition:
    """The condition that was given in one of the two ways.

    Raises:
        InputError: in both ways, or as something that cannot be read.
        UnknownNameError: a part of it is one word and not a variant.
    """
    if condition is None:
        return Condition(demonstrations=demonstrations, tasks=tasks)
    if demonstrations is not None or tasks is not None:
        raise InputError(
            "both a condition and a number of demonstrations or tasks were given; put the number "
            "into the condition."
        )
    if isinstance(condition, str):
        return Condition.parse(condition)
    if not isinstance(condition, Condition):
        raise InputError(
            f"the condition is {shown(condition)}; give a Condition, or words such as "
            "'4 demonstrations, 8 tasks'."
        )
    return condition


def _of_dataset(condition: FamilyCondition, asked: Condition, dataset: Dataset) -> FamilyCondition:
    recipe = dataset.attributes.get("recipe", {})
    return replace(
        condition,
        demonstrations=asked.demonstrations or dataset.train.demonstrations,
        subsample=asked.subsample or int(recipe.get("subsample", condition.subsample)),
        variant=asked.variant or dataset.variant,
    )
