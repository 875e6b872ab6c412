"""Building datasets from experts: every task's demonstrations, resumable and reproducible."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from smile_bench.datasets.calibration import Calibration, calibrate
from smile_bench.datasets.collection import Block, collect, demonstrator
from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.format import read_dataset, reporting_full_disk, write_dataset
from smile_bench.datasets.variants import EXPERT, MEDIUM, current_variant, require_noise
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.errors import DatasetError
from smile_bench.experts.policy import load_expert
from smile_bench.experts.task_blind import load_task_blind
from smile_bench.io.files import read_bounded, write_atomically
from smile_bench.io.tensors import read_tensors, write_tensors

__all__ = [
    "BuildConfig",
    "build_attributes",
    "build_dataset",
    "checked_config",
    "collect_splits",
    "expert_digest",
    "tables_digest",
]

BLOCK_EPISODES = 128
"""About how many episodes are rolled out at once. Changing it changes the last bits of datasets,
because those of a network's output depend on the size of its batch."""


MAXIMUM_NOTE = 1 << 20
"""Size limit in bytes of a note among the parts of a build."""


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """Settings of a dataset. :meth:`canonical` takes them from the family's recipe."""

    family: str
    demonstrations: int
    """Demonstrations per task."""
    subsample: int
    """Every k-th transition is kept; 1 keeps all."""
    seed: int = 0
    variant: str = EXPERT
    """Who gives the demonstrations: one of ``VARIANTS``."""
    noise: float | None = None
    """Scale of the action noise of noisy demonstrations; None for the family's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "variant", current_variant(self.variant, stacklevel=3))

    @classmethod
    def canonical(
        cls,
        family: str | Family,
        demonstrations: int | None = None,
        subsample: int | None = None,
        *,
        seed: int = 0,
        variant: str = EXPERT,
        noise: float | None = None,
    ) -> BuildConfig:
        """The family's recipe; arguments that are given replace its settings.

        Raises:
            UnknownNameError: there is no such family.
        """
        family = get_family(family)
        recipe = family.dataset_recipe
        return cls(
            family=family.id,
            demonstrations=recipe.demonstrations if demonstrations is None else demonstrations,
            subsample=recipe.subsample if subsample is None else subsample,
            seed=seed,
            variant=current_variant(variant, stacklevel=2),
            noise=noise,
        )


def build_dataset(config: BuildConfig, path: Path) -> Dataset:
    """Build a dataset file.

    Finished parts are kept in a folder beside ``path`` until the file is complete, so a build that
    was killed continues where it stopped. Two builds of one configuration with one machine type
    and one set of package versions have the same arrays, byte for byte.

    Args:
        config: the settings.
        path: the HDF5 file to write.

    Returns:
        The dataset, as read back from the file.

    Raises:
        UnknownNameError: there is no such family or variant.
        ExpertError: the family has no expert.
        DatasetError: a setting does not fit the family, the disk is full, or parts of another
            build are in the way.
    """
    parts = path.parent / f"{path.name}.parts"
    with reporting_full_disk(path):
        splits, attributes = collect_splits(config, parts, SPLITS)
        write_dataset(path, Dataset(family=config.family, splits=splits, attributes=attributes))
    shutil.rmtree(parts)
    return read_dataset(path)


def collect_splits(
    config: BuildConfig, parts: Path, splits: Sequence[str], title: str | None = None
) -> tuple[dict[str, Demonstrations], dict[str, Any]]:
    """Collect the demonstrations of some splits, or continue with the parts that are there.

    Args:
        config: the settings.
        parts: folder for finished parts; the caller removes it when it has stored the result.
        splits: which ones.
        title: what stands before the progress bar.

    Returns:
        The demonstrations by split, and the attributes that say how they were made.

    Raises:
        UnknownNameError, ExpertError, DatasetError: as :func:`build_dataset`.
    """
    family, expert = get_family(config.family), load_expert(config.family)
    config = checked_config(config, family)
    attributes = build_attributes(config)
    _claim(parts, attributes)
    calibration = _calibrated(parts, family) if config.variant == MEDIUM else None
    blocks = _blocks(config, family, splits)
    total = sum(block.last - block.first for block in blocks)
    with tqdm(desc=title, total=total, unit="task", disable=None) as bar:
        for block in blocks:
            if not _finished(parts / block.file):
                policy = demonstrator(
                    family, expert, block, noise=config.noise, calibration=calibration
                )
                write_tensors(parts / block.file, collect(family, policy, block))
            bar.update(block.last - block.first)
    joined = {split: _join(parts, family, blocks, split) for split in splits}
    if calibration is not None:
        attributes["calibration"] = calibration.to_dict()
    return joined, attributes


def expert_digest(expert: PrivilegedPolicy) -> str:
    """SHA-256 of the arrays that define an expert."""
    total = hashlib.sha256()
    for array in expert.arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def tables_digest(family: Family) -> str:
    """SHA-256 of a family's task tables."""
    total = hashlib.sha256()
    for split in SPLITS:
        total.update(np.ascontiguousarray(family.table(split)).data)
    return total.hexdigest()


def checked_config(config: BuildConfig, family: Family) -> BuildConfig:
    """The settings with the scale of the noise filled in.

    Raises:
        UnknownNameError, DatasetError: a setting does not fit the family.
    """
    noise = require_noise(family, config.variant, config.noise)
    if config.subsample < 1 or family.horizon % config.subsample:
        raise DatasetError(
            f"subsample must divide the horizon {family.horizon}, got {config.subsample}."
        )
    if config.seed < 0:
        raise DatasetError(f"the seed must be at least 0, got {config.seed}.")
    if config.demonstrations < 1:
        raise DatasetError(f"demonstrations must be at least 1, got {config.demonstrations}.")
    return replace(config, noise=noise)


def build_attributes(config: BuildConfig) -> dict[str, Any]:
    """What says how demonstrations are made: settings that were checked, expert, versions."""
    family, expert = get_family(config.family), load_expert(config.family)
    blind = {}
    if config.variant == MEDIUM:
        blind["blind_sha256"] = expert_digest(load_task_blind(family))
    return {
        "recipe": asdict(config),
        "expert": family.dataset_recipe.expert,
        "expert_sha256": expert_digest(expert),
        **blind,
        "tables_sha256": tables_digest(family),
        "versions": {name: metadata.version(name) for name in ("gymnasium", "mujoco", "numpy")},
        "machine": platform.machine(),
        "licence": "CC-BY-4.0",
    }


def _claim(parts: Path, attributes: Mapping[str, Any]) -> None:
    """Make the folder of parts this build's, or continue with the parts that it holds."""
    note = parts / "build.json"
    text = json.dumps(attributes, indent=2, sort_keys=True)
    # Builds that were begun before the variant was renamed have the former name.
    former, current = (f'"variant": "{name}"' for name in ("half", MEDIUM))
    if note.exists() and _read_note(note).replace(former, current) != text:
        raise DatasetError(
            f"{parts} holds parts of a build with another configuration, expert or package "
            "version. Remove the folder to start from scratch, or name another output."
        )
    write_atomically(note, text)


def _read_note(note: Path) -> str:
    return read_bounded(note, MAXIMUM_NOTE, DatasetError).decode(errors="replace")


def _calibrated(parts: Path, family: Family) -> Calibration:
    """The calibration of the medium expert, which is done once per build."""
    note = parts / "calibration.json"
    if note.exists():
        return Calibration.read(_read_note(note), str(note))
    found = calibrate(family)
    write_atomically(note, json.dumps(asdict(found)))
    return found


def _blocks(config: BuildConfig, family: Family, splits: Sequence[str]) -> list[Block]:
    size = max(1, BLOCK_EPISODES // config.demonstrations)
    return [
        Block(
            split=split,
            first=first,
            last=min(first + size, len(family.table(split))),
            demonstrations=config.demonstrations,
            subsample=config.subsample,
            seed=config.seed,
        )
        for split in splits
        for first in range(0, len(family.table(split)), size)
    ]


def _finished(part: Path) -> bool:
    if not part.exists():
        return False
    _read_part(part)
    return True


def _read_part(part: Path) -> dict[str, NDArray[Any]]:
    remedy = "Remove it and build again."
    return read_tensors(part, "a part of a build", DatasetError, remedy=remedy).tensors


def _join(parts: Path, family: Family, blocks: list[Block], split: str) -> Demonstrations:
    pieces = [_read_part(parts / block.file) for block in blocks if block.split == split]
    arrays = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    metrics = {metric.name: arrays.pop(f"metrics/{metric.name}") for metric in family.metrics}
    return Demonstrations(
        family=family.id,
        split=split,
        task_parameters=family.table(split),
        metrics=metrics,
        **arrays,
    )
