"""The docstrings of families, which are their pages, say what the declarations say."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from gymnasium import spaces

from smile_bench.envs import SPLITS, Family, MujocoFamily
from smile_bench.envs.grid.env import SmileGridEnv
from smile_bench.envs.mujoco.env import SmileEnv

SECTIONS = [
    "Description",
    "Task",
    "Action space",
    "Observation space",
    "Rewards",
    "Starting state",
    "Episode end",
    "Metrics",
    "Version history",
]


def sections(declared: type) -> dict[str, str]:
    """Heading to text."""
    _, *parts = re.split(r"^## ", inspect.getdoc(declared) or "", flags=re.MULTILINE)
    found = {}
    for part in parts:
        heading, text = part.split("\n", 1)
        found[heading] = " ".join(text.split())
    return found


@pytest.fixture
def page(family: Family) -> dict[str, str]:
    """The sections of a family's class."""
    return sections(type(family))


def test_sections_stand_in_order(page: dict[str, str]) -> None:
    assert list(page) == SECTIONS
    assert all(page.values())


def test_spaces(family: Family, page: dict[str, str]) -> None:
    space = family.action_space
    if isinstance(space, spaces.Discrete):
        action = f"``Discrete({space.n})``: "
    else:
        action = f"``Box(-1, 1, {space.shape}, float32)``: "
    assert page["Action space"].startswith(action)
    observation = f"``Box(-1e6, 1e6, ({family.observation_size},), float64)``: "
    assert page["Observation space"].startswith(observation)
    assert page["Observation space"].endswith("left out.")


def test_tasks(family: Family, page: dict[str, str]) -> None:
    for split in SPLITS:
        number = len(family.tasks[split])
        assert re.search(rf"\b{number} {split}\b", page["Task"])
    fewest, most = min(family.context_sizes), max(family.context_sizes)
    held = f"{fewest} to {most} demonstrations" if most > fewest else f"{most} demonstration"
    assert page["Task"].endswith(f"A context holds {held}.")


def test_episode_end(family: Family, page: dict[str, str]) -> None:
    assert page["Episode end"].startswith("Never terminates")
    if isinstance(family, MujocoFamily):
        seconds = family.horizon * family.control_seconds
        end = f"Truncated after {family.horizon} control steps, {seconds:g} s."
    else:
        end = f"Truncated after {family.horizon} steps."
    assert page["Episode end"].endswith(end)


def test_metrics(family: Family, page: dict[str, str]) -> None:
    stated = re.findall(r"``(\w+)``: .*?(Higher|Lower) is better\.", page["Metrics"])
    declared = [(m.name, "Higher" if m.higher_is_better else "Lower") for m in family.metrics]
    assert stated == declared


def test_body(family: Family, page: dict[str, str]) -> None:
    if not isinstance(family, MujocoFamily):
        return
    body, text = family.body, page["Description"]
    if "The ant of ``SmileAntGoal-v0``" not in text:
        assert f"``{body.asset}``" in text
        steps = f"{body.frame_skip} physics steps of {body.timestep:g} s"
        assert f"A control step is {steps}." in text
        noise = re.findall(r"±([\d.]+)", page["Starting state"])
        assert noise == [f"{body.position_noise:g}"]
    assert np.isfinite(body.velocity_clip) == ("clipped to ±10" in page["Observation space"])


def test_version_history(family: Family, page: dict[str, str]) -> None:
    version = family.id.rpartition("-")[2]
    assert page["Version history"].startswith(f"* {version}: ")


@pytest.mark.parametrize("env", [SmileEnv, SmileGridEnv])
def test_environments_have_the_sections_too(env: type) -> None:
    shared = [heading for heading in SECTIONS if heading not in ("Task", "Version history")]
    assert list(sections(env)) == [*shared, "Arguments"]
