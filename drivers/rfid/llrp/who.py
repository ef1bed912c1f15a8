"""Asking a host which reader it is, without changing anything at it."""

from dataclasses import dataclass

from drivers.common.transport import open_transport
from drivers.rfid.llrp.session import Session
from model.time import Clock


@dataclass(frozen=True)
class Identity:
    """`manufacturer` is an IANA enterprise number (25882 is Impinj's), `model` a number of that manufacturer's."""

    manufacturer: int
    model: int
    firmware: str
    antennas: int
    inputs: int


async def who(host: str, port: int, clock: Clock) -> Identity:
    """A reader that serves another client refuses the connection and goes on serving it.

    Raises TransientError: `llrp_in_use` there, `port_unreachable`, `device_silent` or `device_not_understood` where nothing
    speaks LLRP, or what else the reader gives as its reason.
    """
    line = await open_transport(f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}")
    try:
        session = Session(line, clock, lambda _message, _at: None)
        await session.greeted()
        return await identity(session)
    finally:
        await line.close()


async def identity(session: Session) -> Identity:
    """Of a reader that has greeted us; it is taken leave of. All errors are TransientError."""
    try:
        able = await session.capabilities()
    finally:
        await session.part(stopping=False)
    return Identity(able.manufacturer, able.model, able.firmware, able.antennas, able.gpis)
