"""Rules for JSON from strangers: what fits passes, and what does not is one clear error."""

from __future__ import annotations

from typing import Any

import pytest

from smile_bench.errors import ProtocolError
from smile_bench.io.schema import (
    LARGEST,
    Amount,
    Anything,
    Each,
    Flag,
    Integer,
    Items,
    Number,
    Optional,
    Record,
    Rule,
    Text,
    parse_strictly,
)

RECORD = Record({"a": Integer()}, optional={"b": Flag()})
NESTED: Any = 0
for _ in range(10):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    ("rule", "fitting", "wrong"),
    [
        (Text(), ["a", "Δ" * 200], ["", "a" * 201, "a\n", "a\x00", 3, None]),
        (Text(pattern=r"[a-z]+"), ["abc"], ["abc1", "Abc"]),
        (Flag(), [True, False], [0, 1, "true", None]),
        (Integer(low=1, high=3), [1, 3], [0, 4, 1.0, True, "1", None]),
        (Integer(), [0, LARGEST], [-1, LARGEST + 1]),
        (Number(low=0.0), [0.0, 1e300], [1, -0.1, float("nan"), float("inf"), True, "1.0"]),
        (Amount(), [0, 0.5, 3], [-1, -0.5, True, float("nan"), float("inf"), LARGEST * 2]),
        (Each(Flag(), most=1), [{}, {"x": True}], [{"x": 1}, {"x": True, "y": True}, [True]]),
        (Optional(Flag()), [None, True], [0]),
        (Items(Flag(), most=2), [[True], [True, False]], [[], [True] * 3, [1], {"a": True}]),
        (RECORD, [{"a": 1}, {"a": 1, "b": True}], [{}, {"b": True}, {"a": 1, "c": 1}, [1]]),
        (Anything(), [{}, {"a": [1, 2.5, None, "x", {"b": True}]}], [[], NESTED, {"a": 10**30}]),
        (Anything(most=3), [{"a": [1]}], [{"a": [1, 2]}]),
        (Anything({"a": Flag()}), [{"a": True}, {"b": 3}], [{"a": 3}]),
        (Anything(), [{"a": "x" * 2000}], [{"a": "x" * 2001}, {"x" * 2001: 1}, {"a\n": 1}]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Rule) else "",
)
def test_what_fits_passes_and_the_rest_is_refused(
    rule: Rule, fitting: list[object], wrong: list[object]
) -> None:
    for value in fitting:
        rule.check(value, "it")
    for value in wrong:
        with pytest.raises(ProtocolError, match="it"):
            rule.check(value, "it")


def test_the_error_says_where_what_and_what_fits() -> None:
    rule = Record({"rows": Items(Record({"seed": Integer(high=9)}))})
    with pytest.raises(ProtocolError) as found:
        rule.check({"rows": [{"seed": 1}, {"seed": "x" * 100}]}, "result")
    assert str(found.value).startswith("result.rows[1].seed is 'xxx")
    assert str(found.value).endswith("…; expected an integer from 0 to 9.")
    assert len(str(found.value)) < 130
    with pytest.raises(ProtocolError, match=r"^result lacks rows\.$"):
        rule.check({}, "result")
    with pytest.raises(ProtocolError, match=r"unknown field 'row'; known are rows\.$"):
        rule.check({"rows": [{"seed": 1}], "row": 1}, "result")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "has the field 'a' twice"),
        ('{"a": {"b": NaN}}', "holds NaN, which is not a JSON number"),
        ("[-Infinity]", "holds -Infinity"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("1" * 10_000, "is not JSON"),
    ],
)
def test_text_that_is_not_plain_json_is_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=rf"^a file {message}"):
        parse_strictly(text, "a file")


def test_plain_json_is_parsed() -> None:
    assert parse_strictly('{"a": [1, 2.5, null, true, "x"]}', "a file") == {
        "a": [1, 2.5, None, True, "x"]
    }
