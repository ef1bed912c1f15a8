"""ROSpecs and AccessSpecs of the simulated LLRP reader, and the reports that they make."""

import struct
from dataclasses import dataclass, field

from firmware_sim.llrp_facts import MODES, POWERS
from firmware_sim.llrp_wire import BAD_PARAMETER, INVALID, OUT_OF_RANGE, Bad, fields, part, parts, tlv
from firmware_sim.rfid_field import Tag

DISABLED, INACTIVE, ACTIVE = range(3)
IMMEDIATE = 1
_DURATION, _OBSERVATIONS = 1, 3
_SUCCESS, _NO_MEMORY = 0, 4


@dataclass
class RoSpec:
    """It is done after `ends_s` (None: never), or `after` so many reads (0: never), and begins anew where it is `immediate`.

    `every`: so many tags make a report; 0: all until it is done.
    """

    id: int
    raw: bytes
    immediate: bool
    ends_s: float | None
    after: int
    antennas: tuple[int, ...]
    powers: dict[int, int]
    every: int
    content: int
    memory: int
    state: int = DISABLED
    starting: bool = False
    turns: int = 0
    reads: int = 0
    gathered: list["Seen"] = field(default_factory=list)


@dataclass
class AccessSpec:
    id: int
    rospec: int
    op: int
    bank: int
    pointer: int
    words: int
    enabled: bool = False


@dataclass
class Seen:
    """One tag at one antenna, `count` times."""

    tag: Tag
    antenna: int
    rssi: int
    channel: int
    first: int
    last: int
    count: int = 1


def rospec(body: bytes, antennas: int) -> RoSpec:
    """Out of an ADD_ROSPEC, if this reader can do it. Raises Bad."""
    raw = part(body, 177)
    number, _, state = fields("IBB", raw)
    if not number or state:
        raise Bad(INVALID, "a new ROSpec has a number, and is disabled")
    boundary, ai = part(raw, 178, 6), part(raw, 183, 6)
    (count,) = fields("H", ai)
    named = fields(f"H{count}H", ai)[1:]
    if not named or any(antenna > antennas for antenna in named):
        raise Bad(OUT_OF_RANGE, f"antennas {named}: there are {antennas}")
    inner = part(ai, 186, 2 + 2 * count)
    every, content, memory = _report(raw)
    stop = part(ai, 184, 2 + 2 * count)
    after, timeout_ms = fields("2xH4xI", part(stop, 185, 5)) if stop[0] == _OBSERVATIONS else (0, 0)
    ends = [ms / 1000 for kind, ms in (fields("BI", part(boundary, 182)), fields("BI", stop)) if kind == _DURATION]
    ends += [timeout_ms / 1000] if timeout_ms else []
    return RoSpec(
        number,
        raw,
        part(boundary, 179)[:1] == bytes((IMMEDIATE,)),
        min(ends, default=None),
        after,
        tuple(range(1, antennas + 1)) if 0 in named else named,
        dict(_powers(inner)),
        every,
        content,
        memory,
    )


def _report(raw: bytes) -> tuple[int, int, int]:
    """How many tags make a report; the bits of what it tells; those of the EPC bank. Without a word: all there is at its end."""
    for kind, inner in parts(raw, 6):
        if kind == 237:
            trigger, every = fields("BH", inner)
            selector = part(inner, 238, 3)
            memory = [fields("B", bank)[0] for code, bank in parts(selector, 2) if code == 348]
            return every if trigger else 0, fields("H", selector)[0], memory[0] if memory else 0
    return 0, 0xFFFF, 0


def _powers(inner: bytes) -> list[tuple[int, int]]:
    found = []
    for kind, configuration in parts(inner, 3):
        if kind != 222:
            continue
        (antenna,) = fields("H", configuration)
        for code, value in parts(configuration, 2):
            if code == 224:
                power = fields("HHH", value)[2]
                if power not in POWERS:
                    raise Bad(OUT_OF_RANGE, f"no power has index {power}")
                found.append((antenna, power))
            elif code == 330:
                modes = [fields("H", control)[0] for name, control in parts(value, 1) if name == 335]
                if any(mode not in MODES for mode in modes):
                    raise Bad(OUT_OF_RANGE, f"no such RF mode: {modes}")
    return found


def accessspec(body: bytes) -> AccessSpec:
    """Out of an ADD_ACCESSSPEC whose only operation is a read. Raises Bad."""
    raw = part(body, 207)
    number, _, _, _, of = fields("IHBBI", raw)
    command = part(raw, 209, 12)
    part(part(command, 338), 339)
    op, _, bank, pointer, words = fields("HIBHH", part(command, 341))
    if not number:
        raise Bad(BAD_PARAMETER, "a new AccessSpec has a number")
    return AccessSpec(number, of, op, bank >> 6, pointer, words)


def report(seen: Seen, spec: RoSpec, access: list[AccessSpec], *, uptime: bool, unknown: bool) -> bytes:
    """TagReportData with what the ROSpec's selector asks for, in the standard's order."""
    epc = seen.tag.epc
    told = [b"\x8d" + epc if len(epc) == 12 else tlv(241, struct.pack(">H", 8 * len(epc)), epc)]
    if unknown:
        told.append(tlv(1023, struct.pack(">II", 25882, 56), b"\0\1\2"))
    later = 1 if uptime else 0
    choices = (
        (15, ">BI", 9, spec.id),
        (14, ">BH", 14, 1),
        (13, ">BH", 10, 1),
        (12, ">BH", 1, seen.antenna),
        (10, ">Bb", 6, seen.rssi),
        (11, ">BH", 7, seen.channel),
        (9, ">BQ", 2 + later, seen.first),
        (8, ">BQ", 4 + later, seen.last),
        (7, ">BH", 8, seen.count),
    )
    told += [struct.pack(layout, 0x80 | kind, value) for bit, layout, kind, value in choices if spec.content >> bit & 1]
    if spec.memory & 0x80:
        told.append(b"\x8b" + seen.tag.crc)
    if spec.memory & 0x40:
        told.append(b"\x8c" + seen.tag.pc)
    for one in access:
        if spec.content >> 6 & 1:
            told.append(struct.pack(">BI", 0x80 | 16, one.id))
        told.append(_read(one, seen.tag))
    if unknown:
        told.append(b"\xfe\x01\x02\x03")  # of a type that no version of the standard has: its size is known to nobody
    return tlv(240, *told)


def _read(one: AccessSpec, tag: Tag) -> bytes:
    bank = (b"", tag.crc + tag.pc + tag.epc, tag.tid, b"")[one.bank]
    data = bank[2 * one.pointer : 2 * (one.pointer + one.words)]
    if len(data) < 2 * one.words:
        return tlv(349, struct.pack(">BHH", _NO_MEMORY, one.op, 0))
    return tlv(349, struct.pack(">BHH", _SUCCESS, one.op, one.words), data)
