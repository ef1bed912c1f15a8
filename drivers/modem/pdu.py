"""Short messages as PDUs (3GPP TS 23.040, 9.2; in hex as TS 27.005 has them, with the centre's address in front). Pure.

SUBMIT: `00 | first octet, reference 00, number, PID 00, DCS, length, data`; the modem's own centre, no validity period.
DELIVER: `centre | first octet, number, PID, DCS, time of 7 octets, length, data`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from drivers.modem.alphabet import pack, septets_of, text_of, unpack

Alphabet = Literal["gsm7", "bytes", "ucs2"]

PARTS_MAX = 255
_SUBMIT, _WITH_HEADER = 0x01, 0x40
_INTERNATIONAL, _ALPHANUMERIC = 1, 5
_UCS2, _GSM7 = 0x08, 0x00
_UCS2_UNITS, _UCS2_UNITS_PART = 70, 67
_SEPTETS, _SEPTETS_PART = 160, 153
_HEADER_SEPTETS, _HEADER_FILL = 7, 1
"""The header of a part, 6 octets, takes 7 septets, and one bit of the last is left."""
_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08
_NATIONAL_TABLES = (0x24, 0x25)
_DIGITS = "0123456789*#abc"


class Submit(NamedTuple):
    """A part to send: `AT+CMGS=length`, then the hex."""

    hex: str
    length: int


class Part(NamedTuple):
    """Part `number` (from 1) of `total` that the sender calls `reference`; `wide`: in 16 bits, which is another than in 8."""

    wide: bool
    reference: int
    total: int
    number: int


@dataclass(frozen=True)
class Deliver:
    """A message, or a part of one. `number` has "+" where it is international, and may be a word. `sent`: when the network's
    centre took it, by its clock; None where that is no time. 8-bit data is hex. `text` may end in half a character: see `joined`.
    """

    number: str
    text: str
    sent: datetime | None
    part: Part | None


def submit(number: str, text: str, reference: int) -> list[Submit]:
    """All parts in order. `number` is "+" and digits; `reference` (0..255) joins the parts. ValueError: more than 255 parts."""
    septets = septets_of(text)
    if septets is not None:
        return _submits(number, _GSM7, _split(septets, _SEPTETS, _SEPTETS_PART), reference)
    units = [one.encode("utf-16-be", "replace") for one in text]
    pairs = [tuple(one[at] << 8 | one[at + 1] for at in range(0, len(one), 2)) for one in units]
    return _submits(number, _UCS2, _split(pairs, _UCS2_UNITS, _UCS2_UNITS_PART), reference)


def _split(characters: list[tuple[int, ...]], alone: int, part: int) -> list[list[int]]:
    """Septets or UTF-16 units by parts; what makes one character stays together."""
    whole = [unit for character in characters for unit in character]
    if len(whole) <= alone:
        return [whole]
    parts: list[list[int]] = [[]]
    for character in characters:
        if len(parts[-1]) + len(character) > part:
            parts.append([])
        parts[-1] += character
    return parts


def _submits(number: str, coding: int, parts: list[list[int]], reference: int) -> list[Submit]:
    total = len(parts)
    if total > PARTS_MAX:
        raise ValueError(f"{total} parts")
    found = []
    for n, units in enumerate(parts, start=1):
        header = bytes((5, _CONCATENATED_8, 3, reference, total, n)) if total > 1 else b""
        first = _SUBMIT | (_WITH_HEADER if header else 0)
        body = bytes((first, 0)) + _address(number) + bytes((0, coding)) + _user_data(coding, header, units)
        found.append(Submit((b"\x00" + body).hex().upper(), len(body)))
    return found


def _address(number: str) -> bytes:
    """International; digits in pairs, the first in the low half, F where one is missing."""
    digits = number.removeprefix("+")
    padded = digits + "F" * (len(digits) % 2)
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    return bytes((len(digits), 0x91)) + bytes.fromhex(swapped)


def _user_data(coding: int, header: bytes, units: list[int]) -> bytes:
    """With its length: in septets or in octets, the header's included."""
    if coding == _UCS2:
        data = header + b"".join(unit.to_bytes(2, "big") for unit in units)
        return bytes((len(data),)) + data
    if header:
        return bytes((_HEADER_SEPTETS + len(units),)) + header + pack(units, _HEADER_FILL)
    return bytes((len(units),)) + pack(units)


def deliver(pdu: str) -> Deliver:
    """Raises ValueError where it is no whole SMS-DELIVER."""
    octets = _Octets(bytes.fromhex(pdu))
    octets.take(octets.one())  # the centre
    first = octets.one()
    if first & 0x03:
        raise ValueError("no SMS-DELIVER")
    number = _number(octets)
    octets.one()  # protocol identifier
    alphabet = _alphabet(octets.one())
    sent = _time(octets.take(7))
    length = octets.one()
    data = octets.rest()
    header = data[1 : 1 + data[0]] if first & _WITH_HEADER and data else None
    text = _text(alphabet, data, length, header)
    return Deliver(number, text, sent, None if header is None else _part(header))


class _Octets:
    """ValueError where there are fewer than asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        if count > len(self._data):
            raise ValueError("too short")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def one(self) -> int:
        return self.take(1)[0]

    def rest(self) -> bytes:
        return self._data


def _number(octets: _Octets) -> str:
    length, kind = octets.one(), octets.one() >> 4 & 0x07
    data = octets.take((length + 1) // 2)
    if kind == _ALPHANUMERIC:
        return text_of(unpack(data, length * 4 // 7))
    halves = [half for octet in data for half in (octet & 0x0F, octet >> 4)][:length]
    if any(half >= len(_DIGITS) for half in halves):
        raise ValueError("no number")
    return ("+" if kind == _INTERNATIONAL else "") + "".join(_DIGITS[half] for half in halves)


def _alphabet(coding: int) -> Alphabet:
    """By the groups of 23.038, 4; what is reserved reads as the 7-bit alphabet, what is compressed as bytes."""
    group = coding >> 4
    if group < 0x8:
        if coding & 0x20:
            return "bytes"
        return ("gsm7", "bytes", "ucs2", "gsm7")[coding >> 2 & 0x03]
    if group == 0xF:
        return "bytes" if coding & 0x04 else "gsm7"
    return "ucs2" if group == 0xE else "gsm7"


def _time(octets: bytes) -> datetime | None:
    """Digits swapped: year, month, day, hour, minute, second, and the zone in quarters of an hour with its sign in bit 3."""
    *digits, zone = octets
    try:
        year, month, day, hour, minute, second = (int(f"{octet & 0x0F}{octet >> 4}") for octet in digits)
        quarters = int(f"{zone & 0x07}{zone >> 4}")
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return local - timedelta(minutes=15 * (-quarters if zone & 0x08 else quarters))


def _text(alphabet: Alphabet, data: bytes, length: int, header: bytes | None) -> str:
    """`length` as it stands in front of the data: in septets or octets, with the header."""
    begin = 0 if header is None else 1 + len(header)
    size = (7 * length + 7) // 8 if alphabet == "gsm7" else length
    if len(data) != size or begin > size or (header is not None and data[0] != len(header)):
        raise ValueError("another length")
    if header is not None and any(one in _NATIONAL_TABLES for one, _ in _elements(header)):
        alphabet = "bytes"  # letters of a language whose table we do not have
    if alphabet == "ucs2":
        return data[begin:].decode("utf-16-be", "surrogatepass")
    if alphabet == "bytes":
        return data[begin:].hex().upper()
    skipped = (8 * begin + 6) // 7
    return text_of(unpack(data[begin:], max(0, length - skipped), 7 * skipped - 8 * begin))


def joined(texts: list[str]) -> str:
    """Of parts, whose sender may have cut a character in two."""
    return "".join(texts).encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _elements(header: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at + 2 <= len(header):
        found.append((header[at], header[at + 2 : at + 2 + header[at + 1]]))
        at += 2 + header[at + 1]
    return found


def _part(header: bytes) -> Part | None:
    """None where it is all there is, or says of itself what cannot be."""
    for element, value in _elements(header):
        if (element, len(value)) in ((_CONCATENATED_8, 3), (_CONCATENATED_16, 4)):
            *reference, total, number = value
            if 1 <= number <= total and total > 1:
                return Part(len(reference) > 1, int.from_bytes(bytes(reference)), total, number)
    return None
