"""Replaying the evidence of an evaluation in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np

from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.envs import Family
from smile_bench.envs.rollout import rollout
from smile_bench.protocol.evidence import Evidence, row_digests
from smile_bench.protocol.meta_test import MetaTest

__all__ = ["Replay", "replay"]

Watch = Callable[[int, FloatArray], None]


@dataclass(frozen=True, eq=False)
class Replay:
    """Where the recorded actions lead."""

    episodes: Mapping[str, FloatArray]
    """Each of the family's metrics, (E,)."""
    states: FloatArray
    """States at the keyframes, (E, C, W)."""
    evidence: Evidence
    peaks: FloatArray
    """Largest absolute value of each number of the state since the keyframe before, at the control
    steps of that stretch and at its beginning, (E, C, W)."""

    @property
    def equal(self) -> BoolArray:
        """Which states equal the recorded ones to the last bit, (E, C)."""
        rounded = (self.states.astype(np.float32) == self.evidence.states).all(axis=2)
        return np.asarray(rounded & (row_digests(self.states) == self.evidence.state_digests))

    @property
    def deviations(self) -> FloatArray:
        """Largest absolute difference to each recorded state, (E, C)."""
        return np.asarray(np.abs(self.states - self.evidence.states).max(axis=2))


def replay(
    family: Family,
    meta_test: MetaTest,
    evidence: Evidence,
    *,
    guided: bool = False,
    watch: Watch | None = None,
) -> Replay:
    """Apply the recorded actions from the frozen initial states.

    Args:
        family: the family.
        meta_test: its frozen meta-test set.
        evidence: of all episodes of the set.
        guided: put the episodes into the recorded state after each keyframe, so that differences
            between machines cannot grow beyond the next one.
        watch: called before every control step with its number, from 0, and the observations
            (E, observation_size).

    Raises:
        InputError, SimulationError: the simulator cannot take the actions or the states.
    """
    simulator = family.make_simulator(len(meta_test.tasks))
    simulator.set_tasks(family.table("test")[meta_test.tasks])
    simulator.reset(meta_test.initial_states)
    times = count()

    def recorded(observations: FloatArray) -> Float32Array:
        time = next(times)
        if watch is not None:
            watch(time, observations)
        return evidence.actions[:, time]

    states: list[FloatArray] = []
    peaks: list[FloatArray] = []
    peak = np.abs(simulator.state())
    for step in rollout(simulator, recorded, family.horizon):
        state = simulator.state()
        np.maximum(peak, np.abs(state), out=peak)
        if step.time + 1 == evidence.steps[len(states)]:
            states.append(state)
            peaks.append(peak)
            if guided:
                state = evidence.states[:, len(states) - 1].astype(np.float64)
                simulator.set_state(state)
            peak = np.abs(state)
    episodes = {metric.name: step.result.info[metric.name].copy() for metric in family.metrics}
    return Replay(episodes, np.stack(states, axis=1), evidence, np.stack(peaks, axis=1))
