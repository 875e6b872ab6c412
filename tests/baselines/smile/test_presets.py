"""SMILe's presets are what their names say."""

from __future__ import annotations

import pytest

from smile_bench.baselines.smile.presets import PRESETS, preset
from smile_bench.envs import all_families
from smile_bench.errors import InputError, UnknownNameError

TRAINED = [
    family
    for family in all_families()
    if family.startswith("Smile") and family != "SmileGridGoal-v0"
]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_what_they_are(name: str) -> None:
    config = preset(name, "SmileAntGoal-v0", 7)
    assert (config.family, config.seed) == ("SmileAntGoal-v0", 7)
    assert config.state_only is name.endswith("state-only")
    published = name.startswith("smile-paper")
    shown, discriminator = config.demonstrations, config.discriminator
    # None of this is in the published algorithm.
    assert (shown.fraction == 0.0 and discriminator.mismatched_negatives == 0.0) is published
    assert (shown.bc_weight == 0.0 and config.final_lr_fraction == 1.0) is published
    assert (discriminator.gradient_penalty == 10.0) is published
    with pytest.raises(UnknownNameError, match="Did you mean"):
        preset("smle", "SmileAntGoal-v0")
    with pytest.raises(InputError, match="no settings for SmileGridGoal"):
        preset(name, "SmileGridGoal-v0")


@pytest.mark.parametrize("suffix", ["", "-state-only"])
@pytest.mark.parametrize("family", TRAINED)
def test_all_members_together_see_no_more_than_the_published_algorithm(
    family: str, suffix: str
) -> None:
    def transitions(name: str) -> int:
        config = preset(name, family)
        return config.members * config.iterations * config.updates_per_iteration * config.batch

    assert transitions(f"smile{suffix}") <= transitions(f"smile-paper{suffix}")
    assert preset(f"smile-paper{suffix}", family).members == 1
