"""A card's detail without Markdown marks, for EHRs that show text as it comes.

Readable as it stands, and inert even if the EHR reads it as Markdown or HTML after all: text of the record that was
escaped comes out with look-alikes in place of what begins a tag, a link or an address.
"""

from __future__ import annotations

import re

_HEADING = re.compile(r"^\*\*(.+?)\*\*$", re.MULTILINE)
_BOLD = re.compile(r"(?<!\\)\*\*")
_ESCAPED = re.compile(r"\\([\\`*_\[\]{}()#|~!:@.])")
_INERT = (
    ("<", "\u2039"),
    (">", "\u203a"),
    ("&lt;", "\u2039"),
    ("&gt;", "\u203a"),
    ("&amp;", "&"),
    ("](", "] ("),
    ("]:", "] :"),
    ("//", "/ /"),
    ("@", " (at) "),
    ("`", "'"),
)
_WWW = re.compile(r"\bwww\.", re.IGNORECASE)


def plain(detail: str) -> str:
    """The same words and lines; a heading ends in a colon, a list keeps its dashes."""
    text = _ESCAPED.sub(r"\1", _BOLD.sub("", _HEADING.sub(r"\1:", detail)))
    for mark, instead in _INERT:
        text = text.replace(mark, instead)
    return _WWW.sub("www ", text)
