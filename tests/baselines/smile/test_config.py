"""SMILe's presets are what their names say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smile_bench.access import Access
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.meta_bc.presets import members
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.presets import PRESETS, preset
from smile_bench.baselines.smile.training import SMILe
from smile_bench.envs import all_families
from smile_bench.errors import InputError, UnknownNameError
from tests.helpers import synthetic

TRAINED = [family for family in all_families() if family != "SmileGridGoal-v0"]
SMALL = SMILeConfig(
    family=synthetic.FAMILY,
    iterations=8,
    steps=2,
    updates=4,
    capacity=20,
    tasks_per_batch=2,
    transitions_per_task=2,
    hidden=(8, 8),
    discriminator_hidden=(8, 8),
    encoder=EncoderConfig(hidden=8, pooled=8, code=4),
    validate_every=0,
)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_what_they_are(name: str) -> None:
    config = preset(name, "SmileAntGoal-v0", 7)
    assert (config.name, config.seed) == (name, 7)
    assert config.state_only is name.endswith("state-only")
    published = name.startswith("smile-paper")
    # What is not in the published algorithm.
    assert (config.demonstrated == 0.0 and config.other_tasks == 0.0) is published
    assert (config.imitation == 0.0 and config.decay_to == 1.0) or not published
    with pytest.raises(UnknownNameError, match="Did you mean"):
        preset("smle", "SmileAntGoal-v0")
    with pytest.raises(InputError, match="no settings for SmileGridGoal"):
        preset(name, "SmileGridGoal-v0")


@pytest.mark.parametrize("suffix", ["", "-state-only"])
@pytest.mark.parametrize("family", TRAINED)
def test_all_members_together_have_no_more_in_their_batches_than_the_published_algorithm(
    family: str, suffix: str
) -> None:
    def transitions(name: str) -> int:
        config = preset(name, family)
        batch = config.tasks_per_batch * config.transitions_per_task
        return members(name, family) * config.iterations * config.updates * batch

    assert transitions(f"smile{suffix}") <= transitions(f"smile-paper{suffix}")
    assert members(f"smile-paper{suffix}", family) == 1


@pytest.mark.parametrize("sizes", [(), (2, 4)])
def test_contexts_of_the_training_have_the_configured_sizes(sizes: tuple[int, ...]) -> None:
    access = Access(synthetic.FAMILY, dataset=synthetic.dataset())
    training = SMILe(replace(SMALL, context_sizes=sizes), access)
    draw, seen = training.demonstrations.sample_contexts, set()

    def watched(rng: np.random.Generator, tasks: Any, shots: int, timesteps: int) -> Any:
        seen.add(shots)
        return draw(rng, tasks, shots, timesteps)

    training.demonstrations.sample_contexts = watched  # type: ignore[method-assign]
    for _ in range(training.iterations):
        training.step()
    assert seen == set(sizes or access.family.context_sizes)


@pytest.mark.parametrize(("sizes", "outcome"), [((0,), 0.0), ((2, 5), 0.0), ((2, 4), 1.0)])
def test_contexts_can_not_have_more_demonstrations_than_there_are(
    sizes: tuple[int, ...], outcome: float
) -> None:
    access = Access(synthetic.FAMILY, dataset=synthetic.dataset())
    left = round(outcome)
    wrong = f"can not have {sizes[-1]} demonstrations: each task has 4, .* {left} must be left"
    with pytest.raises(InputError, match=wrong):
        SMILe(replace(SMALL, context_sizes=sizes, outcome=outcome), access)
