"""HDF5 files from strangers are opened in a child process first: some crash libhdf5 or hang it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from smile_bench.errors import SmileError, clipped
from smile_bench.io.files import remembered
from smile_bench.io.hdf5 import LARGEST_RATIO, MAXIMUM_BYTES

__all__ = ["require_sound"]

WALK = Path(__file__).with_name("hdf5_walk.py")
START = "import runpy, sys; sys.path[:] = sys.argv.pop().split('\\n'); " + (
    "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)
"""The child's program. It looks for modules where the parent does."""
SECONDS = 30
"""Processor time for a small file."""
BYTES_A_SECOND = 1 << 20
"""Size of a file that earns a further second. HDF5 unpacks about 50 times as much."""
WAITING = 20
"""Wall-clock seconds to wait for each second of processor time: disks may be slow, and other
programs busy."""
MEMORY = 1 << 30
"""Bytes that reading a small file may take."""


def require_sound(path: Path, error: type[SmileError]) -> None:
    """Refuse an HDF5 file that crashes or hangs libhdf5.

    A child process reads everything in the file once, with limits. That costs about 0.2 s and the
    time of reading. It is done once in a process, until size or time of the file change. Damage
    that libhdf5 reports is left to whoever reads the file afterwards.

    Args:
        path: the file.
        error: type of the error to raise.

    Raises:
        SmileError: of type ``error``; the child crashed or did not end, or could not be started.
    """
    try:
        fault = _fault(path.absolute())
    except OSError as cause:
        raise error(f"cannot read {path}: {clipped(str(cause))}.") from cause
    if fault:
        raise error(f"{path} {fault}")


@remembered
def _fault(path: Path) -> str:
    """What is wrong with a file, empty if nothing is."""
    size = path.stat().st_size
    seconds = SECONDS + size // BYTES_A_SECOND
    memory = MEMORY + min(MAXIMUM_BYTES, LARGEST_RATIO * size)
    where = "\n".join(str(Path(entry).absolute()) for entry in sys.path)
    arguments = [str(WALK), str(path), str(seconds), str(memory), where]
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-c", START, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WAITING * seconds,
            # Threads of linear algebra would only take time and memory.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _endless(WAITING * seconds)
    if ended.returncode == 0:
        return ""
    if ended.returncode == -getattr(signal, "SIGXCPU", 0):
        return _endless(seconds)
    if ended.returncode < 0:
        return (
            f"crashes the library that reads HDF5 (signal {-ended.returncode}); it is damaged or "
            "hostile. Download or build it again."
        )
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    return (
        "cannot be checked before it is read: the Python process that does so ended with status "
        f"{ended.returncode} ({clipped(lines[-1]) if lines else 'no message'}). Is "
        f"{sys.executable} the interpreter in which smile-bench is installed?"
    )


def _endless(seconds: int) -> str:
    return (
        f"keeps the library that reads HDF5 busy without an end (stopped after {seconds} s); it is "
        "damaged or hostile. Download or build it again."
    )
