"""From a trained agent to its place in an entry, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smile_bench.agents import Agent
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries.drafting import (
    CARD,
    Statements,
    draft_entry,
    extend_card,
    found_results,
    require_stated,
)
from smile_bench.leaderboard.entries.files import require_name
from smile_bench.leaderboard.entries.training import stated_seed
from smile_bench.protocol.evaluation import evaluate
from smile_bench.protocol.result import Result
from smile_bench.protocol.verification import verify_result
from smile_bench.provenance import training_of
from smile_bench.testing import check_agent

__all__ = ["add_result"]


def add_result(
    agent: Agent,
    family: str,
    entry: str | Path,
    *,
    title: str,
    authors: Sequence[str],
    track: str | None = None,
    demonstrations: int | None = None,
    replace: bool = False,
) -> Result:
    """Check an agent, score it, verify the result, and put it into an entry.

    The result lies in ``ENTRY/FAMILY/seed-N/primary``, where N is the seed that the agent's recipe
    states. The first result of an entry also makes its card, ``entry.json``; further families are
    added to it.

    Args:
        agent: trained on the family.
        family: the family's id.
        entry: the entry's folder, such as ``leaderboard/entries/my-method``.
        title: of the entry's row.
        authors: of the entry.
        track: needed if the recipe does not state one.
        demonstrations: of each meta-train task; needed if the recipe does not state them.
        replace: a result of the same family and seed that is there.

    Returns:
        The result.

    Raises:
        AgentError: the agent breaks the interface.
        LeaderboardError: the agent does not act the same again, or a card cannot be made.
        UnknownNameError: there is no such family or track.
    """
    folder, recipe = Path(entry), training_of(agent)
    place = folder / family / f"seed-{stated_seed(recipe) or 0}" / "primary"
    stated = Statements(title=title, authors=authors, track=track, demonstrations=demonstrations)
    require_name(folder.resolve().name)
    require_stated(recipe, stated)
    if place.exists() and not replace:
        raise LeaderboardError(
            f"{place} holds a result already. Train another seed, or give replace=True."
        )
    check_agent(agent, family)
    result = evaluate(agent, family)
    result.save(place)
    found = verify_result(place, rerun=lambda name, family: agent)
    if not found.passed:
        raise LeaderboardError(f"{place} does not verify: {'; '.join(map(str, found.findings))}")
    if (folder / CARD).exists():
        extend_card(folder, result, demonstrations)
    else:
        draft_entry(folder, found_results([folder]), stated)
    return result
