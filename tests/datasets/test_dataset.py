from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smile_bench.errors import InputError, UnknownNameError
from tests.helpers import synthetic


def test_contexts_are_the_demonstrations_asked_for() -> None:
    part = synthetic.demonstrations("train")
    tasks, chosen = np.array([2, 0]), np.array([[1, 3], [0, 2]])
    batch = part.contexts(tasks, chosen)
    for b, (task, row) in enumerate(zip(tasks, chosen, strict=True)):
        single = part.context(int(task), row.tolist())
        for k, d in enumerate(row):
            np.testing.assert_array_equal(batch.observations[b, k], part.observations[task, d])
            np.testing.assert_array_equal(single.observations[k], part.observations[task, d])
            assert batch.actions is not None
            np.testing.assert_array_equal(batch.actions[b, k], part.actions[task, d])
    assert batch.shots == 2


def test_sampled_contexts_have_different_demonstrations_and_cover_all() -> None:
    part = synthetic.demonstrations("train", each=6)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(50):
        context = part.sample_contexts(np.array([1]), 3, rng)
        rows = [
            next(d for d in range(6) if np.array_equal(part.observations[1, d], demonstration))
            for demonstration in context.observations[0]
        ]
        assert len(set(rows)) == 3
        seen |= set(rows)
    assert seen == set(range(6))


def test_too_many_shots_are_refused() -> None:
    part = synthetic.demonstrations("train", each=2)
    with pytest.raises(ValueError, match="give 1 to 2"):
        part.sample_contexts(np.array([0]), 3, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("task", "chosen"),
    [
        (-1, [0]),
        (3, [0]),
        (True, [0]),
        (0.0, [0]),
        (0, [-1]),
        (0, [4]),
        (0, [True, False, True, False]),
        (0, [1.0]),
        (0, ["1"]),
        (0, [[0], [1, 2]]),
    ],
)
def test_an_index_that_there_is_not_is_refused(task: Any, chosen: Any) -> None:
    part = synthetic.demonstrations("train")
    with pytest.raises(InputError, match=r"is an integer from 0 to [23]; got"):
        part.context(task, chosen)
    with pytest.raises(InputError, match=r"is an integer from 0 to [23]; got"):
        part.contexts([task], [chosen])  # type: ignore[arg-type]


def test_tasks_to_sample_for_are_checked() -> None:
    part, rng = synthetic.demonstrations("train"), np.random.default_rng(0)
    for tasks in ([-1], [3], [True], [0.0]):
        with pytest.raises(InputError, match="the index of tasks is an integer from 0 to 2"):
            part.sample_contexts(np.array(tasks), 1, rng)
    with pytest.raises(InputError, match="give 1 to 4"):
        part.sample_contexts(np.array([0]), True, rng)


def test_state_only_contexts_have_no_actions() -> None:
    context = synthetic.demonstrations("train").context(0, [0])
    assert context.actions is not None
    assert context.state_only().actions is None


def test_the_digest_is_of_every_array() -> None:
    base = synthetic.dataset().digest()
    assert base == synthetic.dataset().digest()
    for split in ("train", "validation", "test"):
        for name in synthetic.dataset().split(split).arrays():
            changed = synthetic.dataset()
            array = changed.split(split).arrays()[name].copy()
            array.flat[-1] += 1
            part = changed.splits[split]
            if name.startswith("metrics/"):
                object.__setattr__(part, "metrics", {name.split("/")[1]: array})
            else:
                object.__setattr__(part, name, array)
            assert changed.digest() != base, (split, name)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        synthetic.dataset().split("trian")
