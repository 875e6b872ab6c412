"""Seeds as text and as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.errors import InputError
from smile_bench.seeds import checked_seeds, parse_seeds, seeds_as_text


@pytest.mark.parametrize(
    ("text", "seeds", "written"),
    [
        ("0-31", tuple(range(32)), "0-31"),
        ("0,3,5-7", (0, 3, 5, 6, 7), "0,3,5-7"),
        (" 4 , 2-2 ", (4, 2), "4,2"),
        ("0,1", (0, 1), "0,1"),
        ("7,0-2,8", (7, 0, 1, 2, 8), "7,0-2,8"),
        ("9223372036854775", (9223372036854775,), "9223372036854775"),
    ],
)
def test_seeds_are_read_and_written(text: str, seeds: tuple[int, ...], written: str) -> None:
    assert parse_seeds(text) == seeds
    assert seeds_as_text(seeds) == written
    assert parse_seeds(written) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read seeds from ''"),
        ("3,", "cannot read seeds from '3,'. Give numbers and ranges, such as 0,3,5-7"),
        ("-1", "cannot read seeds from '-1'"),
        ("1-", "cannot read seeds"),
        ("a", "cannot read seeds"),
        ("1.5", "cannot read seeds"),
        ("٣", "cannot read seeds"),
        ("7-5", "the seeds 7-5 are empty; give 5-7"),
        ("0,3,0-5", "given twice among the seeds: 0,3"),
        ("0-4096", "more than 4096 seeds"),
        ("0-999999999999999999", "more than 4096 seeds"),
        ("0-3000,5000-9000", "more than 4096 seeds"),
    ],
)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_seeds(text)


def test_seeds_are_whole_numbers() -> None:
    assert checked_seeds(range(3)) == (0, 1, 2)
    assert checked_seeds(np.arange(2)) == (0, 1)
    for wrong in (-1, 0.5, "1", None, True, 2**63):
        with pytest.raises(InputError, match=r"is not a seed\. Give whole"):
            checked_seeds([0, wrong])
    with pytest.raises(InputError, match="'0-3' is not a seed"):
        checked_seeds("0-3")
    with pytest.raises(InputError, match="no seed was given"):
        checked_seeds([])
    with pytest.raises(InputError, match="given twice among the seeds: 4"):
        checked_seeds([4, 1, 4])
    for many in (range(4097), range(0, 1000, 2)):
        with pytest.raises(InputError, match="too many, or too scattered"):
            checked_seeds(many)
    assert len(checked_seeds(range(4096))) == 4096
