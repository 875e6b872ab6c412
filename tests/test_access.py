"""What a learner can reach, and that it is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench import load_agent, load_dataset
from smile_bench.access import Access, AccessCounts
from smile_bench.agents import Context
from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.datasets.subsets import select, task_order
from smile_bench.envs import get_family
from smile_bench.errors import DatasetError, InputError, UnknownNameError
from smile_bench.experts.policy import load_expert
from tests.helpers import synthetic

FAMILY = get_family(synthetic.FAMILY)
HORIZON, ACTIONS, OBSERVED = FAMILY.horizon, FAMILY.action_size, FAMILY.observation_size


class Recorder:
    """Stands still, and keeps the contexts that it was given."""

    def __init__(self, *, state_only: bool = False, still: float = 0.0) -> None:
        self.state_only, self.still = state_only, still
        self.contexts: list[Context] = []
        self.observations: list[NDArray[np.float64]] = []

    def adapt(self, contexts: Sequence[Context]) -> Recorder:
        self.contexts = list(contexts)
        return self

    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float32]:
        self.observations.append(observations)
        return np.full((len(observations), ACTIONS), self.still, np.float32)


def access(track: str = "expert-queries", *, state_only: bool = False) -> Access:
    return Access(FAMILY, track=track, state_only=state_only, dataset=synthetic.dataset())


class NoTest(Dataset):
    """A dataset whose meta-test part must not be touched."""

    @property
    def test(self) -> Demonstrations:
        raise AssertionError("meta-test demonstrations were read")

    def split(self, name: str) -> Demonstrations:
        assert name != "test", "meta-test demonstrations were read"
        return super().split(name)


def test_meta_test_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = synthetic.dataset()
    given = Access(
        FAMILY,
        track="expert-queries",
        dataset=NoTest(family=whole.family, splits=whole.splits, attributes=whole.attributes),
    )
    table = type(FAMILY).table
    train = table(FAMILY, "train")

    def guarded(self: Any, split: str) -> NDArray[np.float64]:
        assert split != "test", "meta-test tasks were read"
        return table(self, split)

    monkeypatch.setattr(type(FAMILY), "table", guarded)
    for refused in (given.tasks, given.demonstrations):
        with pytest.raises(InputError, match="cannot reach 'test'"):
            refused("test")
    for tasks in ([len(train)], [0, -1], [], [True, False], [0.5], 3, [[1], [2]]):
        with pytest.raises(InputError, match=rf"meta-train task.* 0 to {len(train) - 1}"):
            given.environments(np.array(tasks))
    environments = given.environments(np.array([2, 0]))
    np.testing.assert_array_equal(environments._simulator.parameters, train[[2, 0]])
    given.demonstrations()
    given.demonstrations("validation")
    given.expert_actions(np.array([0]), np.zeros((1, OBSERVED)))
    given.validate(Recorder())


@pytest.mark.parametrize("tasks", [[-1], [32]])
def test_labels_are_of_meta_train_experts_only(tasks: list[int]) -> None:
    with pytest.raises(InputError, match=r"meta-train task .* 0 to 31"):
        access().expert_actions(np.array(tasks), np.zeros((1, OBSERVED)))


def test_counts_are_exact() -> None:
    given, rng = access(), np.random.default_rng(0)
    assert given.counts == AccessCounts()
    given.demonstrations()
    given.demonstrations()  # The same ones again are no more of them.
    assert given.counts == AccessCounts(demonstrations=12)
    environments = given.environments(np.array([0, 1, 1, 5, 9]))
    environments.reset(rng)
    for _ in range(7):
        environments.step(np.zeros((5, ACTIONS), np.float32))
    given.expert_actions(np.array([0, 1, 1]), np.zeros((3, OBSERVED)))
    assert given.counts == AccessCounts(demonstrations=12, env_steps=35, expert_queries=3)
    given.validate(Recorder(), episodes=2)
    given.demonstrations("validation")
    given.validate(Recorder())
    expected = AccessCounts(
        demonstrations=12,
        env_steps=35,
        expert_queries=3,
        validation_demonstrations=12,
        validation_env_steps=9 * HORIZON,
    )
    assert given.counts == expected
    resumed = access()
    resumed.restore(vars(given.counts))
    assert resumed.counts == expected


def test_nothing_handed_out_holds_rewards_or_task_parameters() -> None:
    given = access()
    names = {field.name for field in fields(given.demonstrations())}
    assert names == {"family", "observations", "actions", "next_observations"}
    environments = given.environments(np.array([0, 3]))
    environments.reset(np.random.default_rng(0))
    after = environments.step(np.zeros((2, ACTIONS), np.float32))
    assert after.shape == (2, OBSERVED)
    assert {name for name in vars(environments) if not name.startswith("_")} == {"family", "tasks"}
    # The same start and actions in two tasks: what is seen does not tell them apart.
    environments.resume(np.repeat(environments.suspend()[0][:1], 2, axis=0), np.array([50, 50]))
    actions = np.full((2, ACTIONS), 0.3, np.float32)
    for _ in range(5):
        one, other = environments.step(actions)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("agent_state_only", [False, True])
def test_state_only_has_no_actions_anywhere(agent_state_only: bool) -> None:
    given = access("interactive", state_only=True)
    for split in ("train", "validation"):
        assert given.demonstrations(split).actions is None
    agent = Recorder(state_only=agent_state_only)
    given.validate(agent)
    assert all(context.actions is None for context in agent.contexts)
    with pytest.raises(InputError, match="labels are actions"):
        access(state_only=True)


def test_a_state_only_agent_is_validated_without_actions_on_any_access() -> None:
    agent, other = Recorder(state_only=True), Recorder()
    given = access()
    given.validate(agent)
    given.validate(other)
    assert all(context.actions is None for context in agent.contexts)
    assert all(context.actions is not None for context in other.contexts)


def test_tracks_give_what_they_say() -> None:
    names = ("offline", "interactive", "expert-queries", "rewards")
    offline, interactive, queries, rewarded = (access(track) for track in names)
    with pytest.raises(InputError, match=r"offline track has no environments.*'interactive'"):
        offline.environments(np.array([0]))
    for given in (offline, interactive):
        with pytest.raises(InputError, match=r"has no expert labels; .*: 'expert-queries'"):
            given.expert_actions(np.array([0]), np.zeros((1, OBSERVED)))
    for given in (interactive, queries):
        reward_free = given.environments(np.array([0]))
        with pytest.raises(InputError, match=r"are reward-free.*track='rewards'"):
            _ = reward_free.rewards
        assert vars(reward_free)["_rewards"] is None
    rng, tasks = np.random.default_rng(0), np.array([3, 0, 3])
    observations = rng.standard_normal((3, OBSERVED))
    expected = load_expert(FAMILY).act(observations, FAMILY.table("train")[tasks])
    for given in (queries, rewarded):
        np.testing.assert_array_equal(given.expert_actions(tasks, observations), expected)
    with pytest.raises(UnknownNameError, match="Did you mean 'interactive'"):
        access("interactiv")


def test_rewards_are_those_of_the_environment() -> None:
    tasks, rng = np.array([3, 0]), np.random.default_rng(0)
    environments = access("rewards").environments(tasks)
    environments.reset(rng)
    np.testing.assert_array_equal(environments.rewards, [0.0, 0.0])
    made = gymnasium.make_vec(FAMILY.id, num_envs=2, split="train", tasks=[3, 0])
    made.reset(seed=1)
    simulator = made.unwrapped.simulator  # type: ignore[attr-defined]
    simulator.restore(environments.suspend()[0])
    for _ in range(5):
        actions = rng.uniform(-1.0, 1.0, (2, ACTIONS)).astype(np.float32)
        environments.step(actions)
        np.testing.assert_array_equal(environments.rewards, made.step(actions)[1])
    assert np.ptp(environments.rewards) > 0.0
    before = environments.rewards
    environments.rewards[:] = 7.0  # A copy.
    np.testing.assert_array_equal(environments.rewards, before)
    environments.reset(rng, np.array([1]))
    np.testing.assert_array_equal(environments.rewards, [before[0], 0.0])
    environments.resume(*environments.suspend())
    np.testing.assert_array_equal(environments.rewards, [0.0, 0.0])
    made.close()


def test_with_rewards_a_state_only_learner_still_gets_no_labels() -> None:
    given = access("rewards", state_only=True)
    assert given.demonstrations().actions is None
    given.environments(np.array([0])).reset(np.random.default_rng(0))
    with pytest.raises(InputError, match="labels are actions, and this access is state-only"):
        given.expert_actions(np.array([0]), np.zeros((1, OBSERVED)))
    assert given.counts.expert_queries == 0


def test_validation_is_the_same_each_time() -> None:
    given, first, second = access(), Recorder(still=0.2), Recorder(still=0.2)
    scores = given.validate(first, episodes=2)
    given.environments(np.array([0])).reset(np.random.default_rng(5))
    np.random.default_rng(0).random(3)
    assert given.validate(second, episodes=2) == scores
    for one, other in zip(first.contexts, second.contexts, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
    np.testing.assert_array_equal(first.observations[0], second.observations[0])
    assert set(scores) == {metric.name for metric in FAMILY.metrics}
    given.validate(second, episodes=2, seed=1)
    assert not np.array_equal(first.observations[0], second.observations[HORIZON])
    # The tasks' own demonstrations, of the validation split.
    known = synthetic.dataset().validation.observations
    for slot, context in enumerate(first.contexts):
        assert any(np.array_equal(context.observations[0], each) for each in known[slot // 2])


def test_a_subset_is_all_that_is_handed_out_and_counted() -> None:
    whole = synthetic.dataset(tasks=32)
    given = Access(FAMILY, track="expert-queries", dataset=whole, demonstrations=2, tasks=4)
    assert given.subset == {"demonstrations": 2, "tasks": 4}
    chosen = np.sort(task_order(FAMILY)[:4])
    shown = given.demonstrations()
    np.testing.assert_array_equal(shown.observations, whole.train.observations[chosen, :2])
    np.testing.assert_array_equal(shown.actions, whole.train.actions[chosen, :2])
    assert given.counts.demonstrations == 8
    assert (given.tasks(), given.tasks("validation")) == (4, len(FAMILY.table("validation")))
    environments = given.environments(np.arange(4))
    parameters = FAMILY.table("train")[chosen]
    np.testing.assert_array_equal(environments._simulator.parameters, parameters)
    observations = np.random.default_rng(0).standard_normal((4, OBSERVED))
    labels = given.expert_actions(np.arange(4), observations)
    np.testing.assert_array_equal(labels, load_expert(FAMILY).act(observations, parameters))
    for refused in (
        lambda: given.environments(np.array([4])),
        lambda: given.expert_actions(np.array([4]), observations[:1]),
    ):
        with pytest.raises(InputError, match=r"meta-train task .* 0 to 3"):
            refused()
    everything = given.demonstrations("validation")
    np.testing.assert_array_equal(everything.observations, whole.validation.observations)


def test_without_a_subset_everything_is_there() -> None:
    whole = synthetic.dataset(tasks=32)
    plain, limited = Access(FAMILY, dataset=whole), Access(FAMILY, dataset=whole, tasks=32)
    assert plain.subset == {}
    for one, other in zip(
        *(vars(a.demonstrations()).values() for a in (plain, limited)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    every = np.arange(32)
    np.testing.assert_array_equal(
        plain.environments(every)._simulator.parameters,
        limited.environments(every)._simulator.parameters,
    )


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ({"tasks": 0}, "tasks is 0; give a whole number, 1 or more"),
        ({"tasks": 33}, "Give 1 to 32"),
        ({"tasks": 2}, "this dataset has 3"),
        ({"demonstrations": 5}, "Give 1 to 4"),
        ({"demonstrations": True}, "demonstrations is True; give a whole number"),
        ({"tasks": True}, "tasks is True; give a whole number"),
    ],
)
def test_a_subset_that_there_is_not_is_refused(subset: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Access(FAMILY, dataset=synthetic.dataset(), **subset)  # type: ignore[arg-type]


def chosen(dataset: Dataset, rows: list[int]) -> Dataset:
    """Only some tasks of every split."""
    splits = {
        split: select(part, np.array(rows), part.demonstrations)
        for split, part in dataset.splits.items()
    }
    return replace(dataset, splits=splits)


def test_the_tasks_are_those_that_the_dataset_shows() -> None:
    rows = [5, 6, 7]
    given = Access(FAMILY, track="expert-queries", dataset=chosen(synthetic.dataset(tasks=8), rows))
    assert (given.tasks(), given.tasks("validation")) == (3, 3)
    parameters = FAMILY.table("train")[rows]
    environments = given.environments(np.arange(3))
    np.testing.assert_array_equal(environments._simulator.parameters, parameters)
    observations = np.random.default_rng(0).standard_normal((3, OBSERVED))
    labels = given.expert_actions(np.arange(3), observations)
    np.testing.assert_array_equal(labels, load_expert(FAMILY).act(observations, parameters))
    with pytest.raises(InputError, match=r"meta-train task .* 0 to 2"):
        given.environments(np.array([3]))
    with pytest.raises(InputError, match="or another order"):
        Access(FAMILY, dataset=chosen(synthetic.dataset(tasks=8), rows), tasks=2)


def test_agents_are_validated_on_the_tasks_that_the_dataset_shows() -> None:
    # Meta-BC comes within 3 cm of the goals that it is shown; the first goals lie elsewhere.
    agent: Any = load_agent("meta-bc", FAMILY.id)
    part = chosen(load_dataset(FAMILY), [5, 6, 7])
    assert Access(FAMILY, dataset=part).validate(agent)["min_distance"] < 0.03


def test_a_dataset_of_other_tasks_is_refused() -> None:
    for split in ("train", "validation"):
        whole = synthetic.dataset()
        other = whole.splits[split].task_parameters.copy()
        other[1] += 1e-9
        part = replace(whole.splits[split], task_parameters=other)
        with pytest.raises(DatasetError, match=f"{split} task 1 of this dataset is not one of"):
            Access(FAMILY, dataset=replace(whole, splits={**whole.splits, split: part}))


def test_contexts_of_the_validation_are_never_smaller_than_the_family_s() -> None:
    whole = load_dataset("SmileHalfCheetahVelocity-v0")
    few = select(whole.validation, np.arange(whole.validation.tasks), 3)
    few_shown = replace(whole, splits={**whole.splits, "validation": few})
    given = Access("SmileHalfCheetahVelocity-v0", dataset=few_shown)
    with pytest.raises(InputError, match=r"has 3 of each validation task.*at least 4"):
        given.validate(Recorder())
    assert given.counts == AccessCounts()
