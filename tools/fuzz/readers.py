"""The readers of files: an intact copy for each, and how it is read."""

from __future__ import annotations

import os
import shutil
from typing import Any, ClassVar

import numpy as np

from smile_bench.errors import SmileError
from smile_bench.io.shipped import PACKAGE
from tools.fuzz.alterations import (
    HDF5,
    JSON,
    TENSORS,
    array_changed,
    flipped,
    header_retyped,
    one_flipped,
    retyped,
)
from tools.fuzz.case import Case

__all__ = [
    "AgentFile",
    "DatasetFile",
    "DatasetManifest",
    "ExpertFile",
    "MinariFiles",
    "PackageManifest",
    "ProtocolFiles",
    "ShippedDatasets",
    "ShippedFiles",
]

GRID = "SmileGridGoal-v0"


class DatasetFile(Case):
    """Datasets in HDF5, and what verifies and describes them."""

    alter: ClassVar = HDF5

    silent = "what it states of its making, and views that are not read; a digest covers arrays"

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

    alter: ClassVar = JSON
    silent = "a file's size, which its SHA-256 makes redundant"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.datasets.loading import add_to_manifest

        shutil.copy(PACKAGE / "datasets" / "data" / f"{GRID}.h5", self.folder)
        add_to_manifest(self.folder / f"{GRID}.h5")

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

    alter: ClassVar = JSON

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
    """One flipped bit in any file that ships, except datasets: weights, tables, protocol, rows."""

    alter: ClassVar = (one_flipped,)
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".safetensors")

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.io import shipped

        self.names = []
        for source in shipped.shipped_files():
            if source.suffix in self.suffixes:
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


class ShippedDatasets(ShippedFiles):
    """One flipped bit in any dataset that ships."""

    suffixes: ClassVar[tuple[str, ...]] = (".h5",)


class ExpertFile(Case):
    """A user's expert: one network, and one policy per task."""

    alter: ClassVar = TENSORS

    silent = "nobody lists the SHA-256 of a user's own weights"

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

    alter: ClassVar = TENSORS

    silent = "nobody lists them, but a result states them, and a rerun compares"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        weights = PACKAGE / "baselines" / "weights"
        shutil.copy(weights / "meta-bc" / f"{GRID}.safetensors", self.folder / "a.safetensors")
        shutil.copy(
            weights / "tabular-smile" / f"{GRID}.safetensors", self.folder / "b.safetensors"
        )
        _skills().save(self.folder / "c.safetensors")

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["a.safetensors", "b.safetensors", "c.safetensors"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.baselines import get_agent

        get_agent("meta-bc").read_weights(self.folder / "a.safetensors", GRID)
        get_agent("tabular-smile").read_weights(self.folder / "b.safetensors", GRID)
        get_agent("diayn").read_weights(self.folder / "c.safetensors", GRID)


def _skills() -> Any:
    """DIAYN before its first step."""
    from dataclasses import replace

    from smile_bench.access import Access
    from smile_bench.baselines.unsupervised.diayn.presets import preset
    from smile_bench.baselines.unsupervised.diayn.training import DIAYN

    config = replace(preset(GRID), skills=3)
    return DIAYN([config], [Access(GRID, track="unsupervised")]).agent(0, {})


class ProtocolFiles(Case):
    """The two files of a frozen protocol."""

    alter: ClassVar = (*JSON, header_retyped)

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

    alter: ClassVar = (flipped, retyped, retyped, array_changed)

    silent = "Minari has no checksum; to_minari makes the export again"

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
