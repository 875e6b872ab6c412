"""Demonstrations as episodes of Minari and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.datasets.dataset import Demonstrations
from smile_bench.envs import Family
from smile_bench.errors import DatasetError

__all__ = ["TRAJECTORIES", "TRANSITIONS", "Episodes", "read_split"]

TRAJECTORIES, TRANSITIONS = "trajectories", "transitions"
"""What an episode is: a demonstration, all of whose transitions are kept, or one transition."""

Row = tuple[dict[str, Any], dict[str, Any]]
"""An episode's metadata and its arrays, as Minari gives them."""


@dataclass(frozen=True, eq=False)
class Episodes:
    """Episodes to write, and the metadata of each."""

    kind: str
    """:data:`TRAJECTORIES` or :data:`TRANSITIONS`."""
    buffers: list[Any]
    notes: list[dict[str, Any]]

    @classmethod
    def of(cls, family: Family, parts: Sequence[Demonstrations]) -> Episodes:
        """The episodes of some splits: tasks and demonstrations in their order.

        Raises:
            DatasetError: a task does not stand in the family's table.
        """
        whole = all(part.contiguous for part in parts)
        buffers, notes = list[Any](), list[dict[str, Any]]()
        for part in parts:
            tasks = _table_indices(family, part)
            for where in np.ndindex(part.tasks, part.demonstrations):
                for steps in [slice(None)] if whole else _singles(part.actions.shape[2]):
                    note = _note(part, where, steps, tasks[where[0]], whole=whole)
                    buffers.append(_buffer(family, part, where, steps, len(buffers), note))
                    notes.append(note)
        return cls(TRAJECTORIES if whole else TRANSITIONS, buffers, notes)


def read_split(family: Family, split: str, rows: Sequence[Row]) -> Demonstrations:
    """The demonstrations in some episodes of a split, in either layout.

    Raises:
        DatasetError: the demonstrations are not whole, or not equally many of every task.
        Exception: any of h5py's and NumPy's, where the episodes are not what was written.
    """
    demonstrations = _gathered(rows)
    tasks = list(dict.fromkeys(task for task, _ in demonstrations))
    of_task = {task: sorted(key for key in demonstrations if key[0] == task) for task in tasks}
    numbers = {len(keys) for keys in of_task.values()}
    lengths = {sum(len(e["rewards"]) for _, e in rows) for rows in demonstrations.values()}
    if len(numbers) > 1 or len(lengths) > 1:
        raise DatasetError(
            f"the {split} episodes hold {_range(numbers)} demonstrations of a task and "
            f"{_range(lengths)} transitions of a demonstration; keep equally many everywhere."
        )
    ordered = [demonstrations[key] for keys in of_task.values() for key in keys]
    shape = (len(tasks), numbers.pop())

    def stack(values: list[Any], dtype: Any) -> NDArray[Any]:
        array = np.asarray(values, dtype)
        return array.reshape(*shape, *array.shape[1:])

    def joined(name: str, dtype: Any) -> NDArray[Any]:
        return stack([np.concatenate([_part(row, name) for row in d]) for d in ordered], dtype)

    first = [demonstration[0][0] for demonstration in ordered]
    actions = joined("actions", np.float32)
    if isinstance(family.action_space, spaces.Discrete) and actions.ndim == 3:
        actions = np.eye(family.action_size, dtype=np.float32)[actions.astype(np.int64)]
    part = Demonstrations(
        family=family.id,
        split=split,
        task_parameters=stack([note["task_parameters"] for note in first], np.float64)[:, 0],
        observations=joined("observations", np.float32),
        actions=actions,
        next_observations=joined("next_observations", np.float32),
        rewards=joined("rewards", np.float32),
        timesteps=joined("timesteps", np.int32),
        initial_states=stack([note["initial_state"] for note in first], np.float64),
        metrics={
            metric.name: stack([note[metric.name] for note in first], np.float64)
            for metric in family.metrics
        },
        replay_actions=_replay_actions(split, [of_task[t] for t in tasks], demonstrations),
    )
    _require_fit(family, part)
    return part


def _singles(length: int) -> list[slice]:
    return [slice(t, t + 1) for t in range(length)]


def _table_indices(family: Family, part: Demonstrations) -> list[int]:
    """The index of each demonstrated task in the family's table."""
    index = {row.tobytes(): i for i, row in enumerate(family.table(part.split))}
    rows = [row.tobytes() for row in part.task_parameters]
    if unknown := [i for i, row in enumerate(rows) if row not in index]:
        raise DatasetError(
            f"{part.split} task {unknown[0]} of this dataset is not one of the {part.split} tasks "
            f"of {family.id}, so that its environment cannot be recovered. Register a family with "
            "your tasks (register_family)."
        )
    return [index[row] for row in rows]


def _note(
    part: Demonstrations, where: tuple[int, ...], steps: slice, task: int, *, whole: bool
) -> dict[str, Any]:
    """The metadata of an episode; what concerns its demonstration is with its first episode."""
    row, d = where
    note: dict[str, Any] = {"split": part.split, "task": task, "demonstration": d}
    if not whole:
        note["timestep"] = int(part.timesteps[row, d, steps.start])
    if whole or steps.start == 0:
        note |= {
            "task_parameters": part.task_parameters[row],
            "initial_state": part.initial_states[row, d],
            **{name: values[row, d] for name, values in part.metrics.items()},
        }
        if part.replay_actions is not None and d == 0:
            note["replay_actions"] = part.replay_actions[row]
    return note


def _buffer(
    family: Family,
    part: Demonstrations,
    where: tuple[int, ...],
    steps: slice,
    number: int,
    note: dict[str, Any],
) -> Any:
    import minari.data_collector

    observations, following = part.observations[where][steps], part.next_observations[where][steps]
    actions: NDArray[Any] = part.actions[where][steps]
    if isinstance(family.action_space, spaces.Discrete):
        actions = actions.argmax(axis=-1)
    truncations = np.zeros(len(actions), np.bool_)
    truncations[-1] = True
    options: dict[str, Any] = {"task": note["task"]}
    infos = None
    if "timestep" not in note:
        if part.timesteps[where][0] == 0:
            options["state"] = note["initial_state"]
        # Minari's infos also have an entry for the reset.
        infos = {"timesteps": np.concatenate(([-1], part.timesteps[where])).astype(np.int32)}
    return minari.data_collector.EpisodeBuffer(
        id=number,
        options=options,
        observations=np.concatenate((observations, following[-1:])),
        actions=actions,
        rewards=part.rewards[where][steps],
        terminations=np.zeros(len(actions), np.bool_),
        truncations=truncations,
        infos=infos,
    )


def _gathered(rows: Sequence[Row]) -> dict[tuple[int, int], list[Row]]:
    """The episodes of each demonstration in order of time, by task and demonstration."""
    found: dict[tuple[int, int], list[Row]] = {}
    for position, (note, episode) in enumerate(rows):
        # Earlier exports did not number demonstrations; their episodes are in order.
        key = (int(note["task"]), int(note.get("demonstration", position)))
        found.setdefault(key, []).append((note, episode))
    for episodes in found.values():
        episodes.sort(key=lambda row: int(row[0].get("timestep", 0)))
    return found


def _part(row: Row, name: str) -> NDArray[Any]:
    """The values of an array in one episode."""
    note, episode = row
    infos = episode["infos"] or {}
    if name in ("next_observations", "timesteps") and name in infos:
        return np.asarray(infos[name][1:])
    if name == "timesteps":
        return np.array([note["timestep"]])
    if name == "observations":
        return np.asarray(episode["observations"][:-1])
    if name == "next_observations":
        return np.asarray(episode["observations"][1:])
    return np.asarray(episode[name])


def _replay_actions(
    split: str,
    keys: Sequence[Sequence[tuple[int, int]]],
    demonstrations: dict[tuple[int, int], list[Row]],
) -> NDArray[np.float32] | None:
    """Every action of each task's first demonstration, where transitions are subsampled."""
    firsts = [demonstrations[of_task[0]][0][0] for of_task in keys]
    replays = [note["replay_actions"] for note in firsts if "replay_actions" in note]
    times = np.concatenate([_part(row, "timesteps") for row in demonstrations[keys[0][0]]])
    if not replays and (np.diff(times) == 1).all():
        return None
    if len(replays) != len(firsts):
        raise DatasetError(
            f"some {split} tasks lack their first demonstration, whose actions replay it; keep the "
            "episodes whose metadata has demonstration 0."
        )
    return np.asarray(replays, np.float32)


def _require_fit(family: Family, part: Demonstrations) -> None:
    sizes = {
        "observations": (part.observations.shape[3:], (family.observation_size,)),
        "actions": (part.actions.shape[3:], (family.action_size,)),
        "initial states": (part.initial_states.shape[2:], (family.state_size,)),
        "task parameters": (part.task_parameters.shape[1:], (len(family.parameter_names),)),
    }
    for name, (found, expected) in sizes.items():
        if found != expected:
            raise DatasetError(
                f"the {part.split} {name} have the shape {found}; {family.id} needs {expected}."
            )
    for name, array in part.arrays().items():
        if not np.isfinite(array).all():
            raise DatasetError(f"the {part.split} {name} are not all finite numbers.")


def _range(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
