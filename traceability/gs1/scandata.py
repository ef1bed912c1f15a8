"""What a scan says in terms of GS1: by the symbol that it came from, or, where none is told, by what the text itself shows.

As GS1's own engine reads scans, which refuses all other symbols; here an ITF-14 or a plain Code 128 may hold a GTIN, too.
"""

import re
from typing import NamedTuple

from traceability.finding import Finding, Grade, Sureness
from traceability.gs1.associations import associations
from traceability.gs1.elements import GS, Parsed, bracketed, parse
from traceability.gs1.lost import lost_separator
from traceability.gs1.prefixes import meaning
from traceability.gs1.table import at
from traceability.identity import Elements

_ELEMENT_STRINGS = frozenset({"]C1", "]d2", "]Q3", "]e0", "]J1"})
_RETAIL = {"]E0": 13, "]E3": 13, "]E4": 8}
"""Digits of the number in EAN-13 and UPC-A, in the same with an add-on, and in EAN-8."""
_INTERLEAVED = frozenset({"]I0", "]I1"})
"""Of these, ITF-14 alone is GS1's."""
_ENVELOPE = re.compile(r"\[\)>\x1e05\x1d([^\x1e]*)(?:\x1e.*)?", re.DOTALL)
"""ISO/IEC 15434, format 05: an element string inside another symbol's data; other formats may stand behind it."""
_COMPOSITE = re.compile(r"\|\]e0(?=[^\x1d])")
"""Between the number and the message that the composite component beside it makes."""
_UPC = 12
_GTINS = frozenset({8, 12, 13, 14})
_GTIN = 14
_SSCC = 18
_NEAR = frozenset({12, 13, 14})
"""A bare number of so many digits with a wrong check digit may well be a misread GTIN; a shorter one is any number, or a date."""

_ADD_ON = re.compile(r"[0-9]{2}(?:[0-9]{3})?")
_BRACKETS = re.compile(r"\([0-9]{2,4}\)")
_DIGITS = re.compile(r"[0-9]*")
_KEY = re.compile(r"(?:00[0-9]{4}|0[12])[0-9]{14}")
"""An SSCC or GTIN with its AI."""

_PROOFS = frozenset({"check_digit_right", "check_pair_right", "iban_right"})
_BRACKETS_IN_SYMBOL = Finding("brackets_in_symbol")
_SEPARATOR_LOST = Finding("gs_maybe_lost", Grade.WARNING)
_SEPARATOR_FIRST = Finding("gs_first", Grade.NOTE)
_NOT_DIGITS = Finding("gtin_not_digits")
_UPC_WITHOUT_ZERO = Finding("upc_without_zero")


class Scan(NamedTuple):
    """One way to read a scan."""

    elements: Elements
    findings: tuple[Finding, ...]
    sureness: Sureness


def scan(text: str, aim: str | None) -> tuple[Scan, ...]:
    """Each way to read it; none where nothing in it is of GS1. `text` comes without its symbology identifier."""
    if aim in _ELEMENT_STRINGS:
        return (_string(text, Sureness.CARRIER),)
    if aim in _RETAIL:
        return (_retail(text, aim),)
    if aim in _INTERLEAVED:
        return _bare_number(text) if len(text) == _GTIN else ()
    if envelope := _ENVELOPE.fullmatch(text):
        return (_string(envelope[1], Sureness.CARRIER),)
    return _bare_number(text) + _unnamed(text, aim)


def says_gs1(aim: str) -> bool:
    """Whether a symbol of this kind holds nothing but what is GS1's: no web address, no URN."""
    return aim in _ELEMENT_STRINGS or aim in _RETAIL


def _string(text: str, sureness: Sureness | None = None) -> Scan:
    """As an element string; in the form that people read, where it has brackets, which no symbol has."""
    if _BRACKETS.match(text):
        found = _scan(bracketed(text), sureness or Sureness.CHECKED)
        return found._replace(findings=(*found.findings, _BRACKETS_IN_SYMBOL)) if sureness else found
    return _scan(parse(text), sureness, *((_SEPARATOR_LOST,) if lost_separator(text) else ()))


def _unnamed(text: str, aim: str | None) -> tuple[Scan, ...]:
    """As an element string that no symbol speaks for, if anything else does: numbers of all kinds begin like an AI."""
    if _BRACKETS.match(text):
        return (_string(text),)
    inside = text.removeprefix(GS)  # some readers send the FNC1 in front, too
    if at(inside) is None:
        return ()
    found = _string(inside)
    if GS in text:
        if all(finding.grade is not Grade.FAILED for finding in found.findings):
            # separators between what reads as elements: nothing else has them
            found = found._replace(sureness=Sureness.CHECKED)
    elif not _KEY.match(text):
        if found.sureness is Sureness.LENGTH:
            return ()
        # one check digit in ten is right by chance, and a symbol that is not GS1's speaks against it
        found = found._replace(sureness=Sureness.SHAPED if aim is None else Sureness.LENGTH)
    if inside != text:
        found = found._replace(findings=(*found.findings, _SEPARATOR_FIRST))
    return (found,)


def _bare_number(text: str) -> tuple[Scan, ...]:
    """A GTIN or SSCC without AI. The latter stands in no symbol like that, and other numbers have 18 digits, too."""
    size = len(text)
    if not (size in _GTINS or size == _SSCC) or not _DIGITS.fullmatch(text):
        return ()
    found = _scan(parse("00" + text), Sureness.LENGTH) if size == _SSCC else _scan(_gtin(text))
    near = size in _NEAR or all(finding.grade is not Grade.FAILED for finding in found.findings)
    return (found,) if near else ()


def _retail(text: str, aim: str) -> Scan:
    size = _RETAIL[aim]
    number, rest = text[:size], text[size:]
    if not _DIGITS.fullmatch(number):
        return Scan((), (_NOT_DIGITS,), Sureness.CARRIER)
    if len(number) < size:
        if aim == "]E0" and len(number) == _UPC:
            return _scan(_gtin(number), Sureness.CARRIER, _UPC_WITHOUT_ZERO)
        return Scan((), (Finding("gtin_too_short", params={"digits": str(size)}),), Sureness.CARRIER)
    if aim == "]E3" and _ADD_ON.fullmatch(rest):
        return _scan(_gtin(number), Sureness.CARRIER, Finding("add_on", Grade.NOTE, {"digits": rest}))
    if composite := _COMPOSITE.match(rest):
        return _scan(_gtin(number, rest[composite.end() :]), Sureness.CARRIER)
    if rest:
        return _scan(_gtin(number), Sureness.CARRIER, Finding("gtin_too_long", params={"digits": str(size)}))
    return _scan(_gtin(number), Sureness.CARRIER)


def _gtin(number: str, more: str = "") -> Parsed:
    return parse("01" + number.zfill(_GTIN) + more)


def _scan(parsed: Parsed, sureness: Sureness | None = None, *more: Finding) -> Scan:
    """With what is to be told of all of the elements together. Without a symbol that says it, a check makes it sure."""
    elements, findings, whole = parsed
    if sureness is None:
        proven = any(finding.code in _PROOFS for finding in findings)
        sureness = Sureness.CHECKED if proven else Sureness.LENGTH
    if whole:
        findings += associations(elements)
    gtin = dict(elements).get("01")
    told = meaning(gtin) if gtin else None
    return Scan(elements, (*findings, told, *more) if told else findings + more, sureness)
