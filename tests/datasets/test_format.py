from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smile_bench.datasets import Dataset
from smile_bench.datasets.format import read_dataset, write_dataset
from smile_bench.envs import SPLITS
from smile_bench.errors import DatasetError
from tests.helpers import synthetic


def assert_same(one: Dataset, other: Dataset) -> None:
    assert one.family == other.family
    assert dict(one.attributes) == dict(other.attributes)
    for split in SPLITS:
        a, b = one.split(split).arrays(), other.split(split).arrays()
        assert set(a) == set(b)
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("subsample", [1, 20])
def test_reading_gives_back_what_was_written(tmp_path: Path, subsample: int) -> None:
    dataset = synthetic.dataset(subsample=subsample)
    write_dataset(tmp_path / "d.h5", dataset)
    assert_same(read_dataset(tmp_path / "d.h5"), dataset)


@pytest.mark.parametrize("subsample", [1, 20])
def test_plain_h5py_sees_every_array(tmp_path: Path, subsample: int) -> None:
    dataset = synthetic.dataset(subsample=subsample)
    write_dataset(tmp_path / "d.h5", dataset)
    with h5py.File(tmp_path / "d.h5", "r") as file:
        for split in SPLITS:
            for name, array in dataset.split(split).arrays().items():
                np.testing.assert_array_equal(file[split][name][...], array)


def test_adjacent_transitions_are_stored_once(tmp_path: Path) -> None:
    write_dataset(tmp_path / "once.h5", synthetic.dataset(length=50))
    write_dataset(tmp_path / "twice.h5", synthetic.dataset(length=50, subsample=20))
    once, twice = ((tmp_path / name).stat().st_size for name in ("once.h5", "twice.h5"))
    assert once < 0.7 * twice


def test_a_truncated_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    content = path.read_bytes()
    for size in (0, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DatasetError, match=r"d\.h5"):
            read_dataset(path)


@pytest.mark.slow
@settings(max_examples=30)
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_an_error_or_changes_nothing(
    tmp_path: Path, position: float, bit: int
) -> None:
    # A bit of HDF5's slack space means nothing; any other must not pass.
    path = tmp_path / "d.h5"
    dataset = synthetic.dataset(tasks=2, each=2, length=3)
    if not path.exists():
        write_dataset(path, dataset)
        (tmp_path / "good.h5").write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "good.h5").read_bytes())
    content[int(position * len(content))] ^= 1 << bit
    path.write_bytes(content)
    try:
        found = read_dataset(path)
    except DatasetError:
        return
    for split in SPLITS:
        for name, array in dataset.split(split).arrays().items():
            np.testing.assert_array_equal(found.split(split).arrays()[name], array)


def test_an_altered_array_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    with h5py.File(path, "r+") as file:
        file["test/actions"][0, 0, 0, 0] += 0.25
    with pytest.raises(DatasetError, match="altered"):
        read_dataset(path)


def test_non_finite_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    with h5py.File(path, "r+") as file:
        file["train/rewards"][0, 0, 0] = np.nan
    with pytest.raises(DatasetError, match="not finite"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("name", "replacement", "message"),
    [
        ("train/actions", np.zeros((3, 4, 5, 7), np.float32), "actions"),
        ("train/actions", np.zeros((3, 4, 5, 8), np.float64), "float64"),
        ("train/metrics/min_distance", np.zeros((3, 5)), "min_distance"),
        ("test/observations", np.zeros((3, 4), np.float32), "axes"),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    tmp_path: Path, name: str, replacement: np.ndarray, message: str
) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset(subsample=20))
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = replacement
    with pytest.raises(DatasetError, match=message):
        read_dataset(path)


def test_a_missing_group_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    with h5py.File(path, "r+") as file:
        del file["validation"]
    with pytest.raises(DatasetError, match="validation"):
        read_dataset(path)


def test_links_to_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    write_dataset(tmp_path / "other.h5", synthetic.dataset())
    with h5py.File(path, "r+") as file:
        shape, dtype = file["train/actions"].shape, file["train/actions"].dtype
        del file["train/actions"]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(tmp_path / "other.h5", "train/actions", shape, dtype)
        file["train"].create_virtual_dataset("actions", layout)
    with pytest.raises(DatasetError, match="other files"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("demonstrations", "message"), [(5000, "are refused"), (1 << 28, "bytes of arrays, but has")]
)
def test_a_huge_declared_shape_does_not_take_memory(
    tmp_path: Path, demonstrations: int, message: str
) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset(subsample=20))
    with h5py.File(path, "r+") as file:
        for name in list(file["train"]):
            if name not in ("task_parameters", "metrics"):
                shape, dtype = file["train"][name].shape, file["train"][name].dtype
                del file["train"][name]
                huge = (shape[0], demonstrations, *shape[2:])
                file["train"].create_dataset(name, huge, dtype, chunks=(1, 1, *shape[2:]))
    with pytest.raises(DatasetError, match=message):
        read_dataset(path)


@pytest.mark.parametrize("name", ["train", "train/rewards", "test/metrics/min_distance"])
def test_external_links_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    write_dataset(tmp_path / "other.h5", synthetic.dataset())
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink("other.h5", f"/{name}")
    with pytest.raises(DatasetError, match="elsewhere"):
        read_dataset(path)


def test_groups_and_arrays_in_each_others_place_are_one_clear_error(tmp_path: Path) -> None:
    for name in ("train", "train/observations", "train/metrics"):
        path = tmp_path / f"{name.replace('/', '-')}.h5"
        write_dataset(path, synthetic.dataset(subsample=20))
        with h5py.File(path, "r+") as file:
            was_group = isinstance(file[name], h5py.Group)
            del file[name]
            if was_group:
                file[name] = np.zeros(3)
            else:
                file.create_group(name)
        with pytest.raises(DatasetError):
            read_dataset(path)


@pytest.mark.parametrize("value", [3, np.zeros(4), h5py.Empty("f4")])
@pytest.mark.parametrize("name", ["format", "family", "content_sha256", "versions"])
def test_attributes_of_another_type_are_one_clear_error(
    tmp_path: Path, name: str, value: object
) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(DatasetError):
        read_dataset(path)


def test_a_missing_attribute_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset())
    with h5py.File(path, "r+") as file:
        del file.attrs["versions"]
    with pytest.raises(DatasetError, match="lacks the attributes versions"):
        read_dataset(path)


def test_another_kind_of_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1.0
    with pytest.raises(DatasetError, match="format"):
        read_dataset(path)
    with pytest.raises(DatasetError, match="no dataset file"):
        read_dataset(tmp_path / "missing.h5")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.h5"
    old = synthetic.dataset(seed=1)
    write_dataset(path, old)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DatasetError, match="no space is left"):
        write_dataset(path, synthetic.dataset(seed=2))
    monkeypatch.undo()
    assert_same(read_dataset(path), old)
    assert [p.name for p in tmp_path.iterdir()] == ["d.h5"]


@pytest.mark.parametrize("name", ["observations", "rewards"])
def test_a_view_of_itself_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset(subsample=20))
    with h5py.File(path, "r+") as file:
        shape, dtype = file[f"train/{name}"].shape, file[f"train/{name}"].dtype
        del file[f"train/{name}"]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(".", f"/train/{name}", shape, dtype)
        file["train"].create_virtual_dataset(name, layout)
    with pytest.raises(DatasetError, match=f"train/{name} is a view of"):
        read_dataset(path)


def test_declared_sizes_do_not_take_memory(tmp_path: Path) -> None:
    """Arrays that fit the family and were never written: HDF5 would allocate all of them."""
    path = tmp_path / "d.h5"
    write_dataset(path, synthetic.dataset(subsample=20))
    with h5py.File(path, "r+") as file:
        for name in ("observations", "actions", "next_observations", "rewards", "timesteps"):
            shape, dtype = file["train"][name].shape, file["train"][name].dtype
            del file["train"][name]
            large = (shape[0], 4096, 100, *shape[3:])
            file["train"].create_dataset(name, large, dtype, chunks=(1, 1, 100, *shape[3:]))
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(DatasetError, match="bytes of arrays, but has"):
        read_dataset(path)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, 524])
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("gcc") is None, reason="needs gcc")
def test_a_file_system_without_locks_gives_its_data(tmp_path: Path, number: int) -> None:
    source, library = tmp_path / "nolock.c", tmp_path / "nolock.so"
    source.write_text(
        f"#include <errno.h>\nint flock(int f, int o) {{ errno = {number}; return -1; }}\n"
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    code = (
        "import smile_bench, pathlib\n"
        "from smile_bench.datasets.format import read_dataset, write_dataset\n"
        "data = smile_bench.load_dataset('SmileGridGoal-v0')\n"
        "path = pathlib.Path('copy.h5')\n"
        "write_dataset(path, data)\n"
        "print(read_dataset(path).digest() == data.digest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"
