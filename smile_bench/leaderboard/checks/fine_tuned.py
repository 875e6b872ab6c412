"""What must agree in an entry of the fine-tune track: each curve with its folders and itself."""

from __future__ import annotations

import json

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.checks.consistency import check_episodes, check_training
from smile_bench.leaderboard.entries.card import Card
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, FineTunedRun
from smile_bench.protocol.fine_tuning import EPISODES, load_fine_tuning

__all__ = ["check_fine_tuned"]


def check_fine_tuned(entry: Entry) -> None:
    """Check the curves of an entry against its card, its folders and the frozen sets.

    Raises:
        LeaderboardError: the first contradiction, with the folder that it is in.
    """
    for run in entry.fine_tuned:
        starts = set()
        for contexts, curve in run.curves.items():
            for number, one in curve.items():
                try:
                    _check(entry.card, run, contexts, number, one)
                except LeaderboardError as error:
                    raise LeaderboardError(f"{one.place}: {error}") from error
                training = json.dumps(one.result.training, sort_keys=True)
                starts.add((one.result.weights, training))
        if len(starts) > 1:
            raise LeaderboardError(
                f"{run.family}/seed-{run.seed}: its results begin from different weights or "
                "trainings. Fine-tune one agent for all of them."
            )


def _check(card: Card, run: FineTunedRun, contexts: str, number: int, one: Evaluated) -> None:
    frozen, result = load_fine_tuning(run.family, contexts), one.result
    evaluation = f"fine-tune, {contexts}, {number} episodes"
    check_episodes(card, result, evaluation, frozen, frozen.shots)
    check_training(card, result)
    facts = result.fine_tuning
    assert facts is not None  # Its name is checked, and no other evaluation has that name.
    if facts.seed != run.seed:
        raise LeaderboardError(
            f"the agent was fine-tuned with seed {facts.seed}; move the result to the folder "
            f"seed-{facts.seed}."
        )
    if facts.schedule != tuple(n for n in EPISODES if n <= number):
        raise LeaderboardError(
            f"its policy was scored after {list(facts.schedule)} rewarded episodes; an entry needs "
            f"{list(EPISODES)}. Fine-tune it again without --episodes."
        )
