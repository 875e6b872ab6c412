"""Verifying a dataset: task tables, disjoint splits, ranges, replays and provenance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from smile_bench import provenance
from smile_bench.checks import Check
from smile_bench.datasets.build import expert_digest, tables_digest
from smile_bench.datasets.calibration import SCORE_RANGE, Calibration, is_medium
from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.replay import guided_deviations, outside, replay_difference
from smile_bench.datasets.variants import MEDIUM
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.errors import DatasetError, ExpertError, InputError, SimulationError, shown
from smile_bench.experts.policy import load_expert

__all__ = ["CONSISTENT", "Check", "made_here", "replay_difference", "verify_dataset"]

CONSISTENT = "consistent, not exact"
"""What a dataset is that another MuJoCo version or machine type may have made."""


def verify_dataset(dataset: Dataset) -> Iterator[Check]:
    """Check a dataset. Reading it has already checked its digest, shapes and types.

    What the file states of its MuJoCo version and machine changes no check. Every task's first
    demonstration is replayed to the last bit. One that is not met is replayed from each stored
    observation to the next, within bounds on what versions change. A dataset that needs these
    bounds fails the check ``"exact"``: it may have been made elsewhere, or altered a little.

    Yields:
        One check at a time: task tables, splits, ranges, the replays, whether they are exact, the
        score of a medium expert, provenance.
    """
    family = get_family(dataset.family)
    yield Check("checksum", True, f"arrays {dataset.digest()[:16]} as the file states")
    yield _tables(family, dataset)
    yield _disjoint(dataset)
    yield _ranges(dataset)
    exact = True
    for split in SPLITS:
        met, check = _replays(family, dataset.split(split), split)
        exact &= met
        yield check
    yield _exact(dataset, exact)
    if dataset.variant == MEDIUM:
        yield _medium(family, dataset)
    yield _provenance(family, dataset)


def made_here(dataset: Dataset) -> bool:
    """Whether the dataset was built on this machine type with this MuJoCo version."""
    made = dataset.attributes
    return provenance.made_here(made["versions"]["mujoco"], made["machine"])


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


def _replays(family: Family, part: Demonstrations, split: str) -> tuple[bool, Check]:
    """Whether the first demonstrations are met to the last bit, and the check of the split."""
    name, every = f"replay {split}", np.arange(part.tasks)
    try:
        difference = replay_difference(family, part, every, family.horizon)
        if difference == 0.0:
            detail = f"{part.tasks} demonstrations met to the last bit"
            return True, Check(name, True, detail)
        if not isinstance(family, MujocoFamily):
            detail = f"differs by {difference:.3g}; without MuJoCo it must be met to the last bit"
            return False, Check(name, False, detail)
        found = guided_deviations(family, part, every)
    except (InputError, SimulationError) as error:
        return False, Check(name, False, str(error))
    judged = [outside(kind, apart) for kind, apart in found.items()]
    detail = "; ".join(text for _, text in judged)
    return False, Check(name, not any(beyond for beyond, _ in judged), f"{CONSISTENT}: {detail}")


def _exact(dataset: Dataset, exact: bool) -> Check:
    if exact:
        return Check("exact", True, "every replay is met to the last bit")
    made, here = dataset.attributes, provenance.version_of("mujoco")
    stated = f"MuJoCo {shown(made['versions']['mujoco'])} on {shown(made['machine'])}"
    where = "this machine type and version" if made_here(dataset) else f"here it is MuJoCo {here}"
    detail = (
        f"{CONSISTENT} at best: the file states {stated}, {where}. Verify it with the version and "
        "on the machine type that made it"
    )
    return Check("exact", False, detail)


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
