"""Claims: one holder at a time, taken over only when it is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from smile_bench.studies import claims
from smile_bench.studies.claims import STALE, Claim, Holder, alive_holder, last_holder, try_claim

LINUX = pytest.mark.skipif(
    not Path("/proc/self/ns/pid").exists(), reason="only Linux says when a process began"
)


def never() -> None:
    raise AssertionError("the claim is lost")


def taken(folder: Path, lost: Callable[[], None] = never) -> Claim:
    claim = try_claim(folder, lost)
    assert claim is not None
    return claim


def write_claim(folder: Path, number: int, holder: Holder | None) -> Path:
    """A claim as another process has left it."""
    path = folder / f"claim-{number:06d}"
    path.write_text("" if holder is None else json.dumps(asdict(holder)))
    return path


def elsewhere(place: str = "another machine") -> Holder:
    return replace(Holder.here(), place=place, host="elsewhere")


def age(path: Path, seconds: float) -> None:
    at = path.stat().st_mtime - seconds
    os.utime(path, (at, at))


@contextmanager
def ended_process() -> Iterator[Holder]:
    """Who claimed and was killed."""
    code = (
        "import json, dataclasses; from smile_bench.studies.claims import Holder;"
        "print(json.dumps(dataclasses.asdict(Holder.here())), flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        holder = Holder(**json.loads(process.stdout.readline()))
        assert holder.lives()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield holder  # Nobody has asked for its status: a zombie.
    finally:
        process.kill()
        process.communicate()


def test_a_claim_is_held_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    with taken(folder) as claim:
        assert try_claim(folder, never) is None
        assert alive_holder(folder) == claim.holder
        assert claim.holder.pid == os.getpid()
    assert alive_holder(folder) is None
    assert list(folder.iterdir()) == []
    with taken(folder):
        pass


def test_of_many_threads_that_claim_at_once_one_wins(tmp_path: Path) -> None:
    for round_ in range(20):
        folder, won, ready = tmp_path / str(round_), list[Claim](), threading.Barrier(8)

        def claim(
            folder: Path = folder, won: list[Claim] = won, ready: threading.Barrier = ready
        ) -> None:
            ready.wait()
            if (found := try_claim(folder, never)) is not None:
                won.append(found)

        threads = [threading.Thread(target=claim) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1


@LINUX
def test_a_killed_holder_is_replaced_at_once(tmp_path: Path) -> None:
    with ended_process() as holder:
        assert holder.lives() is False, "a zombie"
        write_claim(tmp_path, 1, holder)
        assert alive_holder(tmp_path) is None
        assert last_holder(tmp_path) == holder
        taken(tmp_path)
    assert holder.lives() is False


@LINUX
def test_a_number_that_was_given_again_does_not_look_alive() -> None:
    assert Holder.here().lives()
    assert replace(Holder.here(), started="1").lives() is False


@LINUX
def test_a_suspended_holder_on_this_machine_keeps_its_claim(tmp_path: Path) -> None:
    age(write_claim(tmp_path, 1, Holder.here()), 10 * STALE)
    assert try_claim(tmp_path, never) is None


@pytest.mark.parametrize("place", ["another machine", "", "this boot pid:[another container]"])
def test_a_silent_holder_elsewhere_is_replaced(tmp_path: Path, place: str) -> None:
    path = write_claim(tmp_path, 1, elsewhere(place))
    assert elsewhere(place).lives() is None
    assert try_claim(tmp_path, never) is None
    age(path, STALE + 1)
    taken(tmp_path)


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "[" * 5000, "\0" * 9000])
def test_a_damaged_claim_ends_with_its_time(tmp_path: Path, content: str) -> None:
    path = write_claim(tmp_path, 3, None)
    path.write_text(content)
    assert try_claim(tmp_path, never) is None, "its holder may be about to write it"
    assert (holder := alive_holder(tmp_path)) is not None
    assert holder.host == "unknown"
    age(path, STALE + 1)
    assert taken(tmp_path).path.name == "claim-000004"


@pytest.mark.parametrize("skew", [-5 * STALE, 5 * STALE])
def test_clocks_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skew: float) -> None:
    now = time.time
    path = write_claim(tmp_path, 1, elsewhere())
    monkeypatch.setattr(time, "time", lambda: now() + skew)
    assert try_claim(tmp_path, never) is None
    age(path, max(STALE, -skew + STALE) + 1)
    taken(tmp_path)


def test_other_files_are_not_claims(tmp_path: Path) -> None:
    for name in ("claim-", "claim-x", "claim-²", "claims-1"):
        (tmp_path / name).touch()
    assert last_holder(tmp_path) is None
    assert taken(tmp_path).path.name == "claim-000001"


def lost(tmp_path: Path, change: Callable[[Claim], object]) -> bool:
    """Whether a holder finds a change of the folder."""
    found = threading.Event()
    held = taken(tmp_path, found.set)
    with Claim(held.path, held.holder, found.set, heartbeat=0.01) as claim:
        change(claim)
        return found.wait(60.0)


def test_a_holder_finds_a_newer_claim(tmp_path: Path) -> None:
    assert lost(tmp_path, lambda claim: write_claim(tmp_path, 2, elsewhere()))
    assert (tmp_path / "claim-000002").exists(), "that of the other stays"


def test_a_holder_finds_that_its_claim_was_cleared_away(tmp_path: Path) -> None:
    assert lost(tmp_path, lambda claim: claim.path.unlink())


def test_a_holder_finds_another_claim_of_its_number(tmp_path: Path) -> None:
    def replace_it(claim: Claim) -> None:
        claim.path.unlink()
        write_claim(tmp_path, 1, elsewhere())

    assert lost(tmp_path, replace_it)


def test_a_claim_is_touched(tmp_path: Path) -> None:
    held = taken(tmp_path)
    age(held.path, 100.0)
    before = held.path.stat().st_mtime
    with Claim(held.path, held.holder, never, heartbeat=0.01) as claim:
        while claim.path.stat().st_mtime == before:
            pass
        assert not claim.lost()


def test_a_claim_that_cannot_be_written_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Holder) -> dict[str, str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(claims, "asdict", full)
    with pytest.raises(OSError, match="No space"):
        try_claim(tmp_path, never)
    assert list(tmp_path.iterdir()) == []


def test_the_last_claim_before_stays_until_the_end(tmp_path: Path) -> None:
    for number in (3, 4, 5):
        age(write_claim(tmp_path, number, elsewhere()), STALE + 1)
    with taken(tmp_path):
        assert sorted(p.name for p in tmp_path.iterdir()) == ["claim-000005", "claim-000006"]
    assert list(tmp_path.iterdir()) == []
