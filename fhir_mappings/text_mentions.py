"""Uncoded problems and imaging impressions become mentions: an idea, a resource, a date. Never findings, never a "no".

Read apart from the chart, so that nothing else can depend on it: the chart is the same with and without this reading.
A text is read where no coding of a Condition is known to us (a coded one is a finding), and in `conclusion` and
`conclusionCode` of a DiagnosticReport. No text leaves this module; what leaves it are our own names of ideas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from msgspec import Raw
from msgspec.json import Decoder

from fhir_mappings import answers, chart, clinical_dates, coded, dates, relevance
from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable
from fhir_mappings.facts import CLOCK_SLACK
from fhir_mappings.findings import PAST
from fhir_mappings.idea_search import IdeaSearch, knowledge
from fhir_mappings.local_codes import NONE, LocalCodes
from fhir_mappings.ours import Ours
from fhir_mappings.resources import CodeableConcept, Condition, Patient, Period, Reference, Resource
from hooks.facts import Mention, When

REPORTS = "imagingReports"  # the prefetch key; asked for only where a site has switched text on
# Radiology as the LOINC document type and as HL7 v2 diagnostic service sections; one search, one bound per parameter.
RADIOLOGY = (
    "http://loinc.org|LP29684-5",
    *(f"http://terminology.hl7.org/CodeSystem/v2-0074|{s}" for s in ("RAD", "CT", "NMR", "NMS", "XRC")),
)
PREFETCH = {
    REPORTS: "DiagnosticReport?patient={{context.patientId}}&category=" + ",".join(RADIOLOGY) + "&_sort=-date&_count=30"
}
UNCODED = "codes outside our value sets"  # relevance.judge's reason
FINAL = frozenset({"final", "amended", "corrected", "appended"})


class DiagnosticReport(Resource, tag="DiagnosticReport"):
    status: str | None = None
    subject: Reference | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    issued: str | None = None
    conclusion: str | None = None
    conclusionCode: list[CodeableConcept] | None = None


_report = Decoder(DiagnosticReport, strict=False).decode


@dataclass(frozen=True, slots=True)
class Texts:
    """What the texts mention, and which texts were not read, in our own words."""

    mentions: tuple[Mention, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Text:
    source: str
    version: str
    text: str
    when: When | None


def read(
    answers_by_key: Mapping[str, Answer],
    patient_id: str,
    fhir_server: str | None,
    as_of: date,
    search: IdeaSearch,
    local: LocalCodes = NONE,
) -> Texts:
    """The mentions in the uncoded texts of one patient, newest first, undated last."""
    limits = knowledge()["limits"]
    given = {key: answer for key, answer in answers_by_key.items() if isinstance(answer, Given)}
    texts = [
        *_problems(given, patient_id, fhir_server, local),
        *(
            text
            for text in _reports(given, patient_id, fhir_server)
            if text.when is None or text.when.maybe_within(limits["report_days"], as_of)
        ),
    ]
    texts = [text for text in texts if text.when is None or text.when.earliest <= as_of + CLOCK_SLACK]
    texts.sort(key=lambda text: (text.when.latest if text.when else date.min, text.source), reverse=True)
    mentions: list[Mention] = []
    characters, unread = 0, max(len(texts) - limits["texts"], 0)
    for text in texts[: limits["texts"]]:
        size = min(len(text.text), limits["characters"])
        if characters + size > limits["in_all"]:
            unread += 1
            continue
        characters += size
        unread += len(text.text) > limits["characters"]
        mentions += (Mention(text.source, idea, text.when) for idea in sorted(search.affirmed(text.text)))
    return Texts(tuple(mentions), tuple(_unread(answers_by_key, unread)))


def _unread(answers_by_key: Mapping[str, Answer], unread: int) -> Iterator[str]:
    reports = answers_by_key.get(REPORTS, Unavailable("not sent"))
    if isinstance(reports, Unavailable):
        yield "imaging report texts: not available"
    elif reports is not None and (reports.partial or reports.damaged):
        yield "imaging report texts: only a part was sent"
    if unread:
        yield f"{unread} text{'s' * (unread > 1)} without codes: too long or too many to read whole"


def _problems(
    given: Mapping[str, Given], patient_id: str, fhir_server: str | None, local: LocalCodes
) -> Iterator[_Text]:
    """Conditions that stand in the record as they are, without a code that we know."""
    newest: dict[str, tuple[str, _Text | None]] = {}
    for reference, condition, verdict in chart.judged(_only(given, Condition, Patient), patient_id, fhir_server, local):
        uncoded = isinstance(verdict, relevance.LeftOut) and verdict.reason == UNCODED and not _past(condition)
        when = dates.when(clinical_dates.recorded(condition))
        written = condition.meta.lastUpdated or "" if condition.meta else ""
        text = _Text(reference, written, _words([condition.code]), when) if uncoded else None
        if reference not in newest or written >= newest[reference][0]:
            newest[reference] = (written, text)
    return (text for _, text in newest.values() if text and text.text)


def _past(condition: Condition) -> bool:
    status = coded.first_code(condition.clinicalStatus)
    return status in PAST or (status is None and condition.abatementDateTime is not None)


def _reports(given: Mapping[str, Given], patient_id: str, fhir_server: str | None) -> Iterator[_Text]:
    """Final reports of this patient that say something in words."""
    ours = Ours(patient_id, fhir_server)
    for full_url, raw in _entries(_only(given, Patient)):
        if answers.identity(raw) == patient_id:
            ours.add_name(full_url)
    newest: dict[str, _Text] = {}
    for full_url, raw in _entries(_only(given, DiagnosticReport)):
        try:
            report = _report(raw)
        except NOT_JSON:
            continue
        subject = coded.reference_of(report.subject)
        if report.status not in FINAL or subject is None or not ours[subject]:
            continue
        name = f"DiagnosticReport/{report.id}" if report.id and chart.FHIR_ID.fullmatch(report.id) else full_url
        words = " .\n".join(filter(None, (report.conclusion, _words(report.conclusionCode or ()))))
        text = _Text(
            name or "DiagnosticReport without id",
            report.meta.lastUpdated or "" if report.meta else "",
            words,
            dates.when(_date(report)),
        )
        there = newest.get(text.source)
        newest[text.source] = max(there, text, key=lambda one: one.version) if there else text
    return (text for text in newest.values() if text.text)


def _date(report: DiagnosticReport) -> str | None:
    period = report.effectivePeriod
    return report.effectiveDateTime or (period.end or period.start if period else None) or report.issued


def _words(coded: Iterable[CodeableConcept | None]) -> str:
    """All that is written in words, each text as a line of its own."""
    found = (words for one in coded if one for words in (one.text, *(coding.display for coding in one.coding or ())))
    return " .\n".join(dict.fromkeys(filter(None, found)))


def _only(given: Mapping[str, Given], *kinds: type[Resource]) -> dict[str, Given]:
    """The same answers with resources of these types alone; the others need no decoding."""
    names = {kind.__name__ for kind in kinds}
    return {
        key: replace(one, entries=tuple(entry for entry in one.entries if answers.resource_type(entry[1]) in names))
        for key, one in given.items()
    }


def _entries(given: Mapping[str, Given]) -> Iterator[tuple[str | None, Raw]]:
    for one in given.values():
        yield from one.entries
