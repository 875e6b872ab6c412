"""Verifying a dataset: task tables, disjoint splits, ranges, replays and provenance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from smile_bench import provenance
from smile_bench.arrays import IntArray
from smile_bench.checks import Check
from smile_bench.datasets.build import expert_digest, tables_digest
from smile_bench.datasets.calibration import SCORE_RANGE, Calibration, is_medium
from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.variants import MEDIUM
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.envs.rollout import rollout
from smile_bench.errors import DatasetError, ExpertError
from smile_bench.experts.policy import load_expert

__all__ = ["Check", "made_here", "replay_difference", "verify_dataset"]

TOLERANCE = 1e-3
"""Largest difference between replayed and stored observations on another machine type or MuJoCo
version, over the first ``ELSEWHERE_STEPS`` control steps. Contacts amplify differences in the last
bits: ant goal, built with MuJoCo 4.0, differs under 3.17 by up to 3e-4 after three control steps
and by 0.8 after ten."""
ELSEWHERE_STEPS = 3
"""Control steps that are replayed on another machine type or MuJoCo version."""


def verify_dataset(dataset: Dataset) -> Iterator[Check]:
    """Check a dataset. Reading it has already checked its digest, shapes and types.

    Yields:
        One check at a time: task tables, splits, ranges, a replay of every task's first
        demonstration, the score of a medium expert, provenance.
    """
    family = get_family(dataset.family)
    yield Check("checksum", True, f"arrays {dataset.digest()[:16]} as the file states")
    yield _tables(family, dataset)
    yield _disjoint(dataset)
    yield _ranges(dataset)
    for split in SPLITS:
        yield _replays(family, dataset, split)
    if dataset.variant == MEDIUM:
        yield _medium(family, dataset)
    yield _provenance(family, dataset)


def made_here(dataset: Dataset) -> bool:
    """Whether the dataset was built on this machine type with this MuJoCo version."""
    made = dataset.attributes
    return provenance.made_here(made["versions"]["mujoco"], made["machine"])


def replay_difference(family: Family, part: Demonstrations, tasks: IntArray, steps: int) -> float:
    """Replay the first demonstration of some tasks from its initial state and actions.

    Args:
        family: the family.
        part: a split of its dataset.
        tasks: task indices (n,).
        steps: control steps to replay.

    Returns:
        The largest absolute difference between stored and replayed observations, as float32, over
        the stored transitions within these control steps.
    """
    actions = part.actions[tasks, 0]
    if part.replay_actions is not None:
        actions = part.replay_actions[tasks]
    simulator = family.make_simulator(len(tasks))
    simulator.set_tasks(part.task_parameters[tasks])
    simulator.reset(part.initial_states[tasks, 0])
    stored = part.observations[tasks, 0], part.next_observations[tasks, 0]
    times, worst = part.timesteps[tasks, 0], 0.0
    following = iter(np.moveaxis(actions, 1, 0))
    for step in rollout(simulator, lambda _: next(following), min(steps, actions.shape[1])):
        where, slots = np.nonzero(times == step.time)
        for kept, replayed in zip(stored, (step.observations, simulator.observe()), strict=True):
            difference = np.abs(kept[where, slots] - replayed[where].astype(np.float32))
            worst = float(difference.max(initial=worst))
    return worst


def _tables(family: Family, dataset: Dataset) -> Check:
    different = [
        split
        for split in SPLITS
        if not np.array_equal(dataset.split(split).task_parameters, family.table(split))
    ]
    detail = f"differ in {', '.join(different)}" if different else "are the family's, in its order"
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
    detail = f"share tasks: {', '.join(shared)}" if shared else "have no task in common"
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
    how = "bit by bit" if exact else f"built elsewhere: {steps} steps within {TOLERANCE:g}"
    detail = f"{part.tasks} demonstrations, {how}: largest difference {difference:.3g}"
    return Check(f"replay {split}", difference <= bound, detail)


def _medium(family: Family, dataset: Dataset) -> Check:
    """Whether medium demonstrations reach a medium score."""
    try:
        calibration = Calibration.of(dataset)
    except DatasetError as error:
        return Check("medium expert", False, str(error))
    values = dataset.train.metrics[family.metric.name]
    reached, (least, most) = float(values.mean()), SCORE_RANGE
    score = calibration.score_of(reached)
    # The mean of few demonstrations may be outside the range by chance.
    gain = abs(calibration.expert - calibration.blind)
    deviation = float(values.std() / np.sqrt(values.size)) / gain
    near = least - 2.0 * deviation <= score <= most + 2.0 * deviation
    detail = (
        f"train {family.metric.name} {reached:.4g}, score {score:.3f} ± {deviation:.3f}, "
        f"expected {least:g} to {most:g}; calibrated to {calibration.score:.3f} at rate "
        f"{calibration.rate:g}"
    )
    return Check("medium expert", near and is_medium(calibration.score), detail)


def _provenance(family: Family, dataset: Dataset) -> Check:
    attributes = dataset.attributes
    if attributes["tables_sha256"] != tables_digest(family):
        return Check("provenance", False, "built for other task tables")
    try:
        known = expert_digest(load_expert(family)) == attributes["expert_sha256"]
    except ExpertError as error:
        return Check("provenance", False, str(error))
    detail = "is the shipped one" if known else "is not the shipped one"
    return Check("provenance", known, f"expert {attributes['expert_sha256'][:16]} {detail}")
