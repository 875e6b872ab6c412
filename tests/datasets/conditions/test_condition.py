"""Conditions: written, read, filled in for a family, and hashed once and for all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_bench.datasets import Condition
from smile_bench.datasets.conditions.condition import condition_of
from smile_bench.datasets.subsets import first_tasks
from smile_bench.envs import get_family
from smile_bench.errors import InputError, UnknownNameError

GRID, ANT, CHEETAH = "SmileGridGoal-v0", "SmileAntGoal-v0", "SmileHalfCheetahVelocity-v0"
WALKER, CLASSIFICATION = "SmileWalkerDynamics-v0", "SmileAntLinearClassification-v0"

DIGESTS = {
    (GRID, "canonical"): ("b011c600dfebebd46284e5890361399a363060988bd1dc8634a8cd3bf17607af"),
    (GRID, "4 demonstrations, 8 tasks"): (
        "e9cf85ba8a215828948710a3babce703e753569ada99e1834d5949740b8ffede"
    ),
    (GRID, "64 demonstrations, noisy"): (
        "f1ace45cb7d7e15a50e06bb06f7fc5c587f88b7e551988a0d8c1b3e0b84f6d97"
    ),
    (ANT, "canonical"): ("225f21d05f7390ec227e6ee78e8df64b2493a2aaa6bf120f03cea4912dc007c4"),
    (ANT, "4 demonstrations, 8 tasks"): (
        "592f630ccd285561a459826472e09ab8f0e126f2c1a23e07ede91573a00547af"
    ),
    (ANT, "64 demonstrations, medium"): (
        "1cb8fc021ef56f78056fa512fe129f2cf209ca7054a7fcb34aeb73721e5d97a6"
    ),
    (CHEETAH, "canonical"): ("0a8cdf837568c4b2090d7a7007e8f4243953d28809b84ffb039c3015fb3d06aa"),
    (CHEETAH, "4 demonstrations"): (
        "58a199093624cea8901a881517ff5ba81c893dfc697b17a64b91672e58b3d115"
    ),
    (CHEETAH, "64 demonstrations, subsample 1"): (
        "37bee93a46088c2c1febed979cead8b366ecd80c0f8365cf52e23412f01c3cf5"
    ),
    (WALKER, "canonical"): ("eddd46919c2f1e05955ce39693ec468da1ef7a324857a78fc8a203a5091a3a8b"),
    (WALKER, "1 demonstration, 16 tasks"): (
        "aaea85764bbd6ac062fa50192b0a38683886ad8af695906d65684f6586ba13d6"
    ),
    (CLASSIFICATION, "canonical"): (
        "7c225756bd267499443969c98791c59491c7b222033476ce0f1c53de5da5cef6"
    ),
    (CLASSIFICATION, "4 demonstrations, 4 tasks, noisy"): (
        "c322a3c0fa5885be0066d4eccad2666209ac87fb5f430ab5ae37df6aed88ed3d"
    ),
}
"""Published in recipes and on the board: the same words stand for the same demonstrations."""

maybe = st.none() | st.integers(1, 1024)
conditions = st.builds(
    Condition,
    demonstrations=maybe,
    tasks=maybe,
    subsample=maybe,
    variant=st.sampled_from([None, "expert", "noisy", "medium"]),
)


@given(conditions)
def test_words_are_read_back_as_they_were_written(condition: Condition) -> None:
    assert Condition.parse(str(condition)) == condition
    assert Condition(**condition.given()) == condition  # type: ignore[arg-type]


@given(
    demonstrations=maybe,
    tasks=st.none() | st.integers(1, 31),
    subsample=st.sampled_from([None, 1, 5, 20]),
    variant=st.sampled_from([None, "expert", "noisy", "medium"]),
)
def test_the_words_of_a_family_stand_for_the_same(
    demonstrations: int | None, tasks: int | None, subsample: int | None, variant: str | None
) -> None:
    filled = Condition(
        demonstrations=demonstrations, tasks=tasks, subsample=subsample, variant=variant
    ).on(CHEETAH)
    assert Condition.parse(str(filled)).on(CHEETAH) == filled
    assert condition_of({"condition": filled.to_dict()}).on(CHEETAH) == filled


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", Condition()),
        ("canonical", Condition()),
        (" 4  Demonstrations ,8 TASKS", Condition(demonstrations=4, tasks=8)),
        ("1 demonstration, all tasks", Condition(demonstrations=1)),
        ("1 task, subsample 20, noisy", Condition(tasks=1, subsample=20, variant="noisy")),
        ("half", Condition(variant="medium")),
    ],
)
def test_words_that_can_be_read(text: str, condition: Condition) -> None:
    assert Condition.parse(text) == condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4 demonstratons", "cannot read '4 demonstratons' .* Did you mean '4 demonstrations'?"),
        ("4 demos, 8 tasks", "cannot read '4 demos' .* Did you mean '4 demonstrations'?"),
        ("4 demonstrations, 8tasks", "Did you mean '8 tasks'?"),
        ("subsample20", "Did you mean 'subsample 20'?"),
        ("noise", "cannot read 'noise' in the condition 'noise'. Did you mean 'noisy'?"),
        ("half-cheetah", "Known: '8 demonstrations', '8 tasks', 'all tasks', 'expert', 'medium'"),
        ("4 tasks,", "cannot read ''"),
        ("-4 tasks", "Did you mean '4 tasks'?"),
        ("9999999999 tasks", "cannot read '9999999999 tasks'"),
        ("4 tasks, 8 tasks", "gives tasks twice"),
        ("all tasks, 8 tasks", "gives tasks twice"),
        ("0 tasks", "tasks is 0; give a whole number, 1 or more"),
        ("1025 demonstrations", "are too many; give at most 1024"),
        ("x" * 9999, "cannot read 'xxx"),
    ],
)
def test_words_that_cannot_be_read_are_one_clear_line(text: str, message: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=message.replace("?", r"\?")) as caught:
        Condition.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("given_", [0, -1, True, 1.0, "4", [4]])
def test_what_is_not_a_whole_number_is_refused(given_: object) -> None:
    with pytest.raises(InputError, match=r"demonstrations is .*; give a whole number, 1 or more"):
        Condition(demonstrations=given_)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_as_good() -> None:
    made = Condition(demonstrations=np.int64(4))  # type: ignore[arg-type]
    assert made == Condition(demonstrations=4)
    assert type(made.demonstrations) is int


def test_an_unknown_variant_is_refused_and_a_former_name_warns() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'noisy'\?"):
        Condition(variant="noise")
    with pytest.warns(DeprecationWarning, match="now called 'medium'"):
        made = Condition(variant="half")
    assert made.variant == "medium"


@pytest.mark.parametrize(
    ("family", "text", "message"),
    [
        (ANT, "33 tasks", "has 32 meta-train tasks, not 33. Give 1 to 32"),
        (CHEETAH, "subsample 3", "an episode of .* has 1000 steps. Give a number that divides it"),
    ],
)
def test_what_a_family_cannot_give_is_refused(family: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Condition.parse(text).on(family)


@pytest.mark.parametrize(("family", "text"), DIGESTS)
def test_digests_are_frozen(family: str, text: str) -> None:
    assert Condition.parse(text).on(family).digest == DIGESTS[family, text]


def test_digests_tell_conditions_apart() -> None:
    texts = ["canonical", "4 demonstrations", "4 tasks", "subsample 1", "noisy", "medium"]
    digests = {Condition.parse(text).on(CHEETAH).digest for text in texts}
    assert len(digests) == len(texts)
    # What is said and what is meant are the same demonstrations.
    same = Condition.parse("16 demonstrations, 31 tasks, subsample 20, expert").on(CHEETAH)
    assert same.canonical
    assert same.digest == Condition().on(CHEETAH).digest


@pytest.mark.parametrize("family", [GRID, ANT, CHEETAH, WALKER, CLASSIFICATION])
def test_tasks_of_a_smaller_condition_are_among_those_of_a_larger(family: str) -> None:
    total = len(get_family(family).table("train"))
    chosen = [
        Condition(tasks=min(number, total)).on(family).task_indices for number in (1, 4, 16, 64)
    ]
    assert [len(indices) for indices in chosen] == [1, 4, 16, min(64, total)]
    assert all(set(small) < set(large) for small, large in pairwise(map(np.ndarray.tolist, chosen)))
    np.testing.assert_array_equal(chosen[1], first_tasks(get_family(family), 4))


def test_recipes_of_every_version_state_their_condition() -> None:
    assert condition_of({}) == Condition()
    assert condition_of({"subset": {}}) == Condition()
    assert condition_of({"subset": {"tasks": 8}}) == Condition(tasks=8)
    stated = {"demonstrations": 4, "tasks": 8, "subsample": 1, "variant": "noisy", "sha256": "…"}
    assert condition_of({"condition": stated}) == Condition(
        demonstrations=4, tasks=8, subsample=1, variant="noisy"
    )


@pytest.mark.parametrize(
    "stated", ["4 tasks", [4], 4, {"tasks": "4"}, {"tasks": 1.5}, {"variant": ["noisy"]}]
)
def test_a_recipe_that_states_something_else_is_one_clear_error(stated: object) -> None:
    with pytest.raises((InputError, UnknownNameError)):
        condition_of({"condition": stated})
