"""How the value of each application identifier stands in bits (TDS 2.3 table F), in a '+' EPC and behind it."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from traceability.epc import letters
from traceability.epc.bits import BadCode, Bits, NotWritable, Written

_FORMATS = """
00 n18 | 01 02 n14 | 10 21 22 243 254 420 4318 7020-7022 710-716 7240 8002 8012 a5:20
11-13 15-17 4326 7006 d | 20 i2 | 235 a5:28 | 240 241 250 251 400 401 403 4308 4319 7002 7230-7239 90 a5:30 | 242 v3:6
253 n13 a5:17 | 255 n13 v4:12 | 30 37 v4:8
3100-3105 3110-3115 3120-3125 3130-3135 3140-3145 3150-3155 3160-3165 i6
3200-3205 3210-3215 3220-3225 3230-3235 3240-3245 3250-3255 3260-3265 3270-3275 3280-3285 3290-3295 i6
3300-3305 3310-3315 3320-3325 3330-3335 3340-3345 3350-3355 3360-3365 3370-3375 i6
3400-3405 3410-3415 3420-3425 3430-3435 3440-3445 3450-3455 3460-3465 3470-3475 3480-3485 3490-3495 i6
3500-3505 3510-3515 3520-3525 3530-3535 3540-3545 3550-3555 3560-3565 3570-3575 i6
3600-3605 3610-3615 3620-3625 3630-3635 3640-3645 3650-3655 3660-3665 3670-3675 3680-3685 3690-3695 3950-3953 8005 i6
3900-3909 3920-3929 423 425 v4:15 | 3910-3919 3930-3939 i3 v4:15 | 3940-3943 8111 i4
402 i17 | 410-417 n13 | 421 i3 a4:9 | 422 424 426 i3 | 427 7008 a2:3
4300 4301 4310 4311 4320 a6:35 | 4302-4306 4312-4316 7257 8110 8112 8200 a7:70 | 4307 4317 c | 4309 i20 | 4321-4323 b
4324 4325 7003 h | 4330-4333 i6 m | 7001 i13 | 7004 v3:4 | 7005 a4:12 | 7007 r | 7009 7255 a4:10 | 7010 a2:2 | 7011 8008 p
7023 8004 8010 t5:30 | 7030-7039 i3 a5:27 | 7040 7041 a3:4 | 7241 n2 | 7242 8013 8020 a5:25
7250 i8 | 7251 i12 | 7252 i1 | 7253 7254 7259 a6:40 | 7256 8030 91-99 a7:90 | 7258 s
8001 i14 | 8003 n14 a5:16 | 8006 8017 8018 8026 n18 | 8007 a5:24 | 8009 a6:50 | 8011 v4:12 | 8019 v4:10
"""
"""AIs, then their parts: `n` digits of 4 bits, `i` digits as one number, `a` alphanumeric and `v` number with a length of so
many bits and a maximum, `t` digits up to a terminator or to text, `d` date, `h` date to the minute, `r` date or two, `p` date
to the second, `c` country, `b` bit, `m` minus sign or none, `s` one of so many.
"""


class Part(NamedTuple):
    kind: str
    first: int = 0
    most: int = 0


@cache
def formats() -> dict[str, tuple[Part, ...]]:
    """By AI. (03) and (8014) are not for tags: TDS leaves them out."""
    return {ai: parts for row in _FORMATS.replace("\n", "|").split("|") for ai, parts in _row(row.split())}


@cache
def key_lengths() -> dict[str, int]:
    """The length of an AI by its first two digits (TDS table K)."""
    return {ai[:2]: len(ai) for ai in formats()}


def read(bits: Bits, parts: tuple[Part, ...]) -> str:
    return "".join([_READ[kind](bits, first, most) for kind, first, most in parts])


def write(out: Written, parts: tuple[Part, ...], value: str) -> None:
    """NotWritable where the value does not fit."""
    for kind, first, most in parts[:-1]:
        _WRITE[kind](out, value[:first], first, most)
        value = value[first:]
    kind, first, most = parts[-1]
    _WRITE[kind](out, value, first, most)


def read_date(bits: Bits, fields: int) -> str:
    """YYMMDDhhmmss, or as many fields of it."""
    text = "".join([f"{bits.take(width):02}" for width in _STAMP[:fields]])
    if len(text) != 2 * fields:
        raise BadCode("epc_date", date=text)
    return text


def write_date(out: Written, text: str, fields: int) -> None:
    if len(text) != 2 * fields or not letters.is_digits(text):
        raise NotWritable(text)
    for at, width in enumerate(_STAMP[:fields]):
        out.add(int(text[2 * at : 2 * at + 2]), width)


_STAMP = (7, 4, 5, 5, 6, 6)
_PRECISION = (4, 5, 6, 3)
"""Fields of a date and time by its format indicator (TDS 14.5.11)."""


def _row(words: list[str]) -> Iterator[tuple[str, tuple[Part, ...]]]:
    parts = tuple(_part(word) for word in words if word[0].isalpha())
    for word in words[: len(words) - len(parts)]:
        first, _, last = word.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first)), parts


def _part(word: str) -> Part:
    first, _, most = word[1:].partition(":")
    return Part(word[0], int(first or 0), int(most or 0))


def _write_number(out: Written, text: str, digits: int, _most: int) -> None:
    if len(text) != digits or not letters.is_digits(text):
        raise NotWritable(text)
    letters.write_number(out, text)


def _read_counted(bits: Bits, length_bits: int, most: int) -> str:
    return letters.read_number(bits, letters.read_length(bits, length_bits, most))


def _write_counted(out: Written, text: str, length_bits: int, most: int) -> None:
    if len(text) > most or (text and not letters.is_digits(text)):
        raise NotWritable(text)
    out.add(len(text), length_bits)
    letters.write_number(out, text)


_TEXT_FOLLOWS, _END = 14, 15


def _read_delimited(bits: Bits, length_bits: int, most: int) -> str:
    digits = ""
    while (nibble := bits.take(4)) < 10:
        digits += str(nibble)
    if nibble not in (_TEXT_FOLLOWS, _END):
        raise BadCode("epc_digit", digits=f"{nibble:X}")
    if nibble == _TEXT_FOLLOWS:
        text = letters.read_alphanumeric(bits, length_bits, most)
        if not text or letters.is_digits(text[0]):
            raise BadCode("epc_empty" if not text else "epc_delimiter")
        digits += text
    if len(digits) > most:
        raise BadCode("epc_length", length=len(digits), most=most)
    return digits


def _write_delimited(out: Written, text: str, length_bits: int, most: int) -> None:
    rest = text.lstrip("0123456789")
    digits = text[: len(text) - len(rest)]
    if not digits or len(text) > most:
        raise NotWritable(text)
    letters.write_digits(out, digits, len(digits))
    out.add(_TEXT_FOLLOWS if rest else _END, 4)
    if rest:
        letters.write_alphanumeric(out, rest, length_bits, most)


def _read_range(bits: Bits, _first: int, _most: int) -> str:
    two = bits.take(1)
    return read_date(bits, 3) + (read_date(bits, 3) if two else "")


def _write_range(out: Written, text: str, _first: int, _most: int) -> None:
    out.add(int(len(text) > 6), 1)
    write_date(out, text[:6], 3)
    if len(text) > 6:
        write_date(out, text[6:], 3)


def _write_precise(out: Written, text: str, _first: int, _most: int) -> None:
    fields = len(text) // 2
    if fields not in _PRECISION:
        raise NotWritable(text)
    out.add(_PRECISION.index(fields), 2)
    write_date(out, text, fields)


def _read_country(bits: Bits, _first: int, _most: int) -> str:
    codes = bits.take(6), bits.take(6)
    if max(codes) > 25:
        raise BadCode("epc_characters", value=max(codes))
    return "".join(letters.BASE_64[code] for code in codes)


def _one_of(out: Written, choices: tuple[str, ...], text: str) -> None:
    if text not in choices:
        raise NotWritable(text)
    out.add(choices.index(text), 1)


def _write_country(out: Written, text: str, _first: int, _most: int) -> None:
    if len(text) != 2 or not (text.isascii() and text.isupper() and text.isalpha()):
        raise NotWritable(text)
    for char in text:
        out.add(letters.BASE_64.index(char), 6)


def _read_sequence(bits: Bits, _first: int, _most: int) -> str:
    return f"{letters.read_digits(bits, 1)}/{letters.read_digits(bits, 1)}"


def _write_sequence(out: Written, text: str, _first: int, _most: int) -> None:
    number, slash, total = text.partition("/")
    if not slash:
        raise NotWritable(text)
    letters.write_digits(out, number, 1)
    letters.write_digits(out, total, 1)


_READ: dict[str, Callable[[Bits, int, int], str]] = {
    "n": lambda bits, digits, _most: letters.read_digits(bits, digits),
    "i": lambda bits, digits, _most: letters.read_number(bits, digits),
    "a": letters.read_alphanumeric,
    "v": _read_counted,
    "t": _read_delimited,
    "d": lambda bits, _first, _most: read_date(bits, 3),
    "h": lambda bits, _first, _most: read_date(bits, 5),
    "r": _read_range,
    "p": lambda bits, _first, _most: read_date(bits, _PRECISION[bits.take(2)]),
    "c": _read_country,
    "b": lambda bits, _first, _most: str(bits.take(1)),
    "m": lambda bits, _first, _most: "-" if bits.take(1) else "",
    "s": _read_sequence,
}
_WRITE: dict[str, Callable[[Written, str, int, int], None]] = {
    "n": lambda out, text, digits, _most: letters.write_digits(out, text, digits),
    "i": _write_number,
    "a": letters.write_alphanumeric,
    "v": _write_counted,
    "t": _write_delimited,
    "d": lambda out, text, _first, _most: write_date(out, text, 3),
    "h": lambda out, text, _first, _most: write_date(out, text, 5),
    "r": _write_range,
    "p": _write_precise,
    "c": _write_country,
    "b": lambda out, text, _first, _most: _one_of(out, ("0", "1"), text),
    "m": lambda out, text, _first, _most: _one_of(out, ("", "-"), text),
    "s": _write_sequence,
}
