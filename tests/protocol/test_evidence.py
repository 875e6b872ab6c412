from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.errors import ProtocolError
from smile_bench.protocol import read_result
from smile_bench.protocol.evidence import keyframes, read_evidence
from smile_bench.protocol.meta_test import load_meta_test
from tests.helpers.results import GRID, evaluated


def test_evidence_is_what_was_done(tmp_path: Path) -> None:
    made = evaluated()
    evidence, meta_test = made.evidence, load_meta_test(GRID)
    assert evidence is not None
    assert evidence.actions.shape == (192, 20, 5)
    assert (evidence.actions.sum(axis=2) == 1).all()
    for episode in (0, 100, 191):
        size = evidence.shots[episode]
        row = evidence.demonstrations[episode]
        np.testing.assert_array_equal(row[:size], meta_test.demonstrations[episode, :size])
        assert (row[size:] == -1).all()
    assert evidence.steps.tolist() == [10, 20]
    made.save(tmp_path)
    again = read_result(tmp_path, evidence=True).evidence
    assert again is not None
    for name, array in evidence.arrays().items():
        assert array.dtype == again.arrays()[name].dtype
        np.testing.assert_array_equal(array, again.arrays()[name])


def test_keyframes_end_at_the_horizon() -> None:
    assert keyframes(get_family(GRID)).tolist() == [10, 20]
    assert keyframes(get_family("SmileAntLinearClassification-v0")).tolist() == [10, 20, 30, 40, 50]


def altered_evidence(path: Path, change: Callable[[h5py.File], object]) -> str:
    with h5py.File(path, "r+") as file:
        change(file)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replaced(name: str, array: Any, **options: Any) -> Callable[[h5py.File], object]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=array, **options)

    return change


def external_array(file: h5py.File) -> None:
    del file["tasks"]
    file.create_dataset("tasks", (192,), np.int64, external=[("/etc/passwd", 0, 192 * 8)])


def virtual_array(file: h5py.File) -> None:
    del file["tasks"]
    layout = h5py.VirtualLayout((192,), np.int64)
    layout[...] = h5py.VirtualSource("other.h5", "tasks", (192,), np.int64)
    file.create_virtual_dataset("tasks", layout)


def view_of_itself(file: h5py.File) -> None:
    shape, dtype = file["actions"].shape, file["actions"].dtype
    del file["actions"]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(".", "/actions", shape, dtype)
    file.create_virtual_dataset("actions", layout)


def nothing_stored(file: h5py.File) -> None:
    del file["states"]
    file.create_dataset("states", (192, 2, 1), np.float32)


def large_and_not_stored(file: h5py.File) -> None:
    file.create_dataset("more", (2**30,), np.float32)


def soft_link(file: h5py.File) -> None:
    del file["tasks"]
    file["tasks"] = h5py.ExternalLink("other.h5", "/tasks")


def group_instead(file: h5py.File) -> None:
    del file["tasks"]
    file.create_group("tasks")


def huge(file: h5py.File) -> None:
    del file["actions"]
    file.create_dataset("actions", (192, 20, 2**40), np.float32, chunks=(1, 1, 1024))


def huge_chunk(file: h5py.File) -> None:
    del file["tasks"]
    file.create_dataset(
        "tasks", (192,), np.int64, maxshape=(None,), chunks=(2**27,), compression="gzip"
    )


def other_filter(file: h5py.File) -> None:
    del file["tasks"]
    file.create_dataset("tasks", data=np.zeros(192, np.int64), compression="lzf")


HOSTILE = {
    "view of itself": (view_of_itself, "actions is a view of '/actions', which is not"),
    "external storage": (external_array, "other files"),
    "virtual": (virtual_array, "other files"),
    "nothing stored": (nothing_stored, "but 0 are stored"),
    "more than the file can hold": (large_and_not_stored, "holds .*more"),
    "external link": (soft_link, "elsewhere"),
    "group": (group_instead, "is not an array"),
    "huge": (huge, "bytes of arrays, but has"),
    "huge chunk": (huge_chunk, "chunks of"),
    "filter": (other_filter, "HDF5 filters"),
    "float64": (replaced("actions", np.zeros((192, 20, 5))), "is float64"),
    "shape": (replaced("tasks", np.zeros((192, 1), np.int64)), r"\(192, 1\)"),
    "text": (replaced("tasks", ["x"] * 192), "is object"),
    "nan": (replaced("actions", np.full((192, 20, 5), np.nan, np.float32)), "not finite"),
    "additional": (lambda f: f.create_dataset("more", data=[1]), "holds .*more"),
    "missing": (lambda f: f.pop("states"), "holds"),
    "attribute": (lambda f: f.attrs.update(note="hello"), "attributes"),
    "format": (lambda f: f.attrs.update(format="x"), "has format 'x'"),
    "family": (
        lambda f: f.attrs.update(family="SmileAntGoal-v0"),
        "holds episodes of 'SmileAntGoal-v0'",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_evidence_is_one_clear_error(saved: Path, case: str) -> None:
    change, message = HOSTILE[case]
    path = saved.with_name("evidence.h5")
    digest = altered_evidence(path, change)
    with pytest.raises(ProtocolError, match=message):
        read_evidence(path, get_family(GRID), 192, digest)


def test_damaged_evidence_is_one_clear_error(saved: Path) -> None:
    path = saved.with_name("evidence.h5")
    content = path.read_bytes()
    for size in (0, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ProtocolError, match="evidence"):
            read_result(saved, evidence=True)
        digest = hashlib.sha256(content[:size]).hexdigest()
        with pytest.raises(ProtocolError, match="truncated or damaged"):
            read_evidence(path, get_family(GRID), 192, digest)
