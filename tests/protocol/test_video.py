from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.errors import UnknownNameError
from smile_bench.protocol.video import RenderError, record, write_film

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


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(UnknownNameError, match="from 0 to 15"):
        record(get_family(FAMILY), {}, 16)
