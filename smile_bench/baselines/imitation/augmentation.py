"""What is changed in demonstrations so that an imitator learns the rule and not the examples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.errors import InputError
from smile_bench.learning.devices import to_device
from smile_bench.learning.replay import Transitions, take_rows
from smile_bench.learning.streams import Streams

__all__ = ["AugmentationConfig", "ConstantFeatureNoise", "SignedPermutations"]


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Settings of the augmentation; all of it is off by default."""

    outlier_fraction: float = 0.0
    """Share of the demonstrated states that is left out, those farthest from the others. Experts
    sometimes fall; those states are dropped so that the agent does not learn to lie down. See
    :class:`OutlierFilter`."""
    constant_feature_noise: float = 0.0
    """Standard deviation, in normalised units, of noise on the observed coordinates that stay
    constant throughout a demonstration."""
    permuted_width: int = 0
    """Length of the vectors that those coordinates form, if each task is also shown under signed
    permutations of them; see :class:`SignedPermutations`."""


class SignedPermutations:
    """Signed permutations of the vectors that an episode shows throughout.

    In some families every episode shows vectors, and neither their coordinates nor their signs are
    special. Permuting and flipping all vectors of a task alike then gives another task of the same
    family, with the same demonstrations, contexts and behaviour. Four coordinates turn one task
    into 384, which is too many to memorise.

    The matrices act on raw observations: normalised coordinates, whose means and scales differ a
    little, are converted back and normalised again.

    Args:
        demonstrations: which coordinates stay constant in an episode.
        width: L, length of each vector; 0 for no permutation.

    Raises:
        InputError: the constant coordinates do not form vectors of this length.
    """

    def __init__(self, demonstrations: TaskDemonstrations, width: int) -> None:
        self.width = width
        self.demonstrations = demonstrations
        number = len(demonstrations.constant)
        if width < 0 or (width > 0 and (not number or number % width)):
            raise InputError(
                f"{number} observed coordinates stay constant in an episode; they do not form "
                f"vectors of length {width}. Give permuted_width 0 for no permutation."
            )
        self._device = demonstrations.states.device
        normaliser, shown = demonstrations.normaliser, demonstrations.constant.cpu().numpy()
        self._mean = to_device(normaliser.mean[shown], self._device)
        self._scale = to_device(normaliser.scale[shown], self._device)
        self._identity = torch.eye(width, device=self._device)

    def sample(self, streams: Streams, number: int) -> Tensor:
        """Sample signed permutation matrices (M, number, L, L)."""
        if not self.width:
            return torch.zeros((len(streams), number, 0, 0), device=self._device)
        order = streams.permutations(self.width, number)
        signs = 2.0 * streams.integers(2, number, self.width) - 1.0
        return take_rows(self._identity, order) * signs[..., None]

    def __call__(self, features: Tensor, matrices: Tensor) -> Tensor:
        """Transitions (M, B, …, F) of B tasks under the tasks' matrices (M, B, L, L).

        Each transition begins with s and, if it is long enough, ends with s'.
        """
        if not self.width:
            return features
        lead, between = matrices.shape[:-2], features.shape[matrices.ndim - 2 : -1]
        applied = matrices.reshape(*lead, *(1 for _ in between), self.width, self.width)
        seen = features.clone()
        for columns in self.demonstrations.constant_columns(features.shape[-1]):
            vectors = features[..., columns] * self._scale + self._mean
            split = vectors.reshape(*vectors.shape[:-1], -1, self.width)
            turned = (split @ applied).reshape(vectors.shape)
            seen[..., columns] = (turned - self._mean) / self._scale
        return seen

    def transitions(self, sampled: Transitions, matrices: Tensor) -> Transitions:
        """Transitions (M, B, …) under a matrix each, (M, B, L, L)."""
        return sampled._replace(
            states=self(sampled.states, matrices), next_states=self(sampled.next_states, matrices)
        )


class ConstantFeatureNoise:
    """Noise on the observed coordinates that stay constant throughout every demonstration.

    These coordinates have no more different values than there are demonstrations, so that a network
    memorises them. Noise makes it learn the rule. A family without such coordinates is unaffected.

    Args:
        demonstrations: which coordinates stay constant.
        scale: standard deviation in normalised units; 0 for none.
    """

    def __init__(self, demonstrations: TaskDemonstrations, scale: float) -> None:
        self.demonstrations = demonstrations
        self.scale = scale

    def __call__(self, features: Tensor, streams: Streams) -> Tensor:
        """Transitions (M, ..., T, F) with noise; the T transitions of a demonstration share it.

        Each transition begins with s and, if it is long enough, ends with s'.
        """
        number = len(self.demonstrations.constant)
        if self.scale == 0.0 or number == 0:
            return features
        noise = self.scale * streams.normal(*features.shape[1:-2], 1, number)
        noisy = features.clone()
        for columns in self.demonstrations.constant_columns(features.shape[-1]):
            noisy[..., columns] += noise
        return noisy

    def of_states(self, states: Tensor, streams: Streams) -> Tensor:
        """States (M, ..., O) with noise, each with its own."""
        return self(states[..., None, :], streams)[..., 0, :]
