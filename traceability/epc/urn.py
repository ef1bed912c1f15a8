"""URNs of EPCs, read and written: pure identities, classes, patterns, tags and raw bits (TDS 6, 8 and 12)."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from traceability.epc import classic, keys
from traceability.epc.bits import BadCode
from traceability.epc.keys import KEYS, Key, Parts
from traceability.finding import NOTHING, Finding, Grade, Verdict, verdict
from traceability.gs1 import values
from traceability.gs1.table import find
from traceability.identity import Elements


class Urn(NamedTuple):
    """`form` is `id`, `class`, `idpat`, `tag` or `raw`. `scheme` is that of the identity, in a tag that of its bits.

    `uri` is the pure identity (or class, or pattern) in its one spelling. `filter` is the filter value of a tag. `data` and `afi`
    are what `raw` says, for `decode`. Other control fields of a tag (`[umi=1]`) are no part of what it identifies.
    """

    form: str
    scheme: str = ""
    parts: Parts = ()
    elements: Elements = ()
    fields: Mapping[str, str] = NOTHING
    findings: tuple[Finding, ...] = ()
    uri: str | None = None
    filter: int | None = None
    data: bytes | None = None
    afi: str | None = None


def parse(text: str) -> Urn | None:
    """None where it is no URN of an EPC at all."""
    found = _URN.match(text)
    if not found:
        return None
    form = found["form"]
    if len(text) > LONGEST:
        return Urn(form, findings=(_LONG,))
    body = text[found.end() :]
    if form in ("tag", "raw") and (controls := _CONTROLS.match(body)):
        body = body[controls.end() :]
    scheme = ""
    try:
        if form == "raw":
            return _raw(body)
        scheme, _, body = body.partition(":")
        if form == "tag":
            return _tag(scheme, body)
        key = KEYS.get(scheme)
        if key is None or key.form != ("class" if form == "class" else "id"):
            raise BadCode("urn_scheme", scheme=scheme)
        return _identity(form, scheme, key, body)
    except BadCode as bad:
        return Urn(form, scheme, findings=(bad.finding,))


def of_elements(found: Elements, prefix_length: int) -> str | None:
    """The URN that right elements have if the company prefix is so long; of a class a pattern. None where there is none."""
    key = keys.of_elements(found)
    parts = key and keys.parts(key, found, prefix_length)
    if not key or not parts or (key.form == "class" and None in parts):
        return None
    uri = keys.uri(key, parts)
    again = parse(uri)
    if again is None or verdict(again.findings) is Verdict.INVALID:
        return None
    return uri if set(again.elements) <= set(found) else None


LONGEST = 512
"""Characters. A bank has at most 150 digits, or 70 characters of which each takes three; ten control fields stand before."""
_LONG = Finding("urn_long", params={"most": str(LONGEST)})

_URN = re.compile(r"(?i:urn:epc:)(?P<form>id|class|idpat|tag|raw):")
_CONTROLS = re.compile(r"(?:\[[a-z0-9-]{1,8}=x?[0-9A-F]{1,8}\]){1,10}:")
"""Right behind the form (TDS 15.2.4)."""
_PATTERNS = {
    "p": re.compile(r"[0-9]+"),
    "e": re.compile(r"[0-9]*"),
    "n": re.compile(r"0|[1-9][0-9]*"),
    "2": re.compile(r"[0-9]{2}"),
    "t": re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+"),
    "c": re.compile(r"(?:[0-9A-Z-]|%2[3Ff])+"),
    "g": re.compile(r"[0-9A-HJ-NP-Z]{5,6}"),
    "a": re.compile(r"(?:[0-9A-Z-]|%2[Ff])*"),
    "s": re.compile(r"(?:%23)?(?:[0-9A-Z-]|%2[Ff])+"),
    "b": re.compile(r"[A-HJ-NP-Z]{3}[JUZ][0-9]{7}"),
    "v": re.compile(r"[0-9]{7}"),
}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNESCAPED = re.compile(r'["&/<>?]')
_RAW = re.compile(
    r"(?P<bits>[1-9][0-9]{0,3})\.(?:(?:x(?P<afi>[0-9A-F]{1,2})\.)?x(?P<hex>[0-9A-F]*)|(?P<decimal>[0-9]+))"
)


def _identity(form: str, scheme: str, key: Key, body: str, filter_value: int | None = None) -> Urn:
    texts = body.split(".", len(key.parts) - 1)
    if len(texts) != len(key.parts):
        raise BadCode("urn_parts", scheme=key.name, expected=len(key.parts), found=len(texts))
    findings = []
    known = len(texts)
    while form == "idpat" and known and texts[known - 1] == "*":
        known -= 1
    for kind, text in zip(key.parts, texts[:known], strict=False):
        if not _PATTERNS[kind].fullmatch(text):
            raise BadCode("urn_part", scheme=key.name, part=text)
        if kind == "t" and _UNESCAPED.search(text):
            findings.append(Finding("urn_unescaped", Grade.WARNING, {"part": text}))
    parts = tuple(_plain(text) for text in texts[:known]) + (None,) * (len(texts) - known)
    prefix = parts[0] if key.ai else None
    if prefix is not None:
        _count(key, prefix, parts[1])
    elements = keys.elements(key, parts)
    return Urn(
        form,
        scheme,
        parts,
        elements,
        {name: part for name, part in zip(key.names, parts, strict=False) if part is not None},
        (*findings, *_wrong(key, elements, parts)),
        keys.uri(key, parts),
        filter_value,
    )


def _tag(scheme: str, body: str) -> Urn:
    coding = classic.SCHEMES.get(scheme)
    if coding is None:
        raise BadCode("urn_scheme", scheme=scheme)
    filter_value = None
    if coding.filter_bits:
        first, _, body = body.partition(".")
        if not _PATTERNS["n"].fullmatch(first) or len(first) > 2 or int(first) >> coding.filter_bits:
            raise BadCode("urn_filter", filter=first)
        filter_value = int(first)
    return _identity("tag", scheme, coding.key, body, filter_value)


def _raw(body: str) -> Urn:
    found = _RAW.fullmatch(body)
    if not found:
        raise BadCode("urn_part", scheme="raw", part=body)
    bits = int(found["bits"])
    value = int(found["decimal"]) if found["decimal"] else int(found["hex"] or "0", 16)
    if value >> bits:
        raise BadCode("epc_range", value=body, bits=bits)
    data = (value << -bits % 8).to_bytes(-(-bits // 8))
    return Urn("raw", data=data, afi=found["afi"] and found["afi"].zfill(2))


def _count(key: Key, prefix: str, reference: str | None) -> None:
    """The company prefix has 6 to 12 digits, and with the reference as many as the key."""
    if not 6 <= len(prefix) <= 12:
        raise BadCode("urn_prefix", digits=len(prefix))
    if key.digits and reference is not None and len(prefix) + len(reference) != key.digits:
        raise BadCode("urn_digits", scheme=key.name, expected=key.digits, found=len(prefix) + len(reference))


def _wrong(key: Key, elements: Elements, parts: Parts) -> list[Finding]:
    found = [wrong for ai, value in elements if (known := find(ai)) and (wrong := values.wrong(known, value))]
    if None in parts and not elements:
        found.append(Finding("urn_pattern", Grade.NOTE))
    if key.name in _CHECKS and parts[0] is not None and not _CHECKS[key.name](parts[0]):
        found.append(Finding("urn_check_digit", Grade.WARNING, {"number": parts[0]}))
    return found


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "%" in text else text


def _container(number: str) -> bool:
    """ISO 6346: letters count from 10 on without the multiples of 11, each place twice the one before."""
    total = sum(
        (int(char, 36) + (int(char, 36) > 10) + (int(char, 36) > 20) + (int(char, 36) > 30)) << at
        if char.isalpha()
        else int(char) << at
        for at, char in enumerate(number[:10])
    )
    return total % 11 % 10 == int(number[10])


def _vessel(number: str) -> bool:
    """IMO: the first six digits times 7 to 2."""
    return sum(int(digit) * factor for digit, factor in zip(number, range(7, 1, -1), strict=False)) % 10 == int(
        number[6]
    )


_CHECKS = {"bic": _container, "imovn": _vessel}
"""[M] Both from memory of the standards, so that they warn and do not refuse."""
