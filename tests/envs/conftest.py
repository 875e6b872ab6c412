"""What the tests of the environments share."""

from __future__ import annotations

import pytest

from smile_bench.envs import Family, all_families


@pytest.fixture(params=list(all_families().values()), ids=lambda family: family.id)
def family(request: pytest.FixtureRequest) -> Family:
    """Each family in turn, whatever its physics."""
    family: Family = request.param
    return family
