"""Demonstrations made ready for a training: filtered, normalised, with their augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import (
    AugmentationConfig,
    ConstantFeatureNoise,
    SignedPermutations,
)
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.datasets import Context
from smile_bench.errors import InputError
from smile_bench.learning.normaliser import Normaliser

__all__ = ["PreparedDemonstrations", "prepare", "shared_demonstrations"]


@dataclass(frozen=True, eq=False)
class PreparedDemonstrations:
    """What a training makes of the meta-train demonstrations."""

    normaliser: Normaliser
    """Of all their observations."""
    outlier_filter: OutlierFilter | None
    demonstrations: TaskDemonstrations
    noise: ConstantFeatureNoise
    permutations: SignedPermutations


def prepare(
    accesses: Sequence[Access], augmentation: AugmentationConfig, device: torch.device
) -> PreparedDemonstrations:
    """Take the meta-train demonstrations and prepare them.

    Args:
        accesses: to the family, one a training, all with the same demonstrations.
        augmentation: settings.
        device: where the tensors lie.

    Raises:
        InputError: the augmentation does not fit the demonstrations, or the trainings have others.
    """
    given = shared_demonstrations(accesses, "train")
    normaliser = Normaliser.of(given.observations)
    outlier_filter = None
    if augmentation.outlier_fraction:
        outlier_filter = OutlierFilter.of(given.observations, augmentation.outlier_fraction)
        given = outlier_filter(given)
    demonstrations = TaskDemonstrations(given, normaliser, device)
    return PreparedDemonstrations(
        normaliser,
        outlier_filter,
        demonstrations,
        ConstantFeatureNoise(demonstrations, augmentation.constant_feature_noise),
        SignedPermutations(demonstrations, augmentation.permuted_width),
    )


def shared_demonstrations(accesses: Sequence[Access], split: str) -> Context:
    """Take the demonstrations of a split from every access.

    Args:
        accesses: to one family, one a training.
        split: of the tasks.

    Returns:
        Those of any of them, (N, D, T, …).

    Raises:
        InputError: they are not all the same.
    """
    first, *others = accesses
    given = first.demonstrations(split)
    # One after another, because each hands out a copy.
    if not all(_same(given, other.demonstrations(split)) for other in others):
        raise InputError(
            f"trainings of one computation have the same {split} demonstrations, and these "
            "accesses hand out different ones. Train them one after another."
        )
    return given


def _same(one: Context, other: Context) -> bool:
    if (one.actions is None) != (other.actions is None):
        return False
    pairs = [
        (one.observations, other.observations),
        (one.next_observations, other.next_observations),
    ]
    if one.actions is not None and other.actions is not None:
        pairs.append((one.actions, other.actions))
    return all(a is b or np.array_equal(a, b) for a, b in pairs)
