from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from smile_bench import access
from smile_bench.errors import UnknownNameError
from smile_bench.tracks import TRACKS, Track, least_track, require_track, tracks_with

ALLOWED = {
    "offline": {"offline"},
    "interactive": {"offline", "interactive", "unsupervised"},
    "expert-queries": {"offline", "interactive", "expert-queries", "unsupervised"},
    "rewards": {"offline", "interactive", "expert-queries", "rewards", "unsupervised"},
    "unsupervised": {"unsupervised"},
    "fine-tune": {"offline", "interactive", "expert-queries", "unsupervised", "fine-tune"},
}
"""Which tracks each one allows; what tests say of every pair follows."""


@pytest.mark.parametrize(("name", "other"), list(product(ALLOWED, ALLOWED)))
def test_a_track_allows_another_if_it_allows_all_that_the_other_does(name: str, other: str) -> None:
    assert TRACKS[name].allows(TRACKS[other]) == (other in ALLOWED[name])


def test_allowing_is_an_order_of_all_tracks() -> None:
    tracks = TRACKS.values()
    for one in tracks:
        assert one.allows(one)
    for one, other in product(tracks, tracks):
        both = one.allows(other) and other.allows(one)
        assert not both or one.permissions == other.permissions
    for one, other, third in product(tracks, tracks, tracks):
        if one.allows(other) and other.allows(third):
            assert one.allows(third)
    assert len({track.rule for track in tracks}) == len(TRACKS)
    assert set(ALLOWED) <= set(TRACKS)


def test_permissions_are_the_rules_by_name() -> None:
    assert TRACKS["unsupervised"].permissions == {"environments"}
    assert TRACKS["offline"].permissions == {"demonstrations"}
    nothing = Track(rule="none", demonstrations=False, environments=False, labels=False)
    assert nothing.permissions == frozenset()
    assert all(track.allows(nothing) for track in TRACKS.values())


@pytest.mark.parametrize(
    ("permissions", "least"),
    [
        (set(), "offline"),
        ({"demonstrations"}, "offline"),
        ({"environments"}, "unsupervised"),
        ({"environments", "demonstrations"}, "interactive"),
        ({"labels"}, "expert-queries"),
        ({"rewards"}, "rewards"),
        ({"fine_tuning"}, "fine-tune"),
        ({"something else"}, None),
    ],
)
def test_the_least_track_has_all_permissions_and_few_more(
    permissions: set[str], least: str | None
) -> None:
    assert least_track(permissions) == least


def test_the_least_track_of_a_track_s_permissions_is_as_small() -> None:
    for track in TRACKS.values():
        found = least_track(track.permissions)
        assert found is not None
        assert TRACKS[found].permissions == track.permissions


def test_tracks_are_listed_by_their_rules() -> None:
    assert tracks_with(demonstrations=False) == "'unsupervised'"
    assert "'unsupervised'" not in tracks_with(demonstrations=True)
    assert "'offline'" in tracks_with(demonstrations=True, environments=False)


def test_a_track_is_found_by_its_name() -> None:
    assert require_track("offline") is TRACKS["offline"]
    with pytest.raises(UnknownNameError, match=r"unknown track 'ofline'\. Did you mean 'offline'"):
        require_track("ofline")


def test_tracks_cannot_be_changed_and_are_also_in_access() -> None:
    assert access.TRACKS is TRACKS
    writable: Any = TRACKS
    with pytest.raises(TypeError):
        writable["offline"] = TRACKS["interactive"]
