from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from smile_bench import access
from smile_bench.errors import UnknownNameError
from smile_bench.tracks import TRACKS, require_track


def test_each_track_allows_what_the_one_before_it_allows() -> None:
    for less, more in pairwise(TRACKS.values()):
        allowed = [(track.environments, track.labels, track.rewards) for track in (less, more)]
        assert allowed[0] < allowed[1]
        assert all(one <= other for one, other in zip(*allowed, strict=True))
        assert less.rule != more.rule


def test_a_track_is_found_by_its_name() -> None:
    assert require_track("offline") is TRACKS["offline"]
    with pytest.raises(UnknownNameError, match=r"unknown track 'ofline'\. Did you mean 'offline'"):
        require_track("ofline")


def test_tracks_cannot_be_changed_and_are_also_in_access() -> None:
    assert access.TRACKS is TRACKS
    writable: Any = TRACKS
    with pytest.raises(TypeError):
        writable["offline"] = TRACKS["interactive"]
