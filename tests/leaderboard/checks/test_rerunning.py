"""Agents that ship are run again: what a card says of them is held against them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.agents import Context
from smile_bench.baselines.registry import load_agent, weights_path
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.build import check_folder
from smile_bench.leaderboard.checks.rerunning import rerun_without_evidence
from smile_bench.leaderboard.checks.verification import Status, Verifier
from smile_bench.protocol import evaluate
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.scores import normalised_scores
from tests.helpers.made_entries import GRID, card, write_card

pytestmark = pytest.mark.slow

RETRIEVE = "retrieve-and-play"


class Unprivileged:
    """The expert's actions, whatever the agent is called."""

    def __init__(self, actions: Any, **facts: Any) -> None:
        self.actions, self.time = actions, -1
        self.__dict__.update(facts)

    def adapt(self, contexts: Sequence[Context]) -> Unprivileged:
        self.time = -1
        return self

    def act(self, observations: Any) -> Any:
        self.time += 1
        return self.actions[: len(observations), self.time]


def write_agent(root: Path, agent: Any, name: str) -> Path:
    folder = root / name
    write_card(folder, card(name, (GRID,), agent=name, reference=False))
    evaluate(agent, GRID, name=name).save(folder / GRID / "seed-0" / "primary")
    return folder


def test_an_agent_that_ships_is_confirmed(tmp_path: Path) -> None:
    folder = write_agent(tmp_path, load_agent(RETRIEVE, GRID), RETRIEVE)
    checked = check_folder(folder, Verifier(rerun=load_agent))
    assert list(checked.statuses.values()) == [Status.CONFIRMED]
    assert list(check_folder(folder, Verifier()).statuses.values()) == [Status.EXACT]


def test_the_expert_s_actions_under_another_name_fail_when_rerun(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    evidence = evaluate(load_agent("expert", GRID), GRID).evidence
    assert evidence is not None
    honest: Any = load_agent("meta-bc", GRID)
    facts = {"recipe": honest.recipe, "weights_sha256": honest.weights_sha256}
    forged = Unprivileged(evidence.actions, **facts)
    folder = write_agent(tmp_path, forged, "meta-bc")

    def shipped(agent: str, family: str) -> str:
        return hashlib.sha256(weights_path(agent, family).read_bytes()).hexdigest()

    # Neither the replay nor the weights' digest finds it.
    check_folder(folder, Verifier(), shipped_weights=shipped)
    with pytest.raises(LeaderboardError, match=r"meta-bc: .*actions again: .* actions differ"):
        check_folder(folder, Verifier(rerun=load_agent), shipped_weights=shipped)


def test_an_outcome_with_a_rerun_is_remembered_apart(tmp_path: Path) -> None:
    folder = write_agent(tmp_path / "entries", load_agent(RETRIEVE, GRID), RETRIEVE)
    cache = tmp_path / "cache"
    loaded = []

    def load(name: str, family: str) -> Any:
        loaded.append(name)
        return load_agent(name, family)

    check_folder(folder, Verifier(cache=cache))
    for _ in range(2):
        checked = check_folder(folder, Verifier(cache=cache, rerun=load))
        assert list(checked.statuses.values()) == [Status.CONFIRMED]
    assert loaded == [RETRIEVE]


def test_a_shot_curve_without_evidence_is_run_again(tmp_path: Path) -> None:
    folder = write_agent(tmp_path, load_agent(RETRIEVE, GRID), RETRIEVE)
    shots = folder / GRID / "seed-0" / "1-shots"
    evaluate(load_agent(RETRIEVE, GRID), GRID, shots=1, name=RETRIEVE).save(shots)
    (shots / "evidence.h5").unlink()
    assert check_folder(folder, Verifier()).statuses[shots] is Status.RERUN
    assert check_folder(folder, Verifier(rerun=load_agent)).statuses[shots] is Status.RERAN


def invented(level: float, **facts: Any) -> Any:
    """A result of Retrieve-and-Play whose numbers are made up."""
    meta_test = load_meta_test(GRID)
    made = evaluate(load_agent(RETRIEVE, GRID), GRID, shots=1, name=RETRIEVE)
    episodes = {
        name: (b + level * (meta_test.references.expert[name] - b))[meta_test.tasks]
        for name, b in meta_test.references.blind.items()
    }
    scores = normalised_scores(GRID, meta_test.tasks, episodes, meta_test.references)
    return replace(made, episodes=episodes, scores=scores, **facts)


def failed(result: Any) -> list[str]:
    return [check.name for check in rerun_without_evidence(result, load_agent) if not check.passed]


def test_invented_numbers_and_weights_are_found() -> None:
    assert failed(invented(2.31)) == ["score again"]
    assert failed(invented(0.5, weights="a" * 64)) == ["weights", "score again"]
    honest = evaluate(load_agent(RETRIEVE, GRID), GRID, shots=1, name=RETRIEVE)
    assert failed(honest) == []
    # Large differences that cancel out do not pass for noise.
    mean = float(np.nanmean(honest.scores))
    swings = np.where(np.arange(len(honest.scores)) % 2, 3.0, -3.0)
    assert failed(replace(honest, scores=swings - swings.mean() + mean)) == ["score again"]
