"""Pictures and text show the agent, walls and rewards."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from tests.envs.grid.grid_goal import ID, cell, make


def test_rendering() -> None:
    env = make(task=1, render_mode="ansi")
    env.reset(options={"state": [cell(2, 1), 0]})
    text = env.render()
    assert isinstance(text, str)
    assert text.splitlines()[2] == ".@##.ww."
    env = make(task=1, render_mode="rgb_array", width=80, height=40)
    env.reset(options={"state": [cell(2, 1), 0]})
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (40, 80, 3)
    assert picture[12, 15].tolist() == [40, 90, 220]
    assert picture[12, 25].tolist() == [70, 70, 75]
    size: dict[str, Any] = {"width": 32, "height": 32}
    pictures = gym.make_vec(ID, num_envs=2, tasks=[0, 1], render_mode="rgb_array", **size)
    pictures.reset(seed=0)
    drawn: Any = pictures.render()
    assert [picture.shape for picture in drawn] == [(32, 32, 3)] * 2
