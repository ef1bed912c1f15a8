"""Characters as bits: digits of 4, TDS 14.5.6 with its encoding indicators, and the strings of 7 and 6 bits of the older schemes."""

from collections.abc import Callable
from typing import NamedTuple

from traceability.epc.bits import BadCode, Bits, NotWritable, Written

SET_82 = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_SET_82_AND_39 = SET_82 | {"#"}
"""What 7 bits of a '+' scheme carry: component identifiers have characters of set 39. An AI's own set is looked at with its value."""
SIX = {ord(char) & 0x3F: char for char in "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
BASE_64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CODE_40 = "\0ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789"

TENS = tuple(10**count for count in range(128))
DIGIT_BITS = tuple((ten - 1).bit_length() for ten in TENS)
"""Bits for a number of so many digits (TDS table B)."""


def read_digits(bits: Bits, count: int) -> str:
    text = f"{bits.take(4 * count):0{count}x}"
    if not text.isdecimal():
        raise BadCode("epc_digit", digits=text.upper())
    return text


def write_digits(out: Written, text: str, count: int) -> None:
    if len(text) != count or not is_digits(text):
        raise NotWritable(text)
    out.add(int(text, 16), 4 * count)


def read_number(bits: Bits, digits: int) -> str:
    """In as few bits as so many digits need."""
    if not digits:
        return ""
    value = bits.take(DIGIT_BITS[digits])
    if value >= TENS[digits]:
        raise BadCode("epc_range", value=value, bits=DIGIT_BITS[digits])
    return str(value).zfill(digits)


def write_number(out: Written, text: str) -> None:
    out.add(int(text or "0"), DIGIT_BITS[len(text)])


def read_seven(bits: Bits, count: int) -> str:
    """Up to `count` characters with zeros behind the last."""
    codes = _split(bits.take(7 * count), 7, count)
    end = codes.index(0) if 0 in codes else count
    if any(codes[end:]):
        raise BadCode("epc_padding")
    return _characters(codes[:end])


def write_seven(out: Written, text: str, count: int) -> None:
    if not 1 <= len(text) <= count or not SET_82.issuperset(text):
        raise NotWritable(text)
    for char in text:
        out.add(ord(char), 7)
    out.add(0, 7 * (count - len(text)))


def read_six(bits: Bits, least: int, most: int) -> str:
    """Characters of 6 bits up to six zeros."""
    text = ""
    while code := bits.take(6):
        if code not in SIX or len(text) == most:
            raise BadCode("epc_characters", value=code)
        text += SIX[code]
    if len(text) < least:
        raise BadCode("epc_empty")
    return text


def write_six(out: Written, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most or any(SIX.get(ord(char) & 0x3F) != char for char in text):
        raise NotWritable(text)
    for char in text:
        out.add(ord(char) & 0x3F, 6)
    out.add(0, 6)


def read_forty(bits: Bits, count: int) -> str:
    """URN Code 40: three characters in 16 bits."""
    text = ""
    for _ in range(-(-count // 3)):
        triple = bits.take(16) - 1
        if not 0 <= triple < 64000:
            raise BadCode("epc_characters", value=triple + 1)
        text += CODE_40[triple // 1600] + CODE_40[triple // 40 % 40] + CODE_40[triple % 40]
    if "\0" in text[:count] or text[count:].strip("\0"):
        raise BadCode("epc_characters", value=0)
    return text[:count]


def write_forty(out: Written, text: str) -> None:
    for start in range(0, len(text), 3):
        first, second, third = map(CODE_40.index, text[start : start + 3].ljust(3, "\0"))
        out.add(1600 * first + 40 * second + third + 1, 16)


def read_alphanumeric(bits: Bits, length_bits: int, most: int) -> str:
    """Encoding indicator, length, characters; "" where the length is 0."""
    indicator = bits.take(3)
    if indicator >= len(_METHODS):
        raise BadCode("epc_indicator", indicator=indicator)
    return _METHODS[indicator].read(bits, read_length(bits, length_bits, most))


def write_alphanumeric(out: Written, text: str, length_bits: int, most: int) -> None:
    """In as few bits as the characters allow; of two that need as many, by the lower indicator."""
    if len(text) > most:
        raise NotWritable(text)
    fitting = [(method.bits(len(text)), at) for at, method in enumerate(_METHODS) if method.characters.issuperset(text)]
    if not fitting:
        raise NotWritable(text)
    _, indicator = min(fitting)
    out.add(indicator, 3)
    out.add(len(text), length_bits)
    _METHODS[indicator].write(out, text)


def read_length(bits: Bits, length_bits: int, most: int) -> int:
    length = bits.take(length_bits)
    if length > most:
        raise BadCode("epc_length", length=length, most=most)
    return length


def is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


class _Method(NamedTuple):
    """A way of TDS 14.5.6, at the place of its indicator."""

    characters: frozenset[str]
    bits: Callable[[int], int]
    read: Callable[[Bits, int], str]
    write: Callable[[Written, str], None]


def _split(value: int, width: int, count: int) -> list[int]:
    mask = (1 << width) - 1
    return [value >> shift & mask for shift in range(width * (count - 1), -1, -width)]


def _characters(codes: list[int], known: frozenset[str] = SET_82) -> str:
    text = bytes(codes).decode("ascii")
    if not known.issuperset(text):
        raise BadCode("epc_characters", value=next(code for code in codes if chr(code) not in known))
    return text


def _write_64(out: Written, text: str) -> None:
    for char in text:
        out.add(BASE_64.index(char), 6)


def _write_ascii(out: Written, text: str) -> None:
    for char in text:
        out.add(ord(char), 7)


def _hex(bits: Bits, count: int) -> str:
    return f"{bits.take(4 * count):0{count}x}" if count else ""


def _write_hex(out: Written, text: str) -> None:
    out.add(int(text or "0", 16), 4 * len(text))


_METHODS = (
    _Method(frozenset("0123456789"), DIGIT_BITS.__getitem__, read_number, write_number),
    _Method(
        frozenset("0123456789ABCDEF"),
        lambda count: 4 * count,
        lambda bits, count: _hex(bits, count).upper(),
        _write_hex,
    ),
    _Method(frozenset("0123456789abcdef"), lambda count: 4 * count, _hex, _write_hex),
    _Method(
        frozenset(BASE_64),
        lambda count: 6 * count,
        lambda bits, count: "".join([BASE_64[code] for code in _split(bits.take(6 * count), 6, count)]),
        _write_64,
    ),
    _Method(
        _SET_82_AND_39,
        lambda count: 7 * count,
        lambda bits, count: _characters(_split(bits.take(7 * count), 7, count), _SET_82_AND_39),
        _write_ascii,
    ),
    _Method(frozenset(CODE_40[1:]), lambda count: 16 * -(-count // 3), read_forty, write_forty),
)
