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
    """Check what an entry says against what its results say.

    Raises:
        LeaderboardError: the first contradiction, with the folder that it is in.
    """
    agents = {one.result.agent for run in entry.runs for one in run.evaluations}
    if len(agents) > 1:
        raise LeaderboardError(
            f"its results are of different agents: {', '.join(sorted(map(repr, agents)))}. One "
            "entry is one agent."
        )
    if entry.card.agent is not None and agents != {entry.card.agent}:
        raise LeaderboardError(
            f"entry.json says the agent is {entry.card.agent!r}, its results {agents.pop()!r}."
        )
    for run in entry.runs:
        for shots, one in ((None, run.primary), *run.shots.items()):
            try:
                _check_evaluation(entry.card, run, shots, one)
            except LeaderboardError as error:
                where = f"{run.family}/seed-{run.seed}/{one.folder.name}"
                raise LeaderboardError(f"{where}: {error}") from error


def _check_evaluation(card: Card, run: Run, shots: int | None, one: Evaluated) -> None:
    result, evaluation = one.result, "primary" if shots is None else f"{shots} shots"
    if result.family != run.family:
        raise LeaderboardError(f"the result is of {result.family}.")
    if result.evaluation != evaluation:
        raise LeaderboardError(f"the result is of the evaluation {result.evaluation!r}.")
    meta_test = load_meta_test(run.family)
    if result.protocol_version != meta_test.version:
        raise LeaderboardError(
            f"protocol version {result.protocol_version} is not that of this leaderboard, "
            f"{meta_test.version}. Evaluate the agent again with this version of smile-bench."
        )
    sizes = meta_test.shots if shots is None else np.full_like(meta_test.shots, shots)
    if not np.array_equal(result.tasks, meta_test.tasks) or not np.array_equal(result.shots, sizes):
        raise LeaderboardError("its episodes are not those of the protocol.")
    if result.privileged and not card.reference:
        raise LeaderboardError(
            'the agent was told the task; such an entry must say "reference": true.'
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
        raise LeaderboardError(f"it was trained with seed {training.seed}, not {run.seed}.")
    order = list(TRACKS)
    if order.index(training.least_track) > order.index(card.track):
        raise LeaderboardError(
            f"its training used what only the track {training.least_track!r} allows; the entry "
            f"says {card.track!r}."
        )


def check_between(entries: Sequence[Entry]) -> list[str]:
    """Findings that concern more than one result: the same evidence, or the same title, twice.

    Returns:
        One line each; none if all is well.
    """
    findings = []
    places: dict[str, str] = {}
    titles: dict[tuple[str, str, bool], str] = {}
    for entry in entries:
        card = entry.card
        key = (card.title.casefold(), card.track, card.state_only)
        if key in titles:
            findings.append(
                f"{card.name}: {titles[key]} has the same title, track and form; give it another "
                "title that says what differs."
            )
        titles.setdefault(key, card.name)
        for run in entry.runs:
            for one in run.evaluations:
                if one.evidence is None:
                    continue
                place = f"{card.name}: {run.family}/seed-{run.seed}/{one.folder.name}"
                if one.evidence in places:
                    findings.append(f"{place} has the same evidence as {places[one.evidence]}.")
                places.setdefault(one.evidence, place)
    return findings
