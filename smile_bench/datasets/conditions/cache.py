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
from smile_bench.io.files import one_at_a_time
from smile_bench.io.tensors import read_tensors, write_tensors

__all__ = ["CACHE", "cache_folder", "load_batch", "read_batch"]

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

    Building shows a progress bar. A build that was killed continues where it stopped. Of processes
    that need the same batch at the same time, one builds and the others wait; where the file system
    grants no locks, they share the finished parts.

    Args:
        family: the family.
        batch: number of the batch, which is the seed of its build.
        subsample: every k-th transition is kept.
        variant: who gives the demonstrations.

    Raises:
        DatasetError: the file is damaged, the disk is full, or the cache cannot be written.
        ExpertError: the family has no expert.
    """
    config = BuildConfig.canonical(family, subsample=subsample, seed=batch, variant=variant)
    attributes = build_attributes(checked_config(config, family))
    text = json.dumps(attributes, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = f"{variant}-subsample-{subsample}-batch-{batch}-{key}.safetensors"
    path = cache_folder() / "demonstrations" / family.id / name
    try:
        if not path.exists():
            with reporting_full_disk(path), one_at_a_time(path):
                if not path.exists():
                    _build(config, path, text)
    except OSError as error:
        raise DatasetError(
            f"the cache of demonstrations, {cache_folder()}, cannot be used: {error}. Set the "
            f"environment variable {CACHE} to a folder that you can write to."
        ) from error
    return read_batch(path, family, text)


def read_batch(path: Path, family: Family, attributes: str) -> Demonstrations:
    """Read a file of the cache.

    Args:
        path: the file.
        family: whose demonstrations it holds.
        attributes: of its build, as JSON.

    Raises:
        DatasetError: the file is damaged, altered or of another build.
    """
    what = "a batch of demonstrations"
    file = read_tensors(path, what, DatasetError, formats=(FORMAT,), remedy=REMEDY)
    if file.text("attributes") != attributes:
        raise file.damaged("it is of another build")
    stated = file.text("content_sha256")
    with file.understanding():
        tensors: dict[str, Any] = dict(file.tensors)
        metrics = {metric.name: tensors.pop(f"metrics/{metric.name}") for metric in family.metrics}
        arrays = {name: tensors.pop(name) for name in ARRAYS}
        replay_actions = tensors.pop("replay_actions", None)
        if tensors:
            raise ValueError(f"it has other arrays: {', '.join(sorted(tensors))}")
        read = Demonstrations(
            family=family.id,
            split="train",
            metrics=metrics,
            replay_actions=replay_actions,
            **arrays,
        )
        if read.digest() != stated:
            raise ValueError("its arrays do not have the digest that it states")
    return read


def _build(config: BuildConfig, path: Path, attributes: str) -> None:
    parts = path.parent / f"{path.name}.parts"
    try:
        last = (config.seed + 1) * config.demonstrations
        title = f"{config.family}, demonstrations {last - config.demonstrations + 1} to {last}"
        splits, _ = collect_splits(config, parts, ("train",), title)
        train = splits["train"]
        stated = {"format": FORMAT, "attributes": attributes, "content_sha256": train.digest()}
        write_tensors(path, train.arrays(), stated)
    except (OSError, DatasetError):
        # Without locks, another process may have finished the batch and removed its parts.
        if not path.exists():
            raise
    shutil.rmtree(parts, ignore_errors=True)
