"""Loading the datasets that ship with the package, checked against their manifest."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from smile_bench.datasets.dataset import Dataset
from smile_bench.datasets.format import read_dataset
from smile_bench.envs import Family, get_family
from smile_bench.errors import DatasetError
from smile_bench.io.files import write_atomically

__all__ = ["add_to_manifest", "data_folder", "load_dataset", "read_manifest", "shipped_families"]


def data_folder() -> Path:
    """Where the shipped dataset files lie."""
    return Path(str(resources.files("smile_bench.datasets") / "data"))


def read_manifest(folder: Path) -> dict[str, Any]:
    """File name to ``{"sha256": ..., "bytes": ...}``.

    Raises:
        DatasetError: the manifest is missing or damaged.
    """
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise DatasetError(f"can not read {path}: {error}. Install smile-bench again.") from error
    return manifest


def add_to_manifest(path: Path) -> None:
    """Enter a dataset file into the manifest of its folder."""
    manifest = path.parent / "manifest.json"
    entries = read_manifest(path.parent) if manifest.exists() else {}
    entries[path.name] = {"sha256": _sha256(path), "bytes": path.stat().st_size}
    write_atomically(manifest, json.dumps(entries, indent=2, sort_keys=True) + "\n")


def load_dataset(family: str | Family, path: str | Path | None = None) -> Dataset:
    """Load a family's demonstrations.

    Args:
        family: the family's id.
        path: a file built locally; by default the one that ships with the package.

    Returns:
        The dataset, in memory.

    Raises:
        UnknownNameError: no such family.
        DatasetError: no dataset ships for the family yet, or the file is damaged, altered or of
            another family.
    """
    family = get_family(family)
    if path is None:
        file = data_folder() / f"{family.id}.h5"
        entry = read_manifest(file.parent).get(file.name)
        if entry is None:
            raise DatasetError(
                f"no dataset of {family.id} ships with this version of smile-bench. "
                f"Shipped: {', '.join(sorted(read_manifest(file.parent))) or 'none'}."
            )
        if not file.exists() or _sha256(file) != entry["sha256"]:
            raise DatasetError(
                f"{file} is missing, damaged or altered: its SHA-256 is not the manifest's. "
                "Install smile-bench again."
            )
    else:
        file = Path(path)
    dataset = read_dataset(file)
    if dataset.family != family.id:
        raise DatasetError(f"{file} holds demonstrations of {dataset.family}, not of {family.id}.")
    return dataset


def shipped_families() -> list[str]:
    """The families whose dataset ships, by id."""
    return sorted(Path(name).stem for name in read_manifest(data_folder()))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
