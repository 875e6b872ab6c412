"""Demonstrations beyond those that ship: built once, in batches, and kept in a cache.

A batch holds as many demonstrations of each meta-train task as the canonical dataset, and its seed
is its number. So a larger set begins with the demonstrations of every smaller one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from smile_bench.datasets.build import (
    BuildConfig,
    build_attributes,
    checked_config,
    collect_splits,
)
from smile_bench.datasets.dataset import ARRAYS, Demonstrations
from smile_bench.datasets.format import reporting_full_disk
from smile_bench.envs import Family
from smile_bench.errors import DatasetError
from smile_bench.io.tensors import read_tensors, write_tensors

__all__ = ["CACHE", "cache_folder", "load_batch"]

CACHE = "SMILE_BENCH_CACHE"
"""The environment variable that names the folder."""
FORMAT = "smile-bench-batch-1"
REMEDY = "Remove the file; it is built again when it is needed."


def cache_folder() -> Path:
    """The folder of what is built on demand: ``$SMILE_BENCH_CACHE``, or the user's cache."""
    given = os.environ.get(CACHE)
    return Path(given) if given else user_cache_path("smile-bench", appauthor=False)


def load_batch(family: Family, batch: int, subsample: int, variant: str) -> Demonstrations:
    """Load a batch of meta-train demonstrations; build it first where the cache lacks it.

    Building shows a progress bar. A build that was killed continues where it stopped. Processes
    that need the same batch at the same time share its finished parts.

    Args:
        family: the family.
        batch: number of the batch, which is the seed of its build.
        subsample: every k-th transition is kept.
        variant: who gives the demonstrations.

    Raises:
        DatasetError: the file is damaged, or the disk is full.
    """
    config = BuildConfig.canonical(family, subsample=subsample, seed=batch, variant=variant)
    attributes = build_attributes(checked_config(config, family))
    text = json.dumps(attributes, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = f"{variant}-subsample-{subsample}-batch-{batch}-{key}.safetensors"
    path = cache_folder() / "demonstrations" / family.id / name
    if not path.exists():
        _build(config, path, text)
    return _read(path, family, text)


def _build(config: BuildConfig, path: Path, attributes: str) -> None:
    parts = path.parent / f"{path.name}.parts"
    try:
        with reporting_full_disk(path):
            splits, _ = collect_splits(config, parts, ("train",))
            arrays = splits["train"].arrays()
            write_tensors(path, arrays, {"format": FORMAT, "attributes": attributes})
    except (OSError, DatasetError):
        # Another process has finished the same batch and removed its parts.
        if not path.exists():
            raise
    shutil.rmtree(parts, ignore_errors=True)


def _read(path: Path, family: Family, attributes: str) -> Demonstrations:
    what = "a batch of demonstrations"
    file = read_tensors(path, what, DatasetError, formats=(FORMAT,), remedy=REMEDY)
    if file.text("attributes") != attributes:
        raise file.damaged("it is of another build")
    arrays: dict[str, Any] = {name: file.tensor(name) for name in ARRAYS}
    wrong = [name for name, kind in ARRAYS.items() if arrays[name].dtype != np.dtype(kind)]
    shape = (len(family.table("train")), family.dataset_recipe.demonstrations)
    wrong += [name for name in ("observations", "actions") if arrays[name].shape[:2] != shape]
    if wrong:
        raise file.damaged(f"{wrong[0]} has another type or shape")
    metrics = {metric.name: file.tensor(f"metrics/{metric.name}") for metric in family.metrics}
    return Demonstrations(
        family=family.id,
        split="train",
        metrics=metrics,
        replay_actions=file.tensors.get("replay_actions"),
        **arrays,
    )
