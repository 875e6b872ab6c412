"""What must agree: a card with its results, results with themselves, entries with each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from smile_bench.arrays import IntArray
from smile_bench.datasets.conditions.condition import FamilyCondition
from smile_bench.envs import get_family
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries.card import Card
from smile_bench.leaderboard.entries.conditions import (
    condition_label,
    stated_condition,
    states_condition,
)
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, Run
from smile_bench.leaderboard.entries.training import Training, training_of
from smile_bench.protocol.meta_test import MetaTest, load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.protocol.scores import normalised_scores
from smile_bench.tracks import TRACKS

__all__ = [
    "ShippedWeights",
    "check_between",
    "check_entry",
    "check_episodes",
    "check_training",
    "check_weights",
]

ShippedWeights = Callable[[str, str], str | None]
"""SHA-256 of the weights of an agent for a family, given their names; None without weights."""
ROUNDING = 1e-9
"""Allowed relative difference of scores that another version of NumPy may sum in another order."""


def check_entry(entry: Entry) -> None:
    """Check an entry's card against its results.

    Raises:
        LeaderboardError: the first contradiction, with the folder that it is in.
    """
    agents = {one.result.agent for one in entry.evaluations}
    if len(agents) > 1:
        raise LeaderboardError(
            f"its results are of different agents: {', '.join(sorted(map(repr, agents)))}. An "
            "entry has one agent; make an entry for each."
        )
    if entry.card.agent is not None and agents != {entry.card.agent}:
        raise LeaderboardError(
            f"entry.json says the agent is {entry.card.agent!r}, but its results say "
            f"{agents.pop()!r}."
        )
    conditions: dict[str, tuple[FamilyCondition, str]] = {}
    for run in entry.runs:
        for shots, one in ((None, run.primary), *run.shots.items()):
            try:
                _check_evaluation(entry.card, run, shots, one)
                condition = stated_condition(one.result)
            except LeaderboardError as error:
                raise LeaderboardError(f"{one.place}: {error}") from error
            first, place = conditions.setdefault(run.family, (condition, one.place))
            if condition != first:
                raise LeaderboardError(
                    f"{one.place}: trained with {condition}, but {place} with {first}. "
                    "An entry has one condition on each family; make an entry for each."
                )


def _check_evaluation(card: Card, run: Run, shots: int | None, one: Evaluated) -> None:
    meta_test = load_meta_test(run.family)
    evaluation = "primary" if shots is None else f"{shots} shots"
    sizes = meta_test.shots if shots is None else np.full_like(meta_test.shots, shots)
    check_episodes(card, one.result, evaluation, meta_test, sizes)
    training = training_of(one.result)
    if training is not None and training.seed not in (None, run.seed):
        raise LeaderboardError(
            f"the agent was trained with seed {training.seed}; move the result to the folder "
            f"seed-{training.seed}."
        )
    check_training(card, one.result)


def check_episodes(
    card: Card, result: Result, evaluation: str, meta_test: MetaTest, sizes: IntArray
) -> None:
    """Check a result against its folder, the frozen set of its episodes (E) and the card.

    Args:
        card: of its entry.
        result: the result.
        evaluation: what it must be of.
        meta_test: the frozen set, of the family of the folder.
        sizes: demonstrations in each context, (E,).

    Raises:
        LeaderboardError: the first contradiction.
    """
    if result.family != meta_test.family:
        raise LeaderboardError(
            f"the result is of {result.family}; move it to the folder of that family."
        )
    if result.evaluation != evaluation:
        raise LeaderboardError(
            f"the result is of the evaluation {result.evaluation!r}, not {evaluation!r}."
        )
    if result.protocol_version != meta_test.version:
        raise LeaderboardError(
            f"the protocol version is {result.protocol_version}; this leaderboard has "
            f"{meta_test.version}. Evaluate the agent again with this version of smile-bench."
        )
    if not np.array_equal(result.tasks, meta_test.tasks) or not np.array_equal(result.shots, sizes):
        raise LeaderboardError(
            "its episodes are not those of the protocol. Evaluate the agent again."
        )
    references = meta_test.references
    scores = normalised_scores(result.family, meta_test.tasks, result.episodes, references)
    if not np.allclose(result.scores, scores, rtol=ROUNDING, atol=ROUNDING, equal_nan=True):
        raise LeaderboardError(
            f"its score is {result.score:.6g}, but its episodes give {np.nanmean(scores):.6g}. "
            "Evaluate the agent again."
        )
    if result.privileged and not card.reference:
        raise LeaderboardError(
            'the agent is privileged: it sees the task. entry.json must say "reference": true.'
        )
    if card.state_only != result.state_only:
        shown = "no actions" if result.state_only else "the expert's actions"
        raise LeaderboardError(
            f"the agent was shown {shown}; entry.json must say "
            f'"state_only": {str(result.state_only).lower()}.'
        )


def check_training(card: Card, result: Result) -> None:
    """Check what a result's training used against the card.

    Raises:
        LeaderboardError: it used more than the card says.
    """
    family = result.family
    _check_without_demonstrations(card, family, result)
    training = training_of(result)
    if training is None:
        return
    _check_demonstrations(card, family, result, training)
    if not training.needs <= TRACKS[card.track].permissions:
        least = training.least_track
        needed = "several tracks at once" if least is None else f"the track {least!r}"
        raise LeaderboardError(
            f"its training needs {needed}, but entry.json says {card.track!r}. It used or could "
            f"use {', '.join(sorted(training.needs))}."
        )
    _check_coverage(family, result)


def _check_without_demonstrations(card: Card, family: str, result: Result) -> None:
    """Refuse demonstrations where the track of an entry, or of its training, has none."""
    training = training_of(result)
    claimed = card.demonstrations[family]
    if claimed and not TRACKS[card.track].demonstrations:
        raise LeaderboardError(
            f"entry.json says the track is {card.track!r}, which has no demonstrations, and claims "
            f'{claimed} for each meta-train task. Set "demonstrations" to 0, or choose the track '
            "that it was trained on."
        )
    if training is None or training.track is None or TRACKS[training.track].demonstrations:
        return
    counted = training.demonstrations
    if counted or states_condition(result):
        what = f"counts {counted} demonstrations" if counted else "states a condition of some"
        raise LeaderboardError(
            f"its recipe says that it was trained on the track {training.track!r}, which has no "
            f"demonstrations, and {what}. Train it again through smile_bench.access.Access."
        )


def _check_coverage(family: str, result: Result) -> None:
    """Hold a stated coverage against the family's partition and itself."""
    stated = (result.training or {}).get("coverage")
    if stated is None:
        return
    partition = get_family(family).coverage_cells
    known = None if partition is None else (partition.name, partition.cells)
    if (stated["partition"], stated["cells"]) != known:
        raise LeaderboardError(
            f"its coverage is of {stated['cells']} cells, {stated['partition']!r}; the family has "
            f"{'no partition' if known is None else f'{known[1]} cells, {known[0]!r}'}. Train it "
            "again with this version of smile-bench."
        )
    reached, cells, share = stated["reached"], stated["cells"], stated["share"]
    if reached > cells or abs(share - reached / cells) > ROUNDING:
        raise LeaderboardError(
            f"its coverage says {reached} of {cells} cells and a share of {share}, which do not "
            "fit. Train it again through smile_bench.access.Access."
        )


def _check_demonstrations(card: Card, family: str, result: Result, training: Training) -> None:
    """Hold the demonstrations that a training counted against its condition and the card."""
    if training.demonstrations is None:
        return
    condition, claimed = stated_condition(result), card.demonstrations[family]
    if states_condition(result):
        if claimed != condition.demonstrations:
            raise LeaderboardError(
                f"it was trained with {condition}, but entry.json claims {claimed} for each "
                f'meta-train task. Correct "demonstrations" in entry.json.'
            )
        most = condition.demonstrations * condition.tasks
        if training.demonstrations > most:
            raise LeaderboardError(
                f"its training was given {training.demonstrations} demonstrations, but its "
                f"condition, {condition}, has {most}. Train it again through "
                "smile_bench.access.Access."
            )
        return
    most = claimed * len(get_family(family).table("train"))
    if training.demonstrations > most:
        raise LeaderboardError(
            f"its training was given {training.demonstrations} demonstrations, but entry.json "
            f"claims {claimed} for each meta-train task, which makes {most}. Correct "
            '"demonstrations" in entry.json.'
        )


def check_weights(entry: Entry, shipped: ShippedWeights) -> None:
    """Check that an entry of an agent that ships was evaluated with the weights that ship.

    Args:
        entry: the entry. Only the first seed of each family is of the weights that ship.
        shipped: returns their SHA-256.

    Raises:
        LeaderboardError: a result names other weights.
        AgentError: no weights of the agent ship for a family.
    """
    agent = entry.card.agent
    if agent is None:
        return
    for run in entry.runs:
        for one in run.evaluations:
            if not one.reproducible:
                continue
            found, expected = one.result.weights, shipped(agent, run.family)
            if found != expected:
                raise LeaderboardError(
                    f"{one.place}: the result is of {_weights(found)}, but {agent} ships with "
                    f'{_weights(expected)}. Evaluate the agent that ships, or leave "agent" out '
                    "of entry.json."
                )


def _weights(sha256: str | None) -> str:
    return "no weights" if sha256 is None else f"the weights {sha256[:16]}…"


def check_between(entries: Sequence[Entry]) -> list[str]:
    """Find entries with the same title in a track, form and condition.

    Returns:
        One line for each finding; none if all is well.
    """
    findings = []
    titles: dict[tuple[str, str, bool, str], str] = {}
    for entry in entries:
        card = entry.card
        label = condition_label({r.family: stated_condition(r.primary.result) for r in entry.runs})
        key = (card.title.casefold(), card.track, card.state_only, label)
        if key in titles:
            findings.append(
                f"{card.name}: {titles[key]} has the same title, track, form and condition. "
                "Choose a title that tells them apart."
            )
        titles.setdefault(key, card.name)
    return findings
