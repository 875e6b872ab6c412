"""Histograms of goal features."""

from __future__ import annotations

import math

import pytest
import torch

from smile_bench.baselines.unsupervised.explorers.density import Histogram, HistogramConfig
from smile_bench.errors import InputError

CONFIG = HistogramConfig(low=-1.0, high=1.0, bins=4)


def test_real_features_fall_into_cells_and_what_is_outside_into_the_border() -> None:
    histogram = Histogram(1, 2, False, CONFIG)
    points = torch.tensor([[[-1.0, -1.0], [-0.4, -1.0], [0.9, -0.6], [0.0, 0.9], [-7.0, 7.0]]])
    assert histogram.cells(points).tolist() == [[0, 1, 3, 2 + 12, 12]]


def test_the_density_is_that_of_everything_seen_with_one_more_in_each_cell() -> None:
    histogram = Histogram(2, 3, True, CONFIG)
    histogram.add(torch.eye(3)[torch.tensor([[0, 0, 1], [2, 2, 2]])])
    histogram.add(torch.eye(3)[torch.tensor([[0], [1]])])
    assert histogram.counts.tolist() == [[3.0, 1.0, 0.0], [0.0, 1.0, 3.0]]
    density = histogram.log_density(torch.eye(3).expand(2, -1, -1)).exp()
    torch.testing.assert_close(density, torch.tensor([[4, 2, 1], [1, 2, 4]]) / 7.0)
    assert histogram.log_uniform == -math.log(3)
    restored = Histogram(2, 3, True, CONFIG)
    for index in range(2):
        restored.load_state_dict(index, histogram.state_dict(index))
    assert torch.equal(restored.counts, histogram.counts)


@pytest.mark.parametrize(
    ("features", "config", "match"),
    [
        (29, CONFIG, "29 features in 4 bins each"),
        (2, HistogramConfig(low=1.0, high=1.0), "give low < high"),
    ],
)
def test_too_many_cells_or_an_empty_range_are_refused(
    features: int, config: HistogramConfig, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        Histogram(1, features, False, config)
