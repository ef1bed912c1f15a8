"""Replies of a GM65 module among its codes, on a real line that a test plays by hand."""

import asyncio

import pytest

from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from model.errors import TransientError
from model.ports import Health
from support.context import HeldClock, MemoryContext, running, until
from support.pty_device import pty_device

TRIGGER = bytes.fromhex("7E 00 08 01 00 02 01 AB CD")
REPLY = bytes.fromhex("02 00 00 01 00 33 31")


def device(port: str, context: MemoryContext, idle_flush_ms: int) -> ScannerDevice:
    values = {"id": "scan1", "driver": "scanner", "port": port, "trigger": "gm65", "prefix": "\x02", "aim": "always"}
    return ScannerDevice(ScannerConfig.model_validate({**values, "idle_flush_ms": idle_flush_ms}), context)


@pytest.mark.parametrize("at", range(1, 7))
async def test_a_reply_torn_by_a_silence(at: int) -> None:
    """Longer than that which ends a code: the reply is still one, and no byte of it becomes data."""
    context = MemoryContext("scan1")
    async with pty_device(lambda asked, _: REPLY[:at] if asked == TRIGGER else b"") as module:
        gun = device(module.endpoint, context, 20)
        async with running(gun):
            await context.until(lambda: context.healths)
            pulled = asyncio.create_task(gun.trigger(True))
            await until(lambda: gun._session and gun._session._filter._held)  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)  # a silence is what is wanted
            module.say(REPLY[at:] + b"\x02]E06901234567892\r")
            await pulled
            await context.until(lambda: context.observations)
    assert [scan.data for scan in context.observations] == [b"6901234567892"]
    assert context.healths == [(Health.ONLINE, None)]


async def test_a_reply_in_the_middle_of_a_code() -> None:
    """And one that came too late for its command: neither spoils a code."""
    context = MemoryContext("scan1")
    code = b"\x02]E06901234567892\r"
    async with pty_device(lambda asked, _: code[:9] + REPLY + code[9:] + REPLY + code) as module:
        gun = device(module.endpoint, context, 3000)
        async with running(gun):
            await context.until(lambda: context.healths)
            await gun.trigger(True)
            await context.until(lambda: len(context.observations) == 2)
    assert [scan.data for scan in context.observations] == [b"6901234567892"] * 2
    assert context.healths == [(Health.ONLINE, None)]


async def test_the_port_goes_while_a_reply_is_waited_for() -> None:
    """Said at once, and not as a module that does not answer."""
    context = MemoryContext("scan1")
    async with pty_device(lambda _asked, _speed: b"") as module:
        gun = device(module.endpoint, context, 50)
        run = asyncio.create_task(gun.run())
        await context.until(lambda: context.healths)
        pulled = asyncio.create_task(gun.trigger(True))
        await module.asked.wait()
    for ended in (run, pulled):
        with pytest.raises(TransientError, match="port_gone"):
            await ended


async def test_a_code_ends_with_what_begins_a_reply() -> None:
    """Of a scanner without terminators silence ends it, with its last byte."""
    context = MemoryContext("scan1")
    async with pty_device(lambda _asked, _speed: b"") as module:
        values = {"id": "scan1", "driver": "scanner", "port": module.endpoint, "trigger": "gm65", "terminators": []}
        async with running(ScannerDevice(ScannerConfig.model_validate(values), context)):
            await context.until(lambda: context.healths)
            module.say(b"ABC\x02")
            await context.until(lambda: context.observations)
    assert context.observations[0].data == b"ABC\x02"


async def test_a_code_torn_by_a_pause() -> None:
    """Neither half is told as a code of a scanner that is known to end its codes."""
    context = MemoryContext("scan1", HeldClock())
    async with pty_device(lambda _asked, _speed: b"") as module:
        values = {"id": "scan1", "driver": "scanner", "port": module.endpoint, "idle_flush_ms": 20}
        async with running(ScannerDevice(ScannerConfig.model_validate(values), context)):
            await context.until(lambda: context.healths)
            for count, said in enumerate((b"X1\r6901234", b"567892\rX2\r6901234")):
                module.say(said)
                await until(lambda: context.problem and context.problem.params["count"] == 1 + 2 * count)  # noqa: B023
            context.time.ahead_us += 1_000_000
            module.say(b"X3\r")
            await context.until(lambda: len(context.observations) == 3)
    assert [scan.data for scan in context.observations] == [b"X1", b"X2", b"X3"]
