"""Exports to Minari: nothing is lost, and what Minari's own functions give is true."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.access import Access
from smile_bench.datasets import Dataset
from smile_bench.datasets.minari import from_minari, to_minari, to_minari_splits
from smile_bench.datasets.subsets import select
from smile_bench.envs import SPLITS, get_family
from smile_bench.errors import DatasetError, SmileError, UnknownNameError
from tests.helpers import synthetic

pytestmark = pytest.mark.slow

minari = pytest.importorskip("minari")
GRID = "SmileGridGoal-v0"


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def grid() -> Dataset:
    """The grid's demonstrations, fewer of them."""
    whole = load_dataset(GRID)
    splits = {split: select(part, np.arange(12), 2) for split, part in whole.splits.items()}
    return replace(whole, splits=splits)


def notes_of(exported: Any) -> list[dict[str, Any]]:
    return list(exported.storage.get_episode_metadata(exported.episode_indices))


def keep(exported: Any, condition: Callable[[dict[str, Any]], bool]) -> Any:
    chosen = {i for i, note in enumerate(notes_of(exported)) if condition(note)}
    return exported.filter_episodes(lambda episode: episode.id in chosen)


@pytest.mark.parametrize("subsample", [1, 20])
def test_going_to_minari_and_back_keeps_every_array(subsample: int) -> None:
    dataset = synthetic.dataset(subsample=subsample)
    to_minari(dataset, "smile/ant-goal-v0")
    exported = minari.load_dataset("smile/ant-goal-v0")
    back = from_minari(exported)
    assert back.digest() == dataset.digest()
    assert dict(back.attributes) == dict(dataset.attributes)
    for split in SPLITS:
        for name, array in dataset.split(split).arrays().items():
            np.testing.assert_array_equal(back.split(split).arrays()[name], array)


def test_whole_demonstrations_are_trajectories() -> None:
    dataset = synthetic.dataset()
    exported = to_minari(dataset, "smile/ant-goal-v0")
    assert exported.storage.metadata["smile_bench_episodes"] == "trajectories"
    assert (exported.total_episodes, exported.total_steps) == (36, 180)
    episode = exported[0]
    np.testing.assert_array_equal(episode.observations[:-1], dataset.train.observations[0, 0])
    np.testing.assert_array_equal(episode.observations[1:], dataset.train.next_observations[0, 0])


def test_subsampled_transitions_are_episodes_of_one_step() -> None:
    dataset = synthetic.dataset(subsample=20)
    exported = to_minari(dataset, "smile/ant-goal-v0")
    metadata = exported.storage.metadata
    assert metadata["smile_bench_episodes"] == "transitions"
    assert "one transition" in metadata["description"]
    assert "20 control steps later" in metadata["description"]
    assert (exported.total_episodes, exported.total_steps) == (180, 180)
    part = dataset.train
    for episode, note in zip(list(exported)[:20], notes_of(exported), strict=False):
        where = (note["task"], note["demonstration"], note["timestep"] // 20)
        np.testing.assert_array_equal(episode.observations[0], part.observations[where])
        np.testing.assert_array_equal(episode.observations[1], part.next_observations[where])
        np.testing.assert_array_equal(episode.actions[0], part.actions[where])
        assert episode.truncations.tolist() == [True]


def test_discrete_actions_are_exported_as_the_environment_takes_them(grid: Dataset) -> None:
    exported = to_minari(grid, "smile/grid-v0")
    env = exported.recover_environment()
    assert exported.action_space == env.action_space == get_family(GRID).action_space
    assert all(env.action_space.contains(action) for action in exported[0].actions)
    assert from_minari(exported).digest() == grid.digest()


def test_splits_tasks_and_starts_are_recovered(grid: Dataset) -> None:
    parts = to_minari_splits(grid, "smile/grid-v0")
    assert [part.id for part in parts.values()] == [f"smile/grid-{s}-v0" for s in SPLITS]
    for split, part in parts.items():
        assert {note["split"] for note in notes_of(part)} == {split}
        env = part.recover_environment()
        note, episode = notes_of(part)[-1], part[-1]
        observation, _ = env.reset(options=note["options"])
        task: Any = env.unwrapped
        assert (task.task.split, task.task.index) == (split, note["task"])
        rewards = []
        for t, action in enumerate(episode.actions):
            np.testing.assert_array_equal(observation.astype(np.float32), episode.observations[t])
            observation, reward, *_ = env.step(action)
            rewards.append(reward)
        np.testing.assert_allclose(rewards, episode.rewards, rtol=1e-6)
    assert from_minari(*parts.values()).digest() == grid.digest()
    # The whole in one dataset names the split of each episode.
    whole = to_minari(grid, "smile/whole-v0")
    last = notes_of(whole)[-1]
    env = whole.recover_environment(split=last["split"])
    env.reset(options=last["options"])
    unwrapped: Any = env.unwrapped
    assert unwrapped.task.parameters == tuple(last["task_parameters"])


def test_returns_are_normalised_by_expert_and_task_blind_expert(grid: Dataset) -> None:
    whole = load_dataset(GRID)
    part = select(whole.test, np.arange(whole.test.tasks), 4)
    shown = replace(grid, splits={**grid.splits, "test": part})
    exported = to_minari(shown, "smile/grid-v0", split="test")
    returns = np.array([episode.rewards.sum() for episode in exported])
    score = minari.get_normalized_score(exported, returns).mean()
    assert 0.9 < score < 1.1
    low, high = (exported.storage.metadata[f"ref_{end}_score"] for end in ("min", "max"))
    assert low < 0.6 * high


def test_an_export_warns_of_nothing_and_changes_no_registration(grid: Dataset) -> None:
    import gymnasium as gym

    before = dict(gym.spec(GRID).kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exported = to_minari(grid, "smile/grid-v0", split="test")
        exported.recover_environment().close()
    assert gym.spec(GRID).kwargs == before


def test_a_selection_of_tasks_is_what_is_read(grid: Dataset) -> None:
    whole = to_minari(grid, "smile/grid-v0")
    dropped = {0, 1, 2, 3, 4, 5, 6, 7}
    part = from_minari(keep(whole, lambda n: n["split"] != "train" or n["task"] not in dropped))
    assert (part.train.tasks, part.validation.tasks, part.test.tasks) == (4, 12, 12)
    np.testing.assert_array_equal(part.train.observations, grid.train.observations[8:])
    np.testing.assert_array_equal(part.train.task_parameters, grid.train.task_parameters[8:])
    # Learners get the tasks that are left, under their indices.
    given = Access(GRID, dataset=part)
    environments = given.environments(np.arange(4))
    np.testing.assert_array_equal(
        environments._simulator.parameters, get_family(GRID).table("train")[8:12]
    )
    # And again: the tasks keep their indices in the family's table.
    again = to_minari(part, "smile/part-v0")
    assert notes_of(again)[0]["task"] == 8


@pytest.mark.parametrize("subsample", [1, 20])
def test_a_selection_of_demonstrations_is_what_is_read(subsample: int) -> None:
    dataset = synthetic.dataset(subsample=subsample)
    exported = to_minari(dataset, "smile/ant-goal-v0")
    part = from_minari(keep(exported, lambda note: note["demonstration"] < 2))
    for split in SPLITS:
        expected = select(dataset.split(split), np.arange(3), 2).arrays()
        for name, array in part.split(split).arrays().items():
            np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize(
    ("subsample", "condition", "message"),
    [
        (1, lambda n: n["split"] != "test", "no episodes of the split 'test'"),
        (1, lambda n: n["task"] or n["demonstration"], "hold 3 to 4 demonstrations of a task"),
        (20, lambda n: n["demonstration"] or n["timestep"] != 40, "4 to 5 transitions"),
        (20, lambda n: n["demonstration"] != 0, "lack their first demonstration"),
    ],
)
def test_a_selection_that_is_not_whole_is_refused(
    subsample: int, condition: Callable[[dict[str, Any]], bool], message: str
) -> None:
    exported = to_minari(synthetic.dataset(subsample=subsample), "smile/ant-goal-v0")
    with pytest.raises(DatasetError, match=message):
        from_minari(keep(exported, condition))


def test_exports_of_different_datasets_do_not_mix(grid: Dataset) -> None:
    one = to_minari(synthetic.dataset(), "smile/ant-goal-v0", split="train")
    other = to_minari(grid, "smile/grid-v0", split="test")
    with pytest.raises(DatasetError, match="exports of different datasets"):
        from_minari(one, other)


@pytest.mark.parametrize("subsample", [1, 20])
def test_an_export_of_an_earlier_version_is_read(subsample: int) -> None:
    """One episode a demonstration, next observations in infos, actions as rows, no new facts."""
    dataset = synthetic.dataset(subsample=subsample)
    buffers, notes = list[Any](), list[dict[str, Any]]()
    for split in SPLITS:
        part = dataset.split(split)
        for task, d in np.ndindex(part.tasks, part.demonstrations):
            following = part.next_observations[task, d]
            buffers.append(
                minari.data_collector.EpisodeBuffer(
                    id=len(buffers),
                    observations=np.concatenate((part.observations[task, d], following[-1:])),
                    actions=part.actions[task, d],
                    rewards=part.rewards[task, d],
                    terminations=np.zeros(5, np.bool_),
                    truncations=np.arange(5) == 4,
                    infos={
                        "next_observations": np.concatenate((following[:1] * 0, following)),
                        "timesteps": np.append(-1, part.timesteps[task, d]).astype(np.int32),
                    },
                )
            )
            notes.append(
                {
                    "split": split,
                    "task": task,
                    "task_parameters": part.task_parameters[task],
                    "initial_state": part.initial_states[task, d],
                    **{name: values[task, d] for name, values in part.metrics.items()},
                }
            )
            if part.replay_actions is not None and d == 0:
                notes[-1]["replay_actions"] = part.replay_actions[task]
    new = to_minari(dataset, "smile/new-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = minari.create_dataset_from_buffers(
            "smile/former-v0",
            buffers,
            observation_space=new.observation_space,
            action_space=new.action_space,
        )
    names = ("smile_bench_family", "smile_bench_attributes")
    exported.storage.update_metadata({name: new.storage.metadata[name] for name in names})
    exported.storage.update_episode_metadata(notes)
    assert from_minari(exported).digest() == dataset.digest()


def test_another_minari_dataset_is_refused() -> None:
    exported = to_minari(synthetic.dataset(), "smile/ant-goal-v0")
    metadata = {k: v for k, v in exported.storage.metadata.items() if "smile" not in k}

    class Other:
        class storage:  # noqa: N801
            pass

    Other.storage.metadata = metadata  # type: ignore[attr-defined]
    with pytest.raises(DatasetError, match="not exported by smile-bench"):
        from_minari(Other)


@pytest.mark.parametrize("name", ["x", "", "smile/ant goal-v0", "smile/taken-v0"])
def test_a_name_that_minari_refuses_is_one_clear_error(name: str) -> None:
    to_minari(synthetic.dataset(), "smile/taken-v0")
    with pytest.raises(DatasetError, match="Minari does not write a dataset"):
        to_minari(synthetic.dataset(), name)


def test_a_split_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        to_minari(synthetic.dataset(), "smile/ant-goal-v0", split="trian")
    with pytest.raises(DatasetError, match="has no version"):
        to_minari_splits(synthetic.dataset(), "ant-goal")


@pytest.mark.parametrize(
    "change",
    [
        {"smile_bench_family": 3},
        {"smile_bench_family": "SmileAntGaol-v0"},
        {"smile_bench_family": GRID},
        {"smile_bench_attributes": "{"},
        {"smile_bench_attributes": "[]"},
        {"smile_bench_attributes": "[" * 99999},
        {"smile_bench_attributes": None},
        {"smile_bench_episodes": "movies"},
        {"smile_bench_episodes": ["x" * 5000]},
    ],
)
def test_altered_metadata_is_one_clear_error(change: dict[str, Any]) -> None:
    exported = to_minari(synthetic.dataset(), "smile/ant-goal-v0")
    exported.storage.update_metadata(change)
    with pytest.raises(SmileError) as caught:
        from_minari(exported)
    assert len(str(caught.value)) < 600


def test_an_export_that_views_itself_is_refused() -> None:
    exported = to_minari(synthetic.dataset(), "smile/ant-goal-v0")
    with h5py.File(Path(exported.storage.data_path) / "main_data.hdf5", "r+") as file:
        shape, dtype = file["episode_0/actions"].shape, file["episode_0/actions"].dtype
        del file["episode_0/actions"]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(".", "/episode_0/actions", shape, dtype)
        file.create_virtual_dataset("episode_0/actions", layout)
    with pytest.raises(DatasetError, match="episode_0/actions is a view of other arrays"):
        from_minari(exported)
