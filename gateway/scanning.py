"""One label at one reader: told to look for it where it can be told, and the bytes as they came with what was made of them."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec

from drivers.common.ports import named
from drivers.common.tap import To
from gateway import told
from gateway.examine import ANSWER_S, Watch, tried
from gateway.status import Problem
from gateway.supervisor import Supervised
from model.errors import DriverError, PermanentError, TransientError
from model.ports import CodeReading, Driver, Health, Triggering

QUIET_S = 0.3
"""Nothing came for so long behind something: it was all."""


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """The device looks for a label now. `problem`: why it could not be told to, so that somebody has to press its button."""

    triggered: bool
    problem: Problem | None


class Scanned(msgspec.Struct, frozen=True, tag="scanned"):
    """`hex`: the bytes on the line of a scanner in plain mode; `observation` is what was made of them. `health` as it is now;
    `problem`: what came up meanwhile, or why the device cannot be reached, and then nobody was asked to scan.
    """

    hex: str | None
    observation: dict[str, Any] | None
    health: str
    problem: Problem | None


class _Came:
    """What came from the device since the beginning."""

    def __init__(self, driver: CodeReading) -> None:
        self.plain = driver.carrier == "lines"
        self._reply = driver.reply if isinstance(driver, Triggering) else b""
        self._heard = b""
        self.observation: dict[str, Any] | None = None
        self.changed = asyncio.Event()

    @property
    def heard(self) -> bytes:
        return self._heard.replace(self._reply, b"") if self._reply else self._heard

    def tap(self, to: To, data: bytes) -> None:
        if self.plain and to == "gateway":
            self._heard += data
            self.changed.set()

    async def watch(self, watch: Watch) -> None:
        async for observation in watch:
            if observation["kind"] != "poll" and self.observation is None:
                self.observation = observation
                self.changed.set()


async def scan(device: Supervised, watch: Watch, seconds: float) -> AsyncIterator[Waiting | Scanned]:
    """Waits for one label, at most that long. Raises PermanentError `device_reads_no_codes`."""
    async with aclosing(watch), aclosing(_scan(device, watch, seconds)) as items:
        async for item in items:
            yield item


async def _scan(device: Supervised, watch: Watch, seconds: float) -> AsyncGenerator[Waiting | Scanned, None]:
    if not isinstance(device.driver, CodeReading):
        raise PermanentError("device_reads_no_codes", device=device.device, driver=device.kind)
    await tried(device)
    if _away(device):
        yield Scanned(None, None, device.state.value, _told(device, device.problem))
        return
    before = device.problem
    came = _Came(device.driver)
    device.taps.append(came.tap)
    watching = asyncio.create_task(came.watch(watch))
    triggered = False
    try:
        triggered, problem = await _trigger(device)
        yield Waiting(triggered, _told(device, problem))
        await _all_of_it(came, seconds, device)
        raw = came.heard.hex(" ") if came.plain else None
        news = device.problem if device.problem is not before or _away(device) else None
        yield Scanned(
            raw, came.observation, device.state.value, _told(device, news or _kept_aim(device, came.observation))
        )
    finally:
        device.taps.remove(came.tap)
        watching.cancel()
        await asyncio.wait([watching])
        if triggered:
            await _stop(device.driver)


def _away(device: Supervised) -> bool:
    return device.state in (Health.OFFLINE, Health.FAULT)


def _told(device: Supervised, problem: DriverError | None) -> Problem | None:
    return told.problem(problem and named(problem, getattr(device.config, "port", "")))


def _kept_aim(device: Supervised, observation: dict[str, Any] | None) -> DriverError | None:
    if getattr(device.config, "aim", "") != "never" or not observation:
        return None
    from drivers.scanner.codec import AIM_IDENTIFIER  # a gateway without scanners does not load it

    found = AIM_IDENTIFIER.match(base64.b64decode(observation.get("data", "")))
    return TransientError("scan_aim_kept", aim=found[0].decode()) if found else None


async def _trigger(device: Supervised) -> tuple[bool, DriverError | None]:
    """Whether it was told to look for a label, or why not."""
    try:
        async with asyncio.timeout(ANSWER_S):
            if isinstance(device.driver, Triggering):
                await device.driver.trigger(True)
                return True, None
    except DriverError as err:
        return False, err
    except TimeoutError:
        pass  # how it is, is said as it is
    return False, None


async def _stop(driver: Driver) -> None:
    assert isinstance(driver, Triggering)
    try:
        await driver.trigger(False)
    except DriverError:
        pass  # it stops by itself


async def _all_of_it(came: _Came, seconds: float, device: Supervised) -> None:
    """Until it is quiet behind something that came, or the time is over."""
    quiet = QUIET_S + getattr(device.config, "idle_flush_ms", 0) / 1000
    try:
        async with asyncio.timeout(seconds):
            while True:
                came.changed.clear()
                something = came.heard or came.observation
                try:
                    async with asyncio.timeout(quiet if something else None):
                        await came.changed.wait()
                except TimeoutError:
                    return
    except TimeoutError:
        pass
