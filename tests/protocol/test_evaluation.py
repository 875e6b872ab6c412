from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import smile_bench
from smile_bench.agents import Context
from smile_bench.datasets import load_dataset
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, InputError, UnknownNameError
from smile_bench.experts.policy import load_expert
from smile_bench.protocol import Result, evaluation
from smile_bench.protocol.meta_test import load_meta_test

FAMILY = "SmileAntGoal-v0"


class Constant:
    """Gives the same action in every slot, after a change that the test makes."""

    def __init__(self, change: Any = lambda actions: actions) -> None:
        self.change = change
        self.contexts: list[Context] = []

    def adapt(self, contexts: Sequence[Context]) -> Constant:
        self.contexts = list(contexts)
        return self

    def act(self, observations: NDArray[np.float64]) -> Any:
        return self.change(np.full((len(observations), 8), 0.1))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Episodes of three steps, for tests of everything around them."""
    frozen = load_meta_test(FAMILY)
    monkeypatch.setattr(evaluation, "load_meta_test", lambda _: frozen)
    dataset = load_dataset(FAMILY)
    monkeypatch.setattr(evaluation, "load_dataset", lambda _: dataset)
    # The horizon is part of the version, so the version is held.
    monkeypatch.setattr(type(frozen), "version", frozen.version)
    object.__setattr__(get_family(FAMILY), "horizon", 3)
    yield
    object.__setattr__(get_family(FAMILY), "horizon", 100)


@pytest.fixture(scope="module")
def of_expert() -> Result:
    """The expert's result, at full length."""
    return smile_bench.evaluate(smile_bench.load_agent("expert", FAMILY), FAMILY)


@pytest.mark.slow
def test_the_expert_scores_one(of_expert: Result) -> None:
    result = of_expert
    assert result.score == pytest.approx(1.0, abs=0.02)
    assert result.metric < 0.08
    assert result.privileged


@pytest.mark.slow
def test_the_scalar_environment_gives_an_episodes_metric(of_expert: Result) -> None:
    # The protocol's number for an episode, found again with gym.make and nothing else.
    meta_test = load_meta_test(FAMILY)
    expert, episode = load_expert(FAMILY), 37
    task = int(meta_test.tasks[episode])
    env = gym.make(FAMILY, split="test", task=task)
    observation, _ = env.reset(options={"state": meta_test.initial_states[episode]})
    parameters = get_family(FAMILY).table("test")[[task]]
    truncated = False
    while not truncated:
        action = expert.act(observation[None], parameters)[0]
        observation, _, _, truncated, info = env.step(action)
    # A network's last bits depend on the size of its batch, and walking amplifies them.
    assert info["min_distance"] == pytest.approx(
        of_expert.episodes["min_distance"][episode], abs=0.05
    )


@pytest.mark.usefixtures("short")
def test_contexts_are_the_frozen_demonstrations() -> None:
    agent = Constant()
    smile_bench.evaluate(agent, FAMILY)
    meta_test = load_meta_test(FAMILY)
    test = evaluation.load_dataset(FAMILY).test  # type: ignore[attr-defined]
    for episode in (0, 100, 255):
        task, d = meta_test.tasks[episode], meta_test.demonstrations[episode, 0]
        np.testing.assert_array_equal(
            agent.contexts[episode].observations[0], test.observations[task, d]
        )
        assert agent.contexts[episode].shots == 1


@pytest.mark.usefixtures("short")
def test_a_state_only_agent_never_sees_an_action() -> None:
    agent = Constant()
    agent.state_only = True  # type: ignore[attr-defined]
    result = smile_bench.evaluate(agent, FAMILY)
    assert all(context.actions is None for context in agent.contexts)
    assert result.state_only


@pytest.mark.usefixtures("short")
def test_an_evaluation_is_the_same_each_time() -> None:
    one, other = (smile_bench.evaluate(Constant(), FAMILY) for _ in range(2))
    np.testing.assert_array_equal(one.episodes["min_distance"], other.episodes["min_distance"])


def broken(**changes: Any) -> list[Any]:
    return [pytest.param(*value, id=name) for name, value in changes.items()]


def with_nan(actions: NDArray[np.float64]) -> NDArray[np.float64]:
    actions[5, 2] = np.nan
    return actions


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("change", "message"),
    broken(
        nan=(with_nan, r"NaN or infinity at step 0 in slots \[5\]"),
        shape=(lambda a: a[:, :7], r"shape \(256, 7\) at step 0"),
        slots=(lambda a: a[:3], r"shape \(3, 8\)"),
        range=(lambda a: a + 1.5, r"an action of 1\.6 at step 0"),
        kind=(lambda a: "left", "array of real numbers"),
    ),
)
def test_actions_that_cannot_be_applied_are_one_clear_error(change: Any, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        smile_bench.evaluate(Constant(change), FAMILY)


def test_an_object_that_is_not_an_agent_is_named() -> None:
    with pytest.raises(AgentError, match="not an object with a method adapt"):
        smile_bench.evaluate(object(), FAMILY)  # type: ignore[arg-type]


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean"):
        smile_bench.evaluate(Constant(), "SmileAntGoals-v0")


def test_a_number_of_shots_that_the_family_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="sizes 1, but got shots=3"):
        smile_bench.evaluate(Constant(), FAMILY, shots=3)
