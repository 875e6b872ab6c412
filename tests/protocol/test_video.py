from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.protocol.video import RenderError, record, write_film
from tests.helpers.results import GRID, Wanderer

FAMILY = "SmileAntGoal-v0"


def frames() -> list[np.ndarray]:
    return [np.full((24, 32, 3), 40 * i, np.uint8) for i in range(4)]


def test_a_gif_has_every_frame(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    write_film(tmp_path / "film.gif", frames())
    with image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 4
        assert film.size == (32, 24)


def test_an_mp4_is_one(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    larger = [np.repeat(np.repeat(frame, 4, axis=0), 4, axis=1) for frame in frames()]
    write_film(tmp_path / "film.mp4", larger)
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"


def test_another_ending_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"\.gif or \.mp4"):
        write_film(tmp_path / "film.mov", frames())
    assert list(tmp_path.iterdir()) == []


def test_a_film_shows_agents_side_by_side_and_every_step_of_the_grid() -> None:
    pytest.importorskip("PIL")
    one = record(get_family(GRID), {"one": Wanderer()}, 3, width=96, height=64)
    both = record(get_family(GRID), {"one": Wanderer(), "two": Wanderer()}, 3, width=96, height=64)
    assert len(one) == len(both) == 20
    for alone, pair in zip(one, both, strict=True):
        assert pair.shape == (64, 192, 3)
        np.testing.assert_array_equal(pair[:, :96], alone)
    assert not np.array_equal(one[0], one[-1])
    half = record(get_family(GRID), {"one": Wanderer()}, 3, width=96, height=64, seconds=2.0)
    np.testing.assert_array_equal(half, one[: len(half)])
    assert len(half) == 8


def test_what_cannot_be_filmed_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="from 0 to 15"):
        record(get_family(FAMILY), {}, 16)
    with pytest.raises(UnknownNameError, match="at least one"):
        record(get_family(FAMILY), {}, 0)
    with pytest.raises(InputError, match=r"at least 0\.05 seconds, got 0\.01"):
        record(get_family(FAMILY), {"wanderer": Wanderer()}, 0, seconds=0.01)
