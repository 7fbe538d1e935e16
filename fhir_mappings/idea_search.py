"""Which ideas a text affirms. Words in a row are ours (text_mentions.toml), what negates them is told by medspaCy.

Only its ConText is used, with the rules that it brings and the few amendments in the data file, on spaCy's blank
English pipeline: no model, no download. The library is imported when a search is prepared and not before.

Words that neither the data file nor the library knows are replaced by one stand-in first. So the vocabulary of the
pipeline, which keeps every word that it ever saw, holds no word of a patient. Sentences are split here too: the
library's own splitter writes each text to a log.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources, util
from typing import Any

UNKNOWN, NUMBER, VERTEBRA = "X", "0", "VERTEBRA"  # stand-ins for a word, a number and vertebrae
# Not the T of "T2 N0 M0". D (dorsal) from 4: "D3" is a vitamin.
VERTEBRAE = re.compile(r"\b(?:[CTLS]\d{1,2}|D(?:[4-9]|1[0-2])\b)(?:\s?[-\u2013/,&]\s?[CTLSD]?\d{1,2}\b)*(?!\s*N\d)")
NOT = re.compile(r"(?i:n't|(?<=can)not)\b")  # don't, cannot
TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[^\w\s]")
LINE_ENDS = (".", ":", ";", "!", "?")
SENTENCE_ENDS = frozenset(".!?;")
SPANS = "ideas"
DENIAL, LOOKING_BACK = "NEGATED_EXISTENCE", ("BACKWARD", "BIDIRECTIONAL")
LAST_MARK = (",", ":", "-")  # "leg weakness, resolved"
NOT_AFFIRMED = ("is_negated", "is_historical", "is_family", "is_hypothetical")  # set by ConText; uncertain is affirmed


class LibraryMissing(Exception):
    """The negation library is not installed."""


@cache
def knowledge() -> dict[str, Any]:
    """The data file."""
    text = (resources.files("fhir_mappings") / "text_mentions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@dataclass(frozen=True, slots=True)
class IdeaSearch:
    """A prepared search. Holds no state of a text, and may be used by several threads."""

    vocabulary: Any  # spaCy's Vocab, closed
    matcher: Any
    context: Any
    words: frozenset[str]
    capitals: frozenset[str]

    def affirmed(self, text: str) -> frozenset[str]:
        """The ideas that the text affirms; only its first `limits.characters` are read."""
        words = self._words(text[: knowledge()["limits"]["characters"]])
        return frozenset(idea for sentence in _sentences(words) for idea in self._affirmed(sentence))

    def _affirmed(self, sentence: list[str]) -> Iterator[str]:
        from spacy.tokens import Doc, Span

        doc = Doc(self.vocabulary, words=sentence, sent_starts=[True] + [False] * (len(sentence) - 1))
        # The last word of a row stands for it: a modifier such as "no new" may overlap the first ones.
        ends = {(label, end) for label, _, end in self.matcher(doc)}
        if not ends:
            return
        doc.spans[SPANS] = [Span(doc, end - 1, end, label=label) for label, end in sorted(ends)]
        for span in self.context(doc).spans[SPANS]:
            if not any(getattr(span._, name) for name in NOT_AFFIRMED):
                yield span.label_

    def _words(self, text: str) -> Iterator[str]:
        """The words, punctuation marks and numbers of a text, each one that we know or its stand-in."""
        for token in TOKEN.findall(VERTEBRAE.sub(f" {VERTEBRA} ", _unwrapped(text))):
            if token == VERTEBRA or token in self.capitals or token in SENTENCE_ENDS:
                yield token
            elif token[0].isdigit():
                yield NUMBER
            else:
                yield token.lower() if token.lower() in self.words else UNKNOWN


def _sentences(words: Iterable[str]) -> Iterator[list[str]]:
    """Split where a sentence ends, and after `limits.sentence` words: what ConText costs grows with the square."""
    sentence: list[str] = []
    for word in words:
        sentence.append(word)
        if word in SENTENCE_ENDS or len(sentence) == knowledge()["limits"]["sentence"]:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _unwrapped(text: str) -> str:
    """Lines as sentences. A line that begins with a small letter goes on the one before; any other begins anew.

    "No fracture / Cord compression" on two lines must not be read as "no fracture, no cord compression".
    """
    lines: list[str] = []
    for raw in NOT.sub(" not", text.replace("\u2019", "'")).splitlines():
        line = " ".join("".join(c if c.isprintable() else " " for c in raw).split())
        if lines and line and line[0].islower() and not lines[-1].endswith(LINE_ENDS):
            lines[-1] += f" {line}"
        elif line:
            lines.append(line)
    return " ".join(line if line.endswith(LINE_ENDS) else f"{line} ." for line in lines)


def installed() -> bool:
    """Is the library there? Looks, imports nothing."""
    return util.find_spec("medspacy") is not None


def prepare() -> IdeaSearch:
    """Loads library and data file: a second or two, once per process. Raises LibraryMissing."""
    if not installed():
        raise LibraryMissing
    with warnings.catch_warnings():  # the library's import switches all warnings of the process off
        warnings.simplefilter("ignore")
        import spacy
        from medspacy.context import ConText
        from medspacy.custom_tokenizer import create_medspacy_tokenizer
        from spacy.matcher import Matcher

        nlp = spacy.blank(knowledge()["language"])
        nlp.tokenizer = create_medspacy_tokenizer(nlp)  # splits the library's own literals
        context = ConText(nlp, rules=None, input_span_type="group", span_group_name=SPANS)
        context.add(list(_rules(context.DEFAULT_RULES_FILEPATH)))
        matcher = Matcher(nlp.vocab)
        for name, pattern in _patterns():
            matcher.add(name, [pattern])
    capitals = frozenset(word for idea in knowledge()["idea"] for word in idea.get("capitals", ()))
    known = {word for words in knowledge()["words"].values() for word in words}
    known |= set(knowledge()["context"]["stops"])
    known |= {token.lower_ for rule in context.rules for word in _strings(rule) for token in nlp.tokenizer(word)}
    search = IdeaSearch(nlp.vocab, matcher, context, frozenset(known), capitals)
    search.affirmed("No cord compression at T8 .")  # what is built on first use is built now
    return search


def _rules(library_file: str) -> Iterator[Any]:
    """The library's rules, a few of them filed or turned another way, and those that we add."""
    from medspacy.context import ConTextRule

    amended = knowledge()["context"]
    rules = [rule for rule in ConTextRule.from_json(library_file) if rule.literal not in amended["left_out"]]
    for rule in rules:
        rule.category = amended["filed"].get(rule.literal, rule.category)
        rule.direction = amended["turned"].get(rule.literal, rule.direction)
    for added in amended["added"]:
        for literal in added["literals"]:
            rules.append(ConTextRule(literal, added["category"], _pattern(literal), direction=added["direction"]))
    for rule in rules:
        rule.terminated_by.update(amended["ended"].get(rule.category, ()))
        if rule.category == DENIAL and rule.direction in LOOKING_BACK:
            rule.on_modifies = _near
        yield rule


def _pattern(literal: str) -> list[dict[str, Any]]:
    """Our notation of a rule, word by word, for spaCy's Matcher."""
    words = knowledge()["words"]
    ideas = sorted({word for name, listed in words.items() if name != "link" for word in listed})
    gap = {"ORTH": {"NOT_IN": ideas}, "IS_PUNCT": False, "OP": "{0,2}"}
    return [gap if word == "*" else _one_of(word) for word in literal.split()]


def _one_of(alternatives: str) -> dict[str, Any]:
    sets = knowledge()["context"]["sets"]
    wanted = [word for name in alternatives.removesuffix("?").split("|") for word in sets.get(name, [name])]
    return {"LOWER": {"IN": wanted}, "OP": "{0,1}" if alternatives.endswith("?") else "{1}"}


def _near(target: Any, modifier: Any, _: Any) -> bool:
    """May a word that denies what stands before it ("excluded") mean this mention? ConText looks back without end."""
    amended, doc = knowledge()["context"], target.doc
    between = [word.text for word in doc[target.end : modifier.start]]
    if between and between[-1] in LAST_MARK:
        between.pop()
    between = between or [word.text for word in doc[modifier.end : target.start]]
    unknown = between.count(UNKNOWN)
    return unknown <= amended["unknown_between"] and not set(between).intersection(amended["stops"])


def _strings(rule: Any) -> Iterator[str]:
    """Every word that a rule can match."""
    if rule.pattern is None:
        yield rule.literal
    for token in rule.pattern or ():
        lower = token.get("LOWER", {})
        yield from (lower,) if isinstance(lower, str) else lower.get("IN", ())


def _patterns() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(idea, pattern for spaCy's Matcher) for each row and abbreviation."""
    words = knowledge()["words"]
    between = {"ORTH": {"IN": words["link"]}, "OP": f"{{0,{knowledge()['limits']['between']}}}"}
    for idea in knowledge()["idea"]:
        for row in idea["rows"]:
            pattern: list[dict[str, Any]] = []
            for name in row:
                pattern += [between] if pattern else []
                pattern.append({"ORTH": {"IN": words[name]}})
            yield idea["name"], pattern
        for word in idea.get("capitals", ()):
            yield idea["name"], [{"ORTH": word}]
