"""Fetches the Medications by which orders and infusions name their drug, where these did not come along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec import Raw

from cds_service.fhir_address import page_below
from cds_service.fhir_search import Fetched
from fhir_mappings.answers import NOT_JSON, Given, Unavailable
from fhir_mappings.drug_references import Nameless
from fhir_mappings.resources import Medication, decode

MEDICINES = "medicines"  # the key under which they are put beside the prefetch; no template asks for it
QUERY = "Medication?_id="
MOST = 100  # Medications of one call, the newest uses first; a whole oncology chart names some dozens
BATCH = 50  # of one search
MOST_READ = 10  # read one by one where they cannot be searched for; as many requests as a call's searches are
# How a server says that it cannot search for Medications, or that this token may not; it may read them all the same,
# since US Core asks for the read alone.
NO_SEARCH = (400, 403, 404, 405, 422, 501)
FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

Ask = Callable[[Mapping[str, str]], Mapping[str, Fetched]]


@dataclass(frozen=True, slots=True)
class Medicines:
    """The Medications that came; why the others did not, as far as one reason can say it; and every request's outcome.

    `fetched` is empty when none could be asked for.
    """

    entries: tuple[tuple[None, Raw], ...] = ()
    reason: str = ""
    fetched: tuple[Fetched, ...] = ()


def fetch(uses: Iterable[Nameless], base: str, ask: Ask) -> Medicines:
    """Searches by id, then, where the server knows no such search, reads. `ask` sends queries below `base`.

    Only names of this very server are asked for, and only resources with the ids asked for are taken. They come back
    without an address, so that they answer to every spelling of their name.
    """
    ids = wanted(uses, base)
    if not ids:
        return Medicines()
    batches = [ids[start : start + BATCH] for start in range(0, min(len(ids), MOST), BATCH)]
    queries = {f"{MEDICINES} {n}": f"{QUERY}{','.join(batch)}&_count={len(batch)}" for n, batch in enumerate(batches)}
    fetched = tuple(ask(queries).values())
    found = dict(_taken(fetched, ids))
    if not found and all(_knows_no_search(one) for one in fetched):
        read = tuple(ask({f"Medication/{name}": f"Medication/{name}" for name in ids[:MOST_READ]}).values())
        found, fetched = dict(_taken(read, ids)), (*fetched, *read)
    missing = len(ids) > len(found)
    return Medicines(
        tuple((None, raw) for raw in found.values()), _reason(fetched, len(ids)) if missing else "", fetched
    )


def wanted(uses: Iterable[Nameless], base: str) -> list[str]:
    """The ids to ask for, each once. One that another server's address names too could be taken for that: left out."""
    ours, theirs = dict[str, None](), set[str]()
    for use in uses:
        name = _id_at(use.medication, base)
        if name:
            ours[name] = None
        else:
            theirs.add(use.medication.rpartition("/")[2])
    return [name for name in ours if name not in theirs]


def _id_at(medication: str, base: str) -> str | None:
    """The id of a Medication of this server, by a relative name or an address below its base; None for all others."""
    if ":" in medication:
        address = page_below(medication, base)
        medication = address.removeprefix(f"{base}/") if address else ""
    kind, _, name = medication.partition("/")
    return name if kind == "Medication" and FHIR_ID.fullmatch(name) and name.strip(".") else None


def _taken(fetched: Iterable[Fetched], ids: Iterable[str]) -> Iterator[tuple[str, Raw]]:
    """Of what came, the Medications that were asked for, by id."""
    asked = frozenset(ids)
    for one in fetched:
        for _, raw in one.answer.entries if isinstance(one.answer, Given) else ():
            try:
                resource = decode(raw)
            except NOT_JSON:
                continue
            if isinstance(resource, Medication) and resource.id in asked:
                yield resource.id, raw


def _knows_no_search(one: Fetched) -> bool:
    """Did it refuse the search, or answer it with nothing of what was asked for, as one that ignores `_id` does?"""
    return not isinstance(one.answer, Unavailable) or one.status in NO_SEARCH


def _reason(fetched: tuple[Fetched, ...], number: int) -> str:
    reasons = (one.answer.reason for one in reversed(fetched) if isinstance(one.answer, Unavailable))
    return next(reasons, "") or (f"more than {MOST} are named" if number > MOST else "")
