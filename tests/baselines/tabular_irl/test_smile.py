"""The file of tabular SMILe: what it keeps, what it refuses, and that it needs no PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.baselines.registry import weights_path
from smile_bench.baselines.tabular_irl.contexts import read_contexts, require_grid
from smile_bench.baselines.tabular_irl.smile import (
    LAYERS,
    TabularSmile,
    TabularSmileConfig,
    encode,
    initial_weights,
)
from smile_bench.errors import AgentError

ID = "SmileGridGoal-v0"
FAMILY = require_grid(ID)


def made() -> TabularSmile:
    config = TabularSmileConfig(family=ID, iterations=25, seed=1)
    weights = initial_weights(FAMILY, config.hidden, np.random.default_rng(config.seed))
    return TabularSmile(config, weights, {"command": "made"})


def test_it_survives_its_file(tmp_path: Path) -> None:
    agent, path = made(), tmp_path / "agent.safetensors"
    agent.save(path)
    again = TabularSmile.load(path)
    assert (again.config, again.recipe) == (agent.config, agent.recipe)
    for name in LAYERS:
        np.testing.assert_array_equal(again.weights[name], agent.weights[name].astype(np.float32))
    contexts = [load_dataset(ID).test.context(task, [0, 1]) for task in range(3)]
    np.testing.assert_allclose(again.infer(contexts)[1], agent.infer(contexts)[1], atol=1e-4)


def test_saving_what_was_loaded_gives_the_same_arrays(tmp_path: Path) -> None:
    released = TabularSmile.load(weights_path("tabular-smile", ID))
    released.save(tmp_path / "again.safetensors")
    again = TabularSmile.load(tmp_path / "again.safetensors")
    assert (again.config, again.recipe) == (released.config, released.recipe)
    for name in LAYERS:
        np.testing.assert_array_equal(again.weights[name], released.weights[name])


def test_a_damaged_file_and_another_agent_s_are_refused(tmp_path: Path) -> None:
    (tmp_path / "agent.safetensors").write_bytes(b"none")
    with pytest.raises(AgentError, match=r"cannot read .* damaged"):
        TabularSmile.load(tmp_path / "agent.safetensors")
    with pytest.raises(AgentError, match="tabular-smile"):
        TabularSmile.load(weights_path("meta-bc", ID))
    with pytest.raises(AgentError, match="there is no such file"):
        TabularSmile.load(tmp_path / "missing.safetensors")


def test_the_encoder_s_inputs_are_shares_and_do_not_depend_on_the_order() -> None:
    part = load_dataset(ID).test
    decoded = read_contexts([part.context(0, [0, 1, 2]), part.context(0, [2, 0, 1])], FAMILY)
    inputs = encode(decoded)
    assert inputs.shape == (2, 2 * FAMILY.cells + 2)
    np.testing.assert_allclose(inputs[0], inputs[1], atol=1e-12)
    np.testing.assert_allclose(inputs[:, : FAMILY.cells].sum(axis=1), 1.0)
    np.testing.assert_allclose(inputs[:, FAMILY.cells : -2].sum(axis=1), 1.0)
    np.testing.assert_allclose(inputs[:, -2:], np.stack((decoded.slips, [1 / 3] * 2), axis=1))


def test_the_released_agent_acts_without_pytorch() -> None:
    script = f"""
import sys
sys.modules["torch"] = None
import smile_bench
agent = smile_bench.load_agent("tabular-smile", "{ID}")
policy = agent.adapt([smile_bench.load_dataset("{ID}").test.context(0, [0])])
print(policy.policies.shape)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"(1, {FAMILY.horizon}, {FAMILY.cells}, {FAMILY.action_size})"
