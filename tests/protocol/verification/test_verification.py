from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from smile_bench.agents import Context
from smile_bench.envs import get_family
from smile_bench.errors import AgentError
from smile_bench.protocol import (
    Result,
    evaluate,
    evaluation,
    verification,
    verify_result,
)
from smile_bench.protocol.meta_test import MetaTest, load_meta_test
from smile_bench.protocol.replay import Replay, replay
from smile_bench.protocol.result import render, seal
from smile_bench.protocol.scores import normalised_scores
from smile_bench.protocol.verification import AgentLoader
from tests.helpers.results import (
    GRID,
    RECIPE,
    WEIGHTS,
    Wanderer,
    evaluated,
    failed,
    forged,
    load_wanderer,
)

pytestmark = pytest.mark.usefixtures("frozen_once")

ANT = "SmileAntGoal-v0"
STATED = ("agent", "privileged", "state_only", "training", "weights_sha256")
"""Fields about the agent: they are compared with it when it is run again."""
NOTED = ("versions", "hardware", "seconds")
"""Fields that nothing can be compared with."""
QUICK = settings(max_examples=40)


def test_a_true_result_is_verified_exactly(saved: Path) -> None:
    found = verify_result(saved.parent)
    assert found.passed
    assert found.exact
    names = [check.name for check in found.findings]
    assert names[-3:] == ["replay", "metric episode_return", "scores"]
    again = verify_result(saved.parent, rerun=load_wanderer)
    assert again.passed
    assert [check.name for check in again.findings][-3:] == [
        "statements",
        "actions again",
        "4 episodes alone",
    ]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values that are neither mappings nor lists."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def altered(value: Any) -> Any:
    """Another value of the same kind, if possible one that the schema allows."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value + 0.25
    if isinstance(value, int):
        return value - 1 if value > 1 else value + 1
    if isinstance(value, str):
        return ("1" if value[0] == "0" else "0") + value[1:] if len(value) == 64 else value + "0"
    return 0.5


class SteadyAndStated:
    """The same torques in every slot, from a training."""

    name = "steady"

    def __init__(self) -> None:
        self.recipe, self.weights_sha256 = dict(RECIPE), WEIGHTS

    def adapt(self, contexts: Sequence[Context]) -> Steady:
        return Steady()


def load_steady(name: str, family: str) -> SteadyAndStated:
    """Knows that agent and no other."""
    if name != "steady":
        raise AgentError(f"there is no {name}")
    return SteadyAndStated()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "make", "load", "every", "least"),
    [(GRID, Wanderer, load_wanderer, 1, 600), (ANT, SteadyAndStated, load_steady, 16, 70)],
)
def test_every_field_of_a_result_is_guarded(
    tmp_path: Path, family: str, make: Any, load: AgentLoader, every: int, least: int
) -> None:
    """Alters each value, of columns each ``every``-th, with the old seal and with a new one.

    It is known which values only a second run of the agent can tell.
    """
    saved = evaluate(make(), family).save(tmp_path)
    document = json.loads(saved.read_text())
    counts = {"altered": 0, "sealed again": 0, "compared with the agent": 0, "only noted": 0}
    paths = [
        path for path in leaves(document) if not isinstance(path[-1], int) or path[-1] % every == 0
    ]
    for path in paths:
        changed = json.loads(saved.read_text())
        where = changed
        for key in path[:-1]:
            where = where[key]
        where[path[-1]] = altered(where[path[-1]])
        saved.write_text(render(changed))
        assert failed(verify_result(saved.parent)) == ["files"], path
        counts["altered"] += 1
        if path != ("seal",):
            changed["seal"] = seal(changed)
            saved.write_text(render(changed))
            counts[expect_noticed(saved, path, load)] += 1
        saved.write_text(render(document))
    print(f"\n{family}: {counts}")
    assert counts["altered"] == len(paths) > least
    # All but the seal itself and the statements.
    assert counts["sealed again"] > len(paths) - 30


def expect_noticed(saved: Path, path: tuple[Any, ...], load: AgentLoader) -> str:
    """How an alteration with a new seal is noticed."""
    passed = verify_result(saved.parent).passed
    if path[0] in NOTED:
        return "only noted"
    if path[0] in STATED:
        assert not verify_result(saved.parent, rerun=load).passed, path
        return "compared with the agent"
    assert not passed, path
    return "sealed again"


@pytest.mark.slow
@QUICK
@given(data=st.data())
def test_made_up_episodes_and_scores_are_noticed(tmp_path: Path, data: st.DataObject) -> None:
    true = evaluated()
    amount = data.draw(st.floats(1e-12, 5.0)) * data.draw(st.sampled_from([-1, 1]))
    kind = data.draw(st.sampled_from(["episode", "score", "both", "tasks", "shots"]))
    changes: dict[str, Any] = {}
    episode = data.draw(st.integers(0, 191))
    if kind in ("episode", "both"):
        values = true.episodes["episode_return"].copy()
        values[episode] += amount
        if values[episode] == true.episodes["episode_return"][episode]:
            return
        changes["episodes"] = {"episode_return": values}
    if kind in ("score", "both"):
        scores = true.scores.copy()
        scores[true.tasks[episode]] += amount
        if np.array_equal(scores, true.scores):
            return
        changes["scores"] = scores
    if kind in ("tasks", "shots"):
        column = getattr(true, kind).copy()
        other = (episode + data.draw(st.integers(1, 191))) % 192
        if column[episode] == column[other]:
            return
        column[[episode, other]] = column[[other, episode]]
        changes[kind] = column
    assert not verify_result(forged(tmp_path, **changes)).passed


@pytest.mark.slow
@QUICK
@given(data=st.data())
def test_altered_evidence_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    evidence = evaluated().evidence
    assert evidence is not None
    names = [name for name in evidence.arrays() if name != "actions"]
    name = data.draw(st.sampled_from([*names, "protocol_version"]))
    if name == "protocol_version":
        changed = replace(evidence, protocol_version="v0-0123456789abcdef")
    else:
        array = evidence.arrays()[name].copy()
        where = data.draw(st.integers(0, array.size - 1))
        array.flat[where] += array.dtype.type(data.draw(st.integers(1, 7)))
        arrays: dict[str, Any] = {name: array}
        changed = replace(evidence, **arrays)
    found = verify_result(forged(tmp_path, evidence=changed))
    assert not found.passed
    assert failed(found) != ["files"]


@pytest.mark.slow
@QUICK
@given(data=st.data())
def test_an_altered_move_is_noticed_unless_it_led_to_the_same(
    tmp_path: Path, data: st.DataObject
) -> None:
    evidence, family = evaluated().evidence, get_family(GRID)
    assert evidence is not None
    actions = evidence.actions.copy()
    episode, step = data.draw(st.integers(0, 191)), data.draw(st.integers(0, 19))
    actions[episode, step] = np.roll(actions[episode, step], data.draw(st.integers(1, 4)))
    changed = replace(evidence, actions=actions)
    led_to = replay(family, load_meta_test(GRID), changed)
    returns = led_to.episodes["episode_return"]
    same = led_to.equal.all() and (returns == evaluated().episodes["episode_return"]).all()
    assert verify_result(forged(tmp_path, evidence=changed)).passed == same
    actions[episode, step] = 0.5
    assert "actions" in failed(verify_result(forged(tmp_path, evidence=changed)))


class Steady:
    """The same torques in every slot."""

    def adapt(self, contexts: Sequence[Context]) -> Steady:
        return self

    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full((len(observations), 8), 0.1)


@pytest.fixture
def ant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Result]:
    """A result on ant goal with two episodes a task, each of 10 steps, for speed."""
    yield from shortened(monkeypatch, 10)


@pytest.fixture
def ant_stretches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Result]:
    """The same with episodes of three stretches."""
    yield from shortened(monkeypatch, 30)


def shortened(monkeypatch: pytest.MonkeyPatch, horizon: int) -> Iterator[Result]:
    frozen, dataset = evaluation.load_frozen(get_family(ANT))
    some = frozen.select(np.arange(0, len(frozen.tasks), 8))
    for module in (evaluation, verification):
        monkeypatch.setattr(module, "load_frozen", lambda family: (some, dataset))
    # Horizon and episodes are part of the version, so the version is held.
    monkeypatch.setattr(MetaTest, "version", frozen.version)
    monkeypatch.setattr(MetaTest, "digest", frozen.digest)
    object.__setattr__(get_family(ANT), "horizon", horizon)
    yield evaluate(Steady(), ANT)
    object.__setattr__(get_family(ANT), "horizon", 100)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another version of MuJoCo had made the result: no state is met to the last bit."""
    monkeypatch.setattr(verification, "made_here", lambda result: False)
    monkeypatch.setattr(
        Replay, "equal", property(lambda self: np.zeros(self.evidence.state_digests.shape, bool))
    )


def with_actions(result: Result, change: Callable[[NDArray[np.float32]], None]) -> Result:
    assert result.evidence is not None
    actions = result.evidence.actions.copy()
    change(actions)
    return replace(result, evidence=replace(result.evidence, actions=actions))


def nudge_one(actions: NDArray[np.float32]) -> None:
    actions[25, -1, 3] = np.nextafter(actions[25, -1, 3], np.float32(1))


def too_large(actions: NDArray[np.float32]) -> None:
    actions[0, 0, 0] = 1.5


def test_an_action_of_a_body_is_noticed_to_the_last_bit(ant: Result, tmp_path: Path) -> None:
    ant.save(tmp_path)
    assert verify_result(tmp_path, rerun=lambda name, family: Steady()).passed
    with_actions(ant, nudge_one).save(tmp_path)
    assert failed(verify_result(tmp_path)) == ["replay"]
    with_actions(ant, too_large).save(tmp_path)
    assert failed(verify_result(tmp_path)) == ["actions"]


@pytest.mark.slow
def test_elsewhere_a_result_is_consistent_at_best(
    ant: Result, tmp_path: Path, elsewhere: None
) -> None:
    ant.save(tmp_path)
    found = verify_result(tmp_path, rerun=lambda name, family: Steady())
    assert found.passed
    assert not found.exact
    assert not found.ranked
    assert found.status == "consistent, not exact"

    def strong(actions: NDArray[np.float32]) -> None:
        actions[:] = -1.0

    with_actions(ant, strong).save(tmp_path)
    assert "replay: angles (rad)" in failed(verify_result(tmp_path))
    nearer = {"min_distance": 0.9 * ant.episodes["min_distance"]}
    replace(ant, episodes=nearer).save(tmp_path)
    assert failed(verify_result(tmp_path))[0] == "metric min_distance"
    replace(ant, scores=ant.scores + 0.002).save(tmp_path)
    assert failed(verify_result(tmp_path)) == ["scores"]


def teleported(
    result: Result, stretch: int, episodes: NDArray[np.int64], move: Callable[[Any, Any], None]
) -> Result:
    """A result whose episodes were moved at the end of one stretch and simulated on from there.

    ``move`` changes the state (n, W), given the goals (n, 2).
    """
    family, evidence = get_family(ANT), result.evidence
    assert evidence is not None
    meta_test, _ = evaluation.load_frozen(family)
    goals = family.table("test")[meta_test.tasks]
    simulator = family.make_simulator(len(goals))
    simulator.set_tasks(goals)
    simulator.reset(meta_test.initial_states)
    states, k = evidence.states.copy(), 0
    for t in range(family.horizon):
        step = simulator.step(evidence.actions[:, t])
        if t + 1 == evidence.steps[k]:
            states[:, k] = simulator.state()
            if k == stretch:
                moved = states[episodes, k]
                move(moved, goals[episodes])
                states[episodes, k] = moved
            simulator.set_state(states[:, k].astype(np.float64))
            k += 1
    metrics = {"min_distance": step.info["min_distance"].copy()}
    scores = normalised_scores(ANT, meta_test.tasks, metrics, meta_test.references)
    return replace(
        result,
        episodes=metrics,
        scores=scores,
        evidence=replace(evidence, states=states),
        versions={**result.versions, "mujoco": "4.0.1"},
    )


def to_goal(states: NDArray[np.float32], goals: NDArray[np.float64]) -> None:
    states[:, :2] = goals


def half_a_metre(states: NDArray[np.float32], goals: NDArray[np.float64]) -> None:
    states[:, :2] += 0.25 * goals


def kick(states: NDArray[np.float32], goals: NDArray[np.float64]) -> None:
    states[:, 15:17] += 2 * goals


def turn(states: NDArray[np.float32], goals: NDArray[np.float64]) -> None:
    states[:, 3:7] = [0.0, 0.0, 0.0, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("move", [to_goal, half_a_metre, kick, turn])
@pytest.mark.parametrize("stretch", [0, 1])
def test_a_jump_in_one_stretch_of_one_episode_fails_whatever_version_is_stated(
    ant_stretches: Result, tmp_path: Path, move: Any, stretch: int
) -> None:
    # What it claims follows from the stretches that it shows; only the jump gives it away.
    forged_result = teleported(ant_stretches, stretch, np.array([7]), move)
    forged_result.save(tmp_path)
    found = verify_result(tmp_path)
    assert failed(found)[0].startswith("replay: ")
    assert not found.ranked
    here = {**forged_result.versions, "mujoco": ant_stretches.versions["mujoco"]}
    replace(forged_result, versions=here).save(tmp_path)
    assert failed(verify_result(tmp_path))[0] == "replay"


def push(states: NDArray[np.float32], goals: NDArray[np.float64]) -> None:
    states[:, 15:17] += 0.75 * goals


@pytest.mark.slow
def test_what_one_episode_may_differ_all_may_not(ant_stretches: Result, tmp_path: Path) -> None:
    teleported(ant_stretches, 1, np.array([7]), push).save(tmp_path)
    assert verify_result(tmp_path).status == "consistent, not exact"
    teleported(ant_stretches, 1, np.arange(32), push).save(tmp_path)
    assert failed(verify_result(tmp_path)) == ["replay: velocities (m/s)"]


@pytest.mark.slow
def test_a_guided_replay_of_what_happened_finds_nothing(
    ant_stretches: Result, tmp_path: Path, elsewhere: None
) -> None:
    ant_stretches.save(tmp_path)
    assert verify_result(tmp_path).status == "consistent, not exact"


def test_the_grid_must_replay_exactly_whatever_version_is_stated(tmp_path: Path) -> None:
    evidence = evaluated().evidence
    assert evidence is not None
    states = evidence.states.copy()
    states[3, 0] += 1
    versions = {**evaluated().versions, "mujoco": "3.17.0"}
    folder = forged(tmp_path, evidence=replace(evidence, states=states), versions=versions)
    assert failed(verify_result(folder)) == ["replay"]
    folder = forged(tmp_path, versions=versions)
    found = verify_result(folder)
    assert found.ranked
    assert found.mujoco == evaluated().versions["mujoco"]


def test_another_numpy_excuses_rounding_but_takes_the_exactness(tmp_path: Path) -> None:
    scores = evaluated().scores + 1e-12
    versions = {**evaluated().versions, "numpy": "2.0.0"}
    assert not verify_result(forged(tmp_path, scores=scores)).passed
    found = verify_result(forged(tmp_path, scores=scores, versions=versions))
    assert found.status == "consistent, not exact"
    assert verify_result(forged(tmp_path, versions=versions)).status == "verified"


def test_another_protocol_is_a_failed_check(tmp_path: Path) -> None:
    folder = forged(tmp_path, protocol_version="v0-0123456789abcdef")
    assert failed(verify_result(folder)) == ["protocol"]
