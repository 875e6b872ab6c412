"""Modules of the environments import one another one way."""

from __future__ import annotations

import graphlib

import grimp
import pytest

PACKAGE = "smile_bench.envs"


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Each module's imports inside the package, those in functions and for types included."""
    graph = grimp.build_graph("smile_bench", cache_dir=None)
    return {
        module: {
            found
            for found in graph.find_modules_directly_imported_by(module)
            if found.startswith(PACKAGE)
        }
        for module in graph.modules
        if module.startswith(PACKAGE)
    }


def test_there_is_no_circle(imports: dict[str, set[str]]) -> None:
    graphlib.TopologicalSorter(imports).prepare()


def test_a_declaration_knows_no_physics(imports: dict[str, set[str]]) -> None:
    known, waiting = set(), [f"{PACKAGE}.family"]
    while waiting:
        module = waiting.pop()
        known.add(module)
        waiting.extend(imports[module] - known)
    names = ("family", "facts", "declaration", "simulation", "arguments", "partition", "tables")
    assert known == {f"{PACKAGE}.{name}" for name in names}


def test_a_grid_does_not_need_mujoco(imports: dict[str, set[str]]) -> None:
    for module in ("vector", "grid.env", "grid.simulator", "families.grid_goal"):
        found = {name for name in imports[f"{PACKAGE}.{module}"] if ".mujoco" in name}
        assert not found, module
