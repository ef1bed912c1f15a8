"""Short messages as a network sees them: SUBMITs taken apart, DELIVERs made (3GPP TS 23.040, 23.038)."""

import time
from dataclasses import dataclass

_COLUMNS = (
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
)
"""23.038, 6.2.1: by the high half of the code."""
TABLE = {sign: 16 * high + low for high, column in enumerate(_COLUMNS) for low, sign in enumerate(column)}
ESCAPE = TABLE.pop("\x1b")
EXTENSION = dict(zip("\f^{}\\[~]|€", bytes.fromhex("0A 14 28 29 2F 3C 3D 3E 40 65"), strict=True))
BACK = {code: sign for sign, code in TABLE.items()}
BACK_EXTENSION = {code: sign for sign, code in EXTENSION.items()}


@dataclass(frozen=True)
class Submitted:
    """One SUBMIT; `ref`, `total` and `n` are 0, 1, 1 for a message in one part."""

    number: str
    text: str
    ref: int
    total: int
    n: int


def submitted(pdu: bytes) -> Submitted:
    """Without its centre's address in front. Raises ValueError, KeyError or IndexError where it is none."""
    first, digits = pdu[0], pdu[2]
    if first & 0x03 != 1 or first & 0x18 or pdu[3] != 0x91:
        raise ValueError("no SUBMIT to an international number, without validity period")
    end = 4 + (digits + 1) // 2
    number = "+" + "".join(f"{one & 15:X}{one >> 4:X}" for one in pdu[4:end])[:digits]
    coding, length, data = pdu[end + 1], pdu[end + 2], pdu[end + 3 :]
    skip = data[0] + 1 if first & 0x40 else 0
    if skip and data[:3] != b"\x05\x00\x03":
        raise ValueError("another header than that of a part")
    ref, total, n = data[3:6] if skip else (0, 1, 1)
    if coding == 8 and len(data) == length <= 140:
        return Submitted(number, data[skip:].decode("utf-16-be"), ref, total, n)
    if coding != 0 or len(data) != (7 * length + 7) // 8 or length > 160:
        raise ValueError("another coding, or length of the data")
    return Submitted(number, _signs(_septets(data, length)[(8 * skip + 6) // 7 :]), ref, total, n)


def _septets(data: bytes, count: int) -> list[int]:
    bits = "".join(f"{octet:08b}"[::-1] for octet in data)
    return [int(bits[7 * at : 7 * at + 7][::-1], 2) for at in range(count)]


def _signs(septets: list[int]) -> str:
    rest = iter(septets)
    return "".join(BACK_EXTENSION[next(rest)] if one == ESCAPE else BACK[one] for one in rest)


def _codes(text: str) -> list[list[int]] | None:
    """Septets by character; None where the alphabet lacks one."""
    if not all(sign in TABLE or sign in EXTENSION for sign in text):
        return None
    return [[TABLE[sign]] if sign in TABLE else [ESCAPE, EXTENSION[sign]] for sign in text]


def delivers(number: str, text: str, ref: int, *, at: float | None = None, wide: bool = False) -> list[bytes]:
    """The PDUs of a message as a modem's store has them, with the centre's address in front; it comes now, or at that time.
    `wide`: its reference has 16 bits.
    """
    codes = _codes(text)
    mark = bytes((6, 8, 4)) + ref.to_bytes(2) if wide else bytes((5, 0, 3, ref))
    when = time.time() if at is None else at
    if codes is None:
        signs = [list(sign.encode("utf-16-be")) for sign in text]
        return _parts(number, 8, _cut(signs, 140, 132 if wide else 134), mark, when)
    return _parts(number, 0, _cut(codes, 160, 152 if wide else 153), mark, when)


def _cut(signs: list[list[int]], alone: int, part: int) -> list[list[int]]:
    pieces: list[list[int]] = [[]]
    limit = alone if sum(map(len, signs)) <= alone else part
    for sign in signs:
        if len(pieces[-1]) + len(sign) > limit:
            pieces.append([])
        pieces[-1].extend(sign)
    return pieces


def _parts(number: str, coding: int, pieces: list[list[int]], mark: bytes, when: float) -> list[bytes]:
    total = len(pieces)
    found = []
    for n, piece in enumerate(pieces, start=1):
        header = mark + bytes((total, n)) if total > 1 else b""
        if coding == 8:
            data = header + bytes(piece)
            length = len(data)
        else:
            lead = [0] * ((8 * len(header) + 6) // 7)
            packed = _packed(lead + piece)
            data = header + packed[len(header) :]
            length = len(lead) + len(piece)
            if len(header) == 6:  # the seventh octet begins with the bit that fills up the header's last septet
                assert not packed[6] & 1
        first = 0x04 | (0x40 if header else 0)
        body = bytes((first,)) + sender(number) + bytes((0, coding)) + stamp(when) + bytes((length,)) + data
        found.append(bytes.fromhex("08 91 68 31 08 10 00 05 F0") + body)
    return found


def _packed(septets: list[int]) -> bytes:
    bits = "".join(f"{septet:07b}"[::-1] for septet in septets)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def sender(number: str) -> bytes:
    """International with "+", national with digits alone, else a word."""
    digits = number.removeprefix("+")
    if not digits.isdecimal():
        packed = _packed([code for codes in _codes(number) or [] for code in codes])
        return bytes((-(-len(number) * 7 // 4), 0xD0)) + packed
    pairs = digits + "F" * (len(digits) % 2)
    swapped = bytes(int(pairs[at + 1] + pairs[at], 16) for at in range(0, len(pairs), 2))
    return bytes((len(digits), 0x91 if number.startswith("+") else 0xA1)) + swapped


def stamp(seconds: float) -> bytes:
    """By a centre whose clock is that of China, eight hours ahead: 32 quarters."""
    local = time.strftime("%y%m%d%H%M%S", time.gmtime(seconds + 8 * 3600)) + "32"
    return bytes(int(local[at + 1] + local[at], 16) for at in range(0, len(local), 2))
