"""The schemes of TDS 2.x: AIs and values as they stand in a bar code, a host name ('++'), and more AIs behind the EPC."""

from typing import NamedTuple

from traceability.epc import formats, hostname, letters
from traceability.epc.bits import BadCode, Bits, NotWritable, Written
from traceability.epc.keys import NO_EXTENSION
from traceability.identity import Elements


class Scheme(NamedTuple):
    """`serial_from`: where in the last value the serial number begins, which no EPC is without."""

    name: str
    header: int
    ais: tuple[str, ...]
    dated: bool = False
    host: bool = False
    serial_from: int = 0


_ROWS = (
    # name, header of '+', header of '++', AIs, `serial_from`
    ("cpi", 0xF0, 0xE6, ("8010", "8011"), 0),
    ("grai", 0xF1, 0xEB, ("8003",), 14),
    ("sgln", 0xF2, 0xE9, ("414", "254"), 0),
    ("itip", 0xF3, 0xED, ("8006", "21"), 0),
    ("gsrn", 0xF4, 0xE7, ("8018",), 0),
    ("gsrnp", 0xF5, 0xE8, ("8017",), 0),
    ("gdti", 0xF6, 0xEA, ("253",), 13),
    ("sgtin", 0xF7, 0xFD, ("01", "21"), 0),
    ("sgcn", 0xF8, 0xEC, ("255",), 13),
    ("sscc", 0xF9, 0xEF, ("00",), 0),
    ("giai", 0xFA, 0xEE, ("8004",), 0),
    ("dsgtin", 0xFB, 0xFC, ("01", "21"), 0),
)
SCHEMES = {
    scheme.name: scheme
    for name, plus, plus_plus, ais, serial_from in _ROWS
    for scheme in (
        Scheme(f"{name}+", plus, ais, name == "dsgtin", serial_from=serial_from),
        Scheme(f"{name}++", plus_plus, ais, name == "dsgtin", host=True, serial_from=serial_from),
    )
}

DATES = ("11", "13", "15", "16", "17", "7006", "7007")
"""AIs of a prioritised date, by its type indicator."""


def read(bits: Bits, scheme: Scheme) -> tuple[Elements, str]:
    """The elements and the host name; `bits` stand behind the filter value."""
    found = [_read_date(bits)] if scheme.dated else []
    found += [(ai, formats.read(bits, formats.formats()[ai])) for ai in scheme.ais]
    ai, last = found[-1]
    if ai == "254":
        if last in ("", NO_EXTENSION):
            found.pop()
    elif len(last) <= scheme.serial_from:
        raise BadCode("epc_serial_missing", ai=ai)
    if scheme.dated:
        found = [*found[1:], found[0]]
    return tuple(found), hostname.read(bits) if scheme.host else ""


def write(out: Written, scheme: Scheme, values: dict[str, str], host: str) -> None:
    if scheme.dated:
        _write_date(out, values)
    for ai in scheme.ais:
        value = values.get(ai) or (NO_EXTENSION if ai == "254" else "")
        if len(value) <= (scheme.serial_from if ai == scheme.ais[-1] else 0):
            raise NotWritable(ai)
        formats.write(out, formats.formats()[ai], value)
    if scheme.host:
        hostname.write(out, host)


def read_behind(bits: Bits) -> Elements:
    """AIs and values behind an EPC (TDS 15.3), up to nothing but zeros.

    TDS takes 80 zeros or more for an SSCC of zeros; no company has that prefix, and a tag that is longer than its EPC has them.
    """
    found = []
    while bits.rest() and bits.left >= 8:
        first = f"{bits.take(8):02X}"
        if first == "00" and bits.left < 72:
            break
        length = formats.key_lengths().get(first)
        if length is None:
            raise BadCode("epc_aidc_key", digits=first)
        ai = first + (letters.read_digits(bits, length - 2) if length > 2 else "")
        parts = formats.formats().get(ai)
        if parts is None:
            raise BadCode("epc_aidc_key", digits=ai)
        found.append((ai, formats.read(bits, parts)))
    return tuple(found)


def write_behind(out: Written, found: Elements) -> None:
    for ai, value in found:
        parts = formats.formats().get(ai)
        if parts is None or not value:
            raise NotWritable(ai)
        letters.write_digits(out, ai, len(ai))
        formats.write(out, parts, value)


def _read_date(bits: Bits) -> tuple[str, str]:
    kind = bits.take(4)
    if kind >= len(DATES):
        raise BadCode("epc_date_kind", kind=kind)
    return DATES[kind], formats.read_date(bits, 3)


def _write_date(out: Written, values: dict[str, str]) -> None:
    ai = next((ai for ai in DATES if len(values.get(ai, "")) == 6), None)
    if ai is None:
        raise NotWritable("date")
    out.add(DATES.index(ai), 4)
    formats.write_date(out, values[ai], 3)
