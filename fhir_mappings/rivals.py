"""Versions of one resource of which nobody can say which is the newer: all of them count, none by chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fhir_mappings.relevance import Kept
from fhir_mappings.resources import Meta
from fhir_mappings.versions import surely_older, updated, version, written

UNDECIDED = "several versions, which is newer is not known"

First = dict[str, Kept[Any]]  # by name the greatest version
Others = dict[str, tuple[Kept[Any], ...]]  # by name the others that are not surely older, of hardly any


def undecided(found: Iterable[Kept[Any]]) -> tuple[Kept[Any], ...]:
    """Of the versions of one resource those that are surely older than none, the greatest first."""
    by_content = {version(one): one for one in found}
    updates = [update for update, _ in by_content]
    newest = max(updates)
    undated = max((update for update in updates if update[:1] in ("", " ")), default="")
    return tuple(
        one
        for (update, _), one in sorted(by_content.items(), key=lambda item: item[0], reverse=True)
        if not surely_older(update, newest) and not surely_older(update, undated)
    )


def settled(kept: Mapping[str, Kept[Any]], repeated: Mapping[str, Iterable[Kept[Any]]]) -> tuple[First, Others]:
    """What came by name, where of `repeated` names every version is given."""
    first, others = dict(kept), {}
    for name, found in repeated.items():
        first[name], *rest = undecided(found)
        if rest:
            others[name] = tuple(rest)
    return first, others


def united(
    one: Mapping[str, Kept[Any]],
    with_one: Mapping[str, tuple[Kept[Any], ...]],
    other: Mapping[str, Kept[Any]],
    with_other: Mapping[str, tuple[Kept[Any], ...]],
) -> tuple[First, Others]:
    """Both by name: in any order of such unions the same."""
    shared = one.keys() & other.keys()
    first, others = settled(
        {**one, **other},
        {name: (one[name], *with_one.get(name, ()), other[name], *with_other.get(name, ())) for name in shared},
    )
    alone = {name: rest for name, rest in (*with_one.items(), *with_other.items()) if name not in shared}
    return first, {**alone, **others}


def standing(
    kept: Mapping[str, Kept[Any]],
    others: Mapping[str, tuple[Kept[Any], ...]],
    overruled: Mapping[str, Meta | None],
    place: str = "",
) -> tuple[First, Others]:
    """Without what a newer version withdrew (entered in error, cancelled) or coded anew.

    A version without an update time stands: which of the two is newer is then not known, and what counts is kept.
    """
    first = {
        name: one
        for name, one in kept.items()
        if place + name not in overruled or not surely_older(updated(one.resource), written(overruled[place + name]))
    }
    left: Others = {}
    for name, rest in others.items():
        since = written(overruled.get(place + name))
        found = [one for one in (kept[name], *rest) if not surely_older(updated(one.resource), since)]
        if found:
            first[name] = found[0]
        if len(found) > 1:
            left[name] = tuple(found[1:])
    return first, left


def differing(first: Kept[Any], others: Iterable[Kept[Any]]) -> Iterator[Kept[Any]]:
    """Those of the others that say something else, each once: what is written about the writing says nothing."""
    said = {_said(first)}
    for one in others:
        content = _said(one)
        if content not in said:
            said.add(content)
            yield one


def _said(one: Kept[Any]) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(one.resource, meta=None))
