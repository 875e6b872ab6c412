"""Exporting a dataset to Minari and reading it back, without losing an array."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from smile_bench.datasets.dataset import ARRAYS, Dataset, Demonstrations
from smile_bench.envs import SPLITS, get_family
from smile_bench.errors import DatasetError

if TYPE_CHECKING:
    from minari import MinariDataset

__all__ = ["from_minari", "to_minari"]

PER_STEP = ("next_observations", "timesteps")
"""Arrays that Minari has no field for. They are stored in an episode's infos."""


def to_minari(dataset: Dataset, dataset_id: str) -> MinariDataset:
    """Write a dataset into the local Minari storage, one episode per demonstration.

    A Minari episode of T transitions has T + 1 observations: those of the transitions and the next
    observation of the last one. Subsampled transitions are not adjacent, so
    ``infos["next_observations"]`` holds the next observation of every transition.

    Args:
        dataset: the dataset.
        dataset_id: its name in Minari, such as ``"smile/ant-goal-v0"``.

    Raises:
        DatasetError: Minari is not installed.
    """
    minari = _import_minari()
    family = get_family(dataset.family)
    buffers: list[Any] = []
    episode_metadata: list[dict[str, Any]] = []
    for split in SPLITS:
        part = dataset.split(split)
        for task in range(part.tasks):
            for d in range(part.demonstrations):
                buffers.append(_episode(minari, part, task, d, len(buffers)))
                note = {
                    "split": split,
                    "task": task,
                    "task_parameters": part.task_parameters[task],
                    "initial_state": part.initial_states[task, d],
                    **{name: values[task, d] for name, values in part.metrics.items()},
                }
                if part.replay_actions is not None and d == 0:
                    note["replay_actions"] = part.replay_actions[task]
                episode_metadata.append(note)
    space = gym.spaces.Box(-np.inf, np.inf, (family.observation_size,), np.float32)
    exported = minari.create_dataset_from_buffers(
        dataset_id,
        buffers,
        env=family.id,
        observation_space=space,
        action_space=gym.spaces.Box(-1.0, 1.0, (family.action_size,), np.float32),
        algorithm_name=f"smile-bench {dataset.variant} {family.dataset_recipe.expert}",
        author="The smile-bench developers",
        description=f"{dataset.variant.title()} demonstrations of {family.id}: {family.summary}.",
    )
    storage = exported.storage
    storage.update_metadata(
        {
            "smile_bench_family": dataset.family,
            "smile_bench_attributes": json.dumps(dict(dataset.attributes), sort_keys=True),
        }
    )
    storage.update_episode_metadata(episode_metadata)
    return exported


def from_minari(exported: MinariDataset) -> Dataset:
    """Read a dataset that :func:`to_minari` wrote.

    Raises:
        DatasetError: the Minari dataset was not exported by smile-bench.
    """
    metadata = exported.storage.metadata
    if "smile_bench_family" not in metadata:
        raise DatasetError("this Minari dataset was not exported by smile-bench.")
    family = get_family(str(metadata["smile_bench_family"]))
    indices = list(range(exported.total_episodes))
    notes = list(exported.storage.get_episode_metadata(indices))
    episodes = list(exported.storage.get_episodes(indices))
    splits = {}
    for split in SPLITS:
        rows = [(n, e) for n, e in zip(notes, episodes, strict=True) if n["split"] == split]
        tasks = 1 + max(int(note["task"]) for note, _ in rows)

        def stack(values: list[Any], dtype: Any, tasks: int = tasks) -> NDArray[Any]:
            array = np.asarray(values, dtype)
            return array.reshape(tasks, -1, *array.shape[1:])

        parameters = stack([note["task_parameters"] for note, _ in rows], np.float64)
        replays = [note["replay_actions"] for note, _ in rows if "replay_actions" in note]
        arrays = {
            "observations": stack([e["observations"][:-1] for _, e in rows], np.float32),
            "actions": stack([e["actions"] for _, e in rows], np.float32),
            "rewards": stack([e["rewards"] for _, e in rows], np.float32),
            "initial_states": stack([note["initial_state"] for note, _ in rows], np.float64),
            **{
                name: stack([e["infos"][name][1:] for _, e in rows], ARRAYS[name])
                for name in PER_STEP
            },
        }
        splits[split] = Demonstrations(
            family=family.id,
            split=split,
            task_parameters=parameters[:, 0],
            replay_actions=np.asarray(replays, np.float32) if replays else None,
            metrics={
                metric.name: stack([note[metric.name] for note, _ in rows], np.float64)
                for metric in family.metrics
            },
            **arrays,
        )
    return Dataset(
        family=family.id,
        splits=splits,
        attributes=json.loads(str(metadata["smile_bench_attributes"])),
    )


def _episode(minari: Any, part: Demonstrations, task: int, d: int, number: int) -> Any:
    where = (task, d)
    length = part.actions.shape[2]
    following = part.next_observations[where]
    infos = {
        # Minari's infos also have an entry for the reset.
        "next_observations": np.concatenate((np.zeros_like(following[:1]), following)),
        "timesteps": np.concatenate(([-1], part.timesteps[where])).astype(np.int32),
    }
    truncations = np.zeros(length, np.bool_)
    truncations[-1] = True
    return minari.data_collector.EpisodeBuffer(
        id=number,
        observations=np.concatenate((part.observations[where], following[-1:])),
        actions=part.actions[where],
        rewards=part.rewards[where],
        terminations=np.zeros(length, np.bool_),
        truncations=truncations,
        infos=infos,
    )


def _import_minari() -> Any:
    try:
        import minari
        import minari.data_collector
    except ModuleNotFoundError as error:
        raise DatasetError(
            "an export to Minari needs Minari: `pip install 'smile-bench[minari]'`."
        ) from error
    return minari
