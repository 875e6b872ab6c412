"""Loading a family's canonical dataset, checked against the manifest beside it."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from smile_bench.datasets.dataset import Dataset
from smile_bench.datasets.format import read_dataset
from smile_bench.envs import Family, get_family
from smile_bench.errors import DatasetError, clipped
from smile_bench.io.files import write_atomically
from smile_bench.io.shipped import file_digest, require_unaltered

__all__ = [
    "add_to_manifest",
    "data_folder",
    "dataset_file",
    "load_dataset",
    "read_manifest",
    "shipped_families",
]

MANIFEST = "manifest.json"


def data_folder() -> Path:
    """The folder of the datasets that ship with the package."""
    return Path(str(resources.files("smile_bench.datasets") / "data"))


def dataset_file(family: str | Family) -> Path:
    """Path of a family's canonical dataset, in ``family.data`` or else among those that ship.

    Raises:
        UnknownNameError: there is no such family.
    """
    family = get_family(family)
    return (data_folder() if family.data is None else family.data) / f"{family.id}.h5"


def read_manifest(folder: Path, remedy: str = "Install smile-bench again.") -> dict[str, Any]:
    """Read the manifest of a folder of datasets.

    Args:
        folder: the folder.
        remedy: what to do if the manifest cannot be used, for the message.

    Returns:
        File name to ``{"sha256": ..., "bytes": ...}``.

    Raises:
        DatasetError: the manifest is missing or damaged.
    """
    path = folder / MANIFEST
    require_unaltered(path, DatasetError)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"cannot read {path}: {clipped(str(error))}. {remedy}") from error
    entries = list(manifest.values()) if isinstance(manifest, dict) else [None]
    if not all(isinstance(e, dict) and isinstance(e.get("sha256"), str) for e in entries):
        raise DatasetError(f"{path} is not a mapping of file names to their SHA-256. {remedy}")
    return dict(manifest)


def add_to_manifest(path: Path) -> None:
    """Enter a dataset file into the manifest of its folder."""
    manifest = path.parent / MANIFEST
    entries = read_manifest(path.parent, "Remove it.") if manifest.exists() else {}
    entries[path.name] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    write_atomically(manifest, json.dumps(entries, indent=2, sort_keys=True) + "\n")


def load_dataset(family: str | Family, path: str | Path | None = None) -> Dataset:
    """Load a family's demonstrations into memory.

    Args:
        family: the family or its id.
        path: a dataset file. By default the family's canonical one, which ships with the package
            or lies in the folder ``family.data``.

    Raises:
        UnknownNameError: there is no such family.
        DatasetError: the family has no canonical dataset, or the file is missing, damaged, altered
            or of another family.
    """
    family = get_family(family)
    if path is None:
        file = dataset_file(family)
        _require_manifest(family, file)
    else:
        file = Path(path)
    dataset = read_dataset(file)
    if dataset.family != family.id:
        raise DatasetError(f"{file} holds demonstrations of {dataset.family}, not of {family.id}.")
    return dataset


def shipped_families() -> list[str]:
    """The ids of the families whose dataset ships with the package."""
    return sorted(Path(name).stem for name in read_manifest(data_folder()))


def _require_manifest(family: Family, file: Path) -> None:
    """Check that a canonical dataset is the one that the manifest beside it lists."""
    remedy = "Install smile-bench again."
    if family.data is not None:
        remedy = (
            f"Build it: smile-bench datasets build {family.id} --output {file} --manifest, or "
            "smile_bench.datasets.build.build_dataset and "
            "smile_bench.datasets.loading.add_to_manifest."
        )
    manifest = read_manifest(file.parent, remedy)
    entry = manifest.get(file.name)
    if entry is None and family.data is None:
        raise DatasetError(
            f"no dataset of {family.id} ships with this version of smile-bench. "
            f"Shipped: {', '.join(sorted(manifest)) or 'none'}. If the family is your own, set "
            "`data` in its declaration to the folder of its dataset, or give the file's path."
        )
    if entry is None:
        raise DatasetError(f"{file.parent / MANIFEST} does not list {file.name}. {remedy}")
    if not file.exists() or file_digest(file) != entry["sha256"]:
        raise DatasetError(
            f"{file} is missing, damaged or altered: its SHA-256 is not the manifest's. {remedy}"
        )
