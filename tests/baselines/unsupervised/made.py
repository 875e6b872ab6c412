"""Small trainings of the goal-conditioned agents, on few tasks of ant goal and on the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from smile_bench.access import Access
from smile_bench.baselines import get_agent
from smile_bench.baselines.unsupervised.config import CollectionConfig
from smile_bench.baselines.unsupervised.presets import preset
from smile_bench.baselines.unsupervised.training import GoalTrainings
from smile_bench.learning.compute import Compute
from smile_bench.learning.sac import SACConfig
from tests.helpers import synthetic

GRID, ANT = "SmileGridGoal-v0", synthetic.FAMILY


def small(name: str, family: str = GRID, seed: int = 0, **changes: Any) -> Any:
    """A preset with few of everything."""
    config: Any = preset(name, family, seed)
    sac: SACConfig = replace(config.sac, hidden=(16, 16))
    own: dict[str, Any] = {"explorer": sac} if hasattr(config, "explorer") else {}
    if hasattr(config, "vae"):
        own = {"vae": replace(config.vae, hidden=(8,), batch=12)}
    config = replace(
        config,
        iterations=6,
        updates_per_iteration=6,
        batch=10,
        validate_every=0,
        collection=CollectionConfig(
            env_steps=7, hold=2, copies=2, normaliser_iterations=2, episodes=2
        ),
        sac=sac,
        **own,
    )
    return replace(config, **changes)


def accesses(family: str, number: int) -> list[Access]:
    """Reward-free environments of three tasks of ant goal, or of the grid's tasks."""
    data = synthetic.dataset() if family == ANT else None
    first = Access(family, track="unsupervised", dataset=data)
    return [first, *(first.fresh() for _ in range(number - 1))]


def trainings(name: str, configs: Sequence[Any]) -> GoalTrainings:
    """The trainings of some configurations."""
    spec = get_agent(name).training
    assert spec is not None
    given = accesses(configs[0].family, len(configs))
    made: GoalTrainings = spec.make_trainings(configs, given, Compute())
    return made
