"""Transitions per second of ``datasets build``, beside the simulator that does nothing else.

Every round times in turn the whole command (expert, physics, recording, file, checks), the
simulator alone under constant actions in as many slots, and the simulator alone under the very
actions that were stored, so that other load weighs on all. The family keeps two tasks a split, and
its episodes end early, so that what a build costs once weighs more than in a whole one.

The ratio by processor time hardly hangs on other load. The last figure is what follows from it for
two idle cores, if the simulator halves its time on them and nothing else does.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench.cli.main import main
from smile_bench.datasets import Dataset, load_dataset
from smile_bench.envs import SPLITS, Family, get_family

TASKS, DEMONSTRATIONS, HORIZON, ROUNDS = 2, 64, 100, 3
BAR = 0.7


def now() -> NDArray[np.float64]:
    """Wall-clock and processor time, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def clock_simulator(family: Family, dataset: Dataset, *, constant: bool) -> NDArray[np.float64]:
    """Seconds of stepping the dataset's episodes, by their first actions or by all of them."""
    seconds = np.zeros(2)
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
        started = now()
        for action in actions:
            simulator.step(action)
        seconds += now() - started
    return seconds


@pytest.mark.parametrize(
    "family_id",
    ["SmileAntGoal-v0", "SmileAntLinearClassification-v0", "SmileHalfCheetahVelocity-v0"],
)
def test_build_speed(
    family_id: str, benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = get_family(family_id)
    family = replace(
        whole,
        tasks={split: whole.table(split)[:TASKS].copy() for split in SPLITS},
        horizon=min(HORIZON, whole.horizon),
    )
    monkeypatch.setattr("smile_bench.envs.registry.all_families", lambda: {family.id: family})
    path = tmp_path / "built.h5"
    command = ["datasets", "build", family.id, "--demos", str(DEMONSTRATIONS), "--subsample", "1"]
    builds: list[NDArray[np.float64]] = []
    constant: list[NDArray[np.float64]] = []
    same: list[NDArray[np.float64]] = []

    def build() -> None:
        started = now()
        assert main([*command, "--output", str(path)]) == 0
        builds.append(now() - started)

    build()
    dataset = load_dataset(family.id, path)

    def before() -> None:
        constant.append(clock_simulator(family, dataset, constant=True))
        same.append(clock_simulator(family, dataset, constant=False))

    benchmark.pedantic(build, setup=before, rounds=ROUNDS)
    took, bare, stepped = np.array(builds[1:]), np.array(constant), np.array(same)
    ratios = (bare / took)[:, 0]
    ratio, transitions = float(np.median(ratios)), dataset.train.rewards.size * len(SPLITS)
    total, simulating = float(took[:, 1].sum()), float(stepped[:, 1].sum())
    benchmark.extra_info |= {
        "transitions per second": round(transitions / float(np.median(took[:, 0]))),
        "of the simulator's, median": round(ratio, 3),
        "least and most": [round(float(end), 3) for end in (ratios.min(), ratios.max())],
        "under the same actions": round(float(np.median((stepped / took)[:, 0])), 3),
        "by processor time": round(simulating / total, 3),
        "two idle cores": round(0.5 * simulating / (total - 0.5 * simulating), 3),
        "bar": BAR,
    }
    assert ratio >= BAR, f"{ratio:.2f} of the simulator's speed, not {BAR}"
