"""What several tests of the agents share."""

from __future__ import annotations

import pytest

from smile_bench.access import Access
from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.learning.normaliser import Normaliser


@pytest.fixture(scope="session")
def demonstrations() -> TaskDemonstrations:
    """The shipped ones of ant linear classification, not to be changed."""
    found = Access("SmileAntLinearClassification-v0", track="offline").demonstrations()
    return TaskDemonstrations(found, Normaliser.of(found.observations))
