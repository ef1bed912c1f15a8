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
from model.ports import Health, Probing

ANSWER_S = 15.0
"""A slave that rests after silence is asked again within 10 s, and a decoder has 3 s to answer."""
LISTEN_S = 10.0
"""So long is a device listened to that cannot be asked, beside the time between two of its polls."""

Watch = AsyncGenerator[dict[str, Any], None]
"""A device's observations in JSON types."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """`ok` is None where it cannot be told, or where it works but with a `problem`. `params` fill the words."""

    step: Literal["port", "open", "answer", "health", "device", "listen", "values"]
    ok: bool | None
    params: dict[str, str] = {}
    problem: Problem | None = None
    observation: dict[str, Any] | None = None


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


def _absent(port: str) -> DriverError | None:
    return None if Path(port).exists() else TransientError("port_absent", port=port)


async def _tried(one: Supervised) -> None:
    try:
        async with asyncio.timeout(ANSWER_S):
            await one.tried.wait()
    except TimeoutError:
        pass  # how it is, is said as it is


async def _closed(line: Supervised, port: str) -> DriverError | None:
    """Why the port is not open."""
    await _tried(line)
    problem = line.problem
    if problem is None or not problem.code.startswith("port_"):
        return None
    return named(problem, port)


def _how(config: Any) -> str:
    if config.port.startswith("tcp://"):
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
    await _tried(device)
    health, problem = device.state, told.problem(device.problem)
    well = {Health.ONLINE: True, Health.DEGRADED: None}.get(health, False)
    yield Step("health", well, {"health": health.value}, problem)
    if device.points is None:  # it speaks when it sees something, the others by themselves
        yield Step("listen", None, {"seconds": f"{LISTEN_S:g}"})
    try:
        async with asyncio.timeout(LISTEN_S + getattr(device.config, "every_s", 0.0)):
            yield _values(await anext(watch))
    except TimeoutError:
        yield Step("values", None)


def _values(observation: dict[str, Any]) -> Step:
    good = all(point["quality"] == Quality.GOOD for point in observation.get("points", {}).values())
    return Step("values", good, observation=observation)
