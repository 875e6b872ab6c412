"""The export holds every transition, described as LeRobot's format says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smile_bench.datasets import load_dataset

SCRIPT = Path(__file__).parents[2] / "examples" / "export_lerobot.py"
FAMILY = "SmileAntGoal-v0"


def test_every_transition_is_there(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    command: list[str | Path] = [
        sys.executable,
        SCRIPT,
        "--split",
        "validation",
        "--output",
        tmp_path / "set",
    ]
    subprocess.run(command, check=True)
    part = load_dataset(FAMILY).validation
    tasks, each, length = part.observations.shape[:3]
    info = json.loads((tmp_path / "set" / "meta" / "info.json").read_text())
    assert (info["codebase_version"], info["fps"]) == ("v3.0", 20)
    assert (info["total_episodes"], info["total_tasks"]) == (tasks * each, tasks)
    place = info["data_path"].format(chunk_index=0, file_index=0)
    table = pq.read_table(tmp_path / "set" / place)
    assert table.column_names == list(info["features"])
    for name, values in (
        ("observation.state", part.observations),
        ("action", part.actions),
        ("next.observation.state", part.next_observations),
    ):
        column = table[name].combine_chunks()
        found = column.flatten().to_numpy().reshape(-1, column.type.list_size)
        np.testing.assert_array_equal(found, values.reshape(found.shape))
        assert info["features"][name]["shape"] == [values.shape[-1]]
    task, demonstration, step = 3, 5, 7
    row = table.slice((task * each + demonstration) * length + step, 1).to_pylist()[0]
    assert row["task_index"] == task
    assert row["episode_index"] == task * each + demonstration
    assert (row["frame_index"], row["timestamp"]) == (step, np.float32(step / 20))
    episodes = pq.read_table(tmp_path / "set" / "meta/episodes/chunk-000/file-000.parquet")
    episode = episodes.slice(row["episode_index"], 1).to_pylist()[0]
    assert episode["dataset_from_index"] <= row["index"] < episode["dataset_to_index"]
    assert episode["tasks"] == ["Ant goal, validation task 3"]
    stats = json.loads((tmp_path / "set" / "meta" / "stats.json").read_text())
    np.testing.assert_allclose(
        stats["action"]["mean"], part.actions.mean((0, 1, 2), dtype=np.float64), rtol=1e-9
    )
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "is there already" in again.stderr
