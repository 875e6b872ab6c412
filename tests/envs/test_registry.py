"""Importing the package registers the families, quickly and without torch."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import pytest

from smile_bench import all_families, get_family
from smile_bench.envs import register_families
from smile_bench.errors import UnknownNameError

IDS = (
    "SmileAntGoal-v0",
    "SmileAntLinearClassification-v0",
    "SmileGridGoal-v0",
    "SmileHalfCheetahVelocity-v0",
    "SmileWalkerDynamics-v0",
)


def run(code: str) -> str:
    """Run code in a fresh interpreter with warnings as errors; return what it printed."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_families() -> None:
    assert set(IDS) <= set(all_families())
    for name, family in all_families().items():
        assert family.id == name
        assert gym.spec(name).max_episode_steps == family.horizon
        assert get_family(name) is family
        assert get_family(family) is family


def test_registering_again_changes_nothing() -> None:
    before = {name: gym.spec(name) for name in IDS}
    register_families()
    assert all(gym.spec(name) is spec for name, spec in before.items())


def test_unknown_family() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown family 'AntGoal'. Did you mean 'SmileAntGoal"
    ):
        get_family("AntGoal")


def test_unknown_environment_id() -> None:
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `SmileAntGoal`"):
        gym.make("SmileAntGaol-v0")


def test_import_is_light() -> None:
    # Packages that it loads beside NumPy and Gymnasium: only itself, neither torch nor mujoco.
    loaded = "{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names"
    code = f"import sys, numpy, gymnasium; before = {loaded}; import smile_bench; "
    assert run(code + f"print(*sorted({loaded} - before))") == "smile_bench"
    families = "[n for n in sys.modules if n.startswith('smile_bench.') and 'simulator' in n]"
    assert run(code + f"print({families})") == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("make", ["make(", "make_vec(tasks='draw', id="])
def test_module_prefix_imports_the_package(make: str) -> None:
    code = f"import gymnasium; e = gymnasium.{make}'smile_bench:SmileAntGoal-v0'); "
    assert run(code + "e.reset(seed=0); print(e.unwrapped.family.id)") == "SmileAntGoal-v0"
