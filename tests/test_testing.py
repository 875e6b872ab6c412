from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench import load_agent
from smile_bench.agents import Context, is_state_only, require_family
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, InputError
from smile_bench.testing import check_agent
from tests.helpers import synthetic

FAMILY = "SmileAntLinearClassification-v0"


class Good:
    """Acts by its context's mean state; what each test breaks is overridden."""

    def adapt(self, contexts: Sequence[Context]) -> Good:
        require_family(contexts, FAMILY)
        made = type(self)()
        means = [context.observations.mean(axis=(0, 1)) for context in contexts]
        made.means = np.stack(means)  # type: ignore[attr-defined]
        return made

    def act(self, observations: NDArray[np.float64]) -> Any:
        return np.tanh(observations[:, :8] + self.means[:, :8])  # type: ignore[attr-defined]


def dataset(each: int = 10) -> Any:
    from smile_bench.datasets import Dataset

    splits = {
        split: synthetic.demonstrations(split, family=FAMILY, each=each)
        for split in ("train", "validation", "test")
    }
    return Dataset(family=FAMILY, splits=splits, attributes={})


def check(agent: Any) -> None:
    check_agent(agent, FAMILY, dataset=dataset())


def test_too_few_demonstrations_are_refused_in_place_of_smaller_contexts() -> None:
    most = max(get_family(FAMILY).context_sizes)
    check_agent(Good(), FAMILY, dataset=dataset(most))
    with pytest.raises(
        InputError, match=rf"hold up to {most} demonstrations, but this dataset has {most - 1} of"
    ):
        check_agent(Good(), FAMILY, dataset=dataset(most - 1))


class Stateless(Good):
    state_only = True

    def adapt(self, contexts: Sequence[Context]) -> Good:
        assert all(context.actions is None for context in contexts)
        return super().adapt(contexts)


class NoAct:
    def adapt(self, contexts: Sequence[Context]) -> int:
        return 3


class OneSizeOnly(Good):
    def adapt(self, contexts: Sequence[Context]) -> Good:
        np.stack([context.observations for context in contexts])
        return super().adapt(contexts)


class Leaky(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        return np.tanh(observations[:, :8] + observations[0, :8])


class Pooling(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        return np.tanh(observations[:, :8] + observations.mean(axis=0)[:8])


class Failing(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        raise KeyError("weights")


class Complex(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        return super().act(observations) + 0.5j


class Drawing(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        return np.random.default_rng().uniform(-1, 1, (len(observations), 8))


class DrawingAndSayingSo(Drawing):
    stochastic = True


class ChangesContexts(Good):
    def adapt(self, contexts: Sequence[Context]) -> Good:
        made = super().adapt(contexts)
        contexts[0].observations[:] = 0
        return made


class ChangesObservations(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        observations[:] = 0
        return observations[:, :8]


class TakesAnything(Good):
    def adapt(self, contexts: Sequence[Context]) -> Good:
        made = type(self)()
        made.means = np.zeros((len(contexts), 8))  # type: ignore[attr-defined]
        return made


class NotANumber(Good):
    def act(self, observations: NDArray[np.float64]) -> Any:
        return np.full((len(observations), 8), np.nan)


class Hoarding(Good):
    """Every slot acts by the first three contexts that it was ever given."""

    def __init__(self) -> None:
        self.seen: list[NDArray[np.float32]] = []

    def adapt(self, contexts: Sequence[Context]) -> Good:
        require_family(contexts, FAMILY)
        self.seen += [context.observations.mean(axis=(0, 1)) for context in contexts]
        made = Good()
        kept = np.mean(self.seen[:3], axis=0)
        made.means = np.tile(kept, (len(contexts), 1))  # type: ignore[attr-defined]
        return made


class NeedsActions(Good):
    state_only = True

    def adapt(self, contexts: Sequence[Context]) -> Good:
        assert contexts[0].actions is not None, "no actions"
        return super().adapt(contexts)


@pytest.mark.parametrize("agent", [Good(), Stateless(), DrawingAndSayingSo()])
def test_conforming_agents_pass(agent: Any) -> None:
    check(agent)


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        (object(), "rule 1"),
        (NoAct(), "no method act"),
        (OneSizeOnly(), "rules 1 and 2"),
        (NotANumber(), "NaN"),
        (ChangesContexts(), "context 0 .rule 4"),
        (ChangesObservations(), "changed the observations"),
        (Leaky(), "rule 5"),
        (Pooling(), "rule 5"),
        (Hoarding(), "together.*rule 5.*earlier calls of adapt"),
        (NeedsActions(), "without actions, since the agent's state_only is True.*no actions"),
        (Good, "Good is a class .rule 1"),
        (Failing(), "act failed.*rule 3.*weights"),
        (Complex(), "real numbers"),
        (Drawing(), "stochastic = True"),
        (TakesAnything(), "rule 6"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_each_broken_rule_is_found_and_named(agent: Any, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        check(agent)


@pytest.mark.parametrize("name", ["retrieve-and-play", "meta-bc"])
def test_the_reference_agents_conform(name: str) -> None:
    agent = load_agent(name, "SmileAntGoal-v0")
    assert not is_state_only(agent)
    check_agent(agent, "SmileAntGoal-v0")  # type: ignore[arg-type]
