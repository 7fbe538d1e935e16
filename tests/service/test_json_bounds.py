"""How deep and how full a text is: what the brackets tell is compared with what a decoder finds."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service import json_bounds
from cds_service.errors import HookRequestError, ServiceError, TooMuch
from cds_service.json_bounds import Bounds, deeper_than, holds, structure, surely_flat

NASTY = st.text(alphabet='[]{}",:\\ \n\tnu0a\u2028\ud7ff', max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NASTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4),
    max_leaves=25,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def values(value: Any) -> int:
    """An empty list or object counts for two: FHIR has none."""
    if not isinstance(value, dict | list):
        return 1
    inner = value.values() if isinstance(value, dict) else value
    return 1 + sum(map(values, inner)) + (not value)


@given(JSON, st.sampled_from([None, 2]), st.booleans())
def test_what_the_brackets_tell_is_what_a_decoder_finds(value: Any, indent: int | None, ascii_only: bool) -> None:
    found = structure(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode())
    deep = depth(value)
    assert not deeper_than(deep, found)
    assert deep == 0 or deeper_than(deep - 1, found)
    assert holds(found) == values(value) - 1


@given(JSON, st.integers(1, 6))
def test_nothing_within_bounds_is_refused_whatever_its_strings_hold(value: Any, levels: int) -> None:
    text = json.dumps(value).encode()
    allowed = depth(value) <= levels and values(value) <= 500
    try:
        json_bounds.check(text, Bounds(depth=levels, entries=10))
    except ServiceError:
        assert not allowed


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",\\', max_size=60).map(str.encode))
def test_what_is_no_json_is_looked_at_without_harm(text: bytes) -> None:
    with suppress(HookRequestError, TooMuch):
        json_bounds.check(text, Bounds(depth=3, entries=1))


@given(st.text(alphabet="{}", max_size=200), st.integers(2, 9))
def test_what_seems_flat_at_a_glance_is_flat(brackets: str, levels: int) -> None:
    depth = deepest = 0
    for bracket in brackets:
        depth = depth + 1 if bracket == "{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    assert deepest <= levels or not surely_flat(levels, brackets.encode())


@pytest.mark.parametrize("deep", [1, 12, 49])
def test_a_chart_needs_no_closer_look(deep: int) -> None:
    assert surely_flat(100, b"{" + (b"{" * deep + b"}" * deep) * 5_000 + b"}")


MANY = json_bounds.FEW_ESCAPES + 5


@pytest.mark.parametrize(
    "string",
    ["\\n[" * MANY, '\\"{' * MANY, "\\\\" * MANY, '\\\\\\"[' * MANY, "\\u005c" * MANY, "[" * MANY],
    ids=["line breaks", "quotes", "backslashes", "both", "backslashes as numbers", "no escapes"],
)
def test_many_escapes_are_taken_out_another_way_with_the_same_end(string: str) -> None:
    assert structure(f'{{"a":["{string}",1]}}'.encode()) == b"{{,}}"


def test_levels_hidden_behind_brackets_in_strings_are_left_to_the_decoder() -> None:
    """Each opening bracket seems closed at once; nothing here asks for more than the rough count."""
    hidden = b'{"a":"}","b":' * 50 + b"1" + b',"c":"{"}' * 50
    json_bounds.check(hidden, Bounds(depth=20))
    assert deeper_than(20, structure(hidden))


def test_brackets_in_texts_that_match_nothing_cost_a_closer_look_only() -> None:
    text = json.dumps({"a": "[H] [[[ " * 1000, "b": [1]}).encode()
    json_bounds.check(text, Bounds(depth=20))


KNOWN = frozenset({"prefetch", "conditions", "context", "draftOrders"})
DEEP = b"[" * 25 + b"]" * 25


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b'{"prefetch":{"conditions":%s}}', "prefetch.conditions"),
        (b'{ "a": [{"b":{}}], "prefetch" : { "x": {"y":[1]}, "conditions" :%s}}', "prefetch.conditions"),
        (b'{"prefetch":{"conditions":1},"context":{"draftOrders":[{"prefetch":%s}]}}', "context.draftOrders"),
        (b'{"prefetch":{"conditions":1},"other":%s}', None),
        (b'{"prefetch":{"conditions":1,"<b>":%s}}', "prefetch"),
        (b'{"prefetch":{"condit\\u0069ons":%s}}', "prefetch"),
        (b'{"context":"prefetch","prefetch":%s}', "prefetch"),
        (b'{"prefetch":{"conditions":{"x":"\\"[\\\\"}},"context":%s}', "context"),
        (b"%s", None),
    ],
)
def test_what_is_too_deep_is_named(text: bytes, named: str | None) -> None:
    with pytest.raises(HookRequestError) as refused:
        json_bounds.check(text % DEEP, Bounds(depth=20), KNOWN)
    assert refused.value.expression == ((named,) if named else ())
    assert "<b>" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [b"[" * 600, b"[1" + b",1" * 600 + b"]", b'[""' + b',""' * 600 + b"]", b"[" + b"{}," * 600 + b"{}]"],
    ids=["open brackets", "numbers", "strings", "objects"],
)
def test_too_many_values(text: bytes) -> None:
    with pytest.raises(TooMuch):
        json_bounds.check(text, Bounds(entries=10))
