"""Infos of vector environments have Gymnasium's form."""

from __future__ import annotations

import numpy as np

from smile_bench.envs.vector_info import masked_info, replaced_info, with_final

ALL = np.ones(3, np.bool_)
SOME = np.array([False, True, False])
VALUES = {"x": np.array([1.0, 2.0, 3.0])}


def test_zeros_stand_outside_the_mask() -> None:
    info = masked_info(VALUES, SOME)
    assert info["x"].tolist() == [0.0, 2.0, 0.0]
    assert info["_x"].tolist() == [False, True, False]


def test_a_full_mask_keeps_the_arrays() -> None:
    for everywhere in (True, False):
        info = masked_info(VALUES, ALL, everywhere=everywhere)
        assert info["x"] is VALUES["x"]
        assert info["_x"] is ALL


def test_the_infos_of_a_reset_replace_those_of_the_step() -> None:
    stepped = masked_info({"x": VALUES["x"], "speed": np.full(3, 7.0)}, ALL)
    fresh = masked_info({"x": np.full(3, 9.0)}, SOME)
    info = replaced_info(stepped, fresh, SOME, ALL)
    assert info["x"].tolist() == [1.0, 9.0, 3.0]
    assert info["_x"].tolist() == [True] * 3
    # A reset has no speed.
    assert info["speed"].tolist() == [7.0, 0.0, 7.0]
    assert info["_speed"].tolist() == [True, False, True]


def test_keys_of_no_environment_are_left_out() -> None:
    stepped = masked_info({"x": VALUES["x"], "speed": np.full(3, 7.0)}, ALL)
    info = replaced_info(stepped, masked_info(VALUES, ALL), ALL, ALL)
    assert set(info) == {"x", "_x"}


def test_final_observations_and_infos_stay_when_a_reset_follows() -> None:
    stepped = masked_info(VALUES, ALL)
    ended = with_final(stepped, np.arange(6.0).reshape(3, 2), SOME)
    assert ended["final_obs"][0] is None
    assert ended["final_obs"][1].tolist() == [2.0, 3.0]
    assert ended["_final_obs"].tolist() == [False, True, False]
    assert ended["final_info"]["x"].tolist() == [0.0, 2.0, 0.0]
    assert ended["final_info"]["_x"].tolist() == [False, True, False]
    assert ended["_final_info"].tolist() == [False, True, False]
    info = replaced_info(ended, masked_info({"x": np.zeros(3)}, SOME), SOME, ALL)
    assert info["x"].tolist() == [1.0, 0.0, 3.0]
    for key in ("final_obs", "_final_obs", "final_info", "_final_info"):
        assert info[key] is ended[key]
