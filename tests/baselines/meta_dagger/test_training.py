"""Meta-DAgger: whose states, whose labels, and how many of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from smile_bench.access import Access
from smile_bench.baselines.imitation.imitator import ImitatorPolicy
from smile_bench.baselines.meta_dagger.training import MetaDAgger, MetaDAggerConfig
from smile_bench.envs import get_family
from smile_bench.errors import InputError
from smile_bench.experts.policy import load_expert
from smile_bench.learning.checkpoint import save_checkpoint
from smile_bench.learning.loop import run
from tests.helpers import synthetic
from tests.helpers.tiny import META_DAGGER

FAMILY = get_family(synthetic.FAMILY)
CONFIG = replace(META_DAGGER, total_updates=12)


def training(config: MetaDAggerConfig = CONFIG) -> MetaDAgger:
    access = Access(FAMILY, track="expert-queries", dataset=synthetic.dataset())
    return MetaDAgger(config, access)


def test_labels_belong_to_the_states_in_which_the_learner_acted() -> None:
    trained = training()
    trained.step()
    assert trained.gathered == 0
    policies: list[ImitatorPolicy] = []
    acted: list[tuple[NDArray[np.float64], NDArray[np.float32]]] = []
    acting, step = trained._acting, trained.environments.step

    def watched_policy() -> ImitatorPolicy:
        policies.append(acting())
        return policies[-1]

    def watched_step(actions: NDArray[np.float32]) -> NDArray[np.float64]:
        acted.append((trained.environments.observe(), actions))
        return step(actions)

    trained._acting = watched_policy  # type: ignore[method-assign]
    trained.environments.step = watched_step  # type: ignore[method-assign]
    trained._gather()
    assert len(acted) == trained.gathered == FAMILY.horizon
    expert, rows = load_expert(FAMILY), FAMILY.table("train")[:3]
    for k, (observations, actions) in enumerate(acted):
        states, labels = trained.states[:, k].numpy(), trained.labels[:, k].numpy()
        np.testing.assert_array_equal(states, trained.data.normaliser(observations))
        np.testing.assert_allclose(labels, expert.act(observations, rows), atol=1e-6)
        # The learner acts alone: its deterministic action, not the expert's.
        np.testing.assert_array_equal(actions, policies[0].act(observations))
    assert np.abs(labels - actions).max() > 0.05
    assert np.abs(labels[0] - labels[1]).max() > 0.05


def test_it_acts_under_embeddings_of_each_task_s_own_demonstrations() -> None:
    trained = training()
    _, embeddings = trained._acting().members[0]
    possible = trained.encoder(trained.train.features.flatten(0, 1)[:, None]).view(3, 4, -1)
    near = (embeddings[:, None, None] - possible).abs().amax(-1) < 1e-5
    assert near.any(-1).tolist() == torch.eye(3, dtype=torch.bool).tolist()


def test_everything_gathered_is_kept_and_counted() -> None:
    trained = training()
    for _ in range(trained.iterations):
        log = trained.step()
    # Of four iterations the first is a warm-up; three tasks.
    assert trained.gathered == 3 * FAMILY.horizon == trained.states.shape[1]
    counts = trained.access.counts
    assert counts.env_steps == counts.expert_queries == 3 * 3 * FAMILY.horizon
    assert log["charts/expert_queries"] == counts.expert_queries
    assert not (trained.states == 0.0).all(-1).any()
    # Each third begins with an episode's start, whose velocities are small.
    starts = trained.states[:, :: FAMILY.horizon]
    again = trained.data.normaliser.mean + trained.data.normaliser.scale * starts.numpy()
    assert np.abs(again[..., 15:]).max() < 1.0


def test_batches_hold_visited_and_demonstrated_states() -> None:
    trained = training()
    trained.step()
    trained.step()
    rng = np.random.default_rng(0)
    tasks = np.array([2, 0])
    _, held_out = trained.train.sample_contexts(rng, tasks, 1, 3)
    states, labels = trained._labelled(tasks, held_out)
    assert states.shape == (2, 8, 29)
    for row, task in enumerate(tasks.tolist()):
        known = torch.cat((trained.states[task, : trained.gathered], trained.labels[task, :100]), 1)
        demonstrated = trained.train.states[task].flatten(0, 1)
        for k in range(8):
            pair = torch.cat((states[row, k], labels[row, k]))
            assert bool((known == pair).all(-1).any()) is (k < 6)
            assert bool((demonstrated == states[row, k]).all(-1).any()) is (k >= 6)


@pytest.mark.slow
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(tmp_path: Path) -> None:
    whole = training()
    run(whole, tmp_path / "whole")
    for stop in (2, 3):
        run(training(), tmp_path / "cut", stop_after=stop)
    resumed = training()
    run(resumed, tmp_path / "cut")
    save_checkpoint(tmp_path / "a", whole.state_dict())
    save_checkpoint(tmp_path / "b", resumed.state_dict())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert resumed.access.counts == whole.access.counts


def test_only_the_track_with_labels_will_do() -> None:
    for track in ("offline", "interactive"):
        access = Access(FAMILY, track=track, dataset=synthetic.dataset())
        with pytest.raises(InputError, match="track='expert-queries'"):
            MetaDAgger(CONFIG, access)


@pytest.mark.parametrize(
    "change", [{"warm_up_iterations": -1}, {"visited_fraction": 1.1}, {"visited_fraction": -0.1}]
)
def test_numbers_out_of_range_are_refused(change: dict[str, Any]) -> None:
    ((name, value),) = change.items()
    with pytest.raises(InputError, match=rf"^{name} is {value}; give 0"):
        training(replace(CONFIG, **change))
