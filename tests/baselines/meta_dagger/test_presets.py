"""Meta-DAgger's presets: Meta-BC's for each family, and what the experts' labels are there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.meta_bc.presets import family_settings
from smile_bench.baselines.meta_dagger.presets import preset
from smile_bench.baselines.meta_dagger.training import MetaDAgger, MetaDAggerConfig
from smile_bench.envs import all_families, get_family
from smile_bench.settings import flatten

FAMILIES = [family for family in all_families() if family.startswith("Smile")]
CLASSIFICATION, GRID = "SmileAntLinearClassification-v0", "SmileGridGoal-v0"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_changes_what_it_changes_for_meta_bc(family: str) -> None:
    config = preset(family, 7)
    assert (config.family, config.seed) == (family, 7)
    expected = replace(MetaDAggerConfig(family=family, seed=7), **family_settings(family))
    assert config == expected
    # The learner visits first states itself, so that batches need no more of them.
    assert config.first_state_fraction == 0.0
    defaults = flatten(MetaDAggerConfig(family=family))
    own = flatten(config)
    for name in ("warm_up_iterations", "visited_fraction"):
        assert own[name] == defaults[name]


@pytest.mark.parametrize("family", FAMILIES)
def test_most_iterations_gather(family: str) -> None:
    config = preset(family)
    iterations = config.total_updates // config.updates_per_iteration
    assert 0 < config.warm_up_iterations <= iterations // 2


@pytest.mark.parametrize("family", [GRID, CLASSIFICATION])
def test_every_kind_of_family_trains_on_the_experts_actions(family: str) -> None:
    config = replace(
        preset(family, 3),
        total_updates=2,
        updates_per_iteration=1,
        warm_up_iterations=1,
        validate_every=0,
    )
    trained = MetaDAgger([config], [Access(family, track="expert-queries", tasks=8)])
    for _ in range(2):
        trained.step()
    declared = get_family(family)
    assert trained.gathered == declared.horizon
    assert trained.labels.shape == (1, 8, declared.horizon, declared.action_size)
    if family == GRID:
        assert torch.equal(trained.labels.sum(-1), torch.ones(1, 8, declared.horizon))
    else:
        assert 0.1 < float(trained.labels.abs().mean()) < 1.0
