"""What is installed: data and weights with their licences, and not too much of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import smile_bench
from smile_bench.baselines import all_agents
from smile_bench.cli.listing import describe_agent
from smile_bench.datasets.loading import data_folder, shipped_families
from smile_bench.envs import all_families

PACKAGE = Path(smile_bench.__file__).parent
LARGEST_WHEEL = 80e6


def installed() -> Iterator[Path]:
    for path in PACKAGE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def test_the_wheel_stays_small() -> None:
    # As a wheel holds them. Data are compressed already, weights become a tenth smaller.
    assert sum(len(zlib.compress(path.read_bytes())) for path in installed()) < LARGEST_WHEEL


def test_the_package_has_data_and_weights_and_no_tests() -> None:
    assert set(shipped_families()) == set(all_families())
    assert sum(len(describe_agent(spec)["weights"]) for spec in all_agents().values()) >= 22
    names = {path.name for path in installed()}
    assert not {name for name in names if name.startswith("test_") or name == "conftest.py"}
    assert "py.typed" in names


@pytest.mark.parametrize("folder", [data_folder(), PACKAGE / "experts" / "weights"])
def test_a_licence_lies_beside_the_data(folder: Path) -> None:
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "CC-BY-4.0" in text
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    assert smile_bench.load_dataset("SmileGridGoal-v0").attributes["licence"] in text
