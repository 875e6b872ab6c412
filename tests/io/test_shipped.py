"""Shipped files have the content that the manifest lists; users' own files need none."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smile_bench import load_agent, load_dataset
from smile_bench.envs.tables import load_table
from smile_bench.errors import AgentError, DatasetError, ExpertError, ProtocolError
from smile_bench.experts.policy import read_expert
from smile_bench.io import shipped
from smile_bench.io.shipped import PACKAGE, require_unaltered, shipped_files
from smile_bench.protocol.meta_test import read_meta_test

EXPERT = "experts/weights/ant-goal.safetensors"
TABLE = "envs/tables/grid_goal.json"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of some shipped files that counts as the package."""
    for name in (EXPERT, TABLE):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(PACKAGE / name, tmp_path / name)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path)
    monkeypatch.setattr(shipped, "MANIFEST", tmp_path / "manifest.json")
    shipped.write_manifest()
    return tmp_path


def flip(path: Path, position: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def test_the_manifest_lists_every_shipped_file_as_it_is() -> None:
    # `python tools/write_manifest.py` writes it.
    listed = json.loads(shipped.MANIFEST.read_text(encoding="utf-8"))["files"]
    found = {
        path.relative_to(PACKAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in shipped_files()
    }
    assert listed == found
    rooms = {name.split("/")[0] for name in listed}
    assert rooms >= {"baselines", "datasets", "envs", "experts", "protocol"}


def test_every_flipped_bit_of_a_shipped_file_is_noticed(package: Path) -> None:
    rng = np.random.default_rng(0)
    for name in (EXPERT, TABLE):
        path = package / name
        content = path.read_bytes()
        require_unaltered(path, ExpertError)
        for _ in range(50):
            flip(path, int(rng.integers(len(content))), int(rng.integers(8)))
            with pytest.raises(ExpertError, match=rf"{path} was altered.*Install smile-bench"):
                require_unaltered(path, ExpertError)
            path.write_bytes(content)
        path.write_bytes(content[:-1])
        with pytest.raises(ExpertError, match="was altered or damaged"):
            require_unaltered(path, ExpertError)
        path.unlink()
        with pytest.raises(ExpertError, match=f"cannot read {path}, a file of smile-bench"):
            require_unaltered(path, ExpertError)


def test_a_flipped_bit_of_the_manifest_is_noticed(package: Path) -> None:
    content = shipped.MANIFEST.read_bytes()
    meaningful = [i for i, byte in enumerate(content) if bytes([byte]).isalnum()]
    for position in np.random.default_rng(0).choice(meaningful, 100):
        flip(shipped.MANIFEST, int(position))
        shipped._listed.cache_clear()
        with pytest.raises(ProtocolError, match="cannot read the manifest"):
            require_unaltered(package / TABLE, ProtocolError)
        shipped.MANIFEST.write_bytes(content)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b"[]", b"{}", b'{"files": 1}', b"[" * 99999]
)
def test_a_damaged_manifest_is_one_clear_error(package: Path, content: bytes) -> None:
    shipped.MANIFEST.write_bytes(content)
    shipped._listed.cache_clear()
    with pytest.raises(ExpertError, match="cannot read the manifest") as caught:
        require_unaltered(package / EXPERT, ExpertError)
    assert len(str(caught.value)) < 400


def test_every_reader_of_shipped_files_checks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest lists other digests, as if every file had been altered."""
    document = json.loads(shipped.MANIFEST.read_text(encoding="utf-8"))
    wrong = dict.fromkeys(document["files"], "0" * 64)
    monkeypatch.setattr(shipped, "_listed", lambda manifest: wrong)
    family = "SmileGridGoal-v0"
    for read, error in (
        (lambda: load_agent("meta-bc", family), AgentError),
        (lambda: load_agent("tabular-smile", family), AgentError),
        (lambda: read_expert(PACKAGE / EXPERT), ExpertError),
        (lambda: load_dataset(family), DatasetError),
        (lambda: read_meta_test(family, PACKAGE / "protocol" / "data"), ProtocolError),
        (lambda: dict(load_table("grid_goal")), ProtocolError),
    ):
        with pytest.raises(error, match="was altered or damaged: its SHA-256"):
            read()


def test_users_files_need_no_manifest(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("mine") / "ant-goal.safetensors"
    shutil.copy(package / EXPERT, outside)
    flip(outside, -1)
    assert read_expert(outside, "SmileAntGoal-v0").family == "SmileAntGoal-v0"
    # A file that a training writes into the package is not listed.
    shutil.copy(outside, package / "experts" / "weights" / "new.safetensors")
    require_unaltered(package / "experts" / "weights" / "new.safetensors", ExpertError)


@pytest.mark.slow
@pytest.mark.parametrize(
    "use", ["gymnasium.make('SmileGridGoal-v0')", "Access('SmileGridGoal-v0')"]
)
def test_an_altered_task_table_is_noticed_where_it_is_used(use: str) -> None:
    # In a process of its own, because a process reads a table once.
    code = f"""
import gymnasium, smile_bench
from smile_bench.access import Access
from smile_bench.errors import ProtocolError
from smile_bench.io import shipped
listed = shipped._listed
shipped._listed = lambda *given: {{**listed(*given), "envs/tables/grid_goal.json": "0" * 64}}
gymnasium.make("SmileAntGoal-v0").close()  # Other families do not need the table.
try:
    {use}
except ProtocolError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "grid_goal.json was altered or damaged" in done.stdout
