"""Whom a resource speaks of: the names under which it may mean this patient."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable


class Ours(dict[str, bool]):
    """The names under which resources may speak of this patient, and the server on which the record stands.

    `ours[reference]` says whether a reference means this patient. Each is looked at once: a chart names its patient in
    one or two ways, thousands of times.
    """

    def __init__(self, patient_id: str, fhir_server: str | None) -> None:
        super().__init__()
        self._server = _base(fhir_server) if fhir_server else None
        self._alias: Base | None = None
        self._relative = f"Patient/{patient_id}"
        self._names = {self._relative, f"urn:uuid:{patient_id}"}

    def add_name(self, full_url: str | None) -> None:
        """The fullUrl of the patient's own entry, for references within a Bundle.

        Only a URN or an address of this very patient: an entry must not make another patient's name ours. Where the
        call named no server, the patient's own entry does.
        """
        base, slash, rest = (full_url or "").rpartition("/Patient/")
        if full_url and full_url.startswith(URNS):
            self._names.add(full_url)
        elif slash and f"Patient/{rest}" == self._relative and is_web(base) and self._server is None:
            self._server = _base(base)
        self.clear()

    def learn_alias(self, addresses: Iterable[str]) -> None:
        """Takes note of the one other name under which everything came: behind a proxy a server may not know its own.

        Two names are two servers, and so is another name beside the right one.
        """
        bases = {_base(address) for address in addresses}
        if len(bases) == 1 and self._server is not None and self._server not in bases:
            self._alias = bases.pop()

    def elsewhere(self, full_url: str | None, *, alias: bool = True) -> bool:
        """Does an entry stand on another server than this record?"""
        if self._server is None or not full_url or not is_web(full_url):
            return False
        host, path = _base(full_url)
        for known in (self._server, self._alias if alias else None):
            if known and host == known[0] and f"{path}/".startswith(f"{known[1]}/"):
                return False
        return True

    def all_here(self, places: Iterable[str]) -> bool:
        """Are these addresses of the web on this record's server, and with them all that stands below them?"""
        return all(is_web(place) and not self.elsewhere(place) for place in places)

    def __missing__(self, reference: str) -> bool:
        known = self[reference] = self._means_patient(reference)
        return known

    def _means_patient(self, reference: str) -> bool:
        plain = reference.partition("/_history/")[0]
        if plain in self._names:
            return True
        base, slash, rest = plain.rpartition("/Patient/")
        if not slash or f"Patient/{rest}" != self._relative or not is_web(base):
            return False
        return self._server is None or _base(base) == self._server


URNS = ("urn:uuid:", "urn:oid:")
PORTS = {"http": ":80", "https": ":443"}


Base = tuple[str, str]  # host and path


def is_web(address: str) -> bool:
    """Is it an address of the web, and not a urn or a relative reference?"""
    return address.lower().startswith(("http://", "https://"))


def _base(url: str) -> Base:
    """Host and path. Behind a proxy one server calls itself by http and by https: the scheme tells no two apart."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "", url
    return parts.netloc.lower().removesuffix(PORTS.get(parts.scheme.lower(), ":")), parts.path.rstrip("/")
