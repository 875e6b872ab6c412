"""Meta-DAgger: whose states, whose labels, and how many of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.imitation.imitator import ImitatorPolicy
from smile_bench.baselines.meta_dagger.training import MetaDAgger, MetaDAggerConfig
from smile_bench.envs import get_family
from smile_bench.errors import DivergedError, InputError
from smile_bench.experts.policy import load_expert
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.loop import Alone, run
from tests.helpers import synthetic
from tests.helpers.tiny import META_DAGGER

FAMILY = get_family(synthetic.FAMILY)
CONFIG = replace(META_DAGGER, total_updates=12)
UNSCORED = replace(CONFIG, validate_every=0)


def access() -> Access:
    return Access(FAMILY, track="expert-queries", dataset=synthetic.dataset())


def trainings(*configs: MetaDAggerConfig) -> MetaDAgger:
    given = configs or [UNSCORED]
    return MetaDAgger(given, [access() for _ in given])


def step(made: MetaDAgger) -> list[dict[str, float]]:
    """An iteration in which no training stops."""
    logs = []
    for log in made.step():
        assert not isinstance(log, DivergedError)
        logs.append(dict(log))
    return logs


def test_labels_belong_to_the_states_in_which_each_learner_acted() -> None:
    trained = trainings(UNSCORED, replace(UNSCORED, seed=7))
    step(trained)
    assert trained.gathered == 0
    given: list[Tensor] = []
    acted: list[tuple[FloatArray, Float32Array]] = []
    embeddings, advance = trained._embeddings, trained.environments.step

    def watched_embeddings() -> Tensor:
        given.append(embeddings())
        return given[-1]

    def watched_step(actions: Float32Array) -> FloatArray:
        acted.append((trained.environments.observe(), actions))
        return advance(actions)

    trained._embeddings = watched_embeddings  # type: ignore[method-assign]
    trained.environments.step = watched_step  # type: ignore[assignment,method-assign]
    trained._gather()
    assert len(acted) == trained.gathered == FAMILY.horizon
    expert, rows = load_expert(FAMILY), FAMILY.table("train")[:3]
    for index in range(2):
        members = [(trained.member(index).policy, given[0][index])]
        policy = ImitatorPolicy(FAMILY, members, trained.data.normaliser)
        for k, (everywhere, everything) in enumerate(acted):
            observations: FloatArray = everywhere[3 * index : 3 * index + 3]
            actions: Float32Array = everything[3 * index : 3 * index + 3]
            states, labels = trained.states[index, :, k], trained.labels[index, :, k].numpy()
            np.testing.assert_array_equal(states, trained.data.normaliser(observations))
            np.testing.assert_allclose(labels, expert.act(observations, rows), atol=1e-6)
            # The learner acts alone: its deterministic action, not the expert's.
            np.testing.assert_allclose(actions, policy.act(observations), atol=1e-5)
        assert np.abs(labels - actions).max() > 0.05
        assert np.abs(labels[0] - labels[1]).max() > 0.05
    # Each visits states of its own, from the first one on.
    first = trained.states[:, :, 0]
    assert not torch.isclose(first[0], first[1]).all(-1).any()


def test_they_act_under_embeddings_of_each_task_s_own_demonstrations() -> None:
    trained = trainings(UNSCORED, replace(UNSCORED, seed=1))
    embeddings = trained._embeddings()
    for index in range(2):
        encoder = trained.member(index).encoder
        possible = encoder(trained.train.features.flatten(0, 1)[:, None]).view(3, 4, -1)
        near = (embeddings[index][:, None, None] - possible).abs().amax(-1) < 1e-5
        assert near.any(-1).tolist() == torch.eye(3, dtype=torch.bool).tolist()


def test_contexts_to_act_under_have_every_size_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    trained, asked = trainings(), list[int]()
    contexts = trained.train.sample_contexts

    def watched(streams: Any, tasks: Tensor, shots: int, timesteps: int) -> Any:
        if tasks.shape == (1, 3) and timesteps == FAMILY.horizon:
            asked.append(shots)
        return contexts(streams, tasks, shots, timesteps)

    monkeypatch.setattr(trained.train, "sample_contexts", watched)
    for _ in range(trained.iterations):
        step(trained)
    sizes = FAMILY.context_sizes
    assert asked == [sizes[k % len(sizes)] for k in range(3)]


def test_everything_gathered_is_kept_and_counted() -> None:
    trained = trainings(UNSCORED, replace(UNSCORED, seed=1))
    for _ in range(trained.iterations):
        logs = step(trained)
    # Of four iterations the first is a warm-up; three tasks.
    assert trained.gathered == 3 * FAMILY.horizon == trained.states.shape[2]
    for log, own in zip(logs, trained.accesses, strict=True):
        assert own.counts.env_steps == own.counts.expert_queries == 3 * 3 * FAMILY.horizon
        assert log["charts/expert_queries"] == log["charts/env_steps"] == own.counts.env_steps
    assert not (trained.states == 0.0).all(-1).any()
    # Each third begins with an episode's start, whose velocities are small.
    starts = trained.states[:, :, :: FAMILY.horizon]
    again = trained.data.normaliser.mean + trained.data.normaliser.scale * starts.numpy()
    assert np.abs(again[..., 15:]).max() < 1.0


def test_batches_hold_visited_and_demonstrated_states() -> None:
    trained = trainings(UNSCORED, replace(UNSCORED, seed=1))
    step(trained)
    step(trained)
    tasks = torch.tensor([[2, 0], [1, 2]])
    _, held_out = trained.train.sample_contexts(trained.streams, tasks, 1, 3)
    states, labels = trained._labelled(tasks, held_out)
    assert states.shape == (2, 2, 8, 29)
    seen = set()
    for index, row in np.ndindex(2, 2):
        task = int(tasks[index, row])
        known = torch.cat((trained.states[index, task], trained.labels[index, task]), 1)
        known = known[: trained.gathered]
        demonstrated = trained.train.states[task].flatten(0, 1)
        for k in range(8):
            pair = torch.cat((states[index, row, k], labels[index, row, k]))
            found = (known == pair).all(-1)
            assert bool(found.any()) is (k < 6)
            seen |= set(found.nonzero()[:, 0].tolist())
            shown = (demonstrated == states[index, row, k]).all(-1).any()
            assert bool(shown) is (k >= 6)
    # From the whole episode.
    assert min(seen) < FAMILY.horizon // 3 < FAMILY.horizon * 2 // 3 < max(seen)


def test_a_training_begins_alike_alone_and_beside_others() -> None:
    configs = [replace(UNSCORED, seed=seed) for seed in (3, 8)]
    together, alone = trainings(*configs), trainings(configs[1])
    for _ in range(2):
        logs, (own,) = step(together), step(alone)
        assert logs[1] == pytest.approx(own, rel=1e-3)
    assert together.gathered == alone.gathered == FAMILY.horizon
    # The same starts to the bit; later states differ by the rounding of products.
    assert torch.equal(together.states[1, :, 0], alone.states[0, :, 0])
    torch.testing.assert_close(
        together.states[1, :, :5], alone.states[0, :, :5], rtol=1e-3, atol=1e-3
    )


def test_a_training_that_diverges_leaves_the_others_alone() -> None:
    configs = [replace(UNSCORED, seed=s, learning_rate=1e-3 + 1e-4 * s) for s in range(3)]
    sound = trainings(*configs)
    mad = trainings(configs[0], replace(configs[1], learning_rate=1e30), configs[2])
    for _ in range(3):
        expected, found = step(sound), mad.step()
        assert isinstance(found[1], DivergedError)
        assert (expected[0], expected[2]) == (found[0], found[2])
    for index in (0, 2):
        assert torch.equal(sound.adam.rows[index], mad.adam.rows[index])
        assert torch.equal(sound.states[index], mad.states[index])
        assert torch.equal(sound.labels[index], mad.labels[index])


@pytest.mark.slow
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(tmp_path: Path) -> None:
    whole = Alone(trainings(CONFIG))
    run(whole, tmp_path / "whole")
    for stop in (2, 3):
        run(Alone(trainings(CONFIG)), tmp_path / "cut", stop_after=stop)
    resumed = Alone(trainings(CONFIG))
    run(resumed, tmp_path / "cut")
    save_checkpoint(tmp_path / "a", whole.state_dict())
    save_checkpoint(tmp_path / "b", resumed.state_dict())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.slow
def test_three_resumed_trainings_equal_the_uninterrupted_ones(tmp_path: Path) -> None:
    configs = [replace(UNSCORED, seed=seed) for seed in range(3)]
    whole, cut = trainings(*configs), trainings(*configs)
    for _ in range(2):
        step(whole)
        step(cut)
    for index in range(3):
        save_checkpoint(tmp_path / f"{index}", cut.state_dict(index))
    resumed = trainings(*configs)
    resumed.load_state_dict([load_checkpoint(tmp_path / f"{index}") for index in range(3)])
    assert resumed.gathered == FAMILY.horizon
    for _ in range(2):
        assert step(whole) == step(resumed)
    for index in range(3):
        save_checkpoint(tmp_path / "a", whole.state_dict(index))
        save_checkpoint(tmp_path / "b", resumed.state_dict(index))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        assert resumed.accesses[index].counts == whole.accesses[index].counts


def test_a_training_that_stopped_early_fills_its_place() -> None:
    configs = [replace(UNSCORED, seed=seed) for seed in range(2)]
    made = trainings(*configs)
    step(made)
    early = made.state_dict(0)
    step(made)
    for states in ([early, made.state_dict(1)], [made.state_dict(1), early]):
        resumed = trainings(*configs)
        resumed.load_state_dict(states)
        assert (resumed.iteration, resumed.gathered) == (2, FAMILY.horizon)
        stopped = [isinstance(log, DivergedError) for log in resumed.step()]
        assert stopped == [state is early for state in states]
        assert resumed.gathered == 2 * FAMILY.horizon


def test_only_the_track_with_labels_will_do() -> None:
    for track in ("offline", "interactive"):
        other = Access(FAMILY, track=track, dataset=synthetic.dataset())
        with pytest.raises(InputError, match="track='expert-queries'"):
            MetaDAgger([CONFIG], [other])


@pytest.mark.parametrize(
    "change", [{"warm_up_iterations": -1}, {"visited_fraction": 1.1}, {"visited_fraction": -0.1}]
)
def test_numbers_out_of_range_are_refused(change: dict[str, Any]) -> None:
    ((name, value),) = change.items()
    with pytest.raises(InputError, match=rf"^{name} is {value}; give 0"):
        trainings(replace(CONFIG, **change))
