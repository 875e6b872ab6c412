"""Building datasets: reproducible, resumable, one clear error for what cannot be built."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.datasets import build, calibration, load_dataset
from smile_bench.datasets.build import BuildConfig, build_dataset
from smile_bench.datasets.format import read_dataset
from smile_bench.datasets.verify import made_here
from smile_bench.envs import SPLITS, get_family, get_mujoco_family
from smile_bench.envs.mujoco.simulator import Simulator
from smile_bench.errors import DatasetError, ExpertError
from smile_bench.io.tensors import write_tensors

FAMILY, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"
SMALL = BuildConfig(family=FAMILY, demonstrations=1, subsample=20)
ELSEWHERE_STEPS, TOLERANCE = 3, 1e-3
"""Contacts amplify differences in the last bits: demonstrations of ant goal, made with MuJoCo 4.0,
differ under 3.17 by up to 3e-4 after three control steps and by 0.8 after ten."""

BUILD = """
import os, signal, sys
from pathlib import Path
from smile_bench.datasets import build

written, write_tensors = [], build.write_tensors

def write_three(file, tensors):
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write_tensors(file, tensors)
    written.append(file)

build.BLOCK_EPISODES, build.write_tensors = 4, write_three
config = build.BuildConfig(family="SmileAntGoal-v0", demonstrations=1, subsample=20)
build.build_dataset(config, Path(sys.argv[1]))
"""
"""The same as building ``SMALL`` in smaller blocks, killed after the third."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "ant.h5"
    build_dataset(SMALL, path)
    return path


@pytest.mark.slow
def test_a_second_build_has_the_same_arrays(built: Path, tmp_path: Path) -> None:
    again = build_dataset(SMALL, tmp_path / "again.h5")
    assert again.digest() == read_dataset(built).digest()
    assert [p.name for p in tmp_path.iterdir()] == ["again.h5"]


@pytest.mark.slow
def test_every_task_is_there_with_its_parameters(built: Path) -> None:
    dataset, family = read_dataset(built), get_family(FAMILY)
    for split in SPLITS:
        np.testing.assert_array_equal(dataset.split(split).task_parameters, family.table(split))
        assert dataset.split(split).demonstrations == 1


@pytest.mark.slow
def test_subsampling_keeps_every_twentieth_transition_from_a_random_start(built: Path) -> None:
    train = read_dataset(built).train
    assert train.timesteps.shape[2] == 5
    assert (np.diff(train.timesteps, axis=2) == 20).all()
    assert len(np.unique(train.timesteps[:, :, 0])) > 3
    assert train.timesteps.min() >= 0
    assert train.timesteps.max() < 100


@pytest.mark.slow
def test_a_killed_build_continues_to_the_same_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "killed.h5"
    parts = tmp_path / "killed.h5.parts"
    killed = subprocess.run([sys.executable, "-c", BUILD, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    finished = {part.name for part in parts.glob("*.safetensors")}
    assert len(finished) == 3
    written = []

    def watch(file: Path, tensors: dict[str, Any]) -> None:
        written.append(file.name)
        write_tensors(file, tensors)

    monkeypatch.setattr(build, "BLOCK_EPISODES", 4)
    monkeypatch.setattr(build, "write_tensors", watch)
    resumed = build_dataset(SMALL, path)
    assert "validation-000-004.safetensors" in written
    assert not finished & set(written)
    assert resumed.digest() == build_dataset(SMALL, tmp_path / "whole.h5").digest()
    assert not parts.exists()


def test_a_damaged_part_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    config = BuildConfig.canonical(GRID, 2)
    with monkeypatch.context() as patched:
        patched.setattr(build, "write_dataset", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_dataset(config, tmp_path / "grid.h5")
    part = sorted((tmp_path / "grid.h5.parts").glob("*.safetensors"))[0]
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(DatasetError, match=f"{part.name}.*Remove it and build again"):
        build_dataset(config, tmp_path / "grid.h5")


def test_parts_of_another_build_are_not_mixed_in(tmp_path: Path) -> None:
    note = tmp_path / "ant.h5.parts" / "build.json"
    note.parent.mkdir()
    for text in ("{}", json.dumps({"recipe": asdict(replace(SMALL, variant="noisy"))})):
        note.write_text(text)
        with pytest.raises(DatasetError, match="another configuration"):
            build_dataset(SMALL, tmp_path / "ant.h5")
        assert note.read_text() == text


@pytest.mark.slow
def test_a_resumed_build_calibrates_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "CALIBRATION_STEPS", 0)
    config = BuildConfig.canonical(GRID, 2, variant="medium")
    whole = build_dataset(config, tmp_path / "whole.h5")

    def full(path: Path, tensors: dict[str, Any]) -> None:
        if path.name.startswith("test"):
            raise OSError(28, "No space left on device")
        write_tensors(path, tensors)

    monkeypatch.setattr(build, "write_tensors", full)
    with pytest.raises(DatasetError, match="make room"):
        build_dataset(config, tmp_path / "cut.h5")
    monkeypatch.setattr(build, "write_tensors", write_tensors)
    monkeypatch.setattr(build, "calibrate", lambda _: pytest.fail("calibrated again"))
    # A build that was begun before the variant was renamed continues, too.
    note = tmp_path / "cut.h5.parts" / "build.json"
    former = note.read_text().replace('"variant": "medium"', '"variant": "half"')
    assert former != note.read_text()
    note.write_text(former)
    resumed = build_dataset(config, tmp_path / "cut.h5")
    assert resumed.digest() == whole.digest()
    assert resumed.attributes == whole.attributes


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"subsample": 30}, "must divide the horizon 100, got 30"),
        ({"subsample": 0}, "must divide the horizon 100, got 0"),
        ({"seed": -1}, "the seed must be at least 0, got -1"),
        ({"demonstrations": 0}, "demonstrations must be at least 1, got 0"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(
    tmp_path: Path, setting: dict[str, int], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        build_dataset(replace(SMALL, **setting), tmp_path / "x")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_family_without_an_expert_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smile_bench.experts import policy

    policy._expert.cache_clear()
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(ExpertError, match="no trained expert"):
        build_dataset(SMALL, tmp_path / "x.h5")


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_keeps_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, tensors: dict[str, Any]) -> None:
        if path.name.startswith("validation"):
            raise OSError(28, "No space left on device")
        write_tensors(path, tensors)

    monkeypatch.setattr(build, "write_tensors", full)
    with pytest.raises(DatasetError, match="make room"):
        build_dataset(SMALL, tmp_path / "ant.h5")
    kept = [p.name for p in (tmp_path / "ant.h5.parts").iterdir() if p.name != "build.json"]
    assert kept
    assert all(name.startswith("train") for name in kept)


@pytest.mark.parametrize("split", SPLITS)
def test_shipped_demonstrations_replay_to_the_stored_observations(split: str) -> None:
    # Bit by bit with the file's MuJoCo and machine type; elsewhere a few steps within a tolerance.
    dataset, family = load_dataset(FAMILY), get_family(FAMILY)
    part = dataset.split(split)
    rng = np.random.default_rng(0)
    tasks = rng.integers(part.tasks, size=8)
    which = rng.integers(part.demonstrations, size=8)
    simulator = Simulator(get_mujoco_family(family), 8)
    simulator.set_tasks(part.task_parameters[tasks])
    simulator.reset(part.initial_states[tasks, which])
    exact = made_here(dataset)
    tolerance = 0.0 if exact else TOLERANCE
    for t in range(family.horizon if exact else ELSEWHERE_STEPS):
        np.testing.assert_allclose(
            simulator.observe().astype(np.float32),
            part.observations[tasks, which, t],
            tolerance,
            tolerance,
        )
        outcome = simulator.step(part.actions[tasks, which, t])
        np.testing.assert_allclose(
            simulator.observe().astype(np.float32),
            part.next_observations[tasks, which, t],
            tolerance,
            tolerance,
        )
        np.testing.assert_allclose(
            outcome.rewards.astype(np.float32), part.rewards[tasks, which, t], tolerance, tolerance
        )
    if exact:
        np.testing.assert_array_equal(
            outcome.info["min_distance"], part.metrics["min_distance"][tasks, which]
        )


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"\xff", b"[" * 99999, b'{"rate": 1e999}', b'{"rate": "x"}', b"null"],
)
def test_a_damaged_note_of_a_build_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    note = tmp_path / "calibration.json"
    note.write_bytes(content)
    with pytest.raises(DatasetError, match=r"calibration\.json does not hold a cal") as caught:
        build._calibrated(tmp_path, get_family(GRID))
    assert len(str(caught.value)) < 400
