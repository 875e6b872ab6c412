"""What the tests of families over MuJoCo bodies share."""

from __future__ import annotations

import pytest

from smile_bench.envs import MujocoFamily, all_families

BODIES = [family for family in all_families().values() if isinstance(family, MujocoFamily)]


@pytest.fixture(params=BODIES, ids=lambda family: family.id)
def family(request: pytest.FixtureRequest) -> MujocoFamily:
    """Each family over a MuJoCo body in turn."""
    family: MujocoFamily = request.param
    return family
