"""Demonstrations as a LeRobot dataset (format v3.0), ready for `LeRobotDataset(repo_id, root=...)`.

    pip install 'smile-bench[study]'
    python examples/export_lerobot.py --family SmileAntGoal-v0 --output lerobot/ant-goal

Each demonstration is an episode. Its task is a text such as "Ant goal, train task 3", so that a
learner can group the episodes of a task into contexts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smile_bench import get_family, load_dataset
from smile_bench.datasets import Demonstrations
from smile_bench.errors import InputError


def frames(part: Demonstrations, fps: int) -> dict[str, np.ndarray]:
    """Every transition as a row, by the names of the columns."""
    tasks, each, length = part.observations.shape[:3]
    task, demonstration, step = (
        axis.ravel() for axis in np.indices((tasks, each, length), np.int64)
    )
    return {
        "observation.state": part.observations.reshape(len(task), -1),
        "action": part.actions.reshape(len(task), -1),
        "next.observation.state": part.next_observations.reshape(len(task), -1),
        "timestamp": (step / fps).astype(np.float32),
        "frame_index": step,
        "episode_index": task * each + demonstration,
        "index": np.arange(len(task)),
        "task_index": task,
    }


def column(values: np.ndarray) -> pa.Array:
    """Numbers, or vectors as lists of a fixed length."""
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def statistics(values: np.ndarray) -> dict[str, list[float]]:
    """What LeRobot normalises with."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    found = {
        "min": rows.min(0),
        "max": rows.max(0),
        "mean": rows.mean(0),
        "std": rows.std(0),
        "count": np.array([len(rows)]),
    }
    return {name: value.tolist() for name, value in found.items()}


def feature(values: np.ndarray) -> dict[str, object]:
    """A column as ``meta/info.json`` describes it."""
    shape = [1] if values.ndim == 1 else list(values.shape[1:])
    return {"dtype": values.dtype.name, "shape": shape, "names": None}


def named_tasks(names: list[str]) -> pa.Table:
    """The texts of the tasks, as the index of a table that pandas reads."""
    table = pa.table({"task_index": np.arange(len(names)), "task": names})
    kinds = (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    keys = ("name", "field_name", "pandas_type", "numpy_type", "metadata")
    described = [dict(zip(keys, (kind[0], *kind, None), strict=True)) for kind in kinds]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": described}
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def episodes(part: Demonstrations, names: list[str]) -> pa.Table:
    """A row for each demonstration: which frames it has, and its task."""
    tasks, each, length = part.observations.shape[:3]
    number = np.arange(tasks * each)
    nothing = np.zeros_like(number)
    return pa.table(
        {
            "episode_index": number,
            "tasks": [[names[i // each]] for i in number],
            "length": np.full_like(number, length),
            "data/chunk_index": nothing,
            "data/file_index": nothing,
            "dataset_from_index": number * length,
            "dataset_to_index": (number + 1) * length,
            "meta/episodes/chunk_index": nothing,
            "meta/episodes/file_index": nothing,
        }
    )


def export(family_id: str, split: str, output: Path) -> None:
    """Write the demonstrations of a split into a new folder."""
    if output.exists():
        raise InputError(f"{output} is there already; give another folder.")
    family, dataset = get_family(family_id), load_dataset(family_id)
    part = dataset.split(split)
    subsample = family.dataset_recipe.subsample
    fps = max(1, round(1.0 / (family.control_seconds * subsample)))
    rows = frames(part, fps)
    names = [f"{family.title}, {split} task {task}" for task in range(part.tasks)]
    info = {
        "codebase_version": "v3.0",
        "robot_type": family.id,
        "total_episodes": part.tasks * part.demonstrations,
        "total_frames": len(rows["index"]),
        "total_tasks": part.tasks,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{part.tasks * part.demonstrations}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": {name: feature(values) for name, values in rows.items()},
    }
    tables = {
        "data/chunk-000/file-000.parquet": pa.table({k: column(v) for k, v in rows.items()}),
        "meta/episodes/chunk-000/file-000.parquet": episodes(part, names),
        "meta/tasks.parquet": named_tasks(names),
    }
    stats = {name: statistics(values) for name, values in rows.items()}
    for name, table in tables.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, output / name)
    for name, document in (("info", info), ("stats", stats)):
        (output / "meta" / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="SmileAntGoal-v0")
    parser.add_argument("--split", default="train")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    export(arguments.family, arguments.split, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
