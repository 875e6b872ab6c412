from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any

import pytest

from smile_bench.leaderboard.page.html import SCRIPTS, leaderboard_page

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028 \" ' ${x} $data $$ </style>"


def document(text: str = "plain") -> dict[str, Any]:
    return {"rows": [{"title": text}], "families": []}


def blocks(page: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)


def test_data_come_back_as_they_were_and_never_end_their_block() -> None:
    page = leaderboard_page(document(HOSTILE))
    data, script = blocks(page, "script")
    assert json.loads(data) == document(HOSTILE)
    assert not set("<>&") & set(data)
    assert "alert(1)" not in script
    assert page.count("<script") == page.count("</script>") == 2


def test_the_policy_allows_this_style_and_this_program_and_nothing_else() -> None:
    page = leaderboard_page(document())
    match = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert match is not None
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(match[1]).split(";"))
    digests = {
        tag: base64.b64encode(hashlib.sha256(blocks(page, tag)[-1].encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digests['style']}'",
        "script-src": f"'sha256-{digests['script']}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_page_needs_no_other_file() -> None:
    page = leaderboard_page(document())
    assert not re.search(r"<(script|img|iframe)[^>]*\ssrc=", page)
    assert not re.search(r"@import|url\(", blocks(page, "style")[0])
    assert re.findall(r"<link[^>]*>", page) == ['<link rel="icon" href="data:,">']


def assets() -> dict[str, str]:
    folder = resources.files("smile_bench.leaderboard.page") / "assets"
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_every_asset_is_used() -> None:
    assert set(assets()) == {*SCRIPTS, "page.html", "style.css"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_program_makes_no_markup_from_text(name: str) -> None:
    source = assets()[name]
    forbidden = "innerHTML|outerHTML|insertAdjacentHTML|document.write|eval|new Function|srcdoc"
    assert not re.search(rf"\b(?:{forbidden})\b", source)
    # Style attributes would be refused by the policy; a script's end would end the program.
    assert "style:" not in source
    assert "</script" not in source
    assert len(source.splitlines()) <= 400
