"""The demonstrations of a condition: part of what ships, or more, built into the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import IntArray
from smile_bench.datasets.conditions.cache import load_batch
from smile_bench.datasets.conditions.condition import FamilyCondition
from smile_bench.datasets.dataset import PER_DEMONSTRATION, Dataset, Demonstrations
from smile_bench.datasets.loading import load_dataset
from smile_bench.datasets.subsets import select
from smile_bench.datasets.variants import EXPERT
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError

__all__ = ["condition_dataset"]


def condition_dataset(condition: FamilyCondition, canonical: Dataset | None = None) -> Dataset:
    """The dataset of a condition.

    Demonstrations that do not ship are built once and kept in the cache
    (:func:`smile_bench.datasets.conditions.cache.cache_folder`). Meta-validation and meta-test are
    those of the canonical dataset.

    Args:
        condition: the condition.
        canonical: the family's canonical dataset, or another one in its place; then a condition
            that needs other demonstrations is refused.

    Raises:
        DatasetError: no dataset of the family ships, or what is needed cannot be built or read.
        ExpertError: demonstrations have to be built, and the family has no expert.
        InputError: the dataset that was given lacks tasks or demonstrations, or the family's own
            dataset was built with other settings than the family declares.
    """
    family = get_family(condition.family)
    dataset = load_dataset(family) if canonical is None else canonical
    if canonical is not None:
        _require_same(condition, dataset)
    recipe, table = family.dataset_recipe, family.table("train")
    chosen = condition.task_indices
    continues = condition.variant == EXPERT and condition.subsample == recipe.subsample
    builds = canonical is None and not condition.ships
    complete = np.array_equal(dataset.train.task_parameters, table)
    if not complete and (builds or len(chosen) < len(table)):
        raise InputError(
            f"{family.id} has {len(table)} meta-train tasks, but this dataset has "
            f"{dataset.train.tasks}, or another order. To choose tasks or to add demonstrations, "
            "give a dataset with all, in the family's order."
        )
    if not complete:
        chosen = np.arange(dataset.train.tasks)
    if not builds:
        train = select(dataset.train, chosen, condition.demonstrations)
    else:
        if continues:
            _require_first_batch(family, dataset)
        batches = (
            dataset.train
            if continues and batch == 0
            else load_batch(family, batch, condition.subsample, condition.variant)
            for batch in range(ceil(condition.demonstrations / recipe.demonstrations))
        )
        train = _joined(batches, chosen, condition.demonstrations)
    settings = {**dataset.attributes.get("recipe", {}), **condition.to_dict()}
    return replace(
        dataset,
        splits={**dataset.splits, "train": train},
        attributes={**dataset.attributes, "recipe": settings},
    )


def _require_same(condition: FamilyCondition, dataset: Dataset) -> None:
    """Refuse a condition whose transitions a given dataset does not have."""
    subsample = dataset.attributes.get("recipe", {}).get("subsample", condition.subsample)
    asked, has = (condition.subsample, condition.variant), (subsample, dataset.variant)
    if asked != has:
        raise InputError(
            f"the condition asks for subsample {asked[0]} and the variant {asked[1]}, but the "
            f"dataset that was given has subsample {has[0]} and the variant {has[1]}. Leave out "
            "one of them: the condition finds its own dataset."
        )


def _require_first_batch(family: Family, dataset: Dataset) -> None:
    """Refuse to add to a family's dataset that is not the first batch of its recipe."""
    declared, built = family.dataset_recipe, dataset.attributes.get("recipe", {})
    first = {"demonstrations": declared.demonstrations, "seed": 0}
    if wrong := [name for name in first if built.get(name) != first[name]]:
        raise InputError(
            f"the dataset of {family.id} was built with {wrong[0]} {built.get(wrong[0])}, and only "
            f"one with {wrong[0]} {first[wrong[0]]} can be continued with more demonstrations. Ask "
            f"for at most {dataset.train.demonstrations}, or build the dataset again."
        )


def _joined(
    batches: Iterable[Demonstrations], chosen: IntArray, demonstrations: int
) -> Demonstrations:
    """The first demonstrations of the chosen tasks, from batches that come one after another."""
    parts: list[Demonstrations] = []
    for batch in batches:
        left = demonstrations - sum(part.demonstrations for part in parts)
        parts.append(select(batch, chosen, min(left, batch.demonstrations)))
    first = parts[0]

    def joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)

    metrics = {name: joined([np.asarray(p.metrics[name]) for p in parts]) for name in first.metrics}
    arrays: dict[str, Any] = {
        name: joined([getattr(p, name) for p in parts]) for name in PER_DEMONSTRATION
    }
    return replace(first, metrics=metrics, **arrays)
