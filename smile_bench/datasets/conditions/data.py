"""The demonstrations of a condition: part of what ships, or more, built into the cache."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.datasets.conditions.cache import load_batch
from smile_bench.datasets.conditions.condition import FamilyCondition
from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.loading import load_dataset
from smile_bench.datasets.subsets import select
from smile_bench.datasets.variants import EXPERT
from smile_bench.envs import get_family
from smile_bench.errors import DatasetError, InputError

__all__ = ["condition_dataset"]

PER_DEMONSTRATION = (
    "observations",
    "actions",
    "next_observations",
    "rewards",
    "timesteps",
    "initial_states",
)


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
        DatasetError: no dataset of the family ships, or what was built cannot be read.
        InputError: the dataset that was given lacks tasks or demonstrations.
    """
    family = get_family(condition.family)
    dataset = load_dataset(family) if canonical is None else canonical
    if canonical is not None:
        _require_same(condition, dataset)
    recipe, table = family.dataset_recipe, family.table("train")
    chosen = condition.task_indices
    if len(chosen) < len(table) and not np.array_equal(dataset.train.task_parameters, table):
        raise InputError(
            f"{family.id} has {len(table)} meta-train tasks, but this dataset has "
            f"{dataset.train.tasks}, or another order. To choose {len(chosen)} of them, give a "
            "dataset with all, in the family's order."
        )
    ships = condition.variant == EXPERT and condition.subsample == recipe.subsample
    if canonical is not None or (ships and condition.demonstrations <= recipe.demonstrations):
        batches = [dataset.train]
    else:
        batches = [
            dataset.train
            if ships and batch == 0
            else load_batch(family, batch, condition.subsample, condition.variant)
            for batch in range(ceil(condition.demonstrations / recipe.demonstrations))
        ]
    if len(chosen) == len(table):
        chosen = np.arange(batches[0].tasks)  # Another dataset may have tasks of its own.
    train = select(_joined(batches), chosen, condition.demonstrations)
    settings = {**dataset.attributes["recipe"], **condition.to_dict()}
    return replace(
        dataset,
        splits={**dataset.splits, "train": train},
        attributes={**dataset.attributes, "recipe": settings},
    )


def _require_same(condition: FamilyCondition, dataset: Dataset) -> None:
    """Refuse a condition whose transitions a given dataset does not have."""
    subsample = dataset.attributes["recipe"].get("subsample", condition.subsample)
    asked, has = (condition.subsample, condition.variant), (subsample, dataset.variant)
    if asked != has:
        raise InputError(
            f"the condition asks for subsample {asked[0]} and the variant {asked[1]}, but the "
            f"dataset that was given has subsample {has[0]} and the variant {has[1]}. Leave out "
            "one of them: the condition finds its own dataset."
        )


def _joined(batches: list[Demonstrations]) -> Demonstrations:
    """Batches of the same tasks as one, demonstrations after demonstrations."""
    first = batches[0]
    if len(batches) == 1:
        return first
    if not all(np.array_equal(b.task_parameters, first.task_parameters) for b in batches):
        raise DatasetError(
            f"the demonstrations of {first.family} in the cache are of other tasks. Remove the "
            "folder; they are built again when they are needed."
        )

    def joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(arrays, axis=1)

    metrics = {
        name: joined([np.asarray(b.metrics[name]) for b in batches]) for name in first.metrics
    }
    arrays: dict[str, Any] = {
        name: joined([getattr(b, name) for b in batches]) for name in PER_DEMONSTRATION
    }
    return replace(first, metrics=metrics, **arrays)
