"""What a FHIR server says of itself: version, and which searches its CapabilityStatement lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import msgspec

from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable

R4 = ("4.0", "4.1", "4.3")  # 4.1 and 4.3 are R4B, the same in all that we read
RESULT_PARAMETERS = ("_count", "_sort")  # servers need not list these; whether they work is seen in the answers


class _SearchParam(msgspec.Struct):
    name: str = ""


class _Interaction(msgspec.Struct):
    code: str = ""


class _Type(msgspec.Struct):
    type: str = ""
    interaction: list[_Interaction] = []
    searchParam: list[_SearchParam] = []


class _Rest(msgspec.Struct):
    mode: str = ""
    resource: list[_Type] = []
    searchParam: list[_SearchParam] = []


class _Software(msgspec.Struct):
    name: str = ""
    version: str = ""


class _CapabilityStatement(msgspec.Struct):
    fhirVersion: str = ""
    software: _Software = msgspec.field(default_factory=_Software)
    rest: list[_Rest] = []


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`problem` when there is no statement that can be read; then nothing is known of what is declared."""

    problem: str = ""
    fhir_version: str = ""
    software: str = ""
    interactions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def lacks(self, query: str) -> tuple[str, ...] | None:
        """What a query needs and the statement does not list; None when there is no statement."""
        if self.problem:
            return None
        kind, mark, parameters = query.partition("?")
        kind = kind.partition("/")[0]
        done = self.interactions.get(kind)
        if done is None:
            return (kind,)
        interaction = "search-type" if mark else "read"
        missing = [interaction] if interaction not in done else []
        wanted = dict.fromkeys(name for name, _ in parse_qsl(parameters) if name not in RESULT_PARAMETERS)
        return (*missing, *(name for name in wanted if name not in self.parameters[kind]))

    @property
    def is_r4(self) -> bool:
        return self.fhir_version.startswith(R4)


def read(answer: Answer) -> Capabilities:
    """The answer to GET metadata."""
    if not isinstance(answer, Given) or not answer.entries:
        return Capabilities(answer.reason if isinstance(answer, Unavailable) else "nothing came")
    try:
        statement = msgspec.json.decode(answer.entries[0][1], type=_CapabilityStatement, strict=False)
    except NOT_JSON:
        return Capabilities("it cannot be read")
    served = [rest for rest in statement.rest if rest.mode == "server"]
    everywhere = {one.name for rest in served for one in rest.searchParam}
    interactions: dict[str, frozenset[str]] = {}
    parameters: dict[str, frozenset[str]] = {}
    for kind in (kind for rest in served for kind in rest.resource):
        interactions[kind.type] = frozenset(one.code for one in kind.interaction)
        parameters[kind.type] = frozenset({one.name for one in kind.searchParam} | everywhere)
    software = f"{statement.software.name} {statement.software.version}".strip()
    return Capabilities("", statement.fhirVersion, software, interactions, parameters)
