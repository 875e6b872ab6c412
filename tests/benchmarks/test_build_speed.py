"""Transitions per second of ``datasets build``, beside the simulator that does nothing else.

Every round times in turn the whole command (expert, physics, recording, file, checks), the
simulator alone under constant actions in as many slots, and the simulator alone under the very
actions that were stored, so that other load weighs on all. The family keeps two tasks a split.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench.cli import main
from smile_bench.datasets import Dataset, load_dataset
from smile_bench.envs import SPLITS, Family, get_family

TASKS, DEMONSTRATIONS, ROUNDS = 2, 64, 5
BAR = 0.7


def clock_simulator(family: Family, dataset: Dataset, *, constant: bool) -> float:
    """Seconds that stepping the dataset's episodes takes; their first actions, or all of them."""
    seconds = 0.0
    for split in SPLITS:
        part = dataset.split(split)
        n = part.tasks * part.demonstrations
        simulator = family.make_simulator(n)
        simulator.set_tasks(np.repeat(part.task_parameters, part.demonstrations, axis=0))
        simulator.reset(part.initial_states.reshape(n, -1))
        flat = part.actions.reshape(n, family.horizon, -1)
        actions: list[NDArray[Any]] = [flat[:, t].copy() for t in range(family.horizon)]
        if constant:
            actions = [actions[0]] * family.horizon
        started = time.perf_counter()
        for action in actions:
            simulator.step(action)
        seconds += time.perf_counter() - started
    return seconds


# The grid has no physics to speak of: a step is an index, and writing the file is most of a build.
@pytest.mark.parametrize(
    ("family_id", "bar"),
    [
        ("SmileAntGoal-v0", BAR),
        ("SmileAntLinearClassification-v0", BAR),
        ("SmileHalfCheetahVelocity-v0", BAR),
        ("SmileGridGoal-v0", 0.0),
    ],
)
def test_build_speed(
    family_id: str, bar: float, benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = get_family(family_id)
    family = replace(whole, tasks={split: whole.table(split)[:TASKS].copy() for split in SPLITS})
    monkeypatch.setattr("smile_bench.envs.registry.all_families", lambda: {family.id: family})
    path = tmp_path / "built.h5"
    command = ["datasets", "build", family.id, "--demos", str(DEMONSTRATIONS), "--subsample", "1"]
    builds: list[float] = []

    def build() -> None:
        started = time.perf_counter()
        assert main([*command, "--output", str(path)]) == 0
        builds.append(time.perf_counter() - started)

    build()
    dataset = load_dataset(family.id, path)
    rivals: list[tuple[float, float]] = []

    def before() -> None:
        constant = clock_simulator(family, dataset, constant=True)
        rivals.append((constant, clock_simulator(family, dataset, constant=False)))

    benchmark.pedantic(build, setup=before, rounds=ROUNDS)
    took, theirs = np.array(builds[1:]), np.array(rivals)
    ratios = theirs / took[:, None]
    transitions = sum(dataset.split(split).rewards.size for split in SPLITS)
    ratio, same_actions = np.median(ratios, axis=0)
    benchmark.extra_info |= {
        "transitions per second": round(transitions / float(np.median(took))),
        "of the simulator's, median": round(float(ratio), 3),
        "least and most": [
            round(float(end), 3) for end in (ratios[:, 0].min(), ratios[:, 0].max())
        ],
        "of the simulator's under the same actions": round(float(same_actions), 3),
        "bar": bar,
    }
    assert ratio >= bar, f"{ratio:.2f} of the simulator's speed, not {bar}"
