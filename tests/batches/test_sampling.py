"""Batches in NumPy: what contexts and queries hold, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from smile_bench.batches import Batch, BatchSettings, Context, ContextQueryBatches, Normaliser
from smile_bench.errors import InputError, UnknownNameError

TASKS, EACH, TIMESTEPS = 5, 4, 6


def demonstrations(each: int = EACH, *, state_only: bool = False) -> Context:
    """The first coordinate says the task, the second the demonstration, the third the timestep."""
    grid = np.indices((TASKS, each, TIMESTEPS), np.float32)
    observations = np.stack([*grid, grid.sum(0)], -1)
    context = Context(
        family="SmileGridGoal-v0",
        observations=observations,
        actions=(observations[..., :2] / 10).astype(np.float32),
        next_observations=(observations + 0.5).astype(np.float32),
    )
    return context.state_only() if state_only else context


def made(seed: int = 0, *, each: int = EACH, **settings: Any) -> ContextQueryBatches:
    return ContextQueryBatches(demonstrations(each), BatchSettings(**settings), seed=seed)


def equal(one: Batch, other: Batch) -> bool:
    pairs: Any = zip(one, other, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("crop", ["subset", "window"])
def test_contexts_and_queries_are_of_one_task_and_of_different_demonstrations(crop: str) -> None:
    for batch in made(tasks=7, shots=(1, 2, 3), context_timesteps=4, crop=crop, queries=9):
        assert np.unique(batch.context_observations[..., 0], axis=1).shape[-1] == 4
        assert (batch.context_observations[..., 0] == batch.tasks[:, None, None]).all()
        assert (batch.observations[..., 0] == batch.tasks[:, None]).all()
        for context, queries in zip(batch.context_observations, batch.observations, strict=True):
            shown = set(context[..., 1].ravel())
            assert len(shown) == len(context), "a demonstration stands twice in a context"
            assert not shown & set(queries[:, 1])
        assert batch.context_actions is not None
        assert batch.actions is not None
        np.testing.assert_array_equal(
            batch.context_actions, batch.context_observations[..., :2] / np.float32(10)
        )
        np.testing.assert_array_equal(batch.actions, batch.observations[..., :2] / np.float32(10))
        np.testing.assert_array_equal(batch.next_observations, batch.observations + 0.5)


def test_shapes_and_sizes_in_turn() -> None:
    batches = made(tasks=7, shots=(1, 3), context_timesteps=4, queries=9)
    assert batches[0].context_observations.shape == (7, 1, 4, 4)
    assert batches[1].context_observations.shape == (7, 3, 4, 4)
    assert batches[0].observations.shape == (7, 9, 4)
    assert batches[0].tasks.shape == (7,)


def test_crops_are_in_order_and_windows_are_consecutive() -> None:
    subset = made(context_timesteps=4)[0].context_observations[..., 2]
    assert (np.diff(subset) > 0).all()
    assert (np.diff(subset) > 1).any()
    window = made(context_timesteps=4, crop="window")[0].context_observations[..., 2]
    assert (np.diff(window) == 1).all()
    assert set(window[..., 0].ravel()) == {0, 1, 2}


def test_a_whole_demonstration_as_query() -> None:
    batch = made(queries=None)[0]
    assert batch.observations.shape == (16, TIMESTEPS, 4)
    assert (batch.observations[..., 2] == np.arange(TIMESTEPS)).all()
    assert (batch.observations[..., 1] == batch.observations[:, :1, 1]).all()


def test_every_transition_is_a_query_equally_often() -> None:
    batches = made(tasks=50, queries=60)
    counts = np.zeros((TASKS, EACH, TIMESTEPS))
    for batch in islice(batches.endless(), 200):
        where = batch.observations[..., :3].reshape(-1, 3).astype(int)
        np.add.at(counts, tuple(where.T), 1)
    expected = 200 * 50 * 60 / counts.size
    # Tasks are sampled once for all of a task's queries in a batch, and so is the context.
    np.testing.assert_allclose(counts / expected, 1.0, atol=0.1)


def test_a_batch_depends_on_seed_and_index_alone() -> None:
    batches = made(3, tasks=4, queries=5)
    assert equal(batches[2], made(3, tasks=4, queries=5)[2])
    assert not equal(batches[2], batches[1])
    assert not equal(batches[2], made(4, tasks=4, queries=5)[2])
    assert equal(next(batches.endless(2)), batches[2])
    assert equal(batches[-1], batches[len(batches) - 1])


def test_length_and_end() -> None:
    batches = made(tasks=4, queries=10)
    assert len(batches) == TASKS * EACH * TIMESTEPS // 40
    assert len(list(batches)) == len(batches)
    with pytest.raises(IndexError, match="batch 3 was asked for"):
        batches[3]


def test_hidden_actions() -> None:
    hidden = made(state_only_contexts=True)[0]
    assert hidden.context_actions is None
    assert hidden.actions is not None
    blind = ContextQueryBatches(demonstrations(state_only=True))[0]
    assert blind.context_actions is blind.actions is None
    np.testing.assert_array_equal(blind.next_observations, blind.observations + 0.5)


def test_normalised_observations_and_untouched_actions() -> None:
    given = demonstrations()
    normaliser = Normaliser.of(given.observations)
    batch = ContextQueryBatches(given, normaliser=normaliser)[0]
    plain = ContextQueryBatches(given)[0]
    np.testing.assert_array_equal(batch.observations, normaliser(plain.observations))
    np.testing.assert_array_equal(
        batch.context_next_observations, normaliser(plain.context_next_observations)
    )
    np.testing.assert_array_equal(batch.actions, plain.actions)


def test_an_overlap_only_where_nothing_is_left() -> None:
    batch = made(each=1, overlap=True)[0]
    assert (batch.observations[..., 1] == 0).all()
    spare = made(shots=(1, EACH), overlap=True, queries=5)
    assert not (spare[0].observations[..., 1] == spare[0].context_observations[:, 0, :1, 1]).any()
    assert set(spare[1].observations[..., 1].ravel()) == set(range(EACH))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shots": EACH}, "each task has 4 demonstrations, so a context of 4 leaves none"),
        ({"shots": EACH + 1, "overlap": True}, "Give shots of 1 to 4\\."),
        ({"each": 1}, "each task has 1 demonstration, .*Take more demonstrations, or overlap"),
        ({"context_timesteps": 7}, "context_timesteps is 7, and a demonstration has 6"),
        ({"shots": ()}, "shots is empty"),
        ({"shots": 0}, "shots is 0; give an integer of 1 or more\\."),
        ({"tasks": 1.5}, "tasks is 1.5; give an integer"),
        ({"queries": -1}, "queries is -1; give an integer of 1 or more or None"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(**settings)


def test_an_unknown_crop_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'window'"):
        BatchSettings(crop="windows")


def test_other_arrays_are_refused() -> None:
    given = demonstrations()
    one_task = replace(given, observations=given.observations[0])
    with pytest.raises(InputError, match="are not demonstrations of several tasks"):
        ContextQueryBatches(one_task)
    with pytest.raises(InputError, match="seed is -1; give an integer of 0 or more"):
        made(-1)
