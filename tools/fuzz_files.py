"""Alter files at random and read them: only smile-bench's own errors may come out, on one line.

Each reader runs in a process of its own with bounded memory and time, so that a crash, a hang or an
allocation is counted too. ``python tools/fuzz_files.py --tries 500`` prints a table and exits with
1 if anything but a clear error or an unchanged result came out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from smile_bench.errors import SmileError
from smile_bench.io.shipped import PACKAGE

LONGEST = 500
"""Characters of the path aside, beyond which a message counts as too long."""
MEMORY, SECONDS = 3 << 30, 20
"""Limits of one process: bytes beyond what it has at its start, and seconds a file."""
GRID = "SmileGridGoal-v0"
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 2**70, 1e308, float("nan"), "", "x", "é" * 3000, [], [[]], {}, {"a": 1},
    [1, "a"], [None] * 50,
)  # fmt: skip
"""Values that take the place of others in JSON."""

Bytes = Callable[[bytes, np.random.Generator], bytes]


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight flipped bits."""
    altered = bytearray(content)
    for position in rng.integers(len(altered), size=rng.integers(1, 9)):
        altered[position] ^= 1 << int(rng.integers(8))
    return bytes(altered)


def one_flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One flipped bit."""
    altered = bytearray(content)
    altered[int(rng.integers(len(altered)))] ^= 1 << int(rng.integers(8))
    return bytes(altered)


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    """The beginning."""
    return content[: int(rng.integers(len(content)))]


def overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to 64 bytes of noise or of zeros near the beginning, where headers lie, or anywhere."""
    altered = bytearray(content)
    start = int(rng.integers(min(len(altered), 4096) if rng.random() < 0.5 else len(altered)))
    size = min(int(rng.integers(1, 65)), len(altered) - start)
    altered[start : start + size] = rng.bytes(size) if rng.random() < 0.7 else bytes(size)
    return bytes(altered)


def retyped(content: bytes, rng: np.random.Generator) -> bytes:
    """JSON with one value replaced, one name removed or one renamed; other content with noise."""
    try:
        document = json.loads(content)
    except ValueError:
        return overwritten(content, rng)
    return json.dumps(_retyped(document, rng)).encode()


def _retyped(value: Any, rng: np.random.Generator) -> Any:
    """The value with one change at a random depth."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
        return ODD[int(rng.integers(len(ODD)))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key: Any = keys[int(rng.integers(len(keys)))]
    changed: Any = value.copy()
    if rng.random() < 0.15:
        del changed[key]
    elif rng.random() < 0.1 and isinstance(value, dict):
        changed[f"{key}x"] = changed.pop(key)
    else:
        changed[key] = _retyped(value[key], rng)
    return changed


def header_retyped(content: bytes, rng: np.random.Generator) -> bytes:
    """A safetensors file with one change in its header, or in JSON in its metadata."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    metadata = header.get("__metadata__", {})
    inner = [name for name, text in metadata.items() if text.startswith("{")]
    if inner and rng.random() < 0.7:
        name = inner[int(rng.integers(len(inner)))]
        metadata[name] = json.dumps(_retyped(json.loads(metadata[name]), rng))
    else:
        header = _retyped(header, rng)
    text = json.dumps(header).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def array_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """An HDF5 file with one array or attribute of another kind: size, type, view, link or group."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            arrays = [name for name in names if isinstance(file[name], h5py.Dataset)]
            if rng.random() < 0.3 and len(file.attrs):
                attribute = sorted(file.attrs)[int(rng.integers(len(file.attrs)))]
                _change_attribute(file, attribute, rng)
            else:
                _change_array(file, arrays[int(rng.integers(len(arrays)))], rng)
        return path.read_bytes()


def _change_attribute(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    odd = [3, np.zeros(4), "x" * 5000, "[" * 5000, "{}", "[]", "null", "3", h5py.Empty("f4")]
    if rng.random() < 0.15:
        del file.attrs[name]
    elif str(file.attrs[name]).startswith("{") and rng.random() < 0.6:
        file.attrs[name] = json.dumps(_retyped(json.loads(str(file.attrs[name])), rng))
    else:
        file.attrs[name] = odd[int(rng.integers(len(odd)))]


def _change_array(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    shape, dtype = file[name].shape, file[name].dtype
    kind = int(rng.integers(9))
    del file[name]
    larger = (*shape[:1], *(size * int(rng.integers(1, 2000)) for size in shape[1:]))
    if kind == 0:
        file.create_dataset(name, larger, dtype, chunks=tuple(min(n, 64) for n in larger))
    elif kind == 1:
        file.create_dataset(name, larger, dtype)
    elif kind == 2:
        file.create_dataset(name, data=np.zeros(shape, np.int8))
    elif kind == 3:
        file.create_dataset(name, data=np.full(shape, np.nan, np.float64))
    elif kind == 4:
        file.create_group(name)
    elif kind == 5:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(".", f"/{name}", shape, dtype)
        file.create_virtual_dataset(name, layout)
    elif kind == 6:
        file[name] = h5py.ExternalLink("other.h5", "/x")
    elif kind == 7:
        file[name] = h5py.SoftLink(f"/{name}")
    # Else it is missing.


HDF5: tuple[Bytes, ...] = (flipped, truncated, overwritten, array_changed)
JSON: tuple[Bytes, ...] = (flipped, truncated, retyped, retyped, overwritten)
TENSORS: tuple[Bytes, ...] = (flipped, truncated, overwritten, header_retyped, header_retyped)


class Case:
    """A reader and an intact file for it.

    Args:
        folder: a folder of this case.
    """

    alter: tuple[Bytes, ...] = ()
    """How its files are altered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.altered: str | None = None
        """The file that is altered now."""
        self.make()
        self.contents = {name: (folder / name).read_bytes() for name in self.files()}

    def make(self) -> None:
        """Write the intact files into the folder."""
        raise NotImplementedError

    def files(self) -> list[str]:
        """The files that are altered."""
        raise NotImplementedError

    def read(self) -> Any:
        """Read the files."""
        raise NotImplementedError


class DatasetFile(Case):
    """Datasets in HDF5, and what verifies and describes them."""

    alter = HDF5

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench import load_dataset

        shutil.copy(PACKAGE / "datasets" / "data" / f"{GRID}.h5", self.folder / "d.h5")
        self.digest = load_dataset(GRID).digest()

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["d.h5"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.access import Access
        from smile_bench.datasets.calibration import Calibration
        from smile_bench.datasets.format import read_dataset
        from smile_bench.datasets.verify import made_here

        dataset = read_dataset(self.folder / "d.h5")
        assert dataset.digest() == self.digest, "other arrays were read"
        _ = made_here(dataset), dataset.variant
        if "calibration" in dataset.attributes:
            Calibration.of(dataset)
        Access(dataset.family, dataset=dataset).demonstrations()


class DatasetManifest(Case):
    """The manifest beside a family's own dataset."""

    alter = JSON

    def make(self) -> None:
        """As :meth:`Case.make`."""
        for name in (f"{GRID}.h5", "manifest.json"):
            shutil.copy(PACKAGE / "datasets" / "data" / name, self.folder / name)

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["manifest.json"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from dataclasses import replace

        from smile_bench import get_family, load_dataset

        load_dataset(replace(get_family(GRID), data=self.folder))


class PackageManifest(Case):
    """The package's manifest, with a weight file and a task table."""

    alter = JSON

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.io import shipped

        for name in ("experts/weights/ant-goal.safetensors", "envs/tables/grid_goal.json"):
            (self.folder / name).parent.mkdir(parents=True)
            shutil.copy(PACKAGE / name, self.folder / name)
        shipped.PACKAGE, shipped.MANIFEST = self.folder, self.folder / "manifest.json"
        shipped.write_manifest()

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return [
            "manifest.json",
            "envs/tables/grid_goal.json",
            "experts/weights/ant-goal.safetensors",
        ]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.envs.tables import FrozenTables
        from smile_bench.experts.policy import read_expert
        from smile_bench.io import shipped

        shipped._listed.cache_clear()
        dict(FrozenTables(self.folder / "envs/tables/grid_goal.json"))
        read_expert(self.folder / "experts/weights/ant-goal.safetensors")


class ShippedFiles(Case):
    """One flipped bit in any file that ships, except datasets, which have cases of their own."""

    alter = (one_flipped,)

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.io import shipped

        self.names = []
        for source in shipped.shipped_files():
            if source.suffix != ".h5":
                name = source.relative_to(PACKAGE).as_posix()
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, self.folder / name)
                self.names.append(name)
        shipped.PACKAGE, shipped.MANIFEST = self.folder, self.folder / "manifest.json"
        shipped.write_manifest()

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return self.names

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.io.shipped import require_unaltered

        for name in self.names if self.altered is None else [self.altered]:
            require_unaltered(self.folder / name, SmileError)


class ExpertFile(Case):
    """A user's expert: one network, and one policy per task."""

    alter = TENSORS

    def make(self) -> None:
        """As :meth:`Case.make`."""
        for name in ("ant-goal", "walker-dynamics-base"):
            shutil.copy(PACKAGE / "experts" / "weights" / f"{name}.safetensors", self.folder)

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["ant-goal.safetensors", "walker-dynamics-base.safetensors"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench import get_family
        from smile_bench.experts.policy import read_expert

        for name in self.files():
            expert = read_expert(self.folder / name)
            family = get_family(expert.family)
            expert.act(np.zeros((1, family.observation_size)), family.table("train")[:1])


class AgentFile(Case):
    """A user's weights of an agent."""

    alter = TENSORS

    def make(self) -> None:
        """As :meth:`Case.make`."""
        weights = PACKAGE / "baselines" / "weights"
        shutil.copy(weights / "meta-bc" / f"{GRID}.safetensors", self.folder / "a.safetensors")
        shutil.copy(
            weights / "tabular-smile" / f"{GRID}.safetensors", self.folder / "b.safetensors"
        )

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["a.safetensors", "b.safetensors"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.baselines import get_agent

        get_agent("meta-bc").read_weights(self.folder / "a.safetensors", GRID)
        get_agent("tabular-smile").read_weights(self.folder / "b.safetensors", GRID)


class ProtocolFiles(Case):
    """The two files of a frozen protocol."""

    alter = (*JSON, header_retyped)

    def make(self) -> None:
        """As :meth:`Case.make`."""
        for name in self.files():
            shutil.copy(PACKAGE / "protocol" / "data" / name, self.folder / name)

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return [f"{GRID}.json", f"{GRID}.safetensors"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.protocol.meta_test import read_meta_test

        read_meta_test(GRID, self.folder)


class MinariFiles(Case):
    """An export to Minari: its metadata and its episodes."""

    alter = (flipped, retyped, retyped, array_changed)

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from dataclasses import replace

        from smile_bench import load_dataset
        from smile_bench.datasets.minari import to_minari
        from smile_bench.datasets.subsets import select

        os.environ["MINARI_DATASETS_PATH"] = str(self.folder)
        whole = load_dataset(GRID)
        small = {name: select(p, np.arange(2), 2) for name, p in whole.splits.items()}
        self.opened = to_minari(replace(whole, splits=small), "fuzz/grid-v0")

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["fuzz/grid-v0/data/metadata.json", "fuzz/grid-v0/data/main_data.hdf5"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.datasets.minari import from_minari

        from_minari(self.opened)


class BuildNotes(Case):
    """Notes and parts of a build that was interrupted."""

    alter = (*JSON, header_retyped)

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.io.tensors import write_tensors

        facts = {"rate": 0.5, "metric": "m", "reached": 1.0, "expert": 2.0, "blind": 0.0}
        (self.folder / "calibration.json").write_text(json.dumps({**facts, "episodes": 9}))
        write_tensors(self.folder / "part.safetensors", {"a": np.zeros((2, 3))})

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["calibration.json", "part.safetensors"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.datasets.build import _read_note, _read_part
        from smile_bench.datasets.calibration import Calibration

        Calibration.read(_read_note(self.folder / "calibration.json"), "calibration.json")
        _read_part(self.folder / "part.safetensors")


CASES = {
    case.__name__: case
    for case in (
        DatasetFile, DatasetManifest, PackageManifest, ShippedFiles, ExpertFile, AgentFile,
        ProtocolFiles, MinariFiles, BuildNotes,
    )
}  # fmt: skip


def fuzz(name: str, first: int, tries: int, found: Any) -> None:
    """Alter and read ``tries`` times, and put the outcomes into the queue ``found``."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with tempfile.TemporaryDirectory() as folder:
        case = CASES[name](Path(folder))
        case.read()
        limit = _address_space() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for number in range(first, first + tries):
            found.put(("begin", number, ""))
            found.put((*_outcome(case, number), ""))
    found.put(("end", tries, ""))


def _outcome(case: Case, number: int) -> tuple[str, str]:
    rng = np.random.default_rng([number, len(type(case).__name__)])
    files = case.files()
    name = files[int(rng.integers(len(files)))]
    content = case.contents[name]
    alter = case.alter[int(rng.integers(len(case.alter)))]
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
    return "read", ""


def _address_space() -> int:
    return (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        * resource.getpagesize()
    )


def run(name: str, tries: int) -> tuple[Counter[str], list[str]]:
    """Fuzz one reader, and go on in another process after a crash."""
    counts, bad, done = Counter[str](), list[str](), 0
    context = multiprocessing.get_context("spawn")
    while done < tries:
        found = context.SimpleQueue()
        process = context.Process(target=fuzz, args=(name, done, tries - done, found))
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
            kind, value, _ = found.get()
            if kind == "end":
                done = tries
                break
            if kind == "begin":
                current = value
                continue
            counts[kind] += 1
            if kind in ("raw", "long"):
                bad.append(f"{name} {value}")
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


def main() -> int:
    """Fuzz the readers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=500, help="altered files of each reader")
    parser.add_argument("--reader", choices=list(CASES), help="only this one")
    arguments = parser.parse_args()
    failures: list[str] = []
    print(f"{'reader':18}{'tried':>7}{'clear error':>13}{'read':>7}{'too long':>10}"
          f"{'raw':>6}{'crash':>7}{'hang':>6}")  # fmt: skip
    for name in [arguments.reader] if arguments.reader else CASES:
        counts, bad = run(name, arguments.tries)
        failures += bad
        print(f"{name:18}{counts.total():7}{counts['error']:13}{counts['read']:7}"
              f"{counts['long']:10}{counts['raw']:6}{counts['crash']:7}{counts['hang']:6}",
              flush=True)  # fmt: skip
    for line in failures[:60]:
        print(line)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
