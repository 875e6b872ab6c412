"""What results and weights say of where they come from."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import smile_bench
from smile_bench.errors import AgentError
from smile_bench.provenance import (
    hardware,
    made_here,
    package_versions,
    training_of,
    training_recipe,
    version_of,
    weights_of,
)


def test_a_recipe_holds_command_seed_versions_and_hardware() -> None:
    recipe = training_recipe("train", 3)
    assert json.loads(json.dumps(recipe)) == recipe
    assert (recipe["command"], recipe["seed"]) == ("train", 3)
    assert recipe["versions"] == package_versions()
    assert recipe["versions"]["mujoco"] == metadata.version("mujoco")
    assert {name: recipe[name] for name in hardware()} == hardware()
    assert hardware()["cpus"] >= 1


def test_physics_is_the_same_with_the_same_version_on_the_same_machine_type() -> None:
    version, machine = metadata.version("mujoco"), platform.machine()
    assert made_here(version, machine)
    assert not made_here("0.0", machine)
    assert not made_here(version, "another")


def test_what_an_agent_states_of_its_training_becomes_plain_data() -> None:
    assert training_of(SimpleNamespace()) is None
    stated = training_of(SimpleNamespace(recipe=MappingProxyType({"a": (1, 2), "b": None})))
    assert stated == {"a": [1, 2], "b": None}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("text", "must be a mapping, got str"),
        ({"a": float("nan")}, "JSON-able"),
        ({"a": np.zeros(2)}, "JSON-able"),
        ({(1, 2): 3}, "JSON-able"),
    ],
)
def test_a_recipe_that_is_not_json_is_one_clear_error(recipe: Any, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        training_of(SimpleNamespace(recipe=recipe))


def test_weights_are_named_by_their_sha256() -> None:
    assert weights_of(SimpleNamespace()) is None
    assert weights_of(SimpleNamespace(weights_sha256="0a" * 32)) == "0a" * 32
    for wrong in ("0a" * 31, "0A" * 32, 3, b"0a" * 32):
        with pytest.raises(AgentError, match="must be 64 hexadecimal digits"):
            weights_of(SimpleNamespace(weights_sha256=wrong))


def test_a_package_used_from_its_source_states_its_own_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    assert version_of("smile-bench") == smile_bench.__version__
    assert package_versions()["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("text", "stated"), [("", "unknown"), ("a\tb\n", "ab"), ("x" * 300, "x" * 200)]
)
def test_facts_of_the_computer_can_be_read_back(
    monkeypatch: pytest.MonkeyPatch, text: str, stated: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: text)
    assert hardware()["machine"] == stated
    assert made_here(version_of("mujoco"), stated)
