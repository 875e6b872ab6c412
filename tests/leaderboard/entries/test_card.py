from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smile_bench.errors import SmileError
from smile_bench.leaderboard.entries.card import read_card
from tests.helpers.made_entries import ANT, CHEETAH, card, write_card


def read(folder: Path, **facts: Any) -> Any:
    document = card("my-entry", (ANT, CHEETAH), **facts)
    write_card(folder, {key: value for key, value in document.items() if value != "absent"})
    return read_card(folder / "entry.json")


def test_a_card_says_what_its_file_says(tmp_path: Path) -> None:
    found = read(tmp_path, title="<b>Bold</b> & co", demonstrations={CHEETAH: 4, ANT: 16})
    assert found.title == "<b>Bold</b> & co"
    assert found.authors == ("A. Author", "B. Author")
    assert found.paper == "https://example.org/paper"
    assert found.code is None
    # In the suite's order, whatever the file's.
    assert list(found.demonstrations.items()) == [(ANT, 16), (CHEETAH, 4)]
    assert (found.reference, found.agent) == (False, None)


def test_one_number_of_demonstrations_holds_for_every_family(tmp_path: Path) -> None:
    found = read(tmp_path, demonstrations=8, families=[ANT, CHEETAH])
    assert found.demonstrations == {ANT: 8, CHEETAH: 8}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "../../etc"}, "cannot name an entry"),
        ({"name": "a/b"}, "cannot name an entry"),
        ({"name": "Upper"}, "cannot name an entry"),
        ({"name": "-option"}, "cannot name an entry"),
        ({"name": ""}, "cannot name an entry"),
        ({"name": "x" * 65}, "cannot name an entry"),
        ({"format": "smile-bench-entry-2"}, "expected 'smile-bench-entry-1'"),
        ({"track": "ofline"}, "Did you mean 'offline'"),
        ({"track": ["offline"]}, "track must be text"),
        ({"title": "absent"}, "lacks title"),
        ({"extra": 1}, "unknown keys 'extra'"),
        ({"title": "two\nlines"}, "control characters"),
        ({"title": "rightwards \u202e"}, "control characters"),
        ({"title": "x" * 81}, "1 to 80 characters"),
        ({"title": "  "}, "1 to 80 characters"),
        ({"authors": "A. Author"}, "list of 1 to 100 names"),
        ({"authors": []}, "list of 1 to 100 names"),
        ({"authors": [1]}, "authors must be text"),
        ({"paper": "javascript:alert(1)"}, "http or https address"),
        ({"code": "data:text/html,x"}, "http or https address"),
        ({"code": "//example.org"}, "http or https address"),
        ({"code": 'https://example.org/"onload'}, "http or https address"),
        ({"code": "https://[1"}, "http or https address"),
        ({"state_only": "no"}, "state_only must be true or false"),
        ({"reference": 1}, "reference must be true or false"),
        ({"agent": "../weights"}, "cannot name an entry"),
        ({"demonstrations": {ANT: 16, CHEETAH: 16.5}}, "whole number"),
        ({"demonstrations": {ANT: 16, CHEETAH: True}}, "whole number"),
        ({"demonstrations": {ANT: 16, CHEETAH: -1}}, "whole number"),
        ({"demonstrations": {ANT: 16, "SmileAnt-v0": 1}}, "Did you mean"),
        ({"demonstrations": {ANT: 16}, "families": [ANT, CHEETAH]}, "a number for each"),
        ({"families": [ANT, ANT]}, "each once"),
    ],
)
def test_a_wrong_card_is_one_clear_error(
    tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    with pytest.raises(SmileError, match=message) as caught:
        read(tmp_path, **facts)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "one JSON object"),
        ("{", "is not JSON"),
        ('{"name": "a", "name": "b"}', "twice"),
        ('{"demonstrations": NaN}', "NaN"),
        ("[" * 60_000, "is not JSON"),
        ('{"title": "' + "x" * 70_000 + '"}', "at most 65536"),
    ],
)
def test_a_file_that_is_no_card_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "entry.json").write_text(text)
    with pytest.raises(SmileError, match=message):
        read_card(tmp_path / "entry.json")


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "entry.json").write_bytes(b'{"title": "\xff"}')
    with pytest.raises(SmileError, match="not UTF-8"):
        read_card(tmp_path / "entry.json")
