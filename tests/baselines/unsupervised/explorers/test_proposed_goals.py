"""Proposed goals and Skew-Fit: weights against the exact tool, and goals that follow the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from smile_bench.baselines.unsupervised.explorers.proposed_goals import (
    Proposals,
    skewed_weights,
)
from smile_bench.exploration import skew_fit
from tests.baselines.unsupervised.made import ANT, GRID, small, trainings


@pytest.mark.parametrize("alpha", [-1.0, -0.5, -0.1, 0.0])
def test_weights_are_those_of_the_exact_tool_up_to_a_factor(alpha: float) -> None:
    model = np.random.default_rng(0).dirichlet(np.ones(7), size=2)
    exact = skew_fit.weights(model, alpha)
    found = skewed_weights(torch.from_numpy(model).log(), alpha).numpy()
    np.testing.assert_allclose(found, exact / exact.mean(axis=1, keepdims=True), rtol=1e-12)
    # A weighted fit to states that are reached as often as proposed is the tool's next model.
    fitted = model * found / (model * found).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted, skew_fit.skew(model, alpha), rtol=1e-12)


def proposals(name: str, family: str) -> Proposals:
    """An explorer after some iterations."""
    training = trainings(name, [small(name, family)])
    for _ in range(3):
        training.step()
    explorer = training.explorer
    assert isinstance(explorer, Proposals)
    return explorer


def test_goals_of_the_grid_are_cells_and_change_where_an_episode_begins() -> None:
    explorer = proposals("skew-fit", GRID)
    before = explorer.goals.clone()
    assert torch.equal(before.sum(-1), torch.ones(before.shape[:2]))
    over = np.zeros(before.shape[1], np.bool_)
    over[[1, 4]] = True
    explorer.begin(over)
    changed = (explorer.goals != before).any(-1)[0].numpy()
    assert not changed[~over].any()
    for _ in range(20):
        explorer.begin(over)
        changed |= (explorer.goals != before).any(-1)[0].numpy()
    assert changed[over].all()


def test_goals_of_ant_goal_are_places_in_metres() -> None:
    explorer = proposals("proposed-goals", ANT)
    scale = explorer.parts.statistics.scale[0, 0, :2]
    assert (scale < 0.5).all()
    places = explorer.propose(500)[0]
    # The model sees z-scores, and its goals are about as far as what was reached.
    assert (places.std(0) < 20 * scale).all()
    assert places.abs().max() < 10.0


def test_the_model_learns_at_some_updates_and_weights_by_its_own_density() -> None:
    config = replace(small("skew-fit", GRID), propose_every=3)
    training = trainings("skew-fit", [config])
    for _ in range(2):
        training.step()
    explorer = training.explorer
    assert isinstance(explorer, Proposals)
    assert [explorer.kind(number) for number in range(4)] == [True, False, False, True]
    assert explorer.update(1) == {}
    features = torch.eye(64)[:12][None]
    training.streams.begin()
    state = training.streams.state_dict(0)
    weights = explorer._weights(features)
    training.streams.load_state_dict(0, state)
    noise = training.streams.normal(config.vae.samples, 12, explorer.vae.latent)
    density = explorer.vae.log_density(features, noise).detach()
    torch.testing.assert_close(weights, skewed_weights(density, -1.0))
    assert float(weights.mean()) == pytest.approx(1.0, rel=1e-5)
    assert weights.argmax() == density.argmin()


def test_plain_maximum_likelihood_weights_all_states_alike() -> None:
    explorer = proposals("proposed-goals", GRID)
    assert torch.equal(explorer._weights(torch.eye(64)[:12][None]), torch.ones(1, 12))
