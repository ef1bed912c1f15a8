"""The bodies of what is said to a reader. Pure."""

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

from drivers.rfid.llrp import params
from drivers.rfid.llrp.codec import tlv
from drivers.rfid.llrp.replies import Transmitter

SPEC_ID = 1
"""Of our ROSpec and of our AccessSpec: all others are deleted."""
EVERYTHING = bytes(4)
"""Instead of a spec's number: all of them."""
ALL_CAPABILITIES = b"\0"
ALL_CONFIG = bytes(7)
"""Of each antenna, each input and each output."""
SPEC = SPEC_ID.to_bytes(4, "big")

_NULL, _IMMEDIATE, _PERIODIC = 0, 1, 1
_N_TAGS_OR_END_OF_AISPEC = 1
_WITH_RO_REPORT = 0
_ANTENNA, _CHANNEL, _RSSI, _FIRST, _LAST, _COUNT = (1 << bit for bit in (12, 11, 10, 9, 8, 7))
_CONTENT = _ANTENNA | _CHANNEL | _RSSI | _FIRST | _LAST | _COUNT
_WITH_PC = 0x40
_ON = 0x80
_HOLD = b"\x80"
_UNKNOWN_LEVEL = 2
_MATCHING = 0x20
_BANK_EPC, _BANK_TID = 1 << 6, 2 << 6


class Inventory(NamedTuple):
    """What the ROSpec is to do. No antennas: all that the reader has. What is None stays as the reader has it."""

    antennas: tuple[int, ...] = ()
    transmitters: dict[int, Transmitter] | None = None
    mode: int | None = None
    session: int | None = None
    population: int = 0


def set_reader_config(keepalive_s: float, inputs: Collection[int]) -> bytes:
    """Keepalives; the events that are understood here; and events and reports held back after a reconnect."""
    wanted = [params.EVENT_ROSPEC, params.EVENT_BUFFER, params.EVENT_EXCEPTION, params.EVENT_ANTENNA]
    if inputs:
        wanted.append(params.EVENT_GPI)
    states = (tlv(params.EVENT_NOTIFICATION_STATE, struct.pack(">HB", kind, _ON)) for kind in sorted(wanted))
    parts = [
        tlv(params.READER_EVENT_NOTIFICATION_SPEC, *states),
        tlv(params.KEEPALIVE_SPEC, struct.pack(">BI", _PERIODIC, round(keepalive_s * 1000))),
        *(tlv(params.GPI_PORT_CURRENT_STATE, struct.pack(">HBB", port, _ON, _UNKNOWN_LEVEL)) for port in inputs),
        tlv(params.EVENTS_AND_REPORTS, _HOLD),
    ]
    return b"\0" + b"".join(parts)  # nothing is reset


def add_rospec(inventory: Inventory) -> bytes:
    """It starts when it is enabled and never ends. Each tag is reported as soon as it is read.

    The standard's version 1.0.1 can wait for a number of tags with a report, but not for a time: a larger number would
    hold back the reads of a field in which nothing more happens.
    """
    antennas = inventory.antennas or (0,)
    return tlv(
        params.ROSPEC,
        struct.pack(">IBB", SPEC_ID, 0, 0),
        tlv(
            params.RO_BOUNDARY_SPEC,
            tlv(params.ROSPEC_START_TRIGGER, bytes((_IMMEDIATE,))),
            tlv(params.ROSPEC_STOP_TRIGGER, struct.pack(">BI", _NULL, 0)),
        ),
        tlv(
            params.AISPEC,
            struct.pack(f">H{len(antennas)}H", len(antennas), *antennas),
            tlv(params.AISPEC_STOP_TRIGGER, struct.pack(">BI", _NULL, 0)),
            tlv(
                params.INVENTORY_PARAMETER_SPEC,
                struct.pack(">HB", 1, params.AIR_PROTOCOL_C1G2),
                *_antenna_configurations(inventory),
            ),
        ),
        tlv(
            params.RO_REPORT_SPEC,
            struct.pack(">BH", _N_TAGS_OR_END_OF_AISPEC, 1),
            tlv(
                params.TAG_REPORT_CONTENT_SELECTOR,
                struct.pack(">H", _CONTENT),
                tlv(params.C1G2_EPC_MEMORY_SELECTOR, bytes((_WITH_PC,))),
            ),
        ),
    )


def _antenna_configurations(inventory: Inventory) -> Iterator[bytes]:
    command = _inventory_command(inventory)
    transmitters = inventory.transmitters
    for antenna in transmitters or inventory.antennas or (0,):
        parts = [command] if command else []
        if transmitters:
            parts.insert(0, tlv(params.RF_TRANSMITTER, struct.pack(">HHH", *transmitters[antenna])))
        if parts:
            yield tlv(params.ANTENNA_CONFIGURATION, struct.pack(">H", antenna), *parts)


def _inventory_command(inventory: Inventory) -> bytes:
    parts = []
    if inventory.mode is not None:
        parts.append(tlv(params.C1G2_RF_CONTROL, struct.pack(">HH", inventory.mode, 0)))
    if inventory.session is not None:
        control = struct.pack(">BHI", inventory.session << 6, inventory.population, 0)
        parts.append(tlv(params.C1G2_SINGULATION_CONTROL, control))
    return tlv(params.C1G2_INVENTORY_COMMAND, b"\0", *parts) if parts else b""


def add_accessspec(tid_words: int) -> bytes:
    """Read so many words of the TID bank of each tag that is inventoried."""
    return tlv(
        params.ACCESS_SPEC,
        struct.pack(">IHBBI", SPEC_ID, 0, params.AIR_PROTOCOL_C1G2, 0, SPEC_ID),
        tlv(params.ACCESS_SPEC_STOP_TRIGGER, struct.pack(">BH", _NULL, 0)),
        tlv(
            params.ACCESS_COMMAND,
            tlv(
                params.C1G2_TAG_SPEC,
                tlv(params.C1G2_TARGET_TAG, struct.pack(">BHHH", _BANK_EPC | _MATCHING, 0, 0, 0)),  # no bit must match
            ),
            tlv(params.C1G2_READ, struct.pack(">HIBHH", SPEC_ID, 0, _BANK_TID, 0, tid_words)),
        ),
        tlv(params.ACCESS_REPORT_SPEC, bytes((_WITH_RO_REPORT,))),
    )
