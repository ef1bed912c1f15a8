"""What the simulated LLRP reader says of itself: capabilities and configuration, parameter by parameter."""

import struct
from collections.abc import Mapping

from firmware_sim.llrp_wire import status, text, tlv

MANUFACTURER, MODEL, FIRMWARE = 0, 4040, "5.14.0-doorpost"
POWERS = {index: 1000 + 25 * (index - 1) for index in range(1, 82)}
"""Hundredths of dBm by index: 10 to 30 dBm."""
MODES = {0: 640_000, 1: 640_000, 2: 274_000, 3: 170_600, 1000: 640_000}
"""Backscatter rate by the number of the RF mode."""
MAX_ROSPECS, MAX_ACCESSSPECS = 4, 4
_CHINA, _KHZ = 156, range(920_625, 924_375, 250)


def capabilities(antennas: int, gpis: int, asked: int) -> bytes:
    """`asked`: 0 all, 1 general, 2 LLRP, 3 regulatory, 4 air protocol."""
    told = [
        _general(antennas, gpis),
        tlv(142, struct.pack(">BBHIIIII", 0b01001000, 1, 0, MAX_ROSPECS, 1, 1, MAX_ACCESSSPECS, 1)),
        _regulatory(),
        tlv(327, struct.pack(">BH", 0, 0)),
    ]
    return status() + b"".join(told if asked == 0 else told[asked - 1 : asked])


def _general(antennas: int, gpis: int) -> bytes:
    return tlv(
        137,
        struct.pack(">HHII", antennas, 0x4000, MANUFACTURER, MODEL),
        text(FIRMWARE),
        tlv(139, struct.pack(">Hh", 1, 0)),
        tlv(141, struct.pack(">HH", gpis, 0)),
        *(tlv(140, struct.pack(">HHB", antenna, 1, 1)) for antenna in range(1, antennas + 1)),
    )


def _regulatory() -> bytes:
    hops = struct.pack(">BBH", 1, 0, len(_KHZ)) + struct.pack(f">{len(_KHZ)}I", *_KHZ)
    modes = (tlv(329, struct.pack(">I4B5I", n, 0, 0, 0, 0, bps, 1500, 6250, 25_000, 0)) for n, bps in MODES.items())
    return tlv(
        143,
        struct.pack(">HH", _CHINA, 0),
        tlv(
            144,
            *(tlv(145, struct.pack(">Hh", index, power)) for index, power in POWERS.items()),
            tlv(146, b"\x80", tlv(147, hops)),
            tlv(328, *modes),
        ),
    )


def config(
    connected: Mapping[int, bool], powers: Mapping[int, int], gpis: Mapping[int, int], keepalive_ms: int, *, holds: bool
) -> bytes:
    """All of it, whatever was asked."""
    return b"".join(
        (
            status(),
            tlv(218, b"\0", struct.pack(">H", 8), bytes.fromhex("001625FFFF1125D6")),
            *(tlv(221, struct.pack(">BHh", on << 7, antenna, 0)) for antenna, on in connected.items()),
            *(_antenna(antenna, powers[antenna]) for antenna in connected),
            tlv(220, struct.pack(">BI", keepalive_ms > 0, keepalive_ms)),
            *(tlv(225, struct.pack(">HBB", port, 0x80, level)) for port, level in gpis.items()),
            tlv(226, bytes((holds << 7,))),
        )
    )


def _antenna(antenna: int, power: int) -> bytes:
    inventory = tlv(330, b"\0", tlv(335, struct.pack(">HH", 1000, 0)), tlv(336, struct.pack(">BHI", 1 << 6, 32, 0)))
    return tlv(
        222, struct.pack(">H", antenna), tlv(223, b"\0\1"), tlv(224, struct.pack(">HHH", 1, 0, power)), inventory
    )
