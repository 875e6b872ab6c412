"""Verifying a stranger's result in a process of its own, so that a crash is a failed check."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from smile_bench.checks import Check
from smile_bench.errors import ProtocolError
from smile_bench.protocol.result import EVIDENCE_FILE
from smile_bench.protocol.result_file import read_result
from smile_bench.protocol.verification import Verification, mujoco_version, verify_result

__all__ = ["verify_isolated"]

SECONDS = 3600.0
"""How long verifying one result may take. The shipped ones take seconds."""
READING = 60
"""Seconds of processor time that reading one result may take. The shipped ones take a fraction."""
CHILD = (
    "import json, sys; facts = json.loads(sys.argv[1]); sys.path[:] = facts['path']; "
    "from smile_bench.protocol.verification.isolated import answer; answer(facts)"
)


def verify_isolated(
    directory: str | Path, *, families: tuple[str, ...] = (), seconds: float = SECONDS
) -> Verification:
    """Verify a result in a new Python process.

    The process answers in JSON. If it crashes, is killed or takes too long, that is a failed check
    with the file's name and that of the signal, and the caller continues.

    Args:
        directory: as :func:`verify_result`.
        families: modules to import first, which register families of your own.
        seconds: how long the process may take.

    Returns:
        What :func:`verify_result` found.
    """
    directory = Path(directory)
    with tempfile.TemporaryDirectory(prefix="smile-bench-") as name:
        answered = Path(name) / "answer.json"
        facts = {
            "path": [str(Path(entry).absolute()) for entry in sys.path],
            "directory": str(directory.absolute()),
            "families": list(families),
            "answer": str(answered),
        }
        try:
            ended = subprocess.run(
                [sys.executable, "-c", CHILD, json.dumps(facts)],
                # An empty folder, so that nothing there can be imported or overwritten.
                cwd=name,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _failed(directory, f"took longer than {seconds:g} s")
        if ended.returncode != 0 or not answered.is_file():
            return _failed(directory, _ending(ended))
        found = json.loads(answered.read_text(encoding="utf-8"))
    checks = tuple(Check(name, bool(passed), detail) for name, passed, detail in found["findings"])
    return Verification(directory, bool(found["exact"]), checks, found["mujoco"])


def answer(facts: dict[str, Any]) -> None:
    """Verify the result that the parent process names and write the outcome for it."""
    for module in facts["families"]:
        import_module(module)
    # Damaged files may keep HDF5 busy for ever. That they are refused is found again below.
    with _processor_time(READING), contextlib.suppress(ProtocolError):
        read_result(facts["directory"], evidence=True)
    found = verify_result(facts["directory"])
    outcome = {"exact": found.exact, "findings": found.findings, "mujoco": found.mujoco}
    Path(facts["answer"]).write_text(json.dumps(outcome), encoding="utf-8")


@contextlib.contextmanager
def _processor_time(seconds: int) -> Iterator[None]:
    """End this process if a block takes longer, where the system can; C code cannot prevent it.

    Processor time, unlike wall-clock time, does not depend on what other programs do.
    """
    try:
        import resource
    except ImportError:  # Windows; the parent still limits the whole.
        yield
        return
    usual, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(time.process_time()) + 1 + seconds
    tighter = all(limit < other or other == resource.RLIM_INFINITY for other in (usual, hard))
    resource.setrlimit(resource.RLIMIT_CPU, (limit if tighter else usual, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (usual, hard))


def _failed(directory: Path, how: str) -> Verification:
    detail = f"reading and replaying {directory / EVIDENCE_FILE} {how}"
    return Verification(directory, False, (Check("process", False, detail),), mujoco_version())


def _ending(ended: subprocess.CompletedProcess[bytes]) -> str:
    """How a process ended that gave no answer."""
    if ended.returncode == -getattr(signal, "SIGXCPU", 0):
        return f"kept HDF5 busy for {READING} s without an end; the file is damaged or hostile"
    if ended.returncode < 0:
        try:
            name = signal.Signals(-ended.returncode).name
        except ValueError:
            name = str(-ended.returncode)
        return f"crashed the process with {name}; the file is damaged or hostile"
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    last = lines[-1][:200] if lines else "no message"
    return f"ended the process with status {ended.returncode}: {last}"
