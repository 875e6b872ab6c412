"""Modules of the working directory are found for a while, and sys.path stays as it was."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from smile_bench.imports import working_directory_importable


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The working directory, which holds a module and is not in ``sys.path``."""
    (tmp_path / "a_module_of_mine.py").write_text("VALUE = 3\n")
    (tmp_path / "json.py").write_text("raise AssertionError('hides the standard library')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    monkeypatch.delitem(sys.modules, "a_module_of_mine", raising=False)
    return str(tmp_path)


def test_the_working_directory_comes_last_and_goes_again(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(sys.path)
    with working_directory_importable():
        assert sys.path == [*before, directory]
        assert importlib.import_module("a_module_of_mine").VALUE == 3
        monkeypatch.delitem(sys.modules, "json")
        assert importlib.import_module("json").loads("3") == 3
    assert sys.path == before
    with pytest.raises(KeyError), working_directory_importable():
        raise KeyError
    assert sys.path == before


@pytest.mark.parametrize("entry", ["", None])
def test_an_entry_that_was_there_before_stays_where_it_is(
    directory: str, entry: str | None
) -> None:
    sys.path.insert(0, directory if entry is None else entry)
    before = list(sys.path)
    with working_directory_importable():
        assert sys.path == before
    assert sys.path == before


def test_what_a_module_does_to_the_path_stays(directory: str) -> None:
    before = list(sys.path)
    with working_directory_importable():
        sys.path.insert(0, "/elsewhere")
    assert sys.path == ["/elsewhere", *before]
    with working_directory_importable():
        sys.path.remove(directory)
    assert sys.path == ["/elsewhere", *before]
