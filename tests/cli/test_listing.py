"""What there is to choose from, as text and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from smile_bench.baselines import all_agents
from smile_bench.cli import main
from smile_bench.envs import SPLITS, all_families
from smile_bench.tracks import TRACKS


def test_families_lists_every_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["families"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(all_families())


def test_families_as_json_are_the_declarations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["families", "--json"]) == 0
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(found) == list(all_families())
    for name, family in all_families().items():
        one = found[name]
        assert one["tasks"] == {split: len(family.table(split)) for split in SPLITS}
        assert (one["horizon"], one["observation_size"]) == (
            family.horizon, family.observation_size
        )  # fmt: skip
        assert [metric["name"] for metric in one["metrics"]] == [m.name for m in family.metrics]


def test_agents_lists_every_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(all_agents())


def test_agents_as_json_say_how_each_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(found) == list(all_agents())
    # No agent that ships was trained with the task's reward.
    tracks = {one["track"] for one in found.values()}
    assert tracks | {"fine-tune"} == {None, *TRACKS} - {"rewards"}
    shown = {name for name, one in found.items() if one["track"] != "unsupervised"}
    assert {name for name in shown if found[name]["state_only"]} == {
        "smile-state-only", "smile-paper-state-only"
    }  # fmt: skip
    assert found["meta-bc"]["weights"] == list(all_families())
    assert found["smile-paper-state-only"]["weights"] == []
    assert found["expert"]["trainable"] is False


def test_listing_needs_no_pytorch() -> None:
    check = (
        "import sys; from smile_bench.cli import main; "
        "[main([command]) for command in ('agents', 'families')]; "
        "assert not {'torch', 'minari', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)
