"""One code system is written in many ways: http or https, in other letters, with a closing slash, as an OID."""

from __future__ import annotations

import re

from fhir_mappings import codes

BARE_OID = re.compile(r"\d+(\.\d+){2,}")


def _systems() -> dict[str, str]:
    """Each system of our value sets, with one of its codes by which its other spellings are told."""
    listed = (coding for concept in codes.value_sets() for coding in codes.codings(concept))
    return {system: code for system, code, _ in listed}


SYSTEMS = _systems()


def tidy(written: str) -> str:
    """A system in the one spelling under which two that mean the same are found to be equal; never shown or sent."""
    plain = written.strip().rstrip("/").lower()
    if BARE_OID.fullmatch(plain):
        return f"urn:oid:{plain}"
    return f"http:{plain.removeprefix('https:')}" if plain.startswith("https:") else plain


_OURS = {tidy(system): system for system in SYSTEMS}


def known(written: str) -> str | None:
    """The system of ours that is meant, as our value sets write it; None for any other."""
    plain = tidy(written)
    by_oid = (system for system, code in SYSTEMS.items() if codes.label(plain, code) is not None)
    return _OURS.get(plain) or next(by_oid, None)


def key(written: str) -> str:
    """What a system is compared by: ours as our value sets write them, others tidied."""
    return known(written) or tidy(written)
