"""The JSON schema of cards, which editors use: it agrees with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from smile_bench.leaderboard.entries import card as cards
from smile_bench.tracks import TRACKS
from tests.helpers.made_entries import ANT, CHEETAH, card

FOLDER = Path(__file__).parents[3] / "leaderboard"
SCHEMA = json.loads((FOLDER / "entry.schema.json").read_text(encoding="utf-8"))


def test_it_names_the_keys_and_tracks_of_the_reader() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == {*cards._REQUIRED, *cards._OPTIONAL}
    assert set(SCHEMA["required"]) == set(cards._REQUIRED)
    assert set(SCHEMA["properties"]["track"]["enum"]) == set(TRACKS)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("entries/*/entry.json")), ids=str)
def test_shipped_cards_follow_it(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), SCHEMA)


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "Upper"},
        {"name": "x" * 65},
        {"format": "smile-bench-entry-2"},
        {"track": "ofline"},
        {"extra": 1},
        {"title": "x" * 81},
        {"authors": []},
        {"authors": "A. Author"},
        {"paper": "javascript:alert(1)"},
        {"state_only": "no"},
        {"demonstrations": -1},
        {"demonstrations": {ANT: 1.5}},
        {"families": [ANT, ANT]},
    ],
    ids=str,
)
def test_what_the_reader_refuses_it_refuses(facts: dict[str, Any]) -> None:
    document = card("my-entry", (ANT, CHEETAH))
    jsonschema.validate(document, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, **facts}, SCHEMA)
