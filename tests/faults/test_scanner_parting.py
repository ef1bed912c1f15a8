"""A serial scanner whose line goes, or whose run is stopped, while a code waits for its silence."""

import asyncio

import pytest

from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from model.errors import TransientError
from model.ports import Health
from support.context import MemoryContext
from support.pty_device import pty_device

REPLY = bytes.fromhex("02 00 00 01 00 33 31")
E = b"6901234567892"


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    ("terminators", "said", "told", "health"),
    [
        ([], E, [(E, "scan_no_end")], "scan_no_end"),
        (["CR"], E, [], "scan_dropped"),
        (["CR"], b"X1\r" + E, [(b"X1", None)], "scan_dropped"),
        (["CR"], b"X1\r" + E + b"\xf3\x00\r", [(b"X1", None), (E + b"\xf3\x00", None)], "scan_no_text"),
    ],
)
async def test_a_code_that_waits_is_not_lost(
    terminators: list[str], said: bytes, told: list[tuple[bytes, str | None]], health: str, *, stopped: bool
) -> None:
    """It may be half: told in doubt where silence was to end it, else as dropped. What only seemed to go on is
    whole.
    """
    context = MemoryContext("scan1")
    async with pty_device(lambda _asked, _speed: REPLY + said) as module:
        values = {"id": "scan1", "driver": "scanner", "port": module.endpoint, "trigger": "gm65"}
        waiting = {**values, "terminators": terminators, "idle_flush_ms": 60_000}
        gun = ScannerDevice(ScannerConfig.model_validate(waiting), context)
        run = asyncio.create_task(gun.run())
        await context.until(lambda: context.healths)
        await gun.trigger(True)  # its reply came in one piece with the code
        if stopped:
            run.cancel()
            await asyncio.wait([run])
    with pytest.raises(asyncio.CancelledError if stopped else TransientError):
        await run
    assert [(scan.data, scan.doubt) for scan in context.observations] == told
    assert context.healths[-1] == (Health.DEGRADED, health)
