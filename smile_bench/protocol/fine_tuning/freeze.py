"""Freezing fine-tuning sets: choosing tasks and starts, and recording the half demonstrator.

This is done once per family. The files that it writes are the benchmark.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.datasets import Demonstrations, load_dataset
from smile_bench.datasets.build import BuildConfig, collect_splits
from smile_bench.datasets.variants import MEDIUM
from smile_bench.envs import Family, get_family
from smile_bench.protocol.fine_tuning.frozen import (
    PARTS,
    FineTuningSet,
    fine_tuning_folder,
    recorded_digest,
    write_fine_tuning,
)
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result_schema import CONTEXTS

__all__ = ["SEED", "TASKS", "freeze_fine_tuning", "sample_fine_tuning"]

SEED, TASKS = 2026, 8
"""Those of the shipped sets."""


def freeze_fine_tuning(
    family: str | Family,
    folder: Path | None = None,
    *,
    parts: Path,
    tasks: int = TASKS,
    seed: int = SEED,
) -> tuple[FineTuningSet, FineTuningSet]:
    """Choose the fine-tuning sets of a family and write them, one for each kind of contexts.

    The family must be registered, with a dataset, an expert and a frozen meta-test set. Building
    the demonstrations of the half demonstrator takes from seconds to some minutes.

    Args:
        family: the family or its id.
        folder: where the two files go; by default the family's own folder ``data``, or the
            package's for a family without one.
        parts: folder for demonstrations while they are built; a build that was killed continues
            there. It is removed in the end.
        tasks: about how many meta-test tasks; they are spread evenly.
        seed: seed of the sampling.

    Returns:
        The set with contexts of the expert, and the one with contexts of the half demonstrator.

    Raises:
        UnknownNameError: there is no such family.
        DatasetError, ExpertError, ProtocolError: the family lacks one of these, or its expert
            cannot be made half as good.
    """
    family = get_family(family)
    expert = sample_fine_tuning(family, tasks, seed)
    config = BuildConfig.canonical(family, variant=MEDIUM)
    splits, attributes = collect_splits(config, parts, ("test",), title=f"half of {family.id}")
    half = _with_contexts_of(expert, splits["test"], attributes)
    for frozen in (expert, half):
        write_fine_tuning(folder or fine_tuning_folder(family), frozen)
    shutil.rmtree(parts)
    return expert, half


def sample_fine_tuning(family: Family, tasks: int, seed: int) -> FineTuningSet:
    """Choose a fine-tuning set with contexts of the expert.

    Args:
        family: the family.
        tasks: about how many meta-test tasks.
        seed: seed of the sampling.
    """
    meta_test, dataset = load_meta_test(family), load_dataset(family)
    number, rng = len(family.table("test")), np.random.default_rng(seed)
    chosen = np.unique(np.linspace(0, number - 1, min(tasks, number)).round().astype(np.int64))
    rows = np.concatenate([np.flatnonzero(meta_test.tasks == task) for task in chosen])
    each, most = len(rows) // len(chosen), max(family.context_sizes)
    order = rng.random((len(chosen), dataset.test.demonstrations)).argsort(axis=1)
    scored = meta_test.select(rows)
    return FineTuningSet(
        family=family.id,
        tasks=scored.tasks,
        mismatched_tasks=scored.mismatched_tasks,
        demonstrations=np.repeat(order[:, :most], each, axis=0),
        shots=np.full(len(rows), most),
        initial_states=scored.initial_states,
        dataset=meta_test.dataset,
        references=meta_test.references,
        contexts=CONTEXTS[0],
        rows=rows,
        start_seeds=rng.integers(2**32, size=len(chosen)),
        demonstrator_means=_means(family, dataset.test, chosen),
        recorded=None,
        attributes={},
    )


def _with_contexts_of(
    expert: FineTuningSet, demonstrations: Demonstrations, attributes: dict[str, Any]
) -> FineTuningSet:
    """The same set with the same numbers of another demonstrator's demonstrations as contexts."""
    family, tasks = get_family(expert.family), expert.learning_tasks
    chosen = expert.demonstrations[:: expert.repeats]
    where = (tasks[:, None], chosen)
    recorded = {part: getattr(demonstrations, part)[where] for part in PARTS}
    return replace(
        expert,
        dataset=recorded_digest(recorded),
        contexts=CONTEXTS[1],
        demonstrator_means=_means(family, demonstrations, tasks),
        recorded=recorded,
        attributes=attributes,
    )


def _means(family: Family, demonstrations: Demonstrations, tasks: IntArray) -> FloatArray:
    """Mean of the primary metric over all demonstrations of each task, (B,)."""
    means: FloatArray = demonstrations.metrics[family.metric.name][tasks].mean(axis=1)
    return means
