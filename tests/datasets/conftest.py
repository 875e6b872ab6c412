"""Datasets that several modules of tests share."""

from __future__ import annotations

import pytest

from smile_bench.datasets import Dataset
from smile_bench.datasets.build import BuildConfig, build_dataset


@pytest.fixture(scope="package")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The medium dataset of the grid."""
    path = tmp_path_factory.mktemp("medium") / "grid.h5"
    return build_dataset(BuildConfig.canonical("SmileGridGoal-v0", variant="medium"), path)
