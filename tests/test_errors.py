from __future__ import annotations

import pytest

from smile_bench import errors
from smile_bench.errors import SmileError, UnknownNameError, require_known, suggestion


def test_an_unknown_name_is_an_error_with_the_closest_known() -> None:
    require_known("metric", ["b", "a"], ["a", "b"])
    with pytest.raises(UnknownNameError, match=r"unknown metric 'rate'\. Did you mean 'rates'\?"):
        require_known("metric", ["rates", "rate"], ["rates", "b"])


def test_a_suggestion_lists_what_there_is() -> None:
    assert suggestion("traim", ("validation", "train")) == (
        "Did you mean 'train'? Known: 'train', 'validation'."
    )
    assert suggestion(3, ("validation", "train")) == "Known: 'train', 'validation'."


def test_a_long_list_ends_with_how_many_more_there_are() -> None:
    names = [f"name-{number:03}" for number in range(100)]
    text = suggestion("x", names)
    assert text.startswith("Known: 'name-000', 'name-001', ")
    listed = text.count("'") // 2
    assert text.endswith(f"' and {100 - listed} more.")
    assert 250 < len(text) < 350
    assert suggestion("name-099", names).startswith("Did you mean 'name-099'? Known: 'name-000'")


def test_every_error_can_be_caught_in_one_place() -> None:
    named = [name for name in errors.__all__ if name.endswith("Error")]
    assert len(named) > 5
    for name in named:
        error = getattr(errors, name)
        assert issubclass(error, SmileError)
        # Code that catches the built-in errors of bad input catches these, too.
        builtin = (ValueError, RuntimeError, ArithmeticError)
        assert error is SmileError or issubclass(error, builtin)
