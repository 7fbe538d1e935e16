"""What the service answered, read as an EHR reads it: cards of known shape, their text as Markdown without any HTML."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import msgspec
from markupsafe import Markup

from cds_service.routes import SILENCED_EXTENSION

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

WEB = ("https://", "http://")


class Coding(msgspec.Struct):
    """A reason for overriding."""

    code: str
    system: str = ""
    display: str = ""


class Source(msgspec.Struct):
    """The guideline that carries a card."""

    label: str
    url: str = ""


class Action(msgspec.Struct):
    """One thing that a suggestion does."""

    type: str
    description: str = ""


class Suggestion(msgspec.Struct):
    """What a card offers to do."""

    label: str
    uuid: str
    actions: list[Action] = []


class Link(msgspec.Struct):
    """Where to read on; `smart` ones are launched by the EHR."""

    label: str
    url: str
    type: str


class Card(msgspec.Struct):
    """As much of a card as is shown."""

    uuid: str
    summary: str
    indicator: Literal["info", "warning", "critical"]
    source: Source
    detail: str = ""
    suggestions: list[Suggestion] = []
    overrideReasons: list[Coding] = []
    links: list[Link] = []

    @property
    def html(self) -> Markup:
        """The detail, rendered."""
        return Markup(_markdown().render(self.detail))  # noqa: S704 - rendered with HTML off: tags in the text come out escaped


class Extension(msgspec.Struct):
    """What users have set aside."""

    silenced: list[dict[str, str]] = msgspec.field(default_factory=list, name=SILENCED_EXTENSION)


class Answer(msgspec.Struct):
    """The body of an answer to a hook."""

    cards: list[Card]
    extension: Extension = msgspec.field(default_factory=Extension)


class Issue(msgspec.Struct):
    """One thing that an OperationOutcome says."""

    severity: str
    diagnostics: str
    expression: list[str] = []


class Outcome(msgspec.Struct):
    """An OperationOutcome."""

    issue: list[Issue]


def answer(body: bytes) -> Answer:
    """Raises msgspec.DecodeError for what is no answer to a hook."""
    return msgspec.json.decode(body, type=Answer)


def issues(body: bytes) -> list[Issue]:
    """Raises msgspec.DecodeError for what is no OperationOutcome."""
    return msgspec.json.decode(body, type=Outcome).issue


def is_web(address: str) -> bool:
    """May it be a link? An address with another scheme could run something."""
    return address.startswith(WEB)


@cache
def _markdown() -> MarkdownIt:
    """GitHub's flavour as far as cards use it, loaded with the first card. No HTML, no pictures, only web links."""
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    # Which links are allowed is told to this library by putting a function in the place of its method.
    renderer.validateLink = is_web  # type: ignore[method-assign,assignment] # its documented way
    return renderer
