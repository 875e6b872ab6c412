from __future__ import annotations

from itertools import pairwise
from typing import Any

from smile_bench.leaderboard.page.markdown import leaderboard_markdown


def test_markdown_has_every_row_and_escapes_text(document: dict[str, Any]) -> None:
    text = leaderboard_markdown(document)
    lines = text.splitlines()
    assert "## offline (protocol v0, MuJoCo 4.0)" in lines
    assert "## references, which see the task (protocol v0, MuJoCo 4.0)" in lines
    assert "## Published, unverified" in lines
    start = lines.index("## Overall (protocol v0, MuJoCo 4.0)")
    assert lines[start + 4].startswith("| 1 | First | **0.9")
    assert lines[start + 4].endswith("| offline | 1 | replayed, exact |")
    _, second = [line for line in lines if "pipe" in line]
    assert second.startswith("| 2 | A \\| &lt;b&gt;pipe&lt;/b&gt; \\[x\\]\\(y\\) | **0.500**")
    for before, rule in pairwise(lines):
        if rule.startswith("| ---"):
            assert before.count("|") == rule.count("|")
    assert any(line.startswith("| – | Partial | incomplete") for line in lines)
