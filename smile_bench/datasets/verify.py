"""Verifying a dataset: that it is whole, well formed, disjoint, and replays in the simulator."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from smile_bench.arrays import IntArray
from smile_bench.datasets.build import expert_digest, tables_digest
from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.variants import HALF, SCORE_RANGE, Calibration, is_half
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.errors import DatasetError, ExpertError
from smile_bench.experts.policy import load_expert

__all__ = ["Check", "made_here", "replay_difference", "verify_dataset"]

TOLERANCE = 1e-3
"""How far replayed observations may lie from stored ones on another machine type or MuJoCo
version, over the first ``ELSEWHERE_STEPS`` control steps. Contacts amplify last bits: ant goal's,
made with MuJoCo 4.0, differ under 3.17 by up to 3e-4 after three steps and by 0.8 after ten."""
ELSEWHERE_STEPS = 3


@dataclass(frozen=True)
class Check:
    """One thing that was checked."""

    name: str
    passed: bool
    detail: str


def verify_dataset(dataset: Dataset) -> Iterator[Check]:
    """Check a dataset that was read, and therefore has its digests, shapes and types.

    Yields:
        One check after another: task tables, splits, ranges, replays of every task's first
        demonstration, how good half an expert is, provenance.
    """
    family = get_family(dataset.family)
    yield Check("checksum", True, f"arrays {dataset.digest()[:16]} as the file states")
    yield _tables(family, dataset)
    yield _disjoint(dataset)
    yield _ranges(dataset)
    for split in SPLITS:
        yield _replays(family, dataset, split)
    if dataset.variant == HALF:
        yield _half(family, dataset)
    yield _provenance(family, dataset)


def made_here(dataset: Dataset) -> bool:
    """Whether this machine type and MuJoCo version are those that made the dataset."""
    made = dataset.attributes
    same_version = made["versions"]["mujoco"] == metadata.version("mujoco")
    return bool(same_version and made["machine"] == platform.machine())


def replay_difference(family: Family, part: Demonstrations, tasks: IntArray, steps: int) -> float:
    """Replay the first demonstration of tasks (n,) from its initial state and actions.

    Returns:
        The largest absolute difference between stored and replayed observations, as float32, over
        the stored transitions within the first ``steps`` control steps.
    """
    actions = part.actions[tasks, 0]
    if part.replay_actions is not None:
        actions = part.replay_actions[tasks]
    simulator = family.make_simulator(len(tasks))
    simulator.set_tasks(part.task_parameters[tasks])
    simulator.reset(part.initial_states[tasks, 0])
    times, worst = part.timesteps[tasks, 0], 0.0
    rows = np.arange(len(tasks))
    observed = simulator.observe().astype(np.float32)
    for t in range(min(steps, actions.shape[1])):
        simulator.step(actions[:, t])
        following = simulator.observe().astype(np.float32)
        slot, stored = (times == t).argmax(axis=1), (times == t).any(axis=1)
        for replayed, kept in (
            (observed, part.observations[tasks, 0]),
            (following, part.next_observations[tasks, 0]),
        ):
            difference = np.abs(kept[rows, slot] - replayed)[stored]
            worst = max(worst, float(difference.max(initial=0.0)))
        observed = following
    return worst


def _tables(family: Family, dataset: Dataset) -> Check:
    different = [
        split
        for split in SPLITS
        if not np.array_equal(dataset.split(split).task_parameters, family.table(split))
    ]
    detail = f"differ in {', '.join(different)}" if different else "are the family's, in order"
    return Check("task tables", not different, detail)


def _disjoint(dataset: Dataset) -> Check:
    rows = {
        split: {row.tobytes() for row in dataset.split(split).task_parameters} for split in SPLITS
    }
    shared = [
        f"{one} ∩ {other}"
        for i, one in enumerate(SPLITS)
        for other in SPLITS[i + 1 :]
        if rows[one] & rows[other]
    ]
    detail = f"share tasks: {', '.join(shared)}" if shared else "no task stands in two"
    return Check("splits", not shared, detail)


def _ranges(dataset: Dataset) -> Check:
    largest = max(float(np.abs(dataset.split(split).actions).max()) for split in SPLITS)
    return Check("actions", largest <= 1.0, f"largest {largest:.6g}, all numbers finite")


def _replays(family: Family, dataset: Dataset, split: str) -> Check:
    part = dataset.split(split)
    exact = made_here(dataset)
    steps = family.horizon if exact else ELSEWHERE_STEPS
    difference = replay_difference(family, part, np.arange(part.tasks), steps)
    bound = 0.0 if exact else TOLERANCE
    how = "bit by bit" if exact else f"{steps} steps within {TOLERANCE:g}, made elsewhere"
    detail = f"{part.tasks} demonstrations, {how}: largest difference {difference:.3g}"
    return Check(f"replay {split}", difference <= bound, detail)


def _half(family: Family, dataset: Dataset) -> Check:
    """Whether demonstrations of half an expert are that, by the metric they reach."""
    try:
        calibration = Calibration.of(dataset)
    except DatasetError as error:
        return Check("half an expert", False, str(error))
    values = dataset.train.metrics[family.metric.name]
    reached, (least, most) = float(values.mean()), SCORE_RANGE
    score = calibration.score_of(reached)
    # A mean of few demonstrations may lie outside by chance.
    gain = abs(calibration.expert - calibration.blind)
    deviation = float(values.std() / np.sqrt(values.size)) / gain
    near = least - 2.0 * deviation <= score <= most + 2.0 * deviation
    detail = (
        f"train {family.metric.name} {reached:.4g}, score {score:.3f} ± {deviation:.3f}, "
        f"asked for {least:g} to {most:g}; calibrated to {calibration.score:.3f} at rate "
        f"{calibration.rate:g}"
    )
    return Check("half an expert", near and is_half(calibration.score), detail)


def _provenance(family: Family, dataset: Dataset) -> Check:
    attributes = dataset.attributes
    if attributes["tables_sha256"] != tables_digest(family):
        return Check("provenance", False, "made for other task tables")
    try:
        known = expert_digest(load_expert(family)) == attributes["expert_sha256"]
    except ExpertError as error:
        return Check("provenance", False, str(error))
    detail = "is the shipped one" if known else "is not the shipped one"
    return Check("provenance", known, f"expert {attributes['expert_sha256'][:16]} {detail}")
