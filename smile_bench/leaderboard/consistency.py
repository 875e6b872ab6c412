"""What must agree: a card with its results, seeds with each other, entries with entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.card import Card
from smile_bench.leaderboard.entries import Entry, Evaluated, Run
from smile_bench.leaderboard.training import training_of
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.tracks import TRACKS

__all__ = ["check_between", "check_entry"]


def check_entry(entry: Entry) -> None:
    """Check an entry's card against its results.

    Raises:
        LeaderboardError: the first contradiction, with the folder that it is in.
    """
    agents = {one.result.agent for run in entry.runs for one in run.evaluations}
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
    for run in entry.runs:
        for shots, one in ((None, run.primary), *run.shots.items()):
            try:
                _check_evaluation(entry.card, run, shots, one)
            except LeaderboardError as error:
                raise LeaderboardError(f"{one.place}: {error}") from error


def _check_evaluation(card: Card, run: Run, shots: int | None, one: Evaluated) -> None:
    result, evaluation = one.result, "primary" if shots is None else f"{shots} shots"
    if result.family != run.family:
        raise LeaderboardError(
            f"the result is of {result.family}; move it to the folder of that family."
        )
    if result.evaluation != evaluation:
        raise LeaderboardError(
            f"the result is of the evaluation {result.evaluation!r}, not {evaluation!r}."
        )
    meta_test = load_meta_test(run.family)
    if result.protocol_version != meta_test.version:
        raise LeaderboardError(
            f"the protocol version is {result.protocol_version}; this leaderboard has "
            f"{meta_test.version}. Evaluate the agent again with this version of smile-bench."
        )
    sizes = meta_test.shots if shots is None else np.full_like(meta_test.shots, shots)
    if not np.array_equal(result.tasks, meta_test.tasks) or not np.array_equal(result.shots, sizes):
        raise LeaderboardError(
            "its episodes are not those of the protocol. Evaluate the agent again."
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
    _check_training(card, run, result)


def _check_training(card: Card, run: Run, result: Result) -> None:
    training = training_of(result)
    if training is None:
        return
    if training.seed is not None and training.seed != run.seed:
        raise LeaderboardError(
            f"the agent was trained with seed {training.seed}; move the result to the folder "
            f"seed-{training.seed}."
        )
    order = list(TRACKS)
    if order.index(training.least_track) > order.index(card.track):
        raise LeaderboardError(
            f"its training needs the track {training.least_track!r}, but entry.json says "
            f"{card.track!r}."
        )


def check_between(entries: Sequence[Entry]) -> list[str]:
    """Find what two results or two entries must not share: their evidence, their title.

    Evidence is compared by the SHA-256 that results state, so it need not be at hand.

    Returns:
        One line for each finding; none if all is well.
    """
    findings = []
    places: dict[str, str] = {}
    titles: dict[tuple[str, str, bool], str] = {}
    for entry in entries:
        card = entry.card
        key = (card.title.casefold(), card.track, card.state_only)
        if key in titles:
            findings.append(
                f"{card.name}: {titles[key]} has the same title, track and form. Choose a title "
                "that tells them apart."
            )
        titles.setdefault(key, card.name)
        for run in entry.runs:
            for one in run.evaluations:
                place = f"{card.name}: {one.place}"
                if one.sha256 in places:
                    findings.append(f"{place} has the same evidence as {places[one.sha256]}.")
                places.setdefault(one.sha256, place)
    return findings
