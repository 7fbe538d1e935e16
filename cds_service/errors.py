"""The ways in which a call can be refused, each with one HTTP status and one OperationOutcome.

    ServiceError
    +-- HookRequestError   400  the request is malformed; names the field
    +-- FeedbackRefused    400  some items of a feedback report are malformed; names each field, the others are kept
    +-- NotTrusted         401  the caller's token is absent or not valid; bare, says nothing more
    +-- NotAReader         401  name and password of a reader are absent or wrong; asks for them
    +-- UnknownService     404
    +-- SearchRefused      400  a search of the published rules asks for what it cannot answer; names the parameter
    +-- UnknownResource    404
    +-- NotInLedger        404
    +-- NotAcceptable      406
    +-- BodyLate           408  the body did not arrive in time
    +-- NeededDataMissing  412  the patient or the conditions could not be had; names the prefetch keys
    +-- BodyTooLarge       413
    +-- TooMuch            413  more values, keys or entries than are taken in one call; names the field
    +-- WrongMediaType     415
    +-- TooManyGuesses     429  too many wrong passwords of readers; says when to come again
    +-- Overloaded         503  too much is under way, or it took too long; says when to come again
    +-- NotReady           503  the store or the callers' keys are not there; for /health/ready alone
    +-- StoreUnavailable   503  what must be remembered, or looked up, could not be; says when to come again

No message may hold a value from the request: bodies carry patient data, and whoever reads an error may be a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

FHIR_JSON = "application/fhir+json"


class ServiceError(Exception):
    """A refusal. `expression` holds FHIRPath-like names of what was wrong in the request, `diagnostics` says why.

    `headers` go out with it.
    """

    status: ClassVar[int]
    code: ClassVar[str]  # FHIR IssueType
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, diagnostics: str, expression: Iterable[str] = ()) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.expression = tuple(expression)


class HookRequestError(ServiceError):
    """The request does not say what CDS Hooks requires, or says it wrongly."""

    status, code = 400, "invalid"

    def __init__(self, expression: str, diagnostics: str) -> None:
        super().__init__(diagnostics, (expression,) if expression else ())


class FeedbackRefused(ServiceError):
    """Takes (field, what is wrong) pairs, and how many items were understood and kept."""

    status, code = 400, "invalid"

    def __init__(self, wrong: Iterable[tuple[str, str]], kept: int) -> None:
        wrong = tuple(wrong)
        named = "; ".join(f"{field} {why}" for field, why in wrong[:10])
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        others = f" The other {kept} were kept." if kept else ""
        super().__init__(f"Feedback cannot be read: {named}{more}.{others}", (field for field, _ in wrong[:10]))


class NotTrusted(ServiceError):
    """The caller is not who this site trusts. The reason is for our own tests, never for the caller or the log."""

    status, code = 401, "login"


class NotAReader(ServiceError):
    """Who asks to read what readers may see has given no name and password, or a wrong one."""

    status, code = 401, "login"
    headers = MappingProxyType({"WWW-Authenticate": 'Basic realm="Spine CDS readers", charset="UTF-8"'})

    def __init__(self) -> None:
        super().__init__("This is for readers that the site has named: their name and password are needed.")


class UnknownService(ServiceError):
    """No CDS service has this id."""

    status, code = 404, "not-found"

    def __init__(self) -> None:
        super().__init__("There is no CDS service with this id. GET /cds-services lists them.")


class SearchRefused(ServiceError):
    """A search parameter that is unknown, or whose value cannot be understood."""

    status, code = 400, "not-supported"


class UnknownResource(ServiceError):
    """Nothing is published under this id."""

    status, code = 404, "not-found"

    def __init__(self) -> None:
        super().__init__("Nothing is published under this id. A search without parameters lists what there is.")


class NotInLedger(ServiceError):
    """No call of this tenant has this card or hookInstance."""

    status, code = 404, "not-found"

    def __init__(self) -> None:
        super().__init__(
            "The ledger holds no call of this tenant with this card or hookInstance. It may be older than what is "
            "kept; a closing card on which no rule stands is found by its call's hookInstance."
        )


class NotAcceptable(ServiceError):
    """The caller takes no form in which we answer."""

    status, code = 406, "not-supported"

    def __init__(self) -> None:
        super().__init__("FHIR is answered as JSON only: application/fhir+json.")


class BodyLate(ServiceError):
    """The body did not arrive in time. Takes the seconds that were allowed."""

    status, code = 408, "timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The body did not arrive within {seconds:g} seconds.")


class NeededDataMissing(ServiceError):
    """Without these prefetch keys nothing true can be said. Takes (key, reason) pairs."""

    status, code = 412, "incomplete"

    def __init__(self, lacking: Iterable[tuple[str, str]]) -> None:
        self.lacking = tuple(lacking)
        named = "; ".join(f"{key}: {reason}" for key, reason in self.lacking)
        super().__init__(f"Needed data could not be had ({named}).", (f"prefetch.{key}" for key, _ in self.lacking))


class BodyTooLarge(ServiceError):
    """The request is larger than this site accepts. Takes the limit in bytes."""

    status, code = 413, "too-long"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request is larger than {limit} bytes.")


class TooMuch(ServiceError):
    """The body is small enough, and holds more of something than one call may."""

    status, code = 413, "too-long"

    def __init__(self, expression: str, diagnostics: str) -> None:
        super().__init__(diagnostics, (expression,) if expression else ())


class WrongMediaType(ServiceError):
    """The body is not plain or gzip-compressed JSON in UTF-8."""

    status, code = 415, "not-supported"


class TooManyGuesses(ServiceError):
    """Too many wrong passwords lately: none is looked at for a while. Takes the seconds until one is."""

    status, code = 429, "throttled"

    def __init__(self, seconds: int) -> None:
        super().__init__("Too many wrong passwords. Try again later.")
        self.headers = MappingProxyType({"Retry-After": str(seconds)})


class Overloaded(ServiceError):
    """Too many calls are waiting, too much of them lies in memory, or this one has taken too long."""

    status, code = 503, "throttled"

    def __init__(self, diagnostics: str = "Too many calls are under way. Try again in a second.") -> None:
        super().__init__(diagnostics)


class NotReady(ServiceError):
    """What keeps this process from answering callers; takes one line for each reason, naming the setting."""

    status, code = 503, "transient"

    def __init__(self, reasons: Iterable[str]) -> None:
        super().__init__("; ".join(reasons))


class StoreUnavailable(ServiceError):
    """The database does not answer, and without it this call cannot be answered truly."""

    status, code = 503, "transient"

    def __init__(self) -> None:
        super().__init__("The store of this service does not answer. Try again in a second.")


def operation_outcome(
    code: str, diagnostics: str, expression: tuple[str, ...] = (), severity: str = "error"
) -> dict[str, object]:
    """A FHIR R4 OperationOutcome with one issue; `expression` is left out when there is none."""
    issue: dict[str, object] = {"severity": severity, "code": code, "diagnostics": diagnostics}
    if expression:
        issue["expression"] = list(expression)
    return {"resourceType": "OperationOutcome", "issue": [issue]}
