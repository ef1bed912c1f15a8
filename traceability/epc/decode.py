"""What the EPC bank of a tag says (TDS 2.3). Nothing is guessed: what does not decode has the raw URN and the reason."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from traceability.epc import classic, keys, plus
from traceability.epc.bits import LONGEST, BadCode, Bits
from traceability.finding import NOTHING, Finding, Grade
from traceability.gs1 import values
from traceability.gs1.table import find
from traceability.identity import Elements

RAW = "raw"


class Decoded(NamedTuple):
    """`scheme` is the coding scheme in the header (`sgtin-96`, `sgtin+`), `raw` where it is no EPC of GS1.

    `elements` are those of the EPC, `aidc` those behind it; both empty where it could not be decoded. `fields` are the parts of
    a scheme without GS1 key, `hostname` and `afi`. `uri` is the URN (`urn:epc:id:`) that only schemes before TDS 2.0 have. `raw`
    and `hex` tell the bits of any tag. `filter` is the filter value.
    """

    scheme: str
    raw: str
    hex: str
    elements: Elements = ()
    aidc: Elements = ()
    findings: tuple[Finding, ...] = ()
    filter: int | None = None
    fields: Mapping[str, str] = NOTHING
    uri: str | None = None

    @property
    def tag_uri(self) -> str | None:
        """`urn:epc:tag:`, with the filter value."""
        if self.uri is None:
            return None
        filter_value = "" if self.filter is None else f"{self.filter}."
        return f"urn:epc:tag:{self.scheme}:{filter_value}{self.uri.split(':', 4)[4]}"


def decode(data: bytes, pc: int | None = None, afi: str | None = None) -> Decoded:
    """`data`: the bank from bit 20h on, in bytes. `pc`: the protocol control word before it, where the reader tells it.

    `afi`: two hex digits, of a tag of another numbering system, where nothing else of its control word is known.
    """
    if len(data) > LONGEST:
        text = data.hex().upper()
        long = Finding("epc_long", params={"bytes": str(len(data)), "most": str(LONGEST)})
        return Decoded(RAW, _raw(text, None), text, findings=(long,))
    findings: tuple[Finding, ...] = ()
    if pc is not None:
        data, findings, afi = _protocol_control(data, pc)
    text = data.hex().upper()
    raw = _raw(text, afi)
    if data and afi:
        foreign = Finding("epc_afi", Grade.NOTE, {"afi": afi})
        return Decoded(RAW, raw, text, findings=(*findings, foreign), fields={"afi": afi})
    if not data or data[0] not in _SCHEMES:
        return Decoded(RAW, raw, text, findings=(_no_scheme(data), *findings))
    name, read = _SCHEMES[data[0]]
    bits = Bits(data)
    bits.take(8)
    try:
        decoded = read(bits, raw, text)
        if bits.rest():
            raise BadCode("epc_padding")
    except BadCode as bad:
        return Decoded(name, raw, text, findings=(bad.finding, *findings))
    findings += _values(decoded)
    if pc is not None and bits.left >= 16:
        findings += (Finding("epc_pc_words", Grade.WARNING, {"words": str(bits.left // 16)}),)
    return decoded._replace(findings=decoded.findings + findings) if findings else decoded


def from_hex(text: str) -> bytes | None:
    """The bytes of a hex text; spaces and hyphens between them are left out, half a byte at the end is filled with zeros."""
    text = text.translate(_BETWEEN)
    try:
        return bytes.fromhex(text + "0" * (len(text) % 2))
    except ValueError:
        return None


_BETWEEN = str.maketrans("", "", " -")
_UNPROGRAMMED, _TID = 0x00, 0xE2
_AIDC_MISSING = Finding("epc_aidc_missing", Grade.WARNING)
_AIDC_UNSAID = Finding("epc_aidc_unsaid", Grade.WARNING)
"""The toggle bit is for selecting tags over the air; TDS 15.3 reads what follows whatever it says."""
_USER_MEMORY, _EXTENDED = Finding("epc_user_memory", Grade.NOTE), Finding("epc_extended_pc", Grade.NOTE)


def _raw(text: str, afi: str | None) -> str:
    return f"urn:epc:raw:{4 * len(text)}.{f'x{afi}.' if afi else ''}x{text}"


def _no_scheme(data: bytes) -> Finding:
    if not data:
        return Finding("epc_nothing")
    if data[0] == _UNPROGRAMMED:
        return Finding("epc_unprogrammed")
    if data[0] == _TID:
        return Finding("epc_tid")
    return Finding("epc_header", Grade.NOTE, {"header": f"{data[0]:02X}"})


def _protocol_control(data: bytes, pc: int) -> tuple[bytes, tuple[Finding, ...], str | None]:
    """The words that the tag says are its EPC, what is wrong or noted, and the AFI of a tag that is not GS1's."""
    findings: tuple[Finding, ...] = ()
    length = (pc >> 11 & 31) * 2
    if length != len(data):
        grade = Grade.WARNING if length < len(data) else Grade.FAILED
        findings += (Finding("epc_pc_length", grade, {"said": str(length // 2), "read": f"{len(data) / 2:g}"}),)
    if pc & 0x0400:
        findings += (_USER_MEMORY,)
    if pc & 0x0200:
        findings += (_EXTENDED,)
    return data[:length], findings, f"{pc & 0xFF:02X}" if pc & 0x0100 else None


def _classic(scheme: classic.Scheme, bits: Bits, raw: str, text: str) -> Decoded:
    filter_value = bits.take(scheme.filter_bits) if scheme.filter_bits else None
    parts = classic.read(bits, scheme)
    key = scheme.key
    return Decoded(
        scheme.name,
        raw,
        text,
        keys.elements(key, parts),
        filter=filter_value,
        fields=dict(zip(key.names, parts, strict=True)) if key.names else {},
        uri=keys.uri(key, parts),
    )


def _plus(scheme: plus.Scheme, bits: Bits, raw: str, text: str) -> Decoded:
    more, filter_value = bits.take(1), bits.take(3)
    elements, host = plus.read(bits, scheme)
    behind: Elements = ()
    if bits.rest():
        try:
            behind = plus.read_behind(bits)
        except BadCode as bad:
            raise bad if more else BadCode("epc_padding") from None
    findings = () if bool(more) == bool(behind) else (_AIDC_MISSING if more else _AIDC_UNSAID,)
    return Decoded(
        scheme.name, raw, text, elements, behind, findings, filter_value, fields={"hostname": host} if host else {}
    )


def _values(decoded: Decoded) -> tuple[Finding, ...]:
    """What is wrong with the values, or right: a scheme before TDS 2.0 has no check digit, which is computed then."""
    found: list[Finding] = []
    for code, value in decoded.elements + decoded.aidc:
        ai = find(code)
        if ai is None:
            found.append(Finding("ai_unknown", params={"ai": code}))
        elif wrong := values.wrong(ai, value):
            found.append(wrong)
        elif decoded.uri is None:
            found += values.right(ai)
    return tuple(found)


_SCHEMES: dict[int, tuple[str, Callable[[Bits, str, str], Decoded]]] = {
    **{scheme.header: (scheme.name, partial(_classic, scheme)) for scheme in classic.SCHEMES.values()},
    **{scheme.header: (scheme.name, partial(_plus, scheme)) for scheme in plus.SCHEMES.values()},
}
