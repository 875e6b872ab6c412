"""A mirrored body is another body of the family, and moves as the first one does in a mirror."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs import all_families, get_mujoco_family

WALKER = get_mujoco_family("SmileWalkerDynamics-v0")


@pytest.mark.parametrize("part", ["observations", "actions", "state", "parameters"])
def test_mirroring_twice_changes_nothing(part: str) -> None:
    assert WALKER.mirror is not None
    order = np.array(getattr(WALKER.mirror, part))
    assert sorted(order) == list(range(len(order)))
    np.testing.assert_array_equal(order[order], np.arange(len(order)))
    assert (order != np.arange(len(order))).any()


def test_it_fits_the_family() -> None:
    mirror = WALKER.mirror
    assert mirror is not None
    assert len(mirror.observations) == WALKER.observation_size
    assert len(mirror.actions) == WALKER.action_size
    assert len(mirror.state) == WALKER.state_size
    assert len(mirror.parameters) == len(WALKER.parameter_names)
    # Masses stay masses, and an axis of an inertia stays that axis.
    kinds = ["".join(c for c in name if not c.isdigit()) for name in WALKER.parameter_names]
    assert [kinds[k] for k in mirror.parameters] == kinds


def test_mirrored_bodies_move_alike_for_the_same_rewards() -> None:
    mirror = WALKER.mirror
    assert mirror is not None
    parameters = WALKER.table("train")
    mirrored = parameters[:, mirror.parameters]
    assert (parameters != mirrored).any(axis=1).all()
    number, rng = len(parameters), np.random.default_rng(0)
    first, second = (WALKER.make_simulator(number, threads=1) for _ in range(2))
    first.set_tasks(parameters)
    second.set_tasks(mirrored)
    starts = np.stack([first.draw_start(rng, row) for row in parameters])
    first.reset(starts)
    second.reset(starts[:, mirror.state])
    for _ in range(60):
        actions = rng.uniform(-1.0, 1.0, (number, WALKER.action_size))
        rewards = first.step(actions).rewards
        np.testing.assert_allclose(
            second.step(actions[:, mirror.actions]).rewards, rewards, atol=1e-8
        )
        np.testing.assert_allclose(
            second.observe(), first.observe()[:, mirror.observations], atol=1e-8
        )


def test_other_families_have_none() -> None:
    assert [name for name, family in all_families().items() if family.mirror] == [WALKER.id]
