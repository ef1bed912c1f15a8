"""What every story begins and ends with. Each step waits for what it says."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.demo.report import Evidence
from gateway.demo.site import Site
from gateway.demo.teller import Teller
from gateway.demo.witness import Witness, online, settled

Place = TypeVar("Place", bound=Site)
Chapter = Callable[[], Awaitable[None]]


class Pace(NamedTuple):
    """A pause between chapters, and how many times faster than for a person things happen."""

    pause_s: float
    hurry: float


WATCHED, HEADLESS = Pace(8.0, 1.0), Pace(1.0, 2.5)
"""A person wants to see what happens."""


class Story(Generic[Place]):
    """`opening` is the name of its first chapter, in which the site comes up."""

    opening = "up"

    def __init__(self, site: Place, teller: Teller, pace: Pace) -> None:
        self._site = site
        self._tell = teller
        self._pace = pace
        self._see = Witness(site)

    def chapters(self) -> Sequence[Chapter]:
        raise NotImplementedError

    async def verdict(self, evidence: Evidence) -> dict[str, Any]:
        """What `doorpost demo --json` prints, by all that is known in the end; the edge has stopped."""
        raise NotImplementedError

    def show(self, document: dict[str, Any]) -> None:
        """The same for a person."""
        raise NotImplementedError

    async def run(self) -> dict[str, Any]:
        """Tell it all; the gateway's snapshot at the end, when nothing waits. Raises Stuck, ProgramFailed, BrokerFailed."""
        await self._come_up()
        for chapter in self.chapters():
            await asyncio.sleep(self._pace.pause_s)
            await chapter()
        await asyncio.sleep(self._pace.pause_s)
        return await self._settle()

    async def _come_up(self) -> None:
        site = self._site
        self._tell.chapter(self.opening, broker=site.broker.program)
        with self._tell.step("programs"):
            await site.start()
        with self._tell.step("online"):
            await self._see.gateway(online)
        self._tell.say("page", url=site.page)
        self._tell.say("directory", directory=site.directory)

    async def _settle(self) -> dict[str, Any]:
        self._tell.chapter("settle")
        with self._tell.step("settled"):
            return await self._see.gateway(settled)
