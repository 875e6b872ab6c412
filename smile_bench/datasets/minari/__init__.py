"""Exporting a dataset to Minari and reading it back, without losing an array."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from smile_bench.datasets.dataset import Dataset
from smile_bench.datasets.minari.episodes import TRAJECTORIES, TRANSITIONS, Episodes, read_split
from smile_bench.datasets.minari.returns import reference_returns
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.errors import DatasetError, ExpertError, SmileError, require_known, shown
from smile_bench.io.hdf5 import require_plain_file
from smile_bench.io.hdf5_sound import require_sound

if TYPE_CHECKING:
    from minari import MinariDataset

__all__ = ["from_minari", "to_minari", "to_minari_splits"]

DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What reading an altered export raises."""
DATA_FILE = "main_data.hdf5"
"""Minari's name of the file with an export's episodes."""


def to_minari(dataset: Dataset, dataset_id: str, *, split: str | None = None) -> MinariDataset:
    """Write a dataset into the local Minari storage.

    Where all transitions are kept, a demonstration is an episode, a true trajectory. Where
    transitions are subsampled, the next stored observation is not the next one in time, so that
    each transition is an episode of its own, with one step. The metadata
    ``smile_bench_episodes`` says which: ``"trajectories"`` or ``"transitions"``.

    An episode's metadata has its ``split``, ``task`` and ``demonstration``, and ``options`` for
    ``reset`` in ``recover_environment(split=...)``. Minari's reference scores are the mean returns
    of the task-blind expert (0) and of the expert (1), where the family has them.

    Args:
        dataset: the dataset.
        dataset_id: its name in Minari, such as ``"smile/ant-goal-v0"``.
        split: the split to write; by default all, in one Minari dataset.

    Raises:
        DatasetError: Minari is not installed, or refuses the name.
        UnknownNameError: there is no such split.
    """
    minari = _import_minari()
    require_known("split", [] if split is None else [split], SPLITS)
    family, splits = get_family(dataset.family), SPLITS if split is None else (split,)
    episodes = Episodes.of(family, [dataset.split(name) for name in splits])
    spec = copy.deepcopy(gym.spec(family.id))
    spec.kwargs["split"] = splits[0]
    options: dict[str, Any] = {
        "env": spec,
        "eval_env": spec,
        "observation_space": gym.spaces.Box(
            -np.inf, np.inf, (family.observation_size,), np.float32
        ),
        "action_space": family.action_space,
        "algorithm_name": f"smile-bench {dataset.variant} {family.dataset_recipe.expert}",
        "author": "The smile-bench developers",
        "description": _description(dataset, family, splits, episodes.kind),
        **_reference_scores(family, splits),
    }
    with warnings.catch_warnings():
        # Minari asks for an e-mail address and a link, which a local export does not have.
        warnings.filterwarnings("ignore", message=".* is set to None", category=UserWarning)
        try:
            exported: MinariDataset = minari.create_dataset_from_buffers(
                dataset_id, episodes.buffers, **options
            )
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f"Minari does not write a dataset {dataset_id!r}: {shown(error, 200)}. Give a new "
                "name, such as 'smile/ant-goal-v0'."
            ) from error
    exported.storage.update_metadata(
        {
            "smile_bench_family": dataset.family,
            "smile_bench_attributes": json.dumps(dict(dataset.attributes), sort_keys=True),
            "smile_bench_episodes": episodes.kind,
            "smile_bench_splits": list(splits),
        }
    )
    exported.storage.update_episode_metadata(episodes.notes)
    return exported


def to_minari_splits(dataset: Dataset, dataset_id: str) -> dict[str, MinariDataset]:
    """Write each split as a Minari dataset of its own.

    Args:
        dataset: the dataset.
        dataset_id: name that theirs are made of: ``"smile/ant-goal-v0"`` gives
            ``"smile/ant-goal-train-v0"`` and so on.

    Returns:
        Minari datasets by split, for :func:`from_minari` to read together.

    Raises:
        DatasetError: as :func:`to_minari`.
    """
    name, dash, version = dataset_id.rpartition("-v")
    if not dash:
        raise DatasetError(f"{dataset_id!r} has no version; give a name such as 'smile/mine-v0'.")
    return {
        split: to_minari(dataset, f"{name}-{split}-v{version}", split=split) for split in SPLITS
    }


def from_minari(exported: MinariDataset, *others: MinariDataset) -> Dataset:
    """Read what :func:`to_minari` wrote, or a selection of its episodes.

    A selection keeps whole tasks, or the same number of demonstrations of every task, the first
    ones where transitions are subsampled. Tasks keep their order.

    Args:
        exported: the Minari dataset; episodes that were filtered out stay out.
        others: further ones, where each holds a split.

    Raises:
        DatasetError: not an export of smile-bench; a split is missing; or what is left is not whole
            demonstrations, equally many of every task.
    """
    try:
        return _read((exported, *others))
    except SmileError:
        raise
    except DAMAGE as error:
        raise DatasetError(
            f"this Minari dataset is not as smile-bench exports one ({shown(error, 200)}). Export "
            "it again."
        ) from error


def _read(parts: tuple[MinariDataset, ...]) -> Dataset:
    made = [part.storage.metadata for part in parts]
    if not all("smile_bench_family" in metadata for metadata in made):
        raise DatasetError("this Minari dataset was not exported by smile-bench.")
    names = {str(metadata["smile_bench_family"]) for metadata in made}
    if len(names) > 1 or len({str(m["smile_bench_attributes"]) for m in made}) > 1:
        raise DatasetError("these Minari datasets are exports of different datasets.")
    family = get_family(names.pop())
    attributes = json.loads(str(made[0]["smile_bench_attributes"]))
    if not isinstance(attributes, dict) or not isinstance(attributes["recipe"], dict):
        raise TypeError("its attributes are not a mapping with a recipe")
    rows = []
    for part, metadata in zip(parts, made, strict=True):
        kind = metadata.get("smile_bench_episodes", TRAJECTORIES)
        require_known("kind of episodes", [kind], (TRAJECTORIES, TRANSITIONS))
        file = Path(part.storage.data_path) / DATA_FILE
        if file.exists():  # Not there in Minari's other format.
            require_sound(file, DatasetError)
            require_plain_file(file, DatasetError)
        indices = sorted(int(index) for index in part.episode_indices)
        notes = part.storage.get_episode_metadata(indices)
        rows += list(zip(notes, part.storage.get_episodes(indices), strict=True))
    splits = {}
    for split in SPLITS:
        chosen = [(note, episode) for note, episode in rows if note["split"] == split]
        if not chosen:
            raise DatasetError(
                f"there are no episodes of the split {split!r}. Keep some of every split, or give "
                "from_minari the exports of all three."
            )
        splits[split] = read_split(family, split, chosen)
    return Dataset(family=family.id, splits=splits, attributes=attributes)


def _description(dataset: Dataset, family: Family, splits: tuple[str, ...], kind: str) -> str:
    episode = "An episode is a whole demonstration."
    if kind == TRANSITIONS:
        episode = (
            "An episode is one transition of a demonstration; the next transition that was kept "
            f"lies {_gap(dataset)} control steps later."
        )
    return (
        f"{dataset.variant.title()} demonstrations of {family.id} ({family.summary}), "
        f"{' and '.join(splits)} tasks. {episode}"
    )


def _gap(dataset: Dataset) -> int:
    return int(np.diff(dataset.train.timesteps[0, 0])[0])


def _reference_scores(family: Family, splits: tuple[str, ...]) -> Mapping[str, float]:
    try:
        blind, expert = reference_returns(family, splits)
    except ExpertError:  # A family may have demonstrations without an expert.
        return {}
    return {"ref_min_score": blind, "ref_max_score": expert}


def _import_minari() -> Any:
    try:
        import minari
        import minari.data_collector
    except ModuleNotFoundError as error:
        raise DatasetError(
            "an export to Minari needs Minari: `pip install 'smile-bench[minari]'`."
        ) from error
    return minari
