"""Whom a resource speaks of: the names under which it may mean this patient."""

from __future__ import annotations

import urllib.parse


class Ours:
    """The names under which resources may speak of this patient."""

    def __init__(self, patient_id: str, fhir_server: str | None) -> None:
        self._server = _base(fhir_server) if fhir_server else None
        self._relative = f"Patient/{patient_id}"
        self._names = {self._relative, f"urn:uuid:{patient_id}"}
        self._judged: dict[str, bool] = {}  # a chart names its patient in one or two ways, thousands of times

    def add_name(self, full_url: str | None) -> None:
        """The fullUrl of the patient's own entry, for references within a Bundle."""
        if full_url:
            self._names.add(full_url)
            self._judged.clear()

    def __contains__(self, reference: str) -> bool:
        known = self._judged.get(reference)
        if known is None:
            known = self._judged[reference] = self._means_patient(reference)
        return known

    def _means_patient(self, reference: str) -> bool:
        plain = reference.partition("/_history/")[0]
        if plain in self._names:
            return True
        base, slash, rest = plain.rpartition("/Patient/")
        if not slash or f"Patient/{rest}" != self._relative:
            return False
        return self._server is None or _base(base) == self._server


def _base(url: str) -> tuple[str, str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
