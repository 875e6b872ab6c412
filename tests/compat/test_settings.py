"""Former names of settings: where each leads, and what stored settings become."""

from __future__ import annotations

from typing import Any

import pytest

from smile_bench.baselines.training import trainable_agents
from smile_bench.compat.settings import FORMER_SETTINGS, current_name, renamed_settings
from smile_bench.envs import all_families
from smile_bench.errors import InputError
from smile_bench.settings import flatten

pytest.importorskip("torch")


def known(agent: str, family: str) -> dict[str, Any]:
    training = trainable_agents()[agent].training
    assert training is not None
    return flatten(training.make_preset(family, 0))


def every_setting() -> dict[str, set[str]]:
    """The settings of each agent, over all families."""
    found: dict[str, set[str]] = {name: set() for name in trainable_agents()}
    for name in found:
        for family in all_families():
            try:
                found[name] |= known(name, family).keys()
            except InputError:  # The agent is not for this family.
                continue
    return found


def test_every_new_name_is_a_setting_and_no_former_name_means_two() -> None:
    agents = every_setting()
    settings = set().union(*agents.values())
    for former, names in FORMER_SETTINGS.items():
        assert set(names) <= settings, former
        for own in agents.values():
            # What an agent calls a setting now never stands for another setting of it.
            if former in own:
                assert current_name(former, own) == former


@pytest.mark.parametrize(
    ("agent", "former", "now"),
    [
        ("smile", "updates", "updates_per_iteration"),
        ("meta-bc", "updates", "total_updates"),
        ("smile", "hidden", "sac.hidden"),
        ("meta-bc", "hidden", "hidden"),
        ("smile", "outcome", "discriminator.final_state_weight"),
        ("meta-bc", "outcome", "final_state_weight"),
        ("smile", "weight_decay", "discriminator.optimizer.weight_decay"),
        ("meta-bc", "weight_decay", "weight_decay"),
        ("meta-dagger", "visited", "visited_fraction"),
        ("smile", "encoder.code", "encoder.embedding"),
        ("smile", "projection", None),
        ("meta-bc", "penalty", None),
        ("smile", "never_was", None),
    ],
)
def test_a_former_name_is_another_one_for_each_agent(
    agent: str, former: str, now: str | None
) -> None:
    assert current_name(former, known(agent, "SmileAntGoal-v0")) == now


def test_stored_settings_get_their_names_of_today() -> None:
    stored = {"steps": 50, "iterations": 3, "clamp": 2.0, "projection": False, "encoder.code": 8}
    assert renamed_settings(stored, known("smile", "SmileAntGoal-v0")) == {
        "env_steps_per_iteration": 50,
        "iterations": 3,
        "reward_clip": 2.0,
        "encoder.embedding": 8,
    }


@pytest.mark.parametrize("names", [("hidden", "sac.hidden"), ("sac.hidden", "hidden")])
def test_a_former_name_outranks_the_one_that_it_overwrote(names: tuple[str, str]) -> None:
    stored = {name: {"hidden": [384], "sac.hidden": [256]}[name] for name in names}
    settings = known("smile-state-only", "SmileWalkerDynamics-v0")
    assert renamed_settings(stored, settings) == {"sac.hidden": [384]}
