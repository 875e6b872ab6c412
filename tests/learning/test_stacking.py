"""What trainings of one computation share, and what each has of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch

from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU
from smile_bench.learning.stacking import column, in_step, require_stackable, to_logs


@dataclass(frozen=True)
class Group:
    rate: float = 0.1
    width: int = 8


@dataclass(frozen=True)
class Settings:
    seed: int = 0
    size: int = 4
    group: Group = field(default_factory=Group)


def test_a_number_of_each_training_is_a_column() -> None:
    assert column([0.5, 2], CPU).tolist() == [[0.5], [2.0]]


def test_settings_may_differ_in_the_named_ones_alone() -> None:
    first, scalars = Settings(), ("seed", "group.rate")
    require_stackable([first], scalars)
    require_stackable([first, Settings(seed=3, group=Group(rate=0.5))], scalars)
    with pytest.raises(
        InputError, match=r"training 2 of one computation has group.width 9 and training 0 8; they"
    ):
        require_stackable([first, first, replace(first, group=Group(width=9))], scalars)
    with pytest.raises(InputError, match=r"may differ in seed, group.rate\. Train them one after"):
        require_stackable([first, Settings(size=5)], scalars)


def test_a_log_is_split_by_training() -> None:
    log = {"a": torch.tensor([1.0, 2.0], requires_grad=True), "b": torch.tensor([3, 4])}
    assert to_logs(log) == [{"a": 1.0, "b": 3.0}, {"a": 2.0, "b": 4.0}]
    assert to_logs({}) == []


def test_a_shared_count_is_the_largest_of_those_that_are_loaded() -> None:
    held = 9
    for index, given in enumerate((2, 7, 5)):
        held = in_step(index, held, given)
    assert held == 7
