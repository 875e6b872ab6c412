"""An agent and a family from outside, from the entry's folder to the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from smile_bench.cli.main import main
from smile_bench.protocol import verify_result
from smile_bench.protocol.verification import isolated
from tests.helpers.frozen_family import frozen_family
from tests.helpers.made_entries import card, write_card
from tests.helpers.outside_agent import NAME, wanderer
from tests.helpers.outside_family import ID

TRACK = "rewards"
"""The agent was trained with the task's reward, and says so."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the page shows of an entry by the outside agent on the outside family."""
    folder = tmp_path_factory.mktemp("outside")
    entry = folder / "entries" / NAME
    write_card(entry, card(NAME, (ID,), agent=NAME, track="expert-queries"))
    with pytest.MonkeyPatch.context() as patch, frozen_family(folder / "family"):
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        # The family is registered by no module that a process of its own could import.
        patch.setattr(isolated, "verify_isolated", lambda folder, families: verify_result(folder))
        for seed in (0, 1):
            with wanderer(seed, TRACK):
                command = ["leaderboard", "evaluate", str(entry), "--seed", str(seed)]
                assert main([*command, "--shot-curve"]) == 0
        with wanderer(0, TRACK):
            assert main(["leaderboard", "check", str(entry), "--no-replay"]) == 2
            write_card(entry, card(NAME, (ID,), agent=NAME, track=TRACK))
            assert main(["leaderboard", "check", str(entry)]) == 0
            command = ["leaderboard", "build", "--entries", str(entry.parent)]
            assert main([*command, "--output", str(folder / "site")]) == 0
        embedded = (folder / "site" / "index.html").read_text(encoding="utf-8")
        yield json.loads(embedded.split('id="data">')[1].split("</script>")[0])


@pytest.mark.slow
def test_the_entry_is_replayed_and_ranked_on_its_family(document: dict[str, Any]) -> None:
    (row,) = document["rows"]
    assert (row["name"], row["rank"], row["overall"]) == (NAME, None, None)
    assert row["status"] == {"id": "exact", "label": "replayed, exact"}
    part = row["families"][ID]
    assert (part["rank"], part["seeds"]) == (1, [0, 1])
    assert set(part["metrics"]) == {"min_distance", "final_distance"}
    assert len(part["per_task"]) == 4
    assert [point["shots"] for point in part["shots"]] == [1, 2]
    # Its recipe does not count what the track allows.
    assert part["cost"] == {"env_steps": None, "expert_queries": None, "hours": 0.01}
    # The evidence of a shot curve is dropped where the agent ships, which is for seed 0 alone.
    assert part["shots_status"] == {
        "id": "rerun",
        "label": "seed 1: replayed, exact; seed 0: rerun to verify",
    }


@pytest.mark.slow
def test_an_agent_trained_with_rewards_stands_on_a_track_of_its_own(
    document: dict[str, Any],
) -> None:
    # The fixture has seen that its results are refused on any other track.
    (row,) = document["rows"]
    assert row["track"] == TRACK
    rules = {track["id"]: track["rule"] for track in document["tracks"]}
    assert TRACK in rules
    assert "reward" in rules[TRACK]


@pytest.mark.slow
def test_the_family_is_shown_but_changes_no_overall_rank(document: dict[str, Any]) -> None:
    families = {family["id"]: family for family in document["families"]}
    assert not families[ID]["ranked"]
    assert families[ID]["plot"] == "circle"
    assert len(families[ID]["positions"]) == 4
    assert sum(family["ranked"] for family in families.values()) == 4
