"""SMILe's presets are what their names say."""

from __future__ import annotations

import pytest

from smile_bench.baselines.smile_config import PRESETS, preset
from smile_bench.errors import InputError, UnknownNameError


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
