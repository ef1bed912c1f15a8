"""What the story waits for: the gateway's snapshot, the centre's answers, the wires. It asks again until it is so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.client import ask
from gateway.demo.evidence import Event, wire
from gateway.demo.site import Site
from model.errors import DoorpostError

PATIENCE_S = 120.0
"""Longer than anything in the story takes on a Raspberry Pi; what takes longer is stuck."""
AGAIN_S = 0.2


Answer = TypeVar("Answer")


class Stuck(Exception):
    """What was waited for did not come."""


class Witness:
    """All methods but the last return when it is so. They raise Stuck."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def gateway(self, good: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first snapshot that is good."""

        async def look() -> dict[str, Any] | None:
            try:
                found: dict[str, Any] = await asyncio.to_thread(lambda: next(ask(self._site.data, "snapshot")))
            except DoorpostError:  # it is not up
                return None
            return found if good(found) else None

        return await _until(look)

    async def centre(self, good: Callable[[Any], Any], *question: str) -> Any:
        """The first answer of `doorpost central QUESTION --json` that is good."""

        async def look() -> Any:
            found = await self._site.ask_central(*question)
            return found if good(found) else None

        return await _until(look)

    async def codes(self, codes: set[str]) -> None:
        """The centre has records of them all."""

        async def look() -> bool:
            seen = {row.body.get("text") or row.body.get("epc") for row in await self._site.rows()}
            return codes <= seen

        await _until(look)

    async def wired(self, log: str, good: Callable[[list[Event]], Any]) -> list[Event]:
        """All that a simulator has logged, once that is good."""

        async def look() -> list[Event] | None:
            found = await asyncio.to_thread(wire, self._site.wire(log))
            return found if good(found) else None

        return await _until(look)

    async def relay(self, number: int, *, on: bool) -> None:
        """The board's relay has that state on the wire."""

        def states(events: list[Event]) -> list[bool]:
            name = f"relay{number}"
            return [
                e["on"]
                for e in events
                if (e["event"], e["slave"]) == ("output", self._site.board) and e["output"] == name
            ]

        await self.wired("modbus", lambda events: states(events)[-1:] == [on])


async def _until(look: Callable[[], Awaitable[Answer | None]]) -> Answer:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if found := await look():
                    return found
                await asyncio.sleep(AGAIN_S)
    except TimeoutError:
        raise Stuck from None


def online(snapshot: dict[str, Any]) -> bool:
    """All devices answer, broker and centre are there."""
    devices = all(device["health"] == "online" for device in snapshot["devices"])
    return devices and snapshot["link"]["state"] == "online" and snapshot["link"]["central"] == "up"


def settled(snapshot: dict[str, Any]) -> bool:
    """The centre has acknowledged all that is durable."""
    return online(snapshot) and all(stream["waiting"] == 0 for stream in snapshot["streams"])


def seen(snapshot: dict[str, Any]) -> set[str]:
    """The codes and tags on the gateway's screen."""
    return {scan["code"] for scan in snapshot["scans"]}


def waiting(snapshot: dict[str, Any], stream: str) -> int:
    return sum(one["waiting"] for one in snapshot["streams"] if one["stream"] == stream)


def alarm(snapshot: dict[str, Any], what: str) -> dict[str, Any] | None:
    """The open alarm of that kind."""
    return next((one for one in snapshot["alarms"] if one["what"] == what), None)


def value(snapshot: dict[str, Any], device: str, point: str) -> float | None:
    """The newest value of a point; None where there is none, or none that is good."""
    points = [p for d in snapshot["devices"] if d["id"] == device for p in d["points"]]
    return next((p["value"] for p in points if p["name"] == point), None)
