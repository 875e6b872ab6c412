"""Mean returns of the references."""

from __future__ import annotations

import pytest

from smile_bench.datasets.minari.returns import reference_returns
from smile_bench.envs import get_family


def test_the_expert_has_the_larger_return_and_the_result_is_the_same_each_time() -> None:
    family = get_family("SmileGridGoal-v0")
    blind, expert = reference_returns(family, ("test",))
    assert blind < 0.6 * expert
    assert reference_returns.__wrapped__(family, ("test",)) == (blind, expert)
    # The protocol measures the same expert on its frozen episodes.
    assert expert == pytest.approx(43.8, rel=0.1)
