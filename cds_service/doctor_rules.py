"""What each rule reads of a chart, found in the rule's own code, and what it could therefore never know at a site."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from fhir_mappings import origins
from hooks.facts import Facts
from hooks.outcomes import Outcome
from hooks.run import Rule

FIELDS = frozenset({*origins.FIELDS, *origins.RESULTS})
# What Facts derives from a field, and from which.
INDEXES = {"_active": "findings", "_found": "findings", "_newest": "measurements", "_assessed": "assessments"}


@dataclass(slots=True)
class _Walk:
    """What was met on the way through a rule's functions."""

    fields: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    seen: set[object] = field(default_factory=set)


def reads(rule: Rule) -> Mapping[str, tuple[str, ...]]:
    """What a rule may ask of the facts -> the prefetch keys, any of which can tell it.

    Found by following its code through the questions that it asks; there is no second list to keep in step. Whatever
    a function mentions counts as read, so that the answer can be too long, but never too short.
    """
    return _reads(rule.decide)


def words(rule: Rule) -> frozenset[str]:
    """Every word that a rule's code and its questions mention: names of concepts and measurements among others."""
    return frozenset(_walked(rule.decide).words)


@cache
def _walked(decide: Callable[[Facts], Outcome]) -> _Walk:
    walk = _Walk()
    _follow(decide, walk)
    return walk


@cache
def _reads(decide: Callable[[Facts], Outcome]) -> Mapping[str, tuple[str, ...]]:
    walk = _walked(decide)
    found = {name: origins.FIELDS[name] for name in origins.FIELDS if name in walk.fields}
    if walk.fields & set(origins.RESULTS):
        found |= {name: (key,) for name, key in origins.NAMED.items() if name in walk.words}
    return found


def _follow(thing: Any, walk: _Walk) -> None:
    """A function of ours is read; the words that a constant holds are noted."""
    if isinstance(thing, str):
        walk.words.add(thing)
    elif isinstance(thing, Mapping):
        for key, value in thing.items():
            _follow(key, walk)
            _follow(value, walk)
    elif isinstance(thing, tuple | frozenset | list):
        for one in thing:
            _follow(one, walk)
    elif isinstance(thing, ModuleType):
        if thing.__name__.startswith("hooks.rules."):
            _follow(getattr(thing, "decide", None), walk)  # one rule asks what another says
    elif callable(thing) and not isinstance(thing, type):
        function = inspect.unwrap(thing)
        ours = isinstance(function, FunctionType) and function.__module__.partition(".")[0] == "hooks"
        if ours and function not in walk.seen:
            walk.seen.add(function)
            _read(function, walk)


def _read(function: FunctionType, walk: _Walk) -> None:
    """Not its decorators: where an answer is kept is not what a question reads."""
    known = function.__globals__
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for one in tree.body:
        if isinstance(one, ast.FunctionDef):
            one.decorator_list.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            _follow(node.value, walk)
        elif isinstance(node, ast.Name):
            _follow(known.get(node.id), walk)
        elif isinstance(node, ast.Attribute):
            owner = known.get(node.value.id) if isinstance(node.value, ast.Name) else None
            if isinstance(owner, ModuleType):
                _follow(getattr(owner, node.attr, None), walk)
            elif INDEXES.get(node.attr, node.attr) in FIELDS:
                walk.fields.add(INDEXES.get(node.attr, node.attr))
            elif isinstance(method := getattr(Facts, node.attr, None), FunctionType) and node.attr != "knows":
                _follow(method, walk)


@dataclass(frozen=True, slots=True)
class Limits:
    """`never`: what a rule asks and no search of the site can tell; `partly`: what only some can, or never in full.

    `not_seen`: what could be told, but was in none of the charts that were read.
    """

    rule: str
    never: tuple[str, ...]
    partly: tuple[str, ...]
    not_seen: tuple[str, ...]


def limits(
    rules: Iterable[Rule], lost: frozenset[str], seen: frozenset[str], in_part: frozenset[str] = frozenset()
) -> tuple[Limits, ...]:
    """For each rule; `lost` are the prefetch keys that cannot be had, `in_part` those that never come in full.

    `seen` are the kinds and names of facts met.
    """
    return tuple(_limits(rule, lost, seen, in_part) for rule in dict.fromkeys(rules))


def _limits(rule: Rule, lost: frozenset[str], seen: frozenset[str], in_part: frozenset[str]) -> Limits:
    asked = reads(rule)
    never = tuple(what for what, keys in asked.items() if lost.issuperset(keys))
    partly = tuple(what for what, keys in asked.items() if (lost | in_part) & set(keys) and what not in never)
    not_seen = tuple(what for what in asked if what not in seen and what not in never)
    return Limits(rule.KNOWLEDGE.rule, never, partly, not_seen)
