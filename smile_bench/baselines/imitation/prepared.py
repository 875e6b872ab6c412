"""Demonstrations made ready for a training: filtered, normalised, with their augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import (
    AugmentationConfig,
    ConstantFeatureNoise,
    SignedPermutations,
)
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.learning.normaliser import Normaliser

__all__ = ["PreparedDemonstrations", "prepare"]


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
    access: Access, augmentation: AugmentationConfig, device: torch.device
) -> PreparedDemonstrations:
    """Take the meta-train demonstrations and prepare them.

    Args:
        access: to the family.
        augmentation: settings.
        device: where the tensors lie.

    Raises:
        InputError: the augmentation does not fit the demonstrations.
    """
    given = access.demonstrations()
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
