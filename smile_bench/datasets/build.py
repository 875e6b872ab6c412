"""Building datasets: every task's expert demonstrations, resumable and the same each time."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from tqdm import tqdm

from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.format import read_dataset, reporting_full_disk, write_dataset
from smile_bench.datasets.variants import EXPERT, HALF, Calibration, calibrate, require_noise
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.errors import DatasetError
from smile_bench.experts.noisy import Medium, Noisy
from smile_bench.experts.policy import load_expert
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks
from smile_bench.io.files import write_atomically
from smile_bench.io.tensors import read_tensors

__all__ = ["BuildConfig", "build_dataset", "expert_digest", "tables_digest"]

BLOCK_EPISODES = 128
"""About how many episodes are rolled out at once; part of the recipe, because the last bits of a
network's output depend on the size of its batch."""


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What a dataset is built to; the family's recipe by default."""

    family: str
    demonstrations: int
    subsample: int
    seed: int = 0
    variant: str = EXPERT
    """Whose demonstrations: one of ``VARIANTS``."""
    noise: float | None = None
    """Scale of the noise of noisy demonstrations; None is the family's."""

    @classmethod
    def canonical(
        cls,
        family: str,
        demonstrations: int | None = None,
        subsample: int | None = None,
        *,
        seed: int = 0,
        variant: str = EXPERT,
        noise: float | None = None,
    ) -> BuildConfig:
        """The family's recipe, with what is given instead.

        Raises:
            UnknownNameError: no such family.
        """
        recipe = get_family(family).dataset_recipe
        return cls(
            family=family,
            demonstrations=recipe.demonstrations if demonstrations is None else demonstrations,
            subsample=recipe.subsample if subsample is None else subsample,
            seed=seed,
            variant=variant,
            noise=noise,
        )


@dataclass(frozen=True)
class Block:
    """Tasks of a split whose episodes are rolled out together."""

    split: str
    first: int
    last: int

    @property
    def file(self) -> str:
        """Name of the part that holds it."""
        return f"{self.split}-{self.first:03d}-{self.last:03d}.safetensors"


def build_dataset(config: BuildConfig, path: Path) -> Dataset:
    """Build a dataset file.

    Finished parts lie in a folder beside ``path`` until the file is whole, so a build that was
    killed goes on where it stopped. Two builds of one configuration on one machine and set of
    package versions have the same arrays, byte for byte.

    Args:
        config: what to build.
        path: the HDF5 file to write.

    Returns:
        The dataset, as read back from the file.

    Raises:
        UnknownNameError: no such family or variant.
        ExpertError: the family has no expert.
        DatasetError: a number that does not fit the family, the disk is full, or parts of another
            build lie in the way.
    """
    family, expert = get_family(config.family), load_expert(config.family)
    config = replace(config, noise=require_noise(family, config.variant, config.noise))
    if config.subsample < 1 or family.horizon % config.subsample:
        raise DatasetError(
            f"subsample must divide the horizon {family.horizon}, got {config.subsample}."
        )
    if config.seed < 0:
        raise DatasetError(f"the seed must not be negative, got {config.seed}.")
    if config.demonstrations < 1:
        raise DatasetError(f"demonstrations must be at least 1, got {config.demonstrations}.")
    attributes = _attributes(config, family, expert)
    parts = path.parent / f"{path.name}.parts"
    with reporting_full_disk(path):
        _claim(parts, attributes)
        half = _calibrated(parts, family) if config.variant == HALF else None
        blocks = list(_blocks(config, family))
        with tqdm(total=sum(b.last - b.first for b in blocks), unit="task", disable=None) as bar:
            for block in blocks:
                if not _finished(parts / block.file):
                    policy = _demonstrator(config, family, expert, block, half)
                    arrays = _roll_out(config, family, policy, block)
                    write_atomically(parts / block.file, save(arrays))
                bar.update(block.last - block.first)
        splits = {split: _join(parts, family, blocks, split) for split in SPLITS}
        if half is not None:
            attributes["calibration"] = half.to_dict()
        write_dataset(path, Dataset(family=family.id, splits=splits, attributes=attributes))
    shutil.rmtree(parts)
    return read_dataset(path)


def expert_digest(expert: PrivilegedPolicy) -> str:
    """SHA-256 over the arrays that define an expert."""
    total = hashlib.sha256()
    for array in expert.arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def tables_digest(family: Family) -> str:
    """SHA-256 over a family's task tables."""
    total = hashlib.sha256()
    for split in SPLITS:
        total.update(np.ascontiguousarray(family.table(split)).data)
    return total.hexdigest()


def _attributes(config: BuildConfig, family: Family, expert: PrivilegedPolicy) -> dict[str, Any]:
    blind = {}
    if config.variant == HALF:
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
    """Make the folder of parts this build's, or go on with its own."""
    note = parts / "build.json"
    text = json.dumps(attributes, indent=2, sort_keys=True)
    if note.exists() and note.read_text(encoding="utf-8") != text:
        raise DatasetError(
            f"{parts} holds parts of a build with another configuration, expert or package "
            "version. Remove the folder to start anew, or name another output."
        )
    write_atomically(note, text)


def _calibrated(parts: Path, family: Family) -> Calibration:
    """The calibration of half an expert, done once a build."""
    note = parts / "calibration.json"
    if note.exists():
        return Calibration(**json.loads(note.read_text(encoding="utf-8")))
    found = calibrate(family)
    write_atomically(note, json.dumps(asdict(found)))
    return found


def _demonstrator(
    config: BuildConfig,
    family: Family,
    expert: PrivilegedPolicy,
    block: Block,
    half: Calibration | None,
) -> PrivilegedPolicy:
    """Who gives the demonstrations of a block."""
    if config.noise is not None:
        return Noisy(family, expert, config.noise)
    if half is None:
        return expert
    tasks = np.repeat(np.arange(block.first, block.last), config.demonstrations)
    others = sample_mismatched_tasks(_stream(config, block, 2), family.table(block.split), tasks)
    return Medium(expert, load_task_blind(family), others, half.rate)


def _stream(config: BuildConfig, block: Block, use: int) -> np.random.Generator:
    """Randomness of a block, another for each use."""
    return np.random.default_rng([config.seed, SPLITS.index(block.split), block.first, use])


def _blocks(config: BuildConfig, family: Family) -> list[Block]:
    size = max(1, BLOCK_EPISODES // config.demonstrations)
    return [
        Block(split, first, min(first + size, len(family.table(split))))
        for split in SPLITS
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


def _roll_out(
    config: BuildConfig, family: Family, policy: PrivilegedPolicy, block: Block
) -> dict[str, NDArray[Any]]:
    """The arrays of a block's tasks; its randomness depends on nothing but seed, split, task."""
    table = family.table(block.split)[block.first : block.last]
    parameters = np.repeat(table, config.demonstrations, axis=0)
    simulator = family.make_simulator(len(parameters))
    simulator.set_tasks(parameters)
    streams = [
        np.random.default_rng([config.seed, SPLITS.index(block.split), task])
        for task in range(block.first, block.last)
    ]
    states = np.stack(
        [
            simulator.sample_start(rng, row)
            for rng, row in zip(streams, table, strict=True)
            for _ in range(config.demonstrations)
        ]
    )
    offsets = np.concatenate(
        [rng.integers(config.subsample, size=config.demonstrations) for rng in streams]
    )
    simulator.reset(states)
    kept = family.horizon // config.subsample
    episodes = len(parameters)
    observed, actions, following = (
        np.empty((episodes, kept, size), np.float32)
        for size in (family.observation_size, family.action_size, family.observation_size)
    )
    rewards = np.empty((episodes, kept), np.float32)
    firsts = slice(None, None, config.demonstrations)
    choices = _stream(config, block, 1)
    replay = np.empty((len(table), family.horizon, family.action_size), np.float32)
    observation = simulator.observe()
    for t in range(family.horizon):
        action = policy.act(observation, parameters, choices)
        replay[:, t] = action[firsts]
        outcome = simulator.step(action)
        after = simulator.observe()
        keep, slot = np.flatnonzero(t % config.subsample == offsets), t // config.subsample
        observed[keep, slot], actions[keep, slot] = observation[keep], action[keep]
        following[keep, slot], rewards[keep, slot] = after[keep], outcome.rewards[keep]
        observation = after
    arrays: dict[str, NDArray[Any]] = {
        "observations": observed,
        "actions": actions,
        "next_observations": following,
        "rewards": rewards,
        "timesteps": (offsets[:, None] + config.subsample * np.arange(kept)).astype(np.int32),
        "initial_states": states,
        **{f"metrics/{m.name}": outcome.info[m.name] for m in family.metrics},
    }
    shape = (len(table), config.demonstrations)
    arrays = {name: array.reshape(*shape, *array.shape[1:]) for name, array in arrays.items()}
    return arrays | ({"replay_actions": replay} if config.subsample > 1 else {})


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
