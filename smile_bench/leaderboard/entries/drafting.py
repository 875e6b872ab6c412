"""Drafting an entry: its folder from results, and its card from what they state."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_bench.envs import get_family
from smile_bench.errors import LeaderboardError, require_known, shown
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.entries.card import FORMAT, LIMIT, read_card
from smile_bench.leaderboard.entries.conditions import (
    FIELDS,
    stated_condition,
    states_condition,
)
from smile_bench.leaderboard.entries.files import read_object, require_name
from smile_bench.leaderboard.entries.training import stated_seed, training_of
from smile_bench.protocol.result import EVIDENCE_FILE, RESULT_FILE, Result
from smile_bench.protocol.result_file import read_result
from smile_bench.tracks import TRACKS

__all__ = ["CARD", "Statements", "draft_entry", "extend_card", "found_results", "require_stated"]

CARD = "entry.json"
_GIVE_TRACK = f"give the track (--track, or track=), one of {', '.join(TRACKS)}"
_GIVE_DEMONSTRATIONS = (
    "give the number for each meta-train task (--demonstrations, or demonstrations=)"
)
SCHEMA = "entry.schema.json"
"""Of cards; in the repository it lies beside the folder of entries."""


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What results cannot say of an entry."""

    title: str
    authors: Sequence[str]
    paper: str | None = None
    code: str | None = None
    description: str = ""
    track: str | None = None
    """Needed where the results state no training."""
    demonstrations: int | None = None
    """Of each meta-train task; needed where the results do not state them."""


def found_results(folders: Sequence[Path]) -> dict[Path, Result]:
    """Every result at or below some folders, by its own folder.

    Raises:
        LeaderboardError: there is none.
        ProtocolError: a result is damaged.
    """
    places = sorted({path.parent for folder in folders for path in folder.rglob(RESULT_FILE)})
    if not places:
        raise LeaderboardError(
            f"no {RESULT_FILE} lies in {', '.join(map(str, folders)) or 'the entry'}. Evaluate the "
            "agent first: smile-bench evaluate --agent my_module:make_agent --save results."
        )
    return {place: read_result(place / RESULT_FILE) for place in places}


def draft_entry(entry: Path, results: Mapping[Path, Result], statements: Statements) -> Path:
    """Write an entry: the results in their folders, and the card that fits them.

    Everything is checked before anything is written.

    Args:
        entry: its folder; its name is the entry's.
        results: by the folders that hold them.
        statements: what the results cannot say.

    Returns:
        The card's path.

    Raises:
        LeaderboardError: there is a card already, two results are of one seed, the results do not
            belong together, or something that the card needs is stated nowhere.
    """
    path = entry / CARD
    if path.exists():
        raise LeaderboardError(
            f"{path} is there already. Add what is new to it, remove it to have it made again from "
            "all results in the folder, or name another folder."
        )
    name = require_name(entry.resolve().name)
    targets: dict[Path, Path] = {}
    for source, result in results.items():
        place = Path(result.family, f"seed-{_seed(result)}", result.evaluation.replace(" ", "-"))
        if place in targets:
            raise LeaderboardError(
                f"{source} and {targets[place]} are both {place}. Give results of different seeds, "
                'with the seed in their recipes: recipe = {"seed": 1, ...}.'
            )
        targets[place] = source
    card = _card(name, list(results.values()), statements)
    if (entry.resolve().parents[1] / SCHEMA).exists():
        card = {"$schema": f"../../{SCHEMA}", **card}
    entry.mkdir(parents=True, exist_ok=True)
    draft = entry / f".{CARD}.draft"
    write_atomically(draft, json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    try:
        read_card(draft)
        for place, source in targets.items():
            _copy(source, entry / place)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def require_stated(recipe: Mapping[str, Any] | None, statements: Statements) -> None:
    """Refuse a training that will not make a card, before anything is computed.

    Args:
        recipe: of the agent.
        statements: what is given beside it.

    Raises:
        LeaderboardError: authors that are one text, or something that is stated nowhere.
        UnknownNameError: there is no such track.
    """
    stated = recipe or {}
    if isinstance(statements.authors, str):
        raise LeaderboardError(
            f"authors is the text {shown(statements.authors)}; give a list of names."
        )
    if statements.track is None and stated.get("track") is None:
        raise LeaderboardError(f"the agent's recipe names no track; {_GIVE_TRACK}.")
    require_known("track", [statements.track or stated["track"]], TRACKS)
    known = "access" in stated or any(stated.get(name) for name in FIELDS)
    if statements.demonstrations is None and not known:
        raise LeaderboardError(
            "the agent's recipe does not say how many demonstrations its training was given; "
            f"{_GIVE_DEMONSTRATIONS}."
        )


def extend_card(entry: Path, result: Result, demonstrations: int | None = None) -> None:
    """Add a result's family to the card of an entry, if it is not there.

    Args:
        entry: its folder.
        result: of the entry's agent.
        demonstrations: of each meta-train task, where the result does not state them.

    Raises:
        LeaderboardError: the card is damaged, or the result does not fit it.
    """
    path = entry / CARD
    card, document = read_card(path), read_object(path, limit=LIMIT)
    form = (card.state_only, card.reference)
    if form != (result.state_only, result.privileged):
        raise LeaderboardError(
            f"{path} is of an agent of another form (state_only {card.state_only}); put the result "
            "into an entry of its own."
        )
    number = _demonstrations(result, demonstrations)
    if card.demonstrations.get(result.family, number) != number:
        raise LeaderboardError(
            f"{path} claims {card.demonstrations[result.family]} demonstrations of each task of "
            f"{result.family}, and this training had {number}. Make an entry of each."
        )
    if result.family in card.demonstrations:
        return
    document["demonstrations"] = {**card.demonstrations, result.family: number}
    if "families" in document:
        document["families"] = [*document["families"], result.family]
    write_atomically(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _card(name: str, results: Sequence[Result], statements: Statements) -> dict[str, Any]:
    if len({(result.agent, result.state_only, result.privileged) for result in results}) > 1:
        agents = sorted({result.agent for result in results})
        raise LeaderboardError(
            f"the results are of several agents or forms ({', '.join(map(shown, agents))}); an "
            "entry is one agent. Give the results of one."
        )
    track = _track(results, statements.track)
    given = {"paper": statements.paper, "code": statements.code}
    demonstrations: dict[str, int] = {}
    for result in results:
        number = _demonstrations(result, statements.demonstrations)
        if demonstrations.setdefault(result.family, number) != number:
            raise LeaderboardError(
                f"the seeds of {result.family} had different numbers of demonstrations: "
                f"{demonstrations[result.family]} and {number}. Make an entry of each."
            )
    return {
        "format": FORMAT,
        "name": name,
        "title": statements.title,
        "authors": list(statements.authors),
        **{key: value for key, value in given.items() if value is not None},
        **({"description": statements.description} if statements.description else {}),
        "track": track,
        "state_only": results[0].state_only,
        "demonstrations": demonstrations,
        "reference": results[0].privileged,
    }


def _seed(result: Result) -> int:
    return stated_seed(result.training) or 0


def _track(results: Sequence[Result], given: str | None) -> str:
    """The track that was given, or the one that every training states."""
    if given is not None:
        require_known("track", [given], TRACKS)
        return given
    trainings = [training_of(result) for result in results]
    stated = {training.track for training in trainings if training is not None}
    if len(stated) == 1 and (track := next(iter(stated))) is not None:
        return track
    named = ", ".join(sorted(map(repr, filter(None, stated)))) or "none"
    raise LeaderboardError(
        f"the results do not name one track (they state {named}); {_GIVE_TRACK}."
    )


def _demonstrations(result: Result, given: int | None) -> int:
    """Demonstrations of each meta-train task: as stated, else as given."""
    if states_condition(result):
        return stated_condition(result).demonstrations
    training = training_of(result)
    if training is not None and training.demonstrations is not None:
        return -(-training.demonstrations // len(get_family(result.family).table("train")))
    if given is None:
        raise LeaderboardError(
            f"the result on {result.family} does not state how many demonstrations its training "
            f"was given; {_GIVE_DEMONSTRATIONS}."
        )
    return given


def _copy(source: Path, target: Path) -> None:
    """Copy a result and its evidence."""
    if source.resolve() == target.resolve():
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in (EVIDENCE_FILE, RESULT_FILE):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
