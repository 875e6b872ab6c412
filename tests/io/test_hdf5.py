"""Reading arrays from HDF5 files that may come from strangers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench.errors import DatasetError
from smile_bench.io import hdf5
from smile_bench.io.hdf5 import FILTERS, read_array, require_hard_links, require_plausible_sizes

ARRAY = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_group("part").create_dataset("a", data=ARRAY, chunks=(1, 4), **FILTERS)
    return tmp_path / "x.h5"


def read(
    path: Path, name: str = "a", shape: tuple[int, ...] = (3, 4), **options: Any
) -> NDArray[Any]:
    with h5py.File(path, "r") as file:
        return read_array(path, file["part"], name, shape, np.float64, DatasetError, **options)


def add(path: Path, name: str, **options: Any) -> None:
    with h5py.File(path, "r+") as file:
        file["part"].create_dataset(name, **options)


def test_an_array_comes_as_it_was_written(path: Path) -> None:
    np.testing.assert_array_equal(read(path), ARRAY)


def test_another_shape_or_type_says_what_is_needed(path: Path) -> None:
    expected = r"x\.h5: part/a is float64 \(3, 4\), but a family needs float64 \(4, 3\)"
    with pytest.raises(DatasetError, match=expected):
        read(path, shape=(4, 3), why="a family")
    add(path, "integers", data=np.zeros((3, 4), np.int64))
    with pytest.raises(DatasetError, match=r"is int64 \(3, 4\), but this file needs float64"):
        read(path, "integers")
    with h5py.File(path, "r+") as file:
        file["part"].create_group("group")
    with pytest.raises(DatasetError, match="part/group is not an array"):
        read(path, "group")


def test_bytes_in_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(ARRAY.tobytes())
    external = [(str(tmp_path / "raw"), 0, ARRAY.nbytes)]
    add(path, "external", shape=(3, 4), dtype=np.float64, external=external)
    layout = h5py.VirtualLayout((3, 4), np.float64)
    layout[...] = h5py.VirtualSource(tmp_path / "other.h5", "a", (3, 4), np.float64)
    with h5py.File(path, "r+") as file:
        file["part"].create_virtual_dataset("virtual", layout)
    for name in ("external", "virtual"):
        with pytest.raises(DatasetError, match="refers to other files; refused"):
            read(path, name)


def test_storage_that_takes_more_than_the_array_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(path, "chunky", shape=(3, 4), maxshape=(None, 4), dtype=np.float64, chunks=(1 << 20, 4))
    with pytest.raises(DatasetError, match=r"in chunks of 33554432 bytes; refused"):
        read(path, "chunky")
    add(path, "filtered", data=ARRAY, chunks=(1, 4), compression="lzf")
    with pytest.raises(DatasetError, match="with the HDF5 filters"):
        read(path, "filtered")
    monkeypatch.setattr(hdf5, "MAXIMUM_BYTES", ARRAY.nbytes - 1)
    with pytest.raises(DatasetError, match="declares 96 bytes; refused"):
        read(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(path: Path, value: float) -> None:
    add(path, "odd", data=np.where(ARRAY == 5.0, value, ARRAY))
    with pytest.raises(DatasetError, match="part/odd holds numbers that are not finite"):
        read(path, "odd")


@pytest.mark.parametrize("link", [h5py.SoftLink("/part/a"), h5py.ExternalLink("x.h5", "/part/a")])
def test_links_are_refused(path: Path, link: object) -> None:
    with h5py.File(path, "r+") as file:
        require_hard_links(path, file["part"], DatasetError)
        file["part"]["link"] = link
        with pytest.raises(DatasetError, match="/part links 'link' elsewhere; refused"):
            require_hard_links(path, file["part"], DatasetError)


def view(path: Path, name: str, sources: list[str], shape: tuple[int, ...] = (3, 4)) -> None:
    """Add a virtual array of copies of ``sources``, one after the other."""
    layout = h5py.VirtualLayout((len(sources) * shape[0], *shape[1:]), np.float64)
    for number, source in enumerate(sources):
        rows = slice(number * shape[0], (number + 1) * shape[0])
        layout[rows] = h5py.VirtualSource(".", source, shape, np.float64)
    with h5py.File(path, "r+") as file:
        file["part"].create_virtual_dataset(name, layout)


def test_a_view_of_a_stored_array_is_read(path: Path) -> None:
    view(path, "view", ["/part/a"])
    np.testing.assert_array_equal(read(path, "view"), ARRAY)


def test_a_view_of_itself_of_a_view_or_of_nothing_is_refused(path: Path) -> None:
    view(path, "itself", ["/part/itself"])
    view(path, "one", ["/part/other"])
    view(path, "other", ["/part/one"])
    view(path, "nothing", ["/part/missing"])
    view(path, "group", ["/part"])
    with h5py.File(path, "r+") as file:
        file["part"]["soft"] = h5py.SoftLink("/part/a")
    view(path, "linked", ["/part/soft"])
    for name in ("itself", "one", "other", "nothing", "group", "linked"):
        with pytest.raises(DatasetError, match=f"part/{name} is a view of .* not an array stored"):
            read(path, name)


def test_a_view_that_repeats_an_array_is_refused(path: Path) -> None:
    view(path, "many", ["/part/a"] * 50)
    with pytest.raises(DatasetError, match="larger than what it shows"):
        read(path, "many", (150, 4))


def test_views_of_odd_storage_are_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(ARRAY.tobytes())
    external = [(str(tmp_path / "raw"), 0, ARRAY.nbytes)]
    add(path, "external", shape=(3, 4), dtype=np.float64, external=external)
    add(path, "filtered", data=ARRAY, chunks=(1, 4), compression="lzf")
    view(path, "of_external", ["/part/external"])
    view(path, "of_filtered", ["/part/filtered"])
    with pytest.raises(DatasetError, match="of_external refers to other files"):
        read(path, "of_external")
    with pytest.raises(DatasetError, match="of_filtered is stored with the HDF5 filters"):
        read(path, "of_filtered")


def test_more_bytes_than_are_stored_are_refused_before_they_are_allocated(path: Path) -> None:
    add(path, "empty", shape=(3, 4), dtype=np.float64, chunks=(1, 4))
    with pytest.raises(DatasetError, match="part/empty declares 96 bytes, but 0 are stored"):
        read(path, "empty")
    add(path, "huge", shape=(1 << 28, 4), dtype=np.float64, chunks=(1 << 14, 4))
    with h5py.File(path) as file:
        for names in (["part/huge"], ["part/a", "part/huge", "part/missing", "part"]):
            with pytest.raises(DatasetError, match=r"declares \d+ bytes of arrays, but has \d+"):
                require_plausible_sizes(path, file, names, DatasetError)
        require_plausible_sizes(path, file, ["part/a", "part/empty", "part/missing"], DatasetError)


def test_constant_arrays_compress_within_the_bound(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "zeros.h5", "w") as file:
        zeros = np.zeros((64, 1 << 16))
        file.create_dataset("a", data=zeros, chunks=(1, 1 << 16), **FILTERS)
    with h5py.File(tmp_path / "zeros.h5") as file:
        require_plausible_sizes(tmp_path, file, ["a"], DatasetError)
        read_array(tmp_path / "zeros.h5", file, "a", zeros.shape, np.float64, DatasetError)
