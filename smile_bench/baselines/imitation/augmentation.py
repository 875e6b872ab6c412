"""Symmetries of what stays constant in an episode: many tasks from the demonstrations of one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.errors import InputError
from smile_bench.learning.devices import to_device
from smile_bench.learning.replay import Transitions

__all__ = ["SignedPermutations"]


class SignedPermutations:
    """Signed permutations of the vectors that an episode shows throughout.

    Where a family's episodes show vectors no coordinate and no sign of which is special, a task
    whose vectors are all permuted and flipped alike is another task that could as well have been
    drawn. Demonstrations, contexts and what the policy does there follow: 4 coordinates make 384
    tasks of one, too many to be learnt by heart.

    The matrices act on what was observed: normalised coordinates, whose means and scales differ a
    little, are put back for that and normalised again.

    Args:
        demonstrations: what tells the coordinates that stay constant in an episode.
        length: of each vector; these coordinates, in order, are some vectors. 0 for no symmetry.

    Raises:
        InputError: the coordinates do not make vectors of this length.
    """

    def __init__(self, demonstrations: TaskDemonstrations, length: int) -> None:
        self.length = length
        self.demonstrations = demonstrations
        number = len(demonstrations.constant)
        if length < 0 or (length > 0 and (not number or number % length)):
            raise InputError(
                f"{number} observed coordinates stay constant in an episode; they make "
                f"no vectors of length {length}. Give 0 for no symmetry."
            )
        self._device = demonstrations.states.device
        normaliser, shown = demonstrations.normaliser, demonstrations.constant.cpu().numpy()
        self._mean = to_device(normaliser.mean[shown], self._device)
        self._scale = to_device(normaliser.scale[shown], self._device)

    def sample(self, rng: np.random.Generator, number: int) -> Tensor:
        """Draw signed permutation matrices (number, length, length)."""
        size = (number, self.length)
        if not self.length:
            return torch.zeros((number, 0, 0), device=self._device)
        order = rng.random(size).argsort(axis=1)
        signs = rng.choice(np.array([-1.0, 1.0], np.float32), size)
        matrices = np.eye(self.length, dtype=np.float32)[order] * signs[..., None]
        return to_device(matrices, self._device)

    def __call__(self, features: Tensor, matrices: Tensor) -> Tensor:
        """Transitions (B, …, F) of B tasks seen under the tasks' matrices (B, length, length).

        Each transition begins with s and, if it is long enough, ends with s'.
        """
        if not self.length:
            return features
        batch, *between, width = features.shape
        applied = matrices.reshape(batch, *(1 for _ in between), self.length, self.length)
        seen = features.clone()
        for columns in self.demonstrations.constant_columns(width):
            vectors = features[..., columns] * self._scale + self._mean
            split = vectors.reshape(*vectors.shape[:-1], -1, self.length)
            turned = (split @ applied).reshape(vectors.shape)
            seen[..., columns] = (turned - self._mean) / self._scale
        return seen

    def transitions(self, drawn: Transitions, matrices: Tensor) -> Transitions:
        """B transitions seen under a matrix each."""
        return drawn._replace(
            states=self(drawn.states, matrices), next_states=self(drawn.next_states, matrices)
        )


class ConstantFeatureNoise:
    """Noise on the observed coordinates that stay constant throughout every demonstration.

    There are no more different ones than demonstrations, so a network learns them by heart; noise
    makes it learn the rule. A family without such coordinates is left as it is.

    Args:
        demonstrations: what tells the coordinates.
        scale: standard deviation in normalised units; 0 for none.
    """

    def __init__(self, demonstrations: TaskDemonstrations, scale: float) -> None:
        self.demonstrations = demonstrations
        self.scale = scale

    def __call__(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Transitions (..., T, F) with noise that the T transitions of a demonstration share.

        Each transition begins with s and, if it is long enough, ends with s'.
        """
        number = len(self.demonstrations.constant)
        if self.scale == 0.0 or number == 0:
            return features
        *batch, _, width = features.shape
        noise = self.scale * torch.randn((*batch, 1, number), generator=generator)
        noise = noise.to(features.device)
        noisy = features.clone()
        for columns in self.demonstrations.constant_columns(width):
            noisy[..., columns] += noise
        return noisy
