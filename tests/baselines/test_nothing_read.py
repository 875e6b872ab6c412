"""Between two iterations' logs, no update of a training waits for the device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines import get_agent
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.baselines.smile.training import SMILe
from smile_bench.envs import all_families
from smile_bench.learning.compute import Compute
from tests.helpers.cycles import nothing_read
from tests.helpers.tiny import CONFIG, access, config_for, shrink

FAMILIES = [
    family
    for family in all_families()
    if family.startswith("Smile") and family != "SmileGridGoal-v0"
]
SMILES = ("smile", "smile-state-only", "smile-paper")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def made(name: str, family: str, **changes: Any) -> ImitatorTrainings:
    """Two trainings on the family's own demonstrations."""
    spec = get_agent(name).training
    assert spec is not None
    configs = [replace(config_for(name, family, seed), **changes) for seed in range(2)]
    accesses = [Access(family, track=spec.track, state_only=spec.state_only) for _ in configs]
    trainings: ImitatorTrainings = spec.make_trainings(configs, accesses, Compute())
    return trainings


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", SMILES)
def test_the_updates_of_smile_read_nothing(name: str, family: str) -> None:
    # Enough transitions in a batch for those that begin a demonstration.
    training = made(name, family, updates_per_iteration=5, tasks_per_batch=8, validate_every=0)
    with nothing_read() as keys:
        for _ in range(2):
            training.step()
    # Updates of critics alone, of every part, and of the embeddings.
    assert len(keys) >= 5
    assert len({*keys}) >= 3
    assert "embeddings" in keys


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "family"),
    [*(("meta-bc", family) for family in FAMILIES), ("meta-dagger", "SmileAntGoal-v0")],
)
def test_the_updates_of_cloning_read_nothing(name: str, family: str) -> None:
    training = made(name, family, total_updates=6, validate_every=0)
    with nothing_read() as keys:
        for _ in range(3):
            training.step()
    assert len(keys) >= 6


def test_a_loss_that_is_read_is_noticed() -> None:
    class Reading(SMILe):
        def _cycle(self, improves: bool, shots: int, clones: bool) -> dict[str, torch.Tensor]:
            log = super()._cycle(improves, shots, clones)
            float(log["losses/critic"][0])
            return log

    fine, reading = (kind([CONFIG], [access()]) for kind in (SMILe, Reading))
    with nothing_read():
        for training in (fine, reading, fine):
            training.step()  # The first iteration only collects.
        with pytest.raises(AssertionError, match=r"_local_scalar_dense.* waits for the device"):
            reading.step()
    reading.step()
