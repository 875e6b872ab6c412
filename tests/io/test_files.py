from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from smile_bench.io import files
from smile_bench.io.files import (
    SETTLED,
    one_at_a_time,
    remembered,
    replacing,
    write_atomically,
)


def test_text_and_bytes_are_written_with_their_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "text", "Δ")
    write_atomically(tmp_path / "bytes", b"\x00")
    assert (tmp_path / "a" / "b" / "text").read_text(encoding="utf-8") == "Δ"
    assert (tmp_path / "bytes").read_bytes() == b"\x00"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise interruption

    with pytest.raises(interruption):
        write()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "one", "")
    (tmp_path / "other").write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("one", "other")}
    assert len(modes) == 1


def test_what_was_found_in_a_file_is_remembered_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looked, old = tmp_path / "x", list[str](), 1_000_000_000
    clock = SimpleNamespace(time_ns=lambda: old + SETTLED)
    monkeypatch.setattr("smile_bench.io.files.time", clock)

    @remembered
    def content(path: Path) -> str:
        looked.append(path.read_text())
        return looked[-1]

    path.write_text("one")
    os.utime(path, ns=(old, old + 1))
    for _ in range(3):  # Just written: another write might not show in the file's time.
        assert content(path) == "one"
    assert len(looked) == 3
    os.utime(path, ns=(old, old))
    for _ in range(3):
        assert content(path) == "one"
    assert len(looked) == 4
    path.write_text("two")
    os.utime(path, ns=(old, old - 1))
    assert content(path) == "two"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        content(path)


@pytest.mark.skipif(os.name != "posix", reason="locks")
def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "x.json", tmp_path / ".y.json.abcd.part"
    left = tmp_path / ".x.json.abcd.part"
    left.write_text("half")
    other.write_text("half of another")
    with replacing(path) as temporary:
        assert not left.exists()
        temporary.write_text("first")
        # The same file is written twice at once: neither removes the other's.
        write_atomically(path, "second")
        assert temporary.exists()
    assert path.read_text() == "first"
    assert sorted(found.name for found in tmp_path.iterdir()) == [other.name, path.name]


def test_without_locks_files_are_written_and_leftovers_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoLocks:
        LOCK_EX, LOCK_NB = 2, 4

        @staticmethod
        def flock(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

    left = tmp_path / ".x.json.abcd.part"
    left.write_text("half")
    for locks in (NoLocks, None):
        monkeypatch.setattr(files, "fcntl", locks)
        write_atomically(tmp_path / "x.json", "whole")
        assert (tmp_path / "x.json").read_text() == "whole"
        assert left.exists()


HOLD = """
import sys
from pathlib import Path
from smile_bench.io.files import one_at_a_time

with one_at_a_time(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.readline()
"""


def test_a_file_is_made_by_one_process_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "folder" / "made"
    entered = threading.Event()

    def wait() -> None:
        with one_at_a_time(path):
            entered.set()

    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        with one_at_a_time(tmp_path / "folder" / "other"):  # Another file does not wait.
            pass
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.2)
        holder.kill()  # A killed process holds nobody off.
        waiting.join(600)
    assert entered.is_set()
    assert {found.name for found in path.parent.iterdir()} == {".made.lock", ".other.lock"}


def test_nobody_waits_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    if files.fcntl is not None:
        with monkeypatch.context() as patch:
            patch.setattr(files.fcntl, "flock", refuse)
            with one_at_a_time(tmp_path / "made"), one_at_a_time(tmp_path / "made"):
                pass
    monkeypatch.setattr(files, "fcntl", None)
    with one_at_a_time(tmp_path / "made"), one_at_a_time(tmp_path / "made"):
        pass
    with pytest.raises(ValueError, match="mine"), one_at_a_time(tmp_path / "made"):
        raise ValueError("mine")
