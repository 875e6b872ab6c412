from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from smile_bench.cli.main import main
from smile_bench.protocol.result import render, sealed
from smile_bench.protocol.verification import isolated
from tests.helpers.results import evaluated

ENDLESS = """
import json, sys
facts = json.loads(sys.argv[1])
sys.path[:] = facts["path"]
from smile_bench.protocol.verification import isolated
isolated.READING = 1
isolated.read_result = lambda *given, **how: any(None for _ in iter(int, 1))
isolated.answer(facts)
"""
"""A child for which every result is one that HDF5 never stops reading."""


def view_of_itself(folder: Path) -> None:
    """Make the actions of a result's evidence a virtual view of themselves, and seal it."""
    file = folder / "evidence.h5"
    with h5py.File(file, "r+") as evidence:
        shape, dtype = evidence["actions"].shape, evidence["actions"].dtype
        del evidence["actions"]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(".", "/actions", shape, dtype)
        evidence.create_virtual_dataset("actions", layout)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "result.json").write_text(render(sealed(evaluated().to_dict(), digest)))


@pytest.mark.slow
def test_the_command_verifies_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = evaluated().save(tmp_path / "one").parent
    assert main(["verify", str(folder)]) == 0
    assert "verified exactly" in capsys.readouterr().out
    assert main(["verify", str(folder), str(tmp_path / "nothing")]) == 2
    output = capsys.readouterr().out
    assert "NOT VERIFIED" in output
    assert "verified exactly" in output
    # Rounding that another NumPy excuses does not verify a result.
    versions = {**evaluated().versions, "numpy": "2.0.0"}
    replace(evaluated(), scores=evaluated().scores + 1e-12, versions=versions).save(folder)
    assert main(["verify", str(folder)]) == 1
    assert f"{folder}: consistent, not exact" in capsys.readouterr().out
    exact = evaluated().save(tmp_path / "exact").parent
    assert main(["verify", str(folder), str(exact)]) == 1
    assert main(["verify", str(folder), str(tmp_path / "nothing")]) == 2
    assert "NOT VERIFIED" in capsys.readouterr().out
    # A result must not name the code that is run: the agent's name is looked up, never imported.
    agent = "tests.helpers.results:Wanderer"
    replace(evaluated(), agent=agent).save(folder)
    assert main(["verify", str(folder), "--rerun"]) == 2
    assert f"unknown agent '{agent}'" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_that_crashes_or_hangs_its_reader_is_a_line_and_the_next_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = evaluated().save(tmp_path / "hostile").parent
    honest = evaluated().save(tmp_path / "honest").parent
    view_of_itself(hostile)
    command = ["verify", str(hostile), str(honest), "--rerun"]
    child = isolated.CHILD
    crash = (
        "import os, signal, sys; "
        f"'hostile' in sys.argv[1] and os.kill(os.getpid(), signal.SIGSEGV); {child}"
    )
    hang = f"import sys; exec({ENDLESS!r} if 'hostile' in sys.argv[1] else {child!r})"
    for program, line in (
        (child, "FAIL files: "),
        (crash, f"FAIL process: reading and replaying {hostile / 'evidence.h5'} crashed the "),
        (hang, f"FAIL process: reading and replaying {hostile / 'evidence.h5'} kept HDF5 busy for"),
    ):
        monkeypatch.setattr(isolated, "CHILD", program)
        assert main(command) == 2
        shown = capsys.readouterr().out.splitlines()
        assert shown[0].startswith(line)
        assert str(hostile / "evidence.h5") in shown[0]
        assert shown[1] == f"{hostile}: NOT VERIFIED"
        # The agent is asked for nothing where the evidence is refused.
        assert not any("wanderer" in each for each in shown[:2])
        assert shown[2].startswith("ok   files")
        assert shown[-2].startswith("FAIL agent: unknown agent 'wanderer'")
        assert main(command[:-1]) == 2
        assert capsys.readouterr().out.endswith(f"{honest}: verified exactly\n")


def test_the_help_says_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 if it replays exactly; 1 if it is consistent, not exact; 2 if it is refused" in shown
