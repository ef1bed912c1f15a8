"""What a reader says of itself: status, capabilities, configuration, events. Pure; all raise CodecError."""

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.rfid.llrp import params
from drivers.rfid.llrp.codec import CodecError, Parameter, parameters, unpack

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_STATUS = struct.Struct(">HH")
_GENERAL = struct.Struct(">HHIIH")
_REGULATORY = struct.Struct(">HH")
_POWER_LEVEL = struct.Struct(">Hh")
_ANTENNA = struct.Struct(">BH")
_TRANSMITTER = struct.Struct(">HHH")
_SINGULATION = struct.Struct(">BH")
_GPI_STATE = struct.Struct(">HBB")
_GPI_EVENT = struct.Struct(">HB")
_ROSPEC_EVENT = struct.Struct(">BI")
_ROSPEC = struct.Struct(">IBB")


class Status(NamedTuple):
    code: int
    text: str


class Transmitter(NamedTuple):
    """How an antenna transmits: two numbers of the reader's tables for its region, and one of its table of powers."""

    hop_table: int
    channel: int
    power: int


@dataclass(frozen=True)
class Capabilities:
    """`powers`: dBm by index. `modes`: the RF modes that it knows. `manufacturer`: an IANA enterprise number."""

    antennas: int
    manufacturer: int
    model: int
    firmware: str
    gpis: int = 0
    powers: dict[int, float] = field(default_factory=dict)
    modes: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReaderConfig:
    """By antenna: whether one is connected, how it transmits, for how many tags it is set. `gpis`: level by port."""

    connected: dict[int, bool] = field(default_factory=dict)
    transmitters: dict[int, Transmitter] = field(default_factory=dict)
    populations: dict[int, int] = field(default_factory=dict)
    gpis: dict[int, int | None] = field(default_factory=dict)


class Event(NamedTuple):
    """`number` is the antenna, port or ROSpec that it is about, `state` what became of it, or of the connection."""

    type: int
    number: int = 0
    state: int = 0
    text: str = ""


def status(body: bytes) -> Status:
    """LLRPStatus, which each answer has."""
    for one in parameters(body, 0, len(body)):
        if one.type == params.LLRP_STATUS:
            code, size = unpack(_STATUS, body, one)
            return Status(code, _text(body, one.start + _STATUS.size, size, one.end))
    raise CodecError("an answer without a status")


def capabilities(body: bytes) -> Capabilities:
    antennas = manufacturer = model = gpis = 0
    firmware = ""
    powers: dict[int, float] = {}
    modes: list[int] = []
    for one in parameters(body, 0, len(body)):
        if one.type == params.GENERAL_DEVICE_CAPABILITIES:
            antennas, _, manufacturer, model, size = unpack(_GENERAL, body, one)
            behind = one.start + _GENERAL.size
            firmware = _text(body, behind, size, one.end)
            for inner in parameters(body, behind + size, one.end):
                if inner.type == params.GPIO_CAPABILITIES:
                    (gpis,) = unpack(_U16, body, inner)
        elif one.type == params.REGULATORY_CAPABILITIES:
            for band in _inside(body, one, _REGULATORY.size, params.UHF_BAND_CAPABILITIES):
                for level in _inside(body, band, 0, params.TRANSMIT_POWER_LEVEL):
                    index, hundredths = unpack(_POWER_LEVEL, body, level)
                    powers[index] = hundredths / 100
                for table in _inside(body, band, 0, params.UHF_RF_MODE_TABLE):
                    modes += [unpack(_U32, body, mode)[0] for mode in _inside(body, table, 0, params.UHF_RF_MODE)]
    if not antennas:
        raise CodecError("capabilities without antennas")
    return Capabilities(antennas, manufacturer, model, firmware, gpis, powers, tuple(modes))


def reader_config(body: bytes) -> ReaderConfig:
    found = ReaderConfig()
    for one in parameters(body, 0, len(body)):
        if one.type == params.ANTENNA_PROPERTIES:
            connected, antenna = unpack(_ANTENNA, body, one)
            found.connected[antenna] = bool(connected & 0x80)
        elif one.type == params.ANTENNA_CONFIGURATION:
            (antenna,) = unpack(_U16, body, one)
            for part in _inside(body, one, _U16.size, params.RF_TRANSMITTER):
                found.transmitters[antenna] = Transmitter(*unpack(_TRANSMITTER, body, part))
            for command in _inside(body, one, _U16.size, params.C1G2_INVENTORY_COMMAND):
                for part in _inside(body, command, 1, params.C1G2_SINGULATION_CONTROL):
                    found.populations[antenna] = unpack(_SINGULATION, body, part)[1]
        elif one.type == params.GPI_PORT_CURRENT_STATE:
            port, _, level = unpack(_GPI_STATE, body, one)
            found.gpis[port] = level if level in (0, 1) else None
    return found


def rospec_state(body: bytes, number: int) -> int | None:
    """Of a GET_ROSPECS_RESPONSE: None where there is no ROSpec of that number."""
    for one in parameters(body, 0, len(body)):
        if one.type == params.ROSPEC:
            found, _priority, state = unpack(_ROSPEC, body, one)
            if found == number:
                return state
    return None


def events(body: bytes) -> list[Event]:
    """Of a READER_EVENT_NOTIFICATION. Those that are not known here are left out."""
    found = []
    for data in parameters(body, 0, len(body)):
        if data.type == params.READER_EVENT_NOTIFICATION_DATA:
            found += [event for one in parameters(body, data.start, data.end) if (event := _event(body, one))]
    return found


def _event(body: bytes, one: Parameter) -> Event | None:
    match one.type:
        case params.CONNECTION_ATTEMPT_EVENT:
            return Event(one.type, state=unpack(_U16, body, one)[0])
        case params.CONNECTION_CLOSE_EVENT | params.REPORT_BUFFER_OVERFLOW:
            return Event(one.type)
        case params.GPI_EVENT:
            port, level = unpack(_GPI_EVENT, body, one)
            return Event(one.type, port, level >> 7)
        case params.ANTENNA_EVENT:
            state, antenna = unpack(_ANTENNA, body, one)
            return Event(one.type, antenna, state)
        case params.ROSPEC_EVENT:
            state, rospec = unpack(_ROSPEC_EVENT, body, one)
            return Event(one.type, rospec, state)
        case params.READER_EXCEPTION_EVENT:
            (size,) = unpack(_U16, body, one)
            return Event(one.type, text=_text(body, one.start + _U16.size, size, one.end))
    return None


def _inside(body: bytes, outer: Parameter, fields: int, kind: int) -> list[Parameter]:
    """The parameters of that type in another one, behind its own fields."""
    return [one for one in parameters(body, outer.start + fields, outer.end) if one.type == kind]


def _text(body: bytes, start: int, size: int, end: int) -> str:
    if start + size > end:
        raise CodecError(f"a text of {size} bytes in {end - start}")
    return body[start : start + size].decode("utf-8", "replace")
