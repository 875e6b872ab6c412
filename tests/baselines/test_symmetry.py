"""Symmetries make other tasks with the right answers, and touch nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.normaliser import Normaliser
from smile_bench.baselines.symmetry import EpisodeSymmetry, MirrorSymmetry, make_symmetry
from smile_bench.baselines.task_data import TaskDemonstrations, Transitions
from smile_bench.datasets import load_dataset
from smile_bench.envs import get_mujoco_family
from smile_bench.envs.families.ant_linear_classification import AntLinearClassification
from smile_bench.envs.mirror import Mirror
from smile_bench.errors import InputError

FAMILY = "SmileAntLinearClassification-v0"
WALKER = "SmileWalkerDynamics-v0"


def test_the_matrices_are_signed_permutations(demonstrations: TaskDemonstrations) -> None:
    matrices = EpisodeSymmetry(demonstrations, 4).draw(np.random.default_rng(0), 4000)
    assert torch.equal(matrices @ matrices.mT, torch.eye(4).expand(4000, 4, 4))
    assert set(np.unique(matrices.numpy())) == {-1.0, 0.0, 1.0}
    # All 4! · 2⁴ of them come.
    assert len(np.unique(matrices.flatten(1).numpy(), axis=0)) == 384


def test_a_task_seen_under_one_has_the_same_right_answers(
    demonstrations: TaskDemonstrations,
) -> None:
    family = get_mujoco_family(FAMILY)
    assert isinstance(family, AntLinearClassification)
    symmetry, rng = EpisodeSymmetry(demonstrations, 4), np.random.default_rng(1)
    table = family.table("train")
    table = np.repeat(table, 50, axis=0)
    samples = np.stack([family.draw_episode(rng, row) for row in table])
    observed = np.zeros((len(table), 41))
    observed[:, -8:] = samples
    normaliser = demonstrations.normaliser
    matrices = symmetry.draw(rng, len(table))
    turned = symmetry(torch.from_numpy(normaliser(observed)), matrices).double().numpy()
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
    symmetry, rng = EpisodeSymmetry(demonstrations, 4), np.random.default_rng(2)
    features, _ = demonstrations.draw_contexts(rng, np.array([3, 7]), 2, 5)
    matrices = symmetry.draw(rng, 2)
    before, seen = features.clone(), symmetry(features, matrices)
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
        expected = torch.einsum("bkti,bij->bktj", vectors * scale + mean, matrices)
        torch.testing.assert_close(seen[..., start : start + 4], (expected - mean) / scale)
    # States alone, and whole transitions, in the same way.
    states = features[:, 0, 0, :41]
    assert torch.equal(symmetry(states, matrices), seen[:, 0, 0, :41])
    drawn = Transitions(states, None, features[:, 0, 0, -41:])
    turned = symmetry.transitions(drawn, matrices)
    assert turned.actions is None
    assert torch.equal(turned.next_states, seen[:, 0, 0, -41:])


def test_without_vectors_nothing_happens(demonstrations: TaskDemonstrations) -> None:
    symmetry, rng = EpisodeSymmetry(demonstrations, 0), np.random.default_rng(3)
    matrices = symmetry.draw(rng, 2)
    assert matrices.shape == (2, 0, 0)
    assert rng.random() == np.random.default_rng(3).random()
    states = demonstrations.states[:2, 0, 0]
    assert symmetry(states, matrices) is states


@pytest.mark.parametrize("length", [3, -1, 16])
def test_vectors_that_the_coordinates_do_not_make_are_refused(
    demonstrations: TaskDemonstrations, length: int
) -> None:
    with pytest.raises(InputError, match=f"8 observed coordinates.*no vectors of length {length}"):
        EpisodeSymmetry(demonstrations, length)


def walker_demonstrations() -> tuple[TaskDemonstrations, Mirror]:
    mirror = get_mujoco_family(WALKER).mirror
    assert mirror is not None
    found = Access(WALKER, track="offline").demonstrations()
    return TaskDemonstrations(found, Normaliser.of(found.observations, mirror)), mirror


def test_a_mirrored_body_does_what_a_mirrored_demonstration_shows() -> None:
    demonstrations, mirror = walker_demonstrations()
    family, symmetry = get_mujoco_family(WALKER), MirrorSymmetry(demonstrations, mirror)
    part, task = load_dataset(WALKER).train, 17
    assert part.replay_actions is not None
    simulator = family.make_simulator(1, threads=1)
    simulator.set_tasks(family.table("train")[[task]][:, mirror.parameters])
    simulator.reset(part.initial_states[[task], 0][:, mirror.state])
    shown = symmetry(demonstrations.features[[task], 0], torch.ones(1))[0].numpy()
    scale, mean = demonstrations.normaliser.scale, demonstrations.normaliser.mean
    for step in range(part.timesteps[task, 0, 2] + 1):
        at = np.flatnonzero(part.timesteps[task, 0] == step)
        if len(at):
            states, actions, following = np.split(shown[at], (17, 23), -1)
            np.testing.assert_allclose(simulator.observe(), states * scale + mean, atol=1e-4)
            played = part.replay_actions[task, step][np.array(mirror.actions)]
            np.testing.assert_array_equal(actions[0], played)
        simulator.step(part.replay_actions[[task], step][:, mirror.actions])
        if len(at):
            np.testing.assert_allclose(simulator.observe(), following * scale + mean, atol=1e-4)


def test_mirrored_tasks_are_mirrored_wholly_and_others_left_alone() -> None:
    demonstrations, mirror = walker_demonstrations()
    symmetry = MirrorSymmetry(demonstrations, mirror)
    assert demonstrations.actions is not None
    mirrored = torch.tensor([0.0, 1.0, 1.0])
    features, states = demonstrations.features[:3], demonstrations.states[:3]
    actions, following = demonstrations.actions[:3], demonstrations.next_states[:3]
    seen = symmetry(features, mirrored)
    assert torch.equal(seen[0], features[0])
    parts = symmetry(states, mirrored), symmetry.actions(actions, mirrored)
    assert torch.equal(seen, torch.cat((*parts, symmetry(following, mirrored)), -1))
    pairs = torch.cat((states, following), -1)
    expected = torch.cat((parts[0], symmetry(following, mirrored)), -1)
    assert torch.equal(symmetry(pairs, mirrored), expected)
    assert torch.equal(parts[0][1], states[1][..., mirror.observations])
    assert torch.equal(parts[1][2], actions[2][..., mirror.actions])
    # There and back.
    assert torch.equal(symmetry(seen, mirrored), features)
    assert torch.equal(symmetry.actions(parts[1], mirrored), actions)


def test_half_of_the_tasks_are_mirrored() -> None:
    symmetry = MirrorSymmetry(*walker_demonstrations())
    drawn = symmetry.draw(np.random.default_rng(0), 4000)
    assert set(drawn.tolist()) == {0.0, 1.0}
    assert 0.45 < float(drawn.mean()) < 0.55


def test_mirrored_vectors_are_refused(demonstrations: TaskDemonstrations) -> None:
    _, mirror = walker_demonstrations()
    with pytest.raises(InputError, match="not both"):
        make_symmetry(demonstrations, vectors=4, mirror=mirror)
