"""Device profiles: what a Modbus device has where, as data. `config/profiles/` ships some; a user's own is a file of his.

Addresses are those on the wire, counted from 0: what a manual calls 30002 is function 4, address 1.
"""

import math
import struct
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from drivers.common.config import Name
from drivers.modbus.pdu import BIT_READS, READ_COILS, WRITE_COIL
from model.observation import Point, PointMap

Word = Annotated[int, Field(ge=0, le=0xFFFF)]
ReadFunction = Literal[1, 2, 3, 4]

REGISTERS = {"bit": 1, "bits": 1, "s16": 1, "u16": 1, "s32": 2, "u32": 2, "f32": 2}
"""How many registers a value takes (a bit of functions 1 and 2: how many bits)."""
_HOLDS = {
    "bit": (0, 1),
    "bits": (0, 0x7FFF),
    "s16": (-0x8000, 0xFFFF),
    "u16": (0, 0xFFFF),
    "s32": (-0x80000000, 0xFFFFFFFF),
    "u32": (0, 0xFFFFFFFF),
    "f32": (-math.inf, math.inf),
}
_MAX_SCALED = 2**53
"""Raw values are whole numbers that every JSON reader keeps exactly."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Data):
    zh: str
    en: str


class Line(_Data):
    """How the device's line is set when it comes out of its box: for people and for the search on a bus."""

    baudrate: Annotated[int, Field(ge=1200, le=921600)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    slave: Annotated[int, Field(ge=1, le=247)] | None = None


class Reading(_Data):
    """How the device wants to be asked.

    `function` holds for points that name none. Neighbours are read with one request up to `max_registers` or `max_bits`,
    over at most `gap` addresses that nobody wants. `response_ms` is the slowest answer known; `pause_ms`, the silence
    that it wants before a request, beside the 3.5 characters of the standard.
    """

    function: ReadFunction = 3
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    gap: Annotated[int, Field(ge=0, le=124)] = 0
    response_ms: Annotated[int, Field(ge=1, le=5000)] | None = None
    pause_ms: Annotated[int, Field(ge=0, le=1000)] = 0


class PointSpec(_Data):
    """One value; in `unit` (UCUM) it is raw * `scale` + `offset`.

    Types: `bit` (of functions 1 and 2; of a register the one numbered `bit`, 0 is the lowest), `bits` (`width` bits of a
    register from `bit` on, unsigned), s16, u16, s32, u32, and f32 (IEEE 754), which is kept as a whole number of `scale`.
    `order` is that of the bytes on the wire: ABCD high word first, CDAB low word first, BADC and DCBA the same with the
    bytes of each register swapped.
    `sentinels` are raw values by which the device says that it has none: as decoded, or for signed types also as the
    registers show them (0x8000); of a float, the float itself. `min` and `max` are in `unit`; a value outside is implausible.
    """

    name: Name
    label: Label | None = None
    function: ReadFunction | None = None
    address: Word
    type: Literal["bit", "bits", "s16", "u16", "s32", "u32", "f32"] = "bit"
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    width: Annotated[int, Field(ge=2, le=15)] | None = None
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    scale: Annotated[float, Field(gt=0)] = 1
    offset: float = 0
    unit: str = "1"
    sentinels: tuple[int | float, ...] = ()
    min: float | None = None
    max: float | None = None
    urgent: bool = False
    quiet: bool = False
    evidence: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        first = 0 if self.bit is None else self.bit
        if (self.type == "bits") != (self.width is not None) or first + (self.width or 1) > 16:
            raise PydanticCustomError("profile_width", "type bits and width go together, within 16 bits")
        if self.type == "f32" and "scale" not in self.model_fields_set:
            raise PydanticCustomError("profile_f32_scale", "f32 needs a scale")
        if REGISTERS[self.type] == 1 and self.order in ("CDAB", "DCBA"):
            raise PydanticCustomError("profile_order", "one register has no word order")
        if self.address + REGISTERS[self.type] > 0x10000:
            raise PydanticCustomError("profile_address", "behind the last address")
        low, high = _HOLDS[self.type] if self.width is None else (0, (1 << self.width) - 1)
        if any(self.type != "f32" and (s != int(s) or not low <= s <= high) for s in self.sentinels):
            raise PydanticCustomError("profile_sentinel", "it cannot hold that sentinel")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("profile_range", "min is above max")
        return self

    @property
    def end(self) -> int:
        return self.address + REGISTERS[self.type]

    @cached_property
    def raw_sentinels(self) -> frozenset[float]:
        """As decoded: 0x8000 of an s16 is -32768; of a float, as four bytes hold it."""
        if self.type == "f32":
            return frozenset(struct.unpack(">f", struct.pack(">f", s))[0] for s in self.sentinels)
        top = {"s16": 0x8000, "s32": 0x80000000}.get(self.type)
        return frozenset(s - 2 * top if top and s >= top else s for s in self.sentinels)

    @cached_property
    def raw_range(self) -> tuple[float, float]:
        """Of values that are plausible. A float that is not finite lies outside of any."""
        bound = _MAX_SCALED if self.type == "f32" else math.inf
        low = -bound if self.min is None else math.ceil(self._raw(self.min) - 1e-6)
        high = bound if self.max is None else math.floor(self._raw(self.max) + 1e-6)
        return low, high

    def _raw(self, value: float) -> float:
        return (value - self.offset) / self.scale


class Expected(_Data):
    """Registers that must each hold one of `values`. `wrong = "refuse"`: else it is another device and no value of it
    counts; `"warn"`: else it works, but not as it should, and that is shown.
    """

    name: Name
    function: Literal[3, 4] = 3
    address: Word
    count: Annotated[int, Field(ge=1, le=125)] = 1
    values: Annotated[tuple[Word, ...], Field(min_length=1)]
    wrong: Literal["refuse", "warn"] = "refuse"
    evidence: str | None = None


class OutputSpec(_Data):
    """A relay whose coil is also a point, so that it is read back. A write of n to `flash` closes it for n x 100 ms; the
    device itself opens it then.
    """

    name: Name
    label: Label | None = None
    coil: Word
    flash: Word | None = None


class Profile(_Data):
    """`evidence` says how far to trust it: read in the vendor's document, captured from the device, found in a public
    repository only, proposed by this project, or written from memory. Nothing but an output is ever written, and outputs
    are those of I/O boards: no other kind of device can have one.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
    version: Annotated[int, Field(ge=1)]
    kind: Literal["sensor", "meter", "io", "refrigeration", "lift"]
    label: Label
    evidence: Literal["vendor-doc", "capture", "repo", "proposed", "memory"]
    source: str
    line: Line | None = None
    read: Reading = Reading()
    record: Literal["poll", "change"] = "poll"
    heartbeat_s: Annotated[float, Field(gt=0)] = 60
    expect: tuple[Expected, ...] = ()
    point: tuple[PointSpec, ...]
    output: tuple[OutputSpec, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """All that does not fit together, each at its place."""
        found = [*_twice(self), *_unfit(self), *_unfit_outputs(self)]
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self

    def function_of(self, point: PointSpec) -> int:
        """That of the point itself, else the one of the profile."""
        return point.function or self.read.function

    @cached_property
    def outputs(self) -> dict[str, OutputSpec]:
        return {output.name: output for output in self.output}

    @cached_property
    def allowed_writes(self) -> frozenset[tuple[int, int]]:
        """(function, address) of all that may be written."""
        places = [place for o in self.output for place in (o.coil, o.flash) if place is not None]
        return frozenset((WRITE_COIL, place) for place in places)

    @property
    def urgent(self) -> bool:
        return any(point.urgent for point in self.point)

    @cached_property
    def _maps(self) -> dict[str, PointMap]:
        return {}

    @cached_property
    def _told(self) -> tuple[Point, ...]:
        """The points as all devices of this profile share them."""
        return tuple(
            Point(p.name, p.unit, p.scale, p.offset, p.urgent, p.quiet, p.label.model_dump() if p.label else {})
            for p in self.point
        )

    def point_map(self, device: str) -> PointMap:
        """Always the same one for a device."""
        if device not in self._maps:
            self._maps[device] = PointMap(device, self.name, self.version, self._told, self.record, self.heartbeat_s)
        return self._maps[device]


def _wrong(code: str, table: str, index: int, name: str) -> InitErrorDetails:
    # the words for people are those of the catalogue; these are the ones of `profile_bad`
    words = code.removeprefix("profile_").replace("_", " ")
    return {
        "type": PydanticCustomError(code, words, {"name": name}),
        "loc": (table, index),
        "input": name,
    }


# Where the rest of a profile is looked at nevertheless, a table that is wrong in itself is None: hence Any.


def _twice(profile: Any) -> Iterator[InitErrorDetails]:
    for table in ("point", "output", "expect"):
        names = [part.name for part in getattr(profile, table) or ()]
        yield from (_wrong("profile_name_twice", table, i, name) for i, name in enumerate(names) if name in names[:i])


def _unfit(profile: Any) -> Iterator[InitErrorDetails]:
    if profile.point is None or profile.read is None:
        return
    if not profile.point:
        yield _wrong("profile_no_point", "point", 0, profile.name)
    for i, point in enumerate(profile.point):
        if profile.function_of(point) in BIT_READS:
            if point.type != "bit" or point.bit is not None:
                yield _wrong("profile_not_bit", "point", i, point.name)
        elif point.type == "bit" and point.bit is None:
            yield _wrong("profile_bit_missing", "point", i, point.name)
        elif REGISTERS[point.type] > profile.read.max_registers:
            yield _wrong("profile_too_wide", "point", i, point.name)


def _unfit_outputs(profile: Any) -> Iterator[InitErrorDetails]:
    if profile.point is None or profile.read is None:
        return
    if profile.output and profile.kind not in (None, "io"):
        yield _wrong("profile_read_only", "output", 0, profile.kind)
    coils = {p.name: p.address for p in profile.point if profile.function_of(p) == READ_COILS}
    for i, output in enumerate(profile.output or ()):
        if coils.get(output.name) != output.coil:
            yield _wrong("profile_not_read_back", "output", i, output.name)
