"""Device profiles: what a Modbus device has where, as data under `config/profiles/`. Checked as a whole before use."""

import tomllib
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivers.modbus.pdu import BIT_READS, WRITE_COIL, Request, read
from model.errors import SettingsError
from model.observation import Point, PointMap
from model.shipped import shipped

Word = Annotated[int, Field(ge=0, le=0xFFFF)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]

_WIDTH = {"bit": 1, "s16": 1, "u16": 1, "u32": 2}


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Data):
    zh: str
    en: str


class PointSpec(_Data):
    """One value. `min` and `max` are in `unit`; a value outside is implausible.

    `sentinels` are raw values by which the device says that it has none: as decoded, or for s16 also as the register
    that the device's document shows (0x8000).
    """

    name: Name
    address: Word
    type: Literal["bit", "s16", "u16", "u32"] = "bit"
    words: Literal["high_first", "low_first"] = "high_first"
    scale: Annotated[float, Field(gt=0)] = 1
    unit: str = "1"
    sentinels: tuple[int, ...] = ()
    min: float | None = None
    max: float | None = None
    urgent: bool = False
    quiet: bool = False
    label: Label
    evidence: str | None = None

    @property
    def end(self) -> int:
        return self.address + _WIDTH[self.type]

    @cached_property
    def raw_sentinels(self) -> frozenset[int]:
        wraps = self.type == "s16"
        return frozenset(s - 0x10000 if wraps and s > 0x7FFF else s for s in self.sentinels)

    @cached_property
    def raw_range(self) -> tuple[float, float]:
        low = float("-inf") if self.min is None else round(self.min / self.scale)
        high = float("inf") if self.max is None else round(self.max / self.scale)
        return low, high


class Block(_Data):
    """Registers or bits that are read with one request. Its points stand in the order of their addresses."""

    function: Literal[1, 2, 3, 4]
    address: Word
    count: Annotated[int, Field(ge=1, le=125)]
    point: Annotated[tuple[PointSpec, ...], Field(min_length=1)]

    @property
    def bits(self) -> bool:
        return self.function in BIT_READS

    @cached_property
    def request(self) -> Request:
        return read(self.function, self.address, self.count)

    @model_validator(mode="after")
    def _points_fit(self) -> Self:
        free = self.address
        for point in self.point:
            if (point.type == "bit") != self.bits:
                raise ValueError(f"{point.name}: function {self.function} has no {point.type}")
            if point.address < free:
                raise ValueError(f"{point.name}: before the block or over the point before it")
            free = point.end
        if free > self.address + self.count:
            raise ValueError(f"{self.point[-1].name}: behind the end of the block")
        return self


class OutputSpec(_Data):
    """A relay. A write of n to `flash` closes it for n x 100 ms; the device itself opens it then."""

    name: Name
    coil: Word
    flash: Word
    label: Label


class Profile(_Data):
    """`evidence` says how far to trust it: read in the vendor's document, captured from the device, found in a public
    repository only, or proposed by this project. `writes = "none"`: nothing may ever be written to such a device.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")]
    name: str
    version: Annotated[int, Field(ge=1)]
    label: Label
    evidence: Literal["vendor-doc", "capture", "repo", "proposed"]
    source: str
    writes: Literal["none", "outputs"] = "none"
    record: Literal["poll", "change"] = "poll"
    heartbeat_s: Annotated[float, Field(gt=0)] = 60
    block: Annotated[tuple[Block, ...], Field(min_length=1)]
    output: tuple[OutputSpec, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for names in ([p.name for p in self.points], [o.name for o in self.output]):
            if len(set(names)) < len(names):
                raise ValueError("a name stands twice")
        if (self.writes == "none") != (not self.output):
            raise ValueError('outputs and writes = "outputs" go together')
        return self

    @cached_property
    def points(self) -> tuple[PointSpec, ...]:
        return tuple(point for block in self.block for point in block.point)

    @cached_property
    def outputs(self) -> dict[str, OutputSpec]:
        return {output.name: output for output in self.output}

    @cached_property
    def allowed_writes(self) -> frozenset[tuple[int, int]]:
        """(function, address) of all that may be written."""
        return frozenset((WRITE_COIL, address) for o in self.output for address in (o.coil, o.flash))

    @property
    def urgent(self) -> bool:
        return any(point.urgent for point in self.points)

    @cached_property
    def _maps(self) -> dict[str, PointMap]:
        return {}

    @cached_property
    def _told(self) -> tuple[Point, ...]:
        """The points as all devices of this profile share them."""
        return tuple(Point(p.name, p.unit, p.scale, p.urgent, p.quiet, p.label.model_dump()) for p in self.points)

    def point_map(self, device: str) -> PointMap:
        """Always the same one for a device."""
        if device not in self._maps:
            self._maps[device] = PointMap(device, self.name, self.version, self._told, self.record, self.heartbeat_s)
        return self._maps[device]


def known_profiles() -> list[str]:
    return sorted(path.stem for path in shipped("profiles").glob("*.toml"))


def check(data: dict[str, Any], name: str) -> Profile:
    """Raises SettingsError `profile_bad` with every problem."""
    try:
        profile = Profile.model_validate(data)
    except ValidationError as err:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
        raise SettingsError("profile_bad", profile=name, why=problems) from err
    if profile.name != name:
        raise SettingsError("profile_bad", profile=name, why=f"name: the file is not called {profile.name}.toml")
    return profile


@lru_cache
def load_profile(name: str) -> Profile:
    """Raises SettingsError `profile_unknown` or `profile_bad`."""
    if name not in known_profiles():
        raise SettingsError("profile_unknown", profile=name, known=", ".join(known_profiles()))
    try:
        data = tomllib.loads(shipped("profiles", f"{name}.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as err:
        raise SettingsError("profile_bad", profile=name, why=str(err)) from err
    return check(data, name)
