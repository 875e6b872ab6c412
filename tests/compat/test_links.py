"""Importing through the links at the root of the repository, as a Python started there does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import smile_bench

ROOT = Path(__file__).parents[2]
LINKS = ("datasets", "envs", "baselines")

REACH = """
import sys
import datasets, envs, baselines
from datasets import load_dataset
import datasets.build, envs.mujoco.simulator
import smile_bench
from smile_bench.datasets import build
from smile_bench.envs.mujoco import simulator

assert load_dataset is smile_bench.load_dataset
assert datasets is smile_bench.datasets
assert envs is smile_bench.envs
assert baselines is smile_bench.baselines
assert datasets.build is build is sys.modules["datasets.build"]
assert envs.mujoco.simulator is simulator is sys.modules["envs.mujoco.simulator"]
assert build.__spec__.name == build.__name__ == "smile_bench.datasets.build"
assert envs.get_family("SmileAntGoal-v0") is smile_bench.get_family("SmileAntGoal-v0")
"""


def python(command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a Python that was started at the root of the repository."""
    return subprocess.run(
        [sys.executable, *options, "-c", command], cwd=ROOT, capture_output=True, text=True
    )


def test_the_links_reach_the_one_package() -> None:
    found = python(REACH)
    assert found.returncode == 0, found.stderr
    for name in LINKS:
        assert f"`import {name}` found the link" in found.stderr


def test_an_unknown_module_is_named_and_the_package_itself_does_not_warn() -> None:
    for name in LINKS:
        assert (ROOT / name).resolve() == Path(smile_bench.__file__).parent / name
    found = python(
        "import smile_bench.baselines, smile_bench.datasets, smile_bench.envs, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import datasets.no_such_module",
        "-Werror::UserWarning",
    )
    assert "No module named 'smile_bench.datasets.no_such_module'" in found.stderr
