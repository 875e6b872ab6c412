"""Files that crash or hang libhdf5 end a child process, and are one clear error here."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.datasets.format import read_dataset
from smile_bench.datasets.loading import dataset_file
from smile_bench.errors import DatasetError
from smile_bench.io import hdf5_sound
from smile_bench.io.hdf5_sound import require_sound

GRID = "SmileGridGoal-v0"
OLD = 1_000_000_000
POSIX = pytest.mark.skipif(os.name != "posix", reason="limits and signals of processes")


def settle(path: Path) -> Path:
    """Make a file old enough for its outcome to be remembered."""
    os.utime(path, (OLD, OLD))
    return path


def make_endless(path: Path) -> None:
    """Damage an HDF5 file that has text attributes: reading those never ends.

    They lie in a global heap, a list of objects with their sizes. Its last one is the free space.
    With a smaller size, what follows it is an object of size 0, which HDF5 never gets past.
    """
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + 16
    while content[at : at + 2] != b"\0\0":
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
    content[at + 8 : at + 16] = (32).to_bytes(8, "little")
    path.write_bytes(content)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.h5"
    with h5py.File(path, "w") as file:
        file.attrs["text"] = "some text"
        file.create_dataset("part/array", data=np.arange(12.0), chunks=(3,), compression="gzip")
    return settle(path)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Give the child another program."""
    (tmp_path / "program.py").write_text(text)
    monkeypatch.setattr(hdf5_sound, "WALK", tmp_path / "program.py")


@pytest.mark.slow
@POSIX
def test_a_dataset_that_never_ends_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "endless.h5"
    shutil.copy(dataset_file(GRID), path)
    make_endless(path)
    monkeypatch.setattr(hdf5_sound, "SECONDS", 2)
    with pytest.raises(DatasetError, match=r"endless\.h5 keeps the library.*busy.*after [0-9]+ s"):
        load_dataset(GRID, path)


@POSIX
def test_a_crash_is_one_clear_error(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(DatasetError, match=r"sound\.h5 crashes the library.*signal 11"):
        require_sound(sound, DatasetError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit('no such module')", r"status 1 \(no such module\).*Is .*interpreter"),
        ("raise SystemExit(3)", r"status 3 \(no message\)"),
    ],
)
def test_a_child_that_cannot_work_is_not_taken_for_a_sound_file(
    text: str, message: str, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, text)
    with pytest.raises(DatasetError, match=message):
        require_sound(sound, DatasetError)


def test_no_interpreter_is_one_clear_error(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(sound.parent / "none"))
    with pytest.raises(DatasetError, match=r"cannot read .*sound\.h5: .*none"):
        require_sound(sound, DatasetError)


def test_a_file_is_looked_into_once_until_it_changes(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    program(tmp_path, monkeypatch, f"open({str(log)!r}, 'a').write('x')")
    for _ in range(3):
        require_sound(sound, DatasetError)
    assert log.read_text() == "x"
    os.utime(sound, (OLD + 1, OLD + 1))
    require_sound(sound, DatasetError)
    assert log.read_text() == "xx"


def test_only_files_that_do_not_ship_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "raise SystemExit('looked into')")
    load_dataset(GRID)
    read_dataset(dataset_file(GRID))
    path = tmp_path / "own.h5"
    shutil.copy(dataset_file(GRID), path)
    with pytest.raises(DatasetError, match="looked into"):
        load_dataset(GRID, path)


@POSIX
def test_what_only_the_reader_may_judge_passes(sound: Path) -> None:
    # The reader has an error of its own for each; here none of them crashes or takes memory.
    with h5py.File(sound, "r+") as file:
        layout = h5py.VirtualLayout((4, 3), np.float64)
        layout[...] = h5py.VirtualSource(".", "/self", (4, 3), np.float64)
        file.create_virtual_dataset("self", layout)
        layout[...] = h5py.VirtualSource("other.h5", "/x", (4, 3), np.float64)
        file.create_virtual_dataset("elsewhere", layout)
        file["loop"] = file["part"]
        file["part/back"] = file["/"]
        file["link"] = h5py.ExternalLink("other.h5", "/x")
        file.create_dataset("huge", (1 << 40,), np.float64, chunks=(1024,))
    require_sound(sound, DatasetError)
    sound.write_bytes(sound.read_bytes()[:-20])
    require_sound(sound, DatasetError)
    sound.write_bytes(b"not HDF5")
    require_sound(sound, DatasetError)


def check_in_child(path: str) -> None:
    require_sound(Path(path), DatasetError)


@pytest.mark.slow
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_it_works_in_processes_of_every_kind(method: str, sound: Path) -> None:
    with multiprocessing.get_context(method).Pool(1) as pool:
        pool.apply(check_in_child, (str(sound),))


@pytest.mark.slow
@POSIX
def test_it_works_from_source_and_on_read_only_media(sound: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    package = Path(hdf5_sound.__file__).parents[1]
    shutil.copytree(
        package, source / "smile_bench", ignore=shutil.ignore_patterns("*.h5", "__pycache__")
    )
    folder = tmp_path / "media"
    folder.mkdir()
    shutil.move(sound, folder / "sound.h5")
    before = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    for path in [*source.rglob("*"), source, folder / "sound.h5", folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    code = (
        "import sys; sys.path.insert(0, 'source'); import smile_bench.io.hdf5_sound as h; "
        "from pathlib import Path; assert 'source' in h.__file__, h.__file__; "
        "h.require_sound(Path('media/sound.h5'), OSError)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == before
    finally:
        for path in [source, *source.rglob("*"), folder]:
            path.chmod(0o755)
