"""Augmentation changes only what episodes show, by symmetries of the tasks or by noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.baselines.imitation.augmentation import (
    ConstantFeatureNoise,
    SignedPermutations,
)
from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.envs import get_mujoco_family
from smile_bench.envs.families.ant_linear_classification import AntLinearClassification
from smile_bench.errors import InputError
from smile_bench.learning.replay import Transitions
from smile_bench.learning.streams import Streams

FAMILY = "SmileAntLinearClassification-v0"


def test_the_matrices_are_signed_permutations(demonstrations: TaskDemonstrations) -> None:
    matrices = SignedPermutations(demonstrations, 4).sample(Streams([0]), 4000)[0]
    assert torch.equal(matrices @ matrices.mT, torch.eye(4).expand(4000, 4, 4))
    assert set(np.unique(matrices.numpy())) == {-1.0, 0.0, 1.0}
    # All 4! · 2⁴ of them come.
    assert len(np.unique(matrices.flatten(1).numpy(), axis=0)) == 384


def test_a_task_seen_under_one_has_the_same_right_answers(
    demonstrations: TaskDemonstrations,
) -> None:
    family = get_mujoco_family(FAMILY)
    assert isinstance(family, AntLinearClassification)
    permutations, rng = SignedPermutations(demonstrations, 4), np.random.default_rng(1)
    table = family.table("train")
    table = np.repeat(table, 50, axis=0)
    samples = np.stack([family.sample_episode(rng, row) for row in table])
    observed = np.zeros((len(table), 41))
    observed[:, -8:] = samples
    normaliser = demonstrations.normaliser
    matrices = permutations.sample(Streams([1]), len(table))
    seen_states = permutations(torch.from_numpy(normaliser(observed))[None], matrices)
    turned, matrices = seen_states[0].double().numpy(), matrices[0]
    restored = turned * normaliser.scale + normaliser.mean
    seen = restored[:, -8:].astype(np.float64)
    # What is observed is turned, up to single precision, whatever normalisation makes of it.
    exact = np.einsum("nvi,nij->nvj", samples.reshape(-1, 2, 4), matrices.double().numpy())
    np.testing.assert_allclose(seen, exact.reshape(-1, 8), atol=1e-6)
    assert np.abs(normaliser.mean[-8:]).max() > 1e-3
    normals = np.einsum("ni,nij->nj", table, matrices.numpy())
    assert not np.allclose(seen, samples)
    np.testing.assert_array_equal(
        family.right_targets(normals, seen), family.right_targets(table, samples)
    )


def test_all_transitions_of_a_task_are_seen_alike_and_the_rest_is_untouched(
    demonstrations: TaskDemonstrations,
) -> None:
    permutations, streams = SignedPermutations(demonstrations, 4), Streams([2, 3])
    features, _ = demonstrations.sample_contexts(streams, torch.tensor([[3, 7], [7, 1]]), 2, 5)
    matrices = permutations.sample(streams, 2)
    before, seen = features.clone(), permutations(features, matrices)
    assert torch.equal(features, before)
    width = features.shape[-1]
    shown = [*range(33, 41), *range(width - 8, width)]
    others = [k for k in range(width) if k not in shown]
    assert torch.equal(seen[..., others], features[..., others])
    for start in (33, 37, width - 8, width - 4):
        vectors = features[..., start : start + 4]
        which = np.arange(41)[start if start < 41 else start - width :][:4]
        mean = torch.from_numpy(demonstrations.normaliser.mean[which])
        scale = torch.from_numpy(demonstrations.normaliser.scale[which])
        expected = torch.einsum("mbkti,mbij->mbktj", vectors * scale + mean, matrices)
        torch.testing.assert_close(seen[..., start : start + 4], (expected - mean) / scale)
    # States alone, and whole transitions, in the same way.
    states = features[:, :, 0, 0, :41]
    assert torch.equal(permutations(states, matrices), seen[:, :, 0, 0, :41])
    sampled = Transitions(states, None, features[:, :, 0, 0, -41:])
    turned = permutations.transitions(sampled, matrices)
    assert turned.actions is None
    assert torch.equal(turned.next_states, seen[:, :, 0, 0, -41:])


def test_without_vectors_nothing_happens(demonstrations: TaskDemonstrations) -> None:
    permutations, streams = SignedPermutations(demonstrations, 0), Streams([3])
    matrices = permutations.sample(streams, 2)
    assert matrices.shape == (1, 2, 0, 0)
    assert not streams.used
    states = demonstrations.states[None, :2, 0, 0]
    assert permutations(states, matrices) is states


@pytest.mark.parametrize("length", [3, -1, 16])
def test_vectors_that_the_coordinates_do_not_form_are_refused(
    demonstrations: TaskDemonstrations, length: int
) -> None:
    with pytest.raises(
        InputError, match=f"8 observed coordinates.*do not form vectors of length {length}"
    ):
        SignedPermutations(demonstrations, length)


def test_the_noise_is_one_for_a_demonstration_on_what_it_shows(
    demonstrations: TaskDemonstrations,
) -> None:
    noise = ConstantFeatureNoise(demonstrations, 0.3)
    features = demonstrations.features[None]
    before, noisy = features.clone(), noise(features, Streams([0]))
    assert torch.equal(features, before)
    added = noisy - features
    width = features.shape[-1]
    shown = [*range(33, 41), *range(width - 8, width)]
    assert not added[..., [k for k in range(width) if k not in shown]].any()
    # The same for every timestep, and for s and s'.
    first = added[..., :1, 33:41]
    torch.testing.assert_close(added[..., 33:41], first.expand_as(added[..., 33:41]))
    torch.testing.assert_close(added[..., -8:], added[..., 33:41])
    # Another for every demonstration and coordinate, of the asked size.
    assert float(first.std()) == pytest.approx(0.3, rel=0.05)
    assert float(first.mean()) == pytest.approx(0.0, abs=0.02)
    assert len(np.unique(first.numpy())) > 0.99 * first.numel()


def test_states_have_their_own_noise(demonstrations: TaskDemonstrations) -> None:
    noise = ConstantFeatureNoise(demonstrations, 0.3)
    states = demonstrations.states[:8, 0].expand(2, -1, -1, -1)
    added = noise.of_states(states, Streams([0, 1])) - states
    assert not added[..., :33].any()
    assert float(added[..., 33:].std()) == pytest.approx(0.3, rel=0.1)
    assert float(added[..., 33:].std(2).min()) > 0.1
    # Trainings have noise of their own.
    assert float((added[0] - added[1])[..., 33:].abs().min(0).values.max()) > 0.1


def test_without_noise_nothing_happens(demonstrations: TaskDemonstrations) -> None:
    streams, states = Streams([0, 1]), demonstrations.states[:2]
    assert ConstantFeatureNoise(demonstrations, 0.0)(states, streams) is states
    assert not streams.used
