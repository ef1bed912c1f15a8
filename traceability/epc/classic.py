"""The schemes before TDS 2.0: their bits are the parts of a URN (TDS 14.3, 14.4, 14.6), with the company prefix apart."""

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from traceability.epc import keys, letters
from traceability.epc.bits import BadCode, Bits, NotWritable, Written
from traceability.epc.keys import Key


class Field(NamedTuple):
    """How the next part, or the next two from a partition on, stand in bits.

    `d`, `u`, `s`, `x`: partition with company prefix, then the rest of its digits, a number without leading zeros, text of
    7 bits, text of 6 bits. Otherwise `i` number, `t` text of 7 bits, `0` number behind a 1 that keeps leading zeros, `2` two
    digits, `6` text of 6 bits to its end, `#` the same that may begin with a #, `g` CAGE or DoDAAC of 6 bits, `G` of 8 bits,
    `-` reserved zeros.
    `bits`: of both numbers of a partition together; of the field otherwise. `most` characters, less the prefix in a partition.
    """

    kind: str
    bits: int = 0
    most: int = 0
    least: int = 0


class Scheme(NamedTuple):
    """A coding scheme of tags. `filter_bits` is 0 where it has no filter value."""

    name: str
    header: int
    key: Key
    fields: tuple[Field, ...]
    filter_bits: int = 3


_GTIN, _GLN, _SSCC = Field("d", 44, 13), Field("d", 41, 12), Field("d", 58, 17)

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("sgtin-96", 0x30, keys.KEYS["sgtin"], (_GTIN, Field("i", 38))),
        Scheme("sgtin-198", 0x36, keys.KEYS["sgtin"], (_GTIN, Field("t", 140))),
        Scheme("sscc-96", 0x31, keys.KEYS["sscc"], (_SSCC, Field("-", 24))),
        Scheme("sgln-96", 0x32, keys.KEYS["sgln"], (_GLN, Field("i", 41))),
        Scheme("sgln-195", 0x39, keys.KEYS["sgln"], (_GLN, Field("t", 140))),
        Scheme("grai-96", 0x33, keys.KEYS["grai"], (Field("d", 44, 12), Field("i", 38))),
        Scheme("grai-170", 0x37, keys.KEYS["grai"], (Field("d", 44, 12), Field("t", 112))),
        Scheme("giai-96", 0x34, keys.KEYS["giai"], (Field("u", 82, 25),)),
        Scheme("giai-202", 0x38, keys.KEYS["giai"], (Field("s", 188, 30),)),
        Scheme("gsrn-96", 0x2D, keys.KEYS["gsrn"], (_SSCC, Field("-", 24))),
        Scheme("gsrnp-96", 0x2E, keys.KEYS["gsrnp"], (_SSCC, Field("-", 24))),
        Scheme("gdti-96", 0x2C, keys.KEYS["gdti"], (_GLN, Field("i", 41))),
        Scheme("gdti-174", 0x3E, keys.KEYS["gdti"], (_GLN, Field("t", 119))),
        Scheme("gdti-113", 0x3A, keys.KEYS["gdti"], (_GLN, Field("0", 58, 17))),
        Scheme("sgcn-96", 0x3F, keys.KEYS["sgcn"], (_GLN, Field("0", 41, 12))),
        Scheme("cpi-96", 0x3C, keys.KEYS["cpi"], (Field("u", 51, 15), Field("i", 31))),
        Scheme("cpi-var", 0x3D, keys.KEYS["cpi"], (Field("x", 0, 30), Field("i", 40))),
        Scheme("itip-110", 0x40, keys.KEYS["itip"], (_GTIN, Field("2", 7), Field("2", 7), Field("i", 38))),
        Scheme("itip-212", 0x41, keys.KEYS["itip"], (_GTIN, Field("2", 7), Field("2", 7), Field("t", 140))),
        Scheme("gid-96", 0x35, keys.KEYS["gid"], (Field("i", 28), Field("i", 24), Field("i", 36)), filter_bits=0),
        Scheme("usdod-96", 0x2F, keys.KEYS["usdod"], (Field("G", 48), Field("i", 36)), filter_bits=4),
        Scheme(
            "adi-var", 0x3B, keys.KEYS["adi"], (Field("g", 36), Field("6", 0, 32), Field("#", 0, 30, 1)), filter_bits=6
        ),
    )
}
"""Of one key the shorter first; GDTI-113, which TDS 1.9 deprecated, last."""

_PREFIX = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))
"""Bits and digits of the company prefix by partition."""
_CAGE = frozenset("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ")
_LONGEST_NUMBER = 20
"""Digits; no field has as many bits."""
_NO_CHARACTER = 32
"""Before a CAGE of five characters, where a DoDAAC has six."""


def read(bits: Bits, scheme: Scheme) -> tuple[str, ...]:
    """The parts; `bits` stand behind the filter value."""
    parts: tuple[str, ...] = ()
    for field in scheme.fields:
        parts += _READ[field.kind](bits, field)
    return parts


def write(out: Written, scheme: Scheme, parts: tuple[str, ...]) -> None:
    """NotWritable where they do not fit."""
    left = iter(parts)
    for field in scheme.fields:
        if field.kind == "-":
            out.add(0, field.bits)
        else:
            _WRITE[field.kind](out, field, *islice(left, 2 if field.kind in _PARTITIONS else 1))


def _read_reserved(bits: Bits, field: Field) -> tuple[str, ...]:
    if bits.take(field.bits):
        raise BadCode("epc_padding")
    return ()


def _read_counted(bits: Bits, field: Field) -> tuple[str, ...]:
    """The 1 in front keeps the leading zeros."""
    number = str(bits.take(field.bits))
    if number[0] != "1" or not 1 <= len(number) - 1 <= field.most:
        raise BadCode("epc_range", value=number, bits=field.bits)
    return (number[1:],)


def _write_counted(out: Written, field: Field, part: str) -> None:
    out.add(int("1" + _digits(part, 1, field.most)), field.bits)


def _write_two(out: Written, field: Field, part: str) -> None:
    out.add(int(_digits(part, 2, 2)), field.bits)


def _read_cage(bits: Bits, field: Field) -> tuple[str, ...]:
    width = field.bits // 6
    codes = [bits.take(width) for _ in range(6)]
    if codes[0] == _NO_CHARACTER:
        codes.pop(0)
    chars = [letters.SIX.get(code, "") if width == 6 else chr(code) for code in codes]
    for code, char in zip(codes, chars, strict=True):
        if char not in _CAGE:
            raise BadCode("epc_characters", value=code)
    return ("".join(chars),)


def _write_cage(out: Written, field: Field, part: str) -> None:
    if len(part) not in (5, 6) or not _CAGE.issuperset(part):
        raise NotWritable(part)
    width = field.bits // 6
    if len(part) == 5:
        out.add(_NO_CHARACTER, width)
    for char in part:
        out.add(ord(char) & (1 << width) - 1, width)


def _read_partition(bits: Bits, field: Field) -> tuple[str, ...]:
    partition = bits.take(3)
    if partition >= len(_PREFIX):
        raise BadCode("epc_partition")
    prefix_bits, digits = _PREFIX[partition]
    prefix = _padded(bits.take(prefix_bits), digits, prefix_bits)
    most, left = field.most - digits, field.bits - prefix_bits
    match field.kind:
        case "d":
            return prefix, _padded(bits.take(left), most, left)
        case "u":
            return prefix, str(_below(bits.take(left), most, left))
        case "s":
            text = _text(letters.read_seven(bits, most))
            if bits.take(left - 7 * most):
                raise BadCode("epc_padding")
            return prefix, text
        case _:
            return prefix, letters.read_six(bits, 1, most)


def _write_partition(out: Written, field: Field, prefix: str, rest: str) -> None:
    partition = 12 - len(_digits(prefix, 6, 12))
    prefix_bits, digits = _PREFIX[partition]
    out.add(partition, 3)
    out.add(int(prefix), prefix_bits)
    most, left = field.most - digits, field.bits - prefix_bits
    match field.kind:
        case "d":
            out.add(int(_digits(rest, most, most) or "0"), left)
        case "u":
            out.add(_number(_digits(rest, 1, most)), left)
        case "s":
            letters.write_seven(out, rest, most)
            out.add(0, left - 7 * most)
        case _:
            letters.write_six(out, rest, 1, most)


def _read_aerospace(bits: Bits, field: Field) -> tuple[str, ...]:
    """A # says that what follows is no serial number that the part itself had; it stands nowhere else."""
    text = letters.read_six(bits, field.least, field.most)
    own = text.removeprefix("#") if field.kind == "#" else text
    if "#" in own:
        raise BadCode("epc_characters", value=ord("#"))
    if len(own) < field.least:
        raise BadCode("epc_empty")
    return (text,)


def _padded(value: int, digits: int, bits: int) -> str:
    text = str(_below(value, digits, bits))
    return text.zfill(digits) if digits else ""


def _below(value: int, digits: int, bits: int) -> int:
    """A number that has no more digits."""
    if value >= letters.TENS[digits]:
        raise BadCode("epc_range", value=value, bits=bits)
    return value


def _text(text: str) -> str:
    if not text:
        raise BadCode("epc_empty")
    return text


def _digits(text: str, least: int, most: int) -> str:
    if not least <= len(text) <= most or (text and not letters.is_digits(text)):
        raise NotWritable(text)
    return text


def _number(text: str) -> int:
    """Of digits without leading zeros: 96 bits have no room for these, and 007 is not 7."""
    if len(text) > _LONGEST_NUMBER or not letters.is_digits(text) or (text[0] == "0" and text != "0"):
        raise NotWritable(text)
    return int(text)


_PARTITIONS = "dusx"
_READ: dict[str, Callable[[Bits, Field], tuple[str, ...]]] = {
    **dict.fromkeys(_PARTITIONS, _read_partition),
    "i": lambda bits, field: (str(bits.take(field.bits)),),
    "t": lambda bits, field: (_text(letters.read_seven(bits, field.bits // 7)),),
    "0": _read_counted,
    "2": lambda bits, field: (_padded(bits.take(field.bits), 2, field.bits),),
    "6": _read_aerospace,
    "#": _read_aerospace,
    "g": _read_cage,
    "G": _read_cage,
    "-": _read_reserved,
}
_WRITE: dict[str, Callable[..., None]] = {
    **dict.fromkeys(_PARTITIONS, _write_partition),
    "i": lambda out, field, part: out.add(_number(part), field.bits),
    "t": lambda out, field, part: letters.write_seven(out, part, field.bits // 7),
    "0": _write_counted,
    "2": _write_two,
    **dict.fromkeys("6#", lambda out, field, part: letters.write_six(out, part, field.least, field.most)),
    "g": _write_cage,
    "G": _write_cage,
}
