"""`doorpost device test`: from the port to the values, step by step, up to the first that fails."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

import msgspec

from drivers.common.ports import named
from gateway import told
from gateway.status import Problem
from gateway.supervisor import Supervised
from model.errors import DriverError, TransientError
from model.observation import Quality
from model.ports import CodeReading, Health, Identifying, Messaging, Probing

ANSWER_S = 15.0
"""A slave that rests after silence is asked again within 10 s, and a decoder has 3 s to answer."""
LISTEN_S = 10.0
"""So long is a device listened to that cannot be asked, beside the time between two of its polls."""

Shown = Literal["code", "picture", "tag"]
"""A code to a scanner, one to a camera, a tag or card to a reader."""

Watch = AsyncGenerator[dict[str, Any], None]
"""A device's observations in JSON types."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """`ok` is None where it cannot be told, or where it works but with a `problem`. `params` fill the words.

    `shows`: what a person shows to a device that speaks only then.
    """

    step: Literal["port", "open", "answer", "health", "device", "listen", "values", "message"]
    ok: bool | None
    params: dict[str, str] = {}
    problem: Problem | None = None
    observation: dict[str, Any] | None = None
    shows: Shown | None = None


async def examine(device: Supervised, watch: Watch) -> AsyncIterator[Step]:
    """`watch` has the device's observations as they come; it is closed at the end."""
    async with aclosing(watch), aclosing(_steps(device, watch)) as steps:
        async for step in steps:
            yield step
            if step.ok is False:
                return


async def _steps(device: Supervised, watch: Watch) -> AsyncGenerator[Step, None]:
    line = device.line
    port: str = getattr(line.config, "port", "")
    if port.startswith("/"):
        absent = _absent(port)
        yield Step("port", absent is None, {"port": port}, told.problem(absent))
    if port:
        closed = await _closed(line, port)
        yield Step("open", closed is None, {"how": _how(line.config)}, told.problem(closed))
    steps = _probed(device, device.driver) if isinstance(device.driver, Probing) else _heard(device, watch)
    async for step in steps:
        yield step
    if isinstance(device.driver, Messaging):
        yield Step("message", None)


def _absent(port: str) -> DriverError | None:
    return None if Path(port).exists() else TransientError("port_absent", port=port)


async def tried(one: Supervised) -> None:
    """Until something is known of it, or the time is over."""
    try:
        async with asyncio.timeout(ANSWER_S):
            await one.tried.wait()
    except TimeoutError:
        pass  # how it is, is said as it is


async def _closed(line: Supervised, port: str) -> DriverError | None:
    """Why the port is not open."""
    await tried(line)
    problem = line.problem
    if problem is None or not problem.code.startswith("port_"):
        return None
    return named(problem, port)


def _how(config: Any) -> str:
    if not hasattr(config, "baudrate") or config.port.startswith("tcp://"):  # a keyboard has no speed
        return str(config.port)
    return f"{config.baudrate} {getattr(config, 'bytesize', 8)}{config.parity}{config.stopbits}"


async def _probed(device: Supervised, driver: Probing) -> AsyncIterator[Step]:
    try:
        async with asyncio.timeout(ANSWER_S):
            probed = await driver.probe()
    except (DriverError, TimeoutError) as err:
        silent = err if isinstance(err, DriverError) else device.problem or TransientError("driver_ended")
        yield Step("answer", False, problem=told.problem(silent))
        return
    yield Step("answer", True, {"ms": str(round(probed.took_s * 1000))})
    if probed.doubt:
        yield Step("device", None if probed.observation else False, problem=told.problem(probed.doubt))
    else:
        yield Step("device", True if probed.known else None)
    if probed.observation:
        yield _values(told.observation(probed.observation))


async def _heard(device: Supervised, watch: Watch) -> AsyncIterator[Step]:
    """Of a device that cannot be asked: how its driver finds it, and what it says by itself."""
    await tried(device)
    health, problem = device.state, told.problem(device.problem)
    well = {Health.ONLINE: True, Health.DEGRADED: None}.get(health, False)
    yield Step("health", well, {"health": health.value}, problem)
    shows = _shown(device)
    if shows:
        yield Step("listen", None, {"seconds": f"{LISTEN_S:g}"}, shows=shows)
    ends = asyncio.get_running_loop().time() + LISTEN_S + getattr(device.config, "every_s", 0.0)
    polled = False
    while True:
        try:
            async with asyncio.timeout_at(ends):
                observation = await anext(watch)
        except TimeoutError:
            yield Step("values", None, {"device": device.device}, shows=shows)
            return
        polls = observation["kind"] == "poll"
        if not (polls and polled):
            yield _values(observation)
        if not (polls and shows):
            return
        polled = True


def _shown(device: Supervised) -> Shown | None:
    """None for a device of which all comes by itself."""
    if device.points is not None and not isinstance(device.driver, Identifying):
        return None
    if isinstance(device.driver, CodeReading):
        return "picture" if device.driver.carrier == "pictures" else "code"
    return "tag"


def _values(observation: dict[str, Any]) -> Step:
    good = all(point["quality"] == Quality.GOOD for point in observation.get("points", {}).values())
    return Step("values", good, observation=observation)
