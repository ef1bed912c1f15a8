"""Element strings of GS1: application identifiers (AI) and their values in one text, as scanners send it or as people read it.

GS1's own engine decides what is one: a separator ends each element that is not of predefined length, may stand behind any other,
and behind the last; two in a row, or one in front, are wrong.
"""

import re
from typing import NamedTuple

from traceability.finding import Finding
from traceability.gs1 import values
from traceability.gs1.table import AI, at, find
from traceability.identity import Elements

GS = "\x1d"
MOST = 64
"""Elements in one string; GS1's engine takes no more."""

_AI_MOST = 4
_BRACKETS_WRONG = Finding("brackets_wrong")
_MISSING = Finding("elements_missing")
_TOO_MANY = Finding("elements_too_many", params={"most": str(MOST)})
_VALUE = re.compile(r"[^(]*(?:(?<=\\)\([^(]*)*")
"""Up to the next bracket that is not escaped."""

Split = tuple[list[tuple[AI, str]], Finding | None]
"""AIs and their values, and why the rest of the text is none."""


class Parsed(NamedTuple):
    """The elements as they stand in the code, wrong ones too, and what was found; to the end if it is `whole`."""

    elements: Elements
    findings: tuple[Finding, ...]
    whole: bool = True


def parse(text: str) -> Parsed:
    """An element string as a scanner sends it, without symbology identifier, with GS as the separator."""
    return _parsed(*split(text))


def bracketed(text: str) -> Parsed:
    """The form that people read, `(01)...(10)...`: a bracket in a value is written `\\(`, the parts of a composite symbol stand
    on both sides of a `|`.
    """
    linear, bar, composite = text.partition("|")
    pairs, broken = _split_bracketed(linear)
    if bar and broken is None:
        more, broken = _split_bracketed(composite)
        pairs += more
    return _parsed(pairs, broken)


def judged(elements: Elements) -> Parsed:
    """The values of elements that came apart some other way, each by itself. Unknown AIs are left out."""
    return _parsed([(ai, value) for code, value in elements if (ai := find(code))], None)


def write(elements: Elements) -> str:
    """What `parse` reads as these elements: a separator behind each that needs one, but not at the end."""
    parts = list[str]()
    for code, value in elements:
        ai = find(code)
        parts += (code, value, "" if ai and ai.predefined else GS)
    return "".join(parts).removesuffix(GS)


def split(text: str) -> Split:
    """An element string as `parse` reads it, nothing checked."""
    pairs = list[tuple[AI, str]]()
    index, end = 0, len(text)
    while index < end:
        ai = at(text, index)
        if ai is None:
            return pairs, _unknown(text[index : index + _AI_MOST])
        if len(pairs) == MOST:
            return pairs, _TOO_MANY
        index += len(ai.code)
        stop = text.find(GS, index)
        if stop < 0:
            stop = end
        if ai.predefined:
            stop = min(stop, index + ai.most)
        pairs.append((ai, text[index:stop]))
        index = stop + 1 if text.startswith(GS, stop) else stop
    return pairs, None if pairs else _MISSING


def _split_bracketed(text: str) -> Split:
    pairs = list[tuple[AI, str]]()
    index, end = 0, len(text)
    while index < end:
        close = text.find(")", index)
        if text[index] != "(" or close < 0:
            return pairs, _BRACKETS_WRONG
        ai = find(text[index + 1 : close])
        if ai is None:
            return pairs, _unknown(text[index + 1 : close])
        if len(pairs) == MOST:
            return pairs, _TOO_MANY
        value = _VALUE.match(text, close + 1)
        assert value  # it matches nothing, too
        pairs.append((ai, value[0].replace("\\(", "(")))
        index = value.end()
    return pairs, None if pairs else _MISSING


def _unknown(code: str) -> Finding:
    return Finding("ai_unknown", params={"ai": code[:_AI_MOST]})


def _parsed(pairs: list[tuple[AI, str]], broken: Finding | None) -> Parsed:
    findings = [finding for ai, value in pairs for finding in values.judged(ai, value)]
    if broken:
        findings.append(broken)
    return Parsed(tuple((ai.code, value) for ai, value in pairs), tuple(findings), broken is None)
