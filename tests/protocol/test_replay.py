from __future__ import annotations

from dataclasses import replace

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import get_family
from smile_bench.protocol.evidence import Evidence
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.replay import replay
from tests.helpers.results import GRID, evaluated


def evidence() -> Evidence:
    found = evaluated().evidence
    assert found is not None
    return found


def test_a_replay_gives_every_state_and_metric_again() -> None:
    found = replay(get_family(GRID), load_meta_test(GRID), evidence())
    assert found.equal.all()
    assert found.deviations.max() == 0.0
    for name, values in evaluated().episodes.items():
        np.testing.assert_array_equal(found.episodes[name], values)


def test_observations_are_watched_before_every_step() -> None:
    family, meta_test, seen = get_family(GRID), load_meta_test(GRID), []

    def watch(step: int, observations: FloatArray) -> None:
        seen.append((step, observations))

    replay(family, meta_test, evidence(), watch=watch)
    assert [step for step, _ in seen] == list(range(family.horizon))
    simulator = family.make_simulator(len(meta_test.tasks))
    simulator.set_tasks(family.table("test")[meta_test.tasks])
    simulator.reset(meta_test.initial_states)
    for (_, observations), actions in zip(seen, evidence().actions.swapaxes(0, 1), strict=True):
        np.testing.assert_array_equal(observations, simulator.observe())
        simulator.step(actions)


def test_a_guided_replay_starts_again_from_every_recorded_state() -> None:
    family, meta_test = get_family(GRID), load_meta_test(GRID)
    actions = evidence().actions.copy()
    actions[:, :10] = np.roll(actions[:, :10], 1, axis=2)
    astray = replace(evidence(), actions=actions)
    free = replay(family, meta_test, astray)
    guided = replay(family, meta_test, astray, guided=True)
    assert not guided.equal[:, 0].all()
    np.testing.assert_array_equal(guided.equal[:, 0], free.equal[:, 0])
    assert not free.equal[:, 1].all()
    assert guided.equal[:, 1].all()
