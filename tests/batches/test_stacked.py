"""The demonstrations of tasks: what stays constant, and what contexts and samples are of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.errors import InputError
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.streams import Streams
from tests.helpers import synthetic

TASKS, EACH, LENGTH = 3, 4, 5


def made(*, state_only: bool = False, showing: bool = False) -> TaskDemonstrations:
    data = synthetic.showing_dataset() if showing else synthetic.dataset()
    part = data.train
    context = part.contexts(np.arange(TASKS), np.tile(np.arange(EACH), (TASKS, 1)))
    normaliser = Normaliser.of(part.observations)
    return TaskDemonstrations(context.state_only() if state_only else context, normaliser)


def places(shown: TaskDemonstrations, states: Tensor) -> np.ndarray:
    """Task, demonstration and timestep of each state (n, O), (n, 3)."""
    found = (states[:, None, None, None] == shown.states).all(-1).nonzero()
    assert found[:, 0].tolist() == list(range(len(states)))
    return found[:, 1:].numpy()


def test_tensors_are_normalised_and_actions_are_not() -> None:
    shown, part = made(), synthetic.dataset().train
    scores = (part.observations - shown.normaliser.mean) / shown.normaliser.scale
    np.testing.assert_allclose(shown.states.numpy(), scores, rtol=1e-5, atol=1e-6)
    assert shown.actions is not None
    np.testing.assert_array_equal(shown.actions.numpy(), part.actions)
    torch.testing.assert_close(shown.next_states[:, :, :-1], shown.states[:, :, 1:])
    expected = torch.cat((shown.states, shown.actions, shown.next_states), -1)
    assert torch.equal(shown.features, expected)
    assert shown.tasks == TASKS


def test_coordinates_that_stay_constant_are_found() -> None:
    shown = made(showing=True)
    assert shown.constant.tolist() == [0, 1]
    assert shown.varying.tolist() == list(range(2, 29))
    whole = shown.features.shape[-1]
    columns = torch.cat(shown.constant_columns(whole))
    # Of s and of s', in the features and in states alone.
    assert columns.tolist() == [0, 1, whole - 29, whole - 28]
    assert [part.tolist() for part in shown.constant_columns(29)] == [[0, 1]]
    features = shown.features[..., columns]
    assert torch.equal(features[..., :2], features[..., 2:])
    assert not made().constant.numel()


@pytest.mark.parametrize("state_only", [False, True])
def test_contexts_are_of_their_task_and_leave_the_rest_out(state_only: bool) -> None:
    shown, streams = made(state_only=state_only), Streams([0, 1])
    tasks = torch.tensor([[2, 0, 2, 1], [1, 1, 0, 2]])
    for shots in range(1, EACH + 1):
        features, held_out = shown.sample_contexts(streams, tasks, shots, 100)
        assert features.shape == (2, 4, shots, LENGTH, 2 * 29 + (0 if state_only else 8))
        assert held_out.shape == (2, 4, EACH - shots)
        for where in np.ndindex(2, 4):
            task, others = int(tasks[where]), held_out[where].tolist()
            found = places(shown, features[where][:, 0, :29])
            assert {*found[:, 0]} == {task}
            # Each demonstration is in the context or held out, and in neither twice.
            assert sorted([*found[:, 1], *others]) == list(range(EACH))
            assert torch.equal(features[where], shown.features[task, found[:, 1]])


def test_contexts_see_each_timestep_once() -> None:
    shown, tasks = made(), torch.ones((1, 60), dtype=torch.long)
    features, _ = shown.sample_contexts(Streams([0]), tasks, 2, 3)
    assert features.shape[:4] == (1, 60, 2, 3)
    seen = set()
    for context in features[0]:
        for demonstration in context:
            found = places(shown, demonstration[:, :29])
            assert len({*found[:, 1]}) == 1
            times = frozenset(found[:, 2].tolist())
            assert len(times) == 3
            seen.add(times)
    # All ways to choose 3 of 5.
    assert len(seen) == 10


def test_all_timesteps_of_a_context_are_seen_equally_often() -> None:
    shown, tasks = made(), torch.zeros((1, 5000), dtype=torch.long)
    features, _ = shown.sample_contexts(Streams([0]), tasks, 1, 3)
    found = places(shown, features.flatten(0, 3)[:, :29])
    assert np.bincount(found[:, 2]) == pytest.approx(5000 * 3 / LENGTH, rel=0.05)


def test_contexts_and_samples_are_even() -> None:
    shown, streams = made(), Streams([0])
    tasks = torch.zeros((1, 6000), dtype=torch.long)
    _, held_out = shown.sample_contexts(streams, tasks, 1, LENGTH)
    kept = EACH * (EACH - 1) // 2 - held_out[0].sum(1)
    assert np.bincount(kept, minlength=EACH) == pytest.approx(1500, rel=0.1)
    sampled = shown.sample(streams, tasks)
    found = places(shown, sampled.states[0])
    for column, size in ((1, EACH), (2, LENGTH)):
        assert np.bincount(found[:, column], minlength=size) == pytest.approx(6000 / size, rel=0.1)


def test_samples_are_whole_transitions_and_the_last_ones_begin() -> None:
    shown, tasks = made(), torch.tensor([[0, 1, 2] * 30, [2, 0, 1] * 30])
    sampled = shown.sample(Streams([0, 1]), tasks, first_states=40)
    for training in range(2):
        found = places(shown, sampled.states[training])
        assert found[:, 0].tolist() == tasks[training].tolist()
        assert not found[-40:, 2].any()
        assert found[:50, 2].any()
        where = tuple(found.T)
        assert sampled.actions is not None
        assert shown.actions is not None
        assert torch.equal(sampled.actions[training], shown.actions[where])
        assert torch.equal(sampled.next_states[training], shown.next_states[where])


def test_samples_may_be_limited_to_some_demonstrations() -> None:
    shown, streams = made(), Streams([0, 1])
    tasks = torch.arange(TASKS).expand(2, -1)
    _, held_out = shown.sample_contexts(streams, tasks, 1, 3)
    sampled = shown.sample_from(streams, tasks, held_out, 200, first_states=50)
    assert sampled.states.shape == (2, TASKS, 200, 29)
    for where in np.ndindex(2, TASKS):
        found = places(shown, sampled.states[where])
        assert {*found[:, 0]} == {where[1]}
        assert {*found[:, 1]} == {*held_out[where].tolist()}
        assert not found[150:, 2].any()
        assert found[:150, 2].any()


def test_first_and_last_states_are_of_the_demonstrations_that_are_asked_for() -> None:
    shown, tasks = made(), torch.tensor([[2, 0]])
    which = torch.tensor([[[1, 3], [0, 2]]])
    first, last = shown.ends_of(tasks, which)
    for row, task in enumerate([2, 0]):
        for column, demonstration in enumerate(which[0, row].tolist()):
            assert torch.equal(first[0, row, column], shown.states[task, demonstration, 0])
            assert torch.equal(last[0, row, column], shown.next_states[task, demonstration, -1])


def test_what_a_training_samples_does_not_depend_on_the_others() -> None:
    shown, tasks = made(), torch.tensor([[2, 0, 1], [1, 1, 0]])
    together, alone = Streams([3, 5]), Streams([5])

    def sampled(streams: Streams, tasks: Tensor) -> list[Tensor]:
        features, held_out = shown.sample_contexts(streams, tasks, 2, 3)
        states = shown.sample_from(streams, tasks, held_out, 4).states
        return [features, held_out, states, shown.sample(streams, tasks).states]

    for both, own in zip(sampled(together, tasks), sampled(alone, tasks[1:]), strict=True):
        assert torch.equal(both[1:], own)
        assert not torch.equal(both[:1], own)


def test_without_actions_there_are_none() -> None:
    shown, streams = made(state_only=True), Streams([0])
    assert shown.actions is None
    assert shown.sample(streams, torch.tensor([[0]])).actions is None
    limited = shown.sample_from(streams, torch.tensor([[0]]), torch.tensor([[[1]]]), 2)
    assert limited.actions is None


@pytest.mark.parametrize("sizes", [[0], [1, 5], [-1]])
def test_contexts_that_a_task_cannot_give_are_refused(sizes: list[int]) -> None:
    shown, wrong = made(), sizes[-1]
    with pytest.raises(InputError, match=rf"cannot have {wrong} .* Give contexts of 1 to 4"):
        shown.require_sizes(sizes)
    with pytest.raises(InputError, match=f"cannot have {wrong} demonstrations"):
        shown.sample_contexts(Streams([0]), torch.tensor([[0]]), wrong, 3)


def test_demonstrations_beyond_the_context_may_be_asked_for() -> None:
    shown = made()
    shown.require_sizes([1, 4])
    shown.require_sizes([1, 2], beyond=2)
    with pytest.raises(InputError, match="each task has 4, of which at least 2 must be left"):
        shown.require_sizes([1, 3], beyond=2)
