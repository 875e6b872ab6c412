"""The cache of demonstrations: built once, by one process, checked when it is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from smile_bench.datasets import build, collection
from smile_bench.datasets.collection import Block
from smile_bench.datasets.conditions import cache
from smile_bench.datasets.conditions.cache import cache_folder, load_batch
from smile_bench.envs import Family, get_family
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.errors import DatasetError
from smile_bench.io.tensors import write_tensors

GRID = get_family("SmileGridGoal-v0")
BLOCKS = 8
"""Of a batch: 64 tasks, 8 at a time."""

LOAD = """
import sys
from smile_bench.datasets import build
from smile_bench.datasets.conditions.cache import load_batch
from smile_bench.envs import get_family
from smile_bench.io import files

if "unlocked" in sys.argv:
    files.fcntl = None
collected, collect = [], build.collect

def counted(family, policy, block):
    collected.append(block.first)
    return collect(family, policy, block)

build.collect = counted
sys.stdin.readline()  # Both begin together.
part = load_batch(get_family("SmileGridGoal-v0"), 1, 1, "noisy")
print(len(collected), part.digest())
"""

KILLED = """
import os, signal
from smile_bench.datasets import build
from smile_bench.datasets.conditions.cache import load_batch
from smile_bench.envs import get_family

written, write_tensors = [], build.write_tensors

def write_three(file, tensors):
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write_tensors(file, tensors)
    written.append(file)

build.write_tensors = write_three
load_batch(get_family("SmileGridGoal-v0"), 1, 1, "expert")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "demonstrations" / GRID.id


def files(folder: Path) -> list[Path]:
    """What lies in the cache, but for the empty files that carry locks."""
    found = sorted(folder.iterdir())
    assert all(path.stat().st_size == 0 for path in found if path.suffix == ".lock")
    return [path for path in found if path.suffix != ".lock"]


def test_a_batch_is_built_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_batch(GRID, 1, 1, "expert")
    (path,) = files(folder)
    monkeypatch.setattr(cache, "collect_splits", lambda *_: pytest.fail("built again"))
    again = load_batch(GRID, 1, 1, "expert")
    assert again.digest() == first.digest()
    with safe_open(path, framework="numpy") as file:
        stated = file.metadata()
    assert stated["content_sha256"] == first.digest()
    recipe = json.loads(stated["attributes"])["recipe"]
    assert (recipe["seed"], recipe["demonstrations"], recipe["subsample"]) == (1, 16, 1)


def test_each_batch_subsample_and_variant_has_its_own_file(folder: Path) -> None:
    parts = [
        load_batch(GRID, batch, subsample, variant)
        for batch, subsample, variant in [(0, 1, "expert"), (1, 1, "expert"), (1, 4, "noisy")]
    ]
    assert len({part.digest() for part in parts}) == len(files(folder)) == 3
    assert parts[2].replay_actions is not None
    assert load_batch(GRID, 1, 4, "noisy").digest() == parts[2].digest()


def test_the_folder_is_the_users_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.CACHE, "somewhere")
    assert cache_folder() == Path("somewhere")
    monkeypatch.delenv(cache.CACHE)
    assert cache_folder().name == "smile-bench"
    assert cache_folder().is_absolute()


def test_a_damaged_file_is_one_clear_error(folder: Path) -> None:
    load_batch(GRID, 1, 1, "expert")
    (path,) = files(folder)
    intact = path.read_bytes()
    flipped = bytearray(intact)
    flipped[len(intact) // 2] ^= 1
    for content in (b"", intact[:-10], intact + b"0", bytes(flipped), b"x" * 99):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=f"{path.name}.* damaged, .*Remove the file; it is"):
            load_batch(GRID, 1, 1, "expert")
        assert path.read_bytes() == content
    # What the message says helps.
    path.unlink()
    load_batch(GRID, 1, 1, "expert")
    assert path.read_bytes() == intact


def test_a_file_of_something_else_is_one_clear_error(folder: Path) -> None:
    arrays = load_batch(GRID, 1, 1, "expert").arrays()
    (path,) = files(folder)
    with safe_open(path, framework="numpy") as file:
        stated = file.metadata()
    other = {**stated, "attributes": stated["attributes"].replace('"seed": 1', '"seed": 2')}
    lacking = {name: array for name, array in arrays.items() if name != "rewards"}
    more = {**arrays, "more": np.zeros(3)}
    for tensors, metadata, message in (
        (arrays, other, "it is of another build"),
        (arrays, {**stated, "format": "x"}, "does not hold a batch of demonstrations"),
        (arrays, {**stated, "content_sha256": "x"}, "do not have the digest that it states"),
        (lacking, stated, "damaged, 'rewards'"),
        (more, stated, "it has other arrays: more"),
        (arrays, {"format": stated["format"]}, "it states no 'attributes'"),
    ):
        write_tensors(path, tensors, metadata)
        with pytest.raises(DatasetError, match=message):
            load_batch(GRID, 1, 1, "expert")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_cache_that_cannot_be_written_is_one_clear_error(
    level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is in the way of the cache's folder, or of one in it."""
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "cache"))
    blocked = tmp_path.joinpath(*["cache", "demonstrations", GRID.id][: level + 1])
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    with pytest.raises(DatasetError, match=r"cannot be used: .*SMILE_BENCH_CACHE.* can write to"):
        load_batch(GRID, 1, 1, "expert")
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize("place", ["part", "batch"])
def test_a_full_disk_is_one_clear_error_and_keeps_the_parts(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def full(path: Path, *rest: object) -> None:
        if len(written) == (5 if place == "part" else BLOCKS):
            raise OSError(28, "No space left on device")
        write_tensors(path, *rest)  # type: ignore[arg-type]
        written.append(path.name)

    with monkeypatch.context() as patch:
        patch.setattr(build, "write_tensors", full)
        patch.setattr(cache, "write_tensors", full)
        with pytest.raises(DatasetError, match=r"no space is left .* make room"):
            load_batch(GRID, 1, 1, "expert")
    (parts,) = files(folder)
    assert {path.name for path in parts.glob("*.safetensors")} == set(written)
    collected: list[int] = []
    collect = collection.collect

    def counted(family: Family, policy: PrivilegedPolicy, block: Block) -> dict[str, Any]:
        collected.append(block.first)
        return collect(family, policy, block)

    monkeypatch.setattr(build, "collect", counted)
    resumed = load_batch(GRID, 1, 1, "expert")
    assert len(collected) == BLOCKS - len(written)
    assert [path.suffix for path in files(folder)] == [".safetensors"]
    monkeypatch.setenv(cache.CACHE, str(folder / "other"))
    assert load_batch(GRID, 1, 1, "expert").digest() == resumed.digest()


def test_a_killed_build_continues(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert killed.returncode == -signal.SIGKILL
    (parts,) = files(folder)
    finished = {path.name for path in parts.glob("*.safetensors")}
    assert len(finished) == 3
    written: list[str] = []

    def watch(path: Path, tensors: object) -> None:
        written.append(path.name)
        write_tensors(path, tensors)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "write_tensors", watch)
    resumed = load_batch(GRID, 1, 1, "expert")
    assert len(written) == BLOCKS - 3
    assert not finished & set(written)
    assert [path.suffix for path in files(folder)] == [".safetensors"]
    monkeypatch.setenv(cache.CACHE, str(folder / "other"))
    assert load_batch(GRID, 1, 1, "expert").digest() == resumed.digest()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["locked", "unlocked"])
def test_processes_that_need_the_same_batch_get_the_same(how: str, folder: Path) -> None:
    if how == "locked":
        pytest.importorskip("fcntl")
    command = [sys.executable, "-c", LOAD, how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [
        subprocess.Popen(command, text=True, env=os.environ.copy(), **pipes)  # type: ignore[call-overload]
        for _ in range(3)
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ended
    built, digests = zip(*(out.split() for out, _ in ended), strict=True)
    assert len(set(digests)) == 1
    assert [path.suffix for path in files(folder)][:1] == [".safetensors"]
    if how == "locked":
        assert sorted(map(int, built)) == [0, 0, BLOCKS]
