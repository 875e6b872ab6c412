"""Running a reader on altered files in processes of its own, and counting what comes out."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.errors import SmileError
from smile_bench.io import hdf5_sound
from tools.fuzz import built, exchanged, readers, written
from tools.fuzz.alterations import Bytes, flipped, meaning, one_flipped
from tools.fuzz.case import Case

CASES: dict[str, type[Case]] = {
    case.__name__: case
    for case in (
        readers.DatasetFile, readers.DatasetManifest, readers.PackageManifest,
        readers.ShippedFiles, readers.ShippedDatasets, readers.ExpertFile, readers.AgentFile,
        readers.ProtocolFiles, readers.MinariFiles, built.BuildNotes, built.CachedBatch,
        exchanged.ResultFiles,
        exchanged.EntryFiles, exchanged.Checkpoints, exchanged.MeasuredFiles,
        written.StudyFile,
    )
}  # fmt: skip

__all__ = ["CASES", "run"]

LONGEST = 500
"""Characters of the path aside, beyond which a message counts as too long."""
MEMORY, SECONDS = 3 << 30, 60
"""Limits of one process: bytes beyond what it has at its start, and seconds a file."""
HDF5_SECONDS = 3
"""Processor time that the child which reads an HDF5 file first has here."""


def fuzz(name: str, first: int, tries: int, flips: bool, found: Any) -> None:
    """Alter and read ``tries`` times, and put the outcomes into the queue ``found``."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    hdf5_sound.SECONDS = HDF5_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        case = CASES[name](Path(folder))
        case.read()
        limit = _address_space() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for number in range(first, first + tries):
            found.put(("begin", number))
            found.put(_outcome(case, number, (one_flipped,) if flips else case.alter))
    found.put(("end", tries))


def _outcome(case: Case, number: int, alterations: Sequence[Bytes]) -> tuple[str, str]:
    rng = np.random.default_rng([number, len(type(case).__name__)])
    files = case.files()
    name = files[int(rng.integers(len(files)))]
    content = case.contents[name]
    alter = alterations[int(rng.integers(len(alterations)))]
    try:
        altered = alter(content, rng)
    except (OSError, ValueError, KeyError):  # Not this kind of file.
        altered = flipped(content, rng)
    if altered == content:
        altered = content + b"x"
    path = case.folder / name
    path.write_bytes(altered)
    case.altered = name
    try:
        case.read()
    except SmileError as error:
        text = str(error).replace(str(case.folder), "")
        if len(text) > LONGEST or "\n" in text:
            return "long", f"{number} {name} {alter.__name__}: {len(text)} characters, {text[:200]}"
        return "error", text
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        what = f"{type(error).__name__}: {str(error)[:120]} ({place})"
        return "raw", f"{number} {name} {alter.__name__}: {what}"
    finally:
        path.write_bytes(content)
        case.altered = None
    if alter is one_flipped and meaning(name, altered) != meaning(name, content):
        return "silent", f"{number} {name}"
    return "read", ""


def _address_space() -> int:
    return (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        * resource.getpagesize()
    )


def run(name: str, tries: int, *, flips: bool) -> tuple[Counter[str], list[str]]:
    """Fuzz one reader, and go on in another process after a crash."""
    counts, bad, done = Counter[str](), list[str](), 0
    context = multiprocessing.get_context("spawn")
    while done < tries:
        found = context.SimpleQueue()
        process = context.Process(target=fuzz, args=(name, done, tries - done, flips, found))
        process.start()
        current = done
        while True:
            if not _waited(found, process):
                kind = "hang" if process.is_alive() else "crash"
                process.kill()
                counts[kind] += 1
                bad.append(f"{name} {current}: {kind}, exit code {process.exitcode}")
                done = current + 1
                break
            kind, value = found.get()
            if kind == "end":
                done = tries
                break
            if kind == "begin":
                current = value
                continue
            counts[kind] += 1
            explained = kind == "silent" and CASES[name].silent
            if kind in ("raw", "long", "silent") and not explained:
                bad.append(f"{name} {kind}: {value}")
        process.join()
    return counts, bad


def _waited(found: Any, process: Any) -> bool:
    """Whether something is in the queue before the process ends or hangs."""
    for _ in range(SECONDS * 20):
        if not found.empty():
            return True
        process.join(0.0 if process.is_alive() else None)
        if not process.is_alive():
            return not found.empty()
        process.join(0.05)
    return not found.empty()
