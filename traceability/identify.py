"""Any scan, any tag -> what it is: the way in.

Whatever comes, there is an answer; what is not known is answered as unknown, with the text as it was scanned.
"""

import re
from collections.abc import Mapping

from traceability import epc_link
from traceability.epc import decode, encode, urn
from traceability.finding import NOTHING, Candidate, Finding, Grade, Sureness, Verdict, verdict
from traceability.gs1 import link, scandata
from traceability.gs1.associations import associations
from traceability.gs1.dates import dates
from traceability.gs1.table import find
from traceability.gs1.values import wrong
from traceability.identity import Elements, Identity, Level, gs1_identity, gs1_scheme
from traceability.payload import payload
from traceability.ranking import ANYTHING, Answer, Expected, ranked
from traceability.schemes.match import matches, read_back
from traceability.schemes.table import Table
from traceability.web import Layout, layouts, without_gtin

_WEB = re.compile(r"(?i)https?://")
_URN = re.compile(r"(?i)urn:epc:")
_BANK = re.compile(r"(?i)(?:2[C-F]|3[0-9A-F]|4[01]|E[26-F]|F[0-9A-D])[0-9A-F]{2}(?:[0-9A-F]{4}){4,30}")
"""Words of an EPC bank in hex, with a header of TDS or of a TID in front."""
_TWIN = 8
"""A code of so many characters is not the same twice over by chance."""
_PC = re.compile(r"[0-9A-Fa-f]{4}")

_UNKNOWN = Finding("unknown_code", Grade.NOTE)
_UNRESOLVED = Finding("url_unresolved", Grade.NOTE)
_TWICE = Finding("two_codes", Grade.NOTE)
_BANK_IN_HEX = Finding("tag_as_text", Grade.NOTE)
_NO_TEXT = Finding("not_text")
_NO_HEX = Finding("epc_no_hex")
_NO_PC = Finding("epc_no_pc", Grade.WARNING)
_CAPACITY = Finding("urn_capacity")
_IN_BINARY = frozenset({"adi", "gid", "usdod"})
"""EPCs without a GS1 key that are nothing but what a tag can hold."""


def scan(scanned: str | bytes, aim: str | None, table: Table, readpoint: str | None, year: int) -> Answer:
    """`scanned`: bytes are taken for UTF-8. `aim`: the AIM symbology identifier, or None. `readpoint`: a name in the table.
    `year`: the present one.
    """
    found_text = payload(scanned if isinstance(scanned, str) else scanned.decode("utf-8", "surrogateescape"), aim)
    if found_text is None:
        return Answer(Verdict.INVALID, findings=(_NO_TEXT,))
    text, aim, findings = found_text
    expected, noted = _expected(table, readpoint)
    findings += noted
    if aim is not None and scandata.says_gs1(aim):
        found, unknown = _code(text, aim, table, expected, year), _UNKNOWN
    elif _WEB.match(text):
        found, unknown = _web(text, table, expected, year), _UNRESOLVED
    elif _URN.match(text):
        found, unknown = _of_urn(text, expected, year), _UNKNOWN
    else:
        found, unknown = _code(text, aim, table, expected, year), _what_else(text)
    answer = ranked(found, findings, expected)
    return answer if answer.candidates else answer._replace(findings=(*findings, unknown))


def tag(epc: str, pc: str | None, table: Table, readpoint: str | None, year: int) -> Answer:
    """`epc`: the EPC bank behind its protocol control word `pc`, both in hex."""
    expected, findings = _expected(table, readpoint)
    data = decode.from_hex(epc)
    if data is None:
        return Answer(Verdict.INVALID, (), (*findings, _NO_HEX))
    if pc is not None and not _PC.fullmatch(pc):
        findings, pc = (*findings, _NO_PC), None
    return ranked([_tag(data, None if pc is None else int(pc, 16), expected, year)], findings, expected)


def _expected(table: Table, readpoint: str | None) -> tuple[Expected, tuple[Finding, ...]]:
    if readpoint is None:
        return ANYTHING, ()
    expected = table.readpoints.get(readpoint)
    if expected is None:
        return ANYTHING, (Finding("readpoint_unknown", Grade.NOTE, {"name": readpoint}),)
    return expected, ()


def _web(text: str, table: Table, expected: Expected, year: int) -> list[Candidate]:
    """A URI that the table gives is its code's. A Digital Link is one on any host; of other addresses, and of wrong links, the
    table's layouts may know more.
    """
    if (own := read_back(table, text, year)) is not None:
        return [_seen_from(own, expected)]
    linked = []
    if (found := link.parse(text)) is not None:
        path = 1 + found.qualifiers
        said, more = found.elements[:path], found.elements[path:]
        linked.append(_gs1(said, found.findings, Sureness.CHECKED, expected, year, more))
        if linked[0].verdict is not Verdict.INVALID:
            return linked
    if (epc := epc_link.decoded(text)) is not None:
        return [_bank(epc, Sureness.CHECKED, expected, year)]
    return [*linked, *(_laid_out(one, expected, year) for one in layouts(table.urls, text))]


def _laid_out(found: Layout, expected: Expected, year: int) -> Candidate:
    """With a GTIN it is the item that any other code with that GTIN is about."""
    if not found.elements:
        return without_gtin(found)
    return _gs1(found.elements, found.findings, Sureness.CHECKED, expected, year, fields=found.fields)


def _of_urn(text: str, expected: Expected, year: int) -> list[Candidate]:
    found = urn.parse(text)
    if found is None:
        return []
    if found.data is not None:
        return [_bank(decode.decode(found.data, afi=found.afi), Sureness.CARRIER, expected, year)]
    findings, epc = found.findings, encode.encode_urn(text)
    if epc is None and not findings and (found.form == "tag" or (found.form == "id" and found.scheme in _IN_BINARY)):
        findings = (_CAPACITY,)
    if found.elements or not found.uri:
        made = _gs1(found.elements, findings, Sureness.CHECKED, expected, year, fields=found.fields, epc=epc)
    else:
        level = Level.CLASS if found.form == "idpat" else Level.INSTANCE
        made = _epc(found.uri, findings, Sureness.CHECKED, expected, level, fields=found.fields, epc=epc)
    return [made._replace(epc=None) if found.form == "idpat" else made]


def _code(text: str, aim: str | None, table: Table, expected: Expected, year: int) -> list[Candidate]:
    """A symbol that says that it is of GS1 is of nobody else."""
    found = [_gs1(*one, expected, year) for one in scandata.scan(text, aim)]
    if found and found[0].sureness is Sureness.CARRIER:
        return found
    others = [_seen_from(one, expected) for one in matches(table, text, aim, year, expected)]
    return [*found, *others]


def _what_else(text: str) -> Finding:
    """What may have gone wrong with a text that is nothing."""
    half = len(text) // 2
    if half >= _TWIN and text[:half] == text[half:]:
        return _TWICE
    return _BANK_IN_HEX if _BANK.fullmatch(text) and not text.isdigit() else _UNKNOWN


def _gs1(
    elements: Elements,
    findings: tuple[Finding, ...],
    sureness: Sureness,
    expected: Expected,
    year: int,
    more: Elements = (),
    *,
    fields: Mapping[str, str] = NOTHING,
    epc: str | None = None,
) -> Candidate:
    """`more` are told beside the item and are no part of what it is: attributes of a link, data behind an EPC.

    It has an identity only where nothing is wrong with its values, whatever the read point lets pass: of a wrong number one
    cannot say whose it is.
    """
    scheme, eased = gs1_scheme(elements), expected.eased(findings)
    doubted = eased is not findings and any((ai := find(code)) is None or wrong(ai, value) for code, value in elements)
    if doubted or verdict(eased) is Verdict.INVALID:
        return Candidate(scheme, sureness, eased, elements + more, fields)
    return Candidate(
        scheme,
        sureness,
        eased,
        elements + more,
        {**dates(elements + more, year), **fields},
        gs1_identity(elements),
        epc or encode.encode(elements, checked=eased is findings),
    )


def _tag(data: bytes, pc: int | None, expected: Expected, year: int) -> Candidate:
    return _bank(decode.decode(data, pc), Sureness.CARRIER, expected, year)


def _bank(found: decode.Decoded, sureness: Sureness, expected: Expected, year: int) -> Candidate:
    """What is nobody's scheme has the name of its bits, so that it can be counted."""
    fields = {"coding": found.scheme, **found.fields}
    if found.filter is not None:
        fields["filter"] = str(found.filter)
    if found.elements:
        if found.tag_uri:
            fields["tag_uri"] = found.tag_uri
        together = associations(found.elements + found.aidc) if found.aidc else ()
        findings, epc = found.findings + together, found.hex
        return _gs1(found.elements, findings, sureness, expected, year, found.aidc, fields=fields, epc=epc)
    if found.uri:
        return _epc(found.uri, found.findings, sureness, expected, fields=fields, epc=found.hex)
    raw = None if verdict(found.findings) is Verdict.INVALID else Identity(Level.INSTANCE, found.raw)
    fields["raw"] = found.raw
    return Candidate("epc.raw", Sureness.OPAQUE, found.findings, fields=fields, identity=raw, epc=found.hex or None)


def _epc(
    uri: str,
    findings: tuple[Finding, ...],
    sureness: Sureness,
    expected: Expected,
    level: Level = Level.INSTANCE,
    *,
    fields: Mapping[str, str],
    epc: str | None,
) -> Candidate:
    """An EPC of a key that is not GS1's: its URN is its identity."""
    scheme = f"epc.{uri.split(':')[3]}"
    made = Candidate(scheme, sureness, findings, fields=fields, identity=Identity(level, uri), epc=epc)
    return _seen_from(made, expected)


def _seen_from(candidate: Candidate, expected: Expected) -> Candidate:
    """As the read point sees it; without its identity where something is wrong."""
    findings = expected.eased(candidate.findings)
    identity = None if verdict(findings) is Verdict.INVALID else candidate.identity
    return candidate._replace(findings=findings, identity=identity)
