"""Loading datasets: those that ship, a family's own, and local files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.datasets import loading
from smile_bench.datasets.format import write_dataset
from smile_bench.datasets.loading import add_to_manifest, dataset_file, read_manifest
from smile_bench.envs import get_family
from smile_bench.errors import DatasetError, UnknownNameError
from tests.helpers import synthetic

FAMILY = "SmileAntGoal-v0"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped data in a folder that a test may damage."""
    for name in (f"{FAMILY}.h5", "manifest.json"):
        shutil.copy(loading.data_folder() / name, tmp_path / name)
    monkeypatch.setattr(loading, "data_folder", lambda: tmp_path)
    return tmp_path


def test_the_shipped_dataset_is_the_family_s() -> None:
    dataset, family = load_dataset(FAMILY), get_family(FAMILY)
    assert [dataset.split(s).tasks for s in ("train", "validation", "test")] == [32, 8, 16]
    assert dataset.train.observations.shape == (32, 16, 100, 29)
    assert dataset.train.metrics["min_distance"].mean() < 0.08
    np.testing.assert_array_equal(dataset.test.task_parameters, family.table("test"))


def test_one_flipped_byte_in_a_shipped_file_is_noticed(copied: Path) -> None:
    path = copied / f"{FAMILY}.h5"
    content = path.read_bytes()
    for position in np.random.default_rng(0).integers(len(content), size=10):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match="altered"):
            load_dataset(FAMILY)


def test_a_family_without_a_dataset_is_named(copied: Path) -> None:
    (copied / "manifest.json").write_text("{}")
    with pytest.raises(DatasetError, match="no dataset of SmileAntGoal-v0 ships"):
        load_dataset(FAMILY)


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'SmileAntGoal-v0'"):
        load_dataset("SmileAntGaol-v0")


def test_a_local_file_of_another_family_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d.h5", synthetic.dataset())
    assert load_dataset(FAMILY, tmp_path / "d.h5").family == FAMILY
    with pytest.raises(DatasetError, match="not of SmileWalkerDynamics-v0"):
        load_dataset("SmileWalkerDynamics-v0", tmp_path / "d.h5")


def test_a_family_s_own_dataset_lies_in_its_folder(tmp_path: Path) -> None:
    family = replace(get_family(FAMILY), data=tmp_path)
    path = dataset_file(family)
    assert path == tmp_path / f"{FAMILY}.h5"
    with pytest.raises(DatasetError, match=rf"cannot read {tmp_path}.*Build it: smile-bench"):
        load_dataset(family)
    write_dataset(path, synthetic.dataset())
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(DatasetError, match=rf"manifest.json does not list {path.name}. Build it"):
        load_dataset(family)
    add_to_manifest(path)
    assert load_dataset(family).digest() == synthetic.dataset().digest()
    write_dataset(path, synthetic.dataset(seed=1))
    with pytest.raises(DatasetError, match=r"altered: .* Build it"):
        load_dataset(family)
    path.unlink()
    with pytest.raises(DatasetError, match="is missing, damaged or altered"):
        load_dataset(family)
    assert load_dataset(FAMILY).train.tasks == 32


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b"[1]", b'{"a": 1}', b'{"a": {}}', b"[" * 100_000]
)
def test_a_damaged_manifest_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"manifest\.json.*Do this"):
        read_manifest(tmp_path, "Do this.")


def test_a_manifest_keeps_its_other_entries(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"other.h5": {"sha256": "0", "bytes": 1}}')
    write_dataset(tmp_path / "d.h5", synthetic.dataset())
    add_to_manifest(tmp_path / "d.h5")
    entries = json.loads((tmp_path / "manifest.json").read_text())
    assert set(entries) == {"other.h5", "d.h5"}
    assert entries["d.h5"]["bytes"] == (tmp_path / "d.h5").stat().st_size
