"""GS1 Digital Link: a web address that says application identifiers and their values.

As strict as GS1's own syntax engine by default. Nothing here knows a host: any is right, and the domain's labels are not looked at.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from traceability.finding import Finding, Grade
from traceability.gs1.associations import associations
from traceability.gs1.elements import MOST
from traceability.gs1.link_compressed import compressed
from traceability.gs1.table import AI, find, table
from traceability.gs1.values import judged
from traceability.identity import Elements

_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_DOMAIN = re.compile(r"[^_~?#@!$&'()*+,;=%]+")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AI_MOST = 4
_SCHEMES = ("https", "http", "HTTPS", "HTTP")

NAMES = {
    "cpid": "8010",
    "cpsn": "8011",
    "cpv": "22",
    "gcn": "255",
    "gdti": "253",
    "giai": "8004",
    "ginc": "401",
    "gln": "414",
    "glnx": "254",
    "gmn": "8013",
    "grai": "8003",
    "gsin": "402",
    "gsrn": "8018",
    "gsrnp": "8017",
    "gtin": "01",
    "itip": "8006",
    "lot": "10",
    "party": "417",
    "refno": "8020",
    "ser": "21",
    "srin": "8019",
    "sscc": "00",
}
"""Names that stood for application identifiers until version 1.2 of the standard: read, never written."""

_SCHEME_CASE = Finding("link_scheme_case")
_BAD_CHARACTERS = Finding("link_characters")
_BAD_DOMAIN = Finding("link_domain")
_TOO_MANY = Finding("elements_too_many", params={"most": str(MOST)})
_PERCENT = Finding("link_percent", Grade.NOTE)


class Link(NamedTuple):
    """`elements` in the order of the address: key, so many `qualifiers`, attributes of the query."""

    elements: Elements
    findings: tuple[Finding, ...]
    qualifiers: int = 0


def parse(url: str) -> Link | None:
    """What the address says, right or wrong; None if it is no Digital Link at all.

    A GTIN without its leading zeros in the path, as on packs of the first years, is `link_gtin_short` and nothing else: where
    that finding is let pass, such a GTIN is right.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in _SCHEMES:
        return None
    domain, slash, tail = rest.partition("/")
    if not slash:
        return None
    path, _, query = tail.partition("#")[0].partition("?")
    segments = path.split("/")
    findings = _of_the_address(url, scheme, domain)
    start, end = _span(segments)
    if start is None:
        return _compressed(segments[-1], findings, domain)
    pairs, parameters = segments[start:end], [part for part in query.split("&") if part]
    if len(pairs) // 2 + len(parameters) > MOST:
        return Link((), (*findings, _TOO_MANY))
    if end < len(segments):
        findings.append(Finding("link_tail", params={"rest": "/" + "/".join(segments[end:])}))
    reader = _Reader(findings)
    reader.path(pairs)
    key, *sequence = reader.codes
    reader.query(parameters)
    findings += _misplaced(key, tuple(sequence), tuple(reader.codes[1 + len(sequence) :]))
    elements = tuple(reader.elements)
    return Link(elements, (*findings, *associations(elements)), qualifiers=len(sequence))


def _of_the_address(url: str, scheme: str, domain: str) -> list[Finding]:
    findings = []
    if scheme not in _SCHEMES:
        findings.append(_SCHEME_CASE)
    if not _CHARACTERS.fullmatch(url):
        findings.append(_BAD_CHARACTERS)
    if not _DOMAIN.fullmatch(domain):
        findings.append(_BAD_DOMAIN)
    return findings


def _span(segments: list[str]) -> tuple[int | None, int]:
    """Where the right-most key stands and where what belongs to it ends: the last segment, if all is right.

    A key whose value could be one counts also where the address goes on with something else: that is told, not overlooked.
    """
    last, known = len(segments), _known()
    for at in range(last - 2, -1, -2):
        ai = known.get(segments[at])
        if ai is None:
            break
        if ai.primary is not None:
            if segments[at] in NAMES and not _could_be(ai, segments[at + 1]):
                break
            return at, last
    for at in range(last - 2, -1, -1):
        ai = known.get(segments[at])
        if ai is not None and ai.primary is not None and _could_be(ai, segments[at + 1]):
            end = at + 2
            while end + 1 < last and segments[end] in known:
                end += 2
            return at, end
    return None, last


@cache
def _known() -> dict[str, AI]:
    """By code and by name."""
    return table() | {name: table()[code] for name, code in NAMES.items()}


def _could_be(key: AI, value: str) -> bool:
    """Whether an ordinary address would hardly have this behind what looks like a key."""
    fits = key.least <= len(value) <= key.most or (key.code == "01" and _short(value))
    return fits and value[:4].isascii() and value[:4].isdigit()


def _short(value: str) -> bool:
    """Whether it is a GTIN without its leading zeros."""
    return len(value) in (8, 12, 13) and value.isascii() and value.isdigit()


@cache
def _sequences(key: str) -> frozenset[tuple[str, ...]]:
    """Each sequence of qualifiers that may follow the key: all or some of one of its alternatives, in their order."""
    found: set[tuple[str, ...]] = set()
    ai = find(key)
    for alternative in (ai.primary or ()) if ai else ():
        some: list[tuple[str, ...]] = [()]
        for qualifier in alternative:
            some += [(*one, qualifier) for one in some]
        found.update(some)
    return frozenset(found)


def _belongs_in_path(code: str, key: str, sequence: tuple[str, ...]) -> bool:
    """Whether the AI could be one of the qualifiers, beside those that are there: then it may stand nowhere else."""
    allowed = _sequences(key)
    return any((*sequence[:at], code, *sequence[at:]) in allowed for at in range(len(sequence) + 1))


@lru_cache(maxsize=512)
def _misplaced(key: str, sequence: tuple[str, ...], attributes: tuple[str, ...]) -> tuple[Finding, ...]:
    """What stands where it must not. Kept for each set of AIs: a site has few, and values do not matter."""
    findings = []
    if sequence not in _sequences(key):
        findings.append(Finding("link_order", params={"key": key, "found": ", ".join(sequence)}))
    for code in attributes:
        ai = find(code)
        if _belongs_in_path(code, key, sequence):
            findings.append(Finding("link_in_path", params={"ai": code, "key": key}))
        elif ai and not ai.attribute:
            findings.append(Finding("link_attribute", params={"ai": code}))
    return tuple(findings)


class _Reader:
    """Collects elements and what is wrong with them."""

    def __init__(self, findings: list[Finding]) -> None:
        self.elements: list[tuple[str, str]] = []
        self.findings = findings
        self.codes: list[str] = []

    def path(self, segments: list[str]) -> None:
        """Name, value, name, value ...: the first is the key."""
        known, names = _known(), []
        for at in range(0, len(segments), 2):
            name, raw = segments[at], segments[at + 1]
            ai = known[name]  # _span stops at what is none
            self.codes.append(ai.code)
            if name in NAMES:
                names.append(name)
            self._take(ai, raw, unquote(raw) if "%" in raw else raw, Grade.FAILED)
        if names:
            self.findings.append(Finding("link_names", Grade.WARNING, {"names": ", ".join(names)}))

    def query(self, parameters: list[str]) -> None:
        """Attributes; a parameter whose name is no number says nothing about the item."""
        for parameter in parameters:
            code, given, raw = parameter.partition("=")
            if not given or not (code.isascii() and code.isdigit()):
                continue
            ai = find(code)
            if ai is None:
                self.findings.append(Finding("ai_unknown", params={"ai": code[:_AI_MOST]}))
            elif code in self.codes:
                self.findings.append(Finding("link_repeated", params={"ai": code}))
            else:
                self.codes.append(code)
                self._take(ai, raw, unquote_plus(raw) if "%" in raw or "+" in raw else raw, Grade.NOTE)

    def _take(self, ai: AI, raw: str, value: str, short: Grade) -> None:
        if not raw:
            self.findings.append(Finding("link_empty", params={"ai": ai.code}))
            return
        if "%" in raw and _STRAY_PERCENT.search(raw):
            self.findings.append(_PERCENT)
        if ai.code == "01" and _short(value):
            self.findings.append(Finding("link_gtin_short", short, {"value": value}))
            value = value.zfill(14)
        self.elements.append((ai.code, value))
        self.findings += judged(ai, value)


def _compressed(last: str, findings: list[Finding], domain: str) -> Link | None:
    """The form of versions 1.1 and 1.2 in the last segment: it is recognised, and not decoded."""
    key = compressed(last, domain.lower())
    if key is None:
        return None
    return Link((), (*findings, Finding("link_compressed", params={"ai": key[0], "value": key[1]})))
