"""A lift's alarm through all its states on a real journal: `python -m support.lift_story DIRECTORY`, a disk's log beside it.

After each state it says in that log what is durable by then; at the end it dies without warning.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.pipeline import Pipeline
from gateway.rules.base import Acked, Badged, Delivered, Input, Order, PointInput
from gateway.rules.lift import LiftRule
from model.bodies import AlarmBody, RescueOrder
from model.observation import Quality
from model.time import Stamp
from support.context import HeldClock
from support.diskfaults import mark
from support.journals import GW
from support.lift_site import LIU, READER, LiftBench
from sync.journal.journal import Journal

BUTTON_BOARD, BUTTON_POINT = "board", "di2"


class Now(msgspec.Struct, frozen=True):
    """What a person sees, and what the outputs and the modem are told."""

    alarm: str
    state: str
    signals: list[str]
    messages: list[tuple[str, str, str]]


class Story:
    def __init__(self, pipeline: Pipeline, rule: LiftRule, clock: HeldClock) -> None:
        self.pipeline, self.rule, self.clock = pipeline, rule, clock

    @property
    def now(self) -> Now:
        ((alarm, _),) = self.pipeline.alarms()
        messages = [(message.key, message.number, message.text) for _, message in self.pipeline.messages()]
        return Now(alarm.id, alarm.state or "", sorted(frozenset().union(*self.pipeline.signals().values())), messages)

    async def tell(self) -> None:
        """From the press to the release; what is marked is durable."""
        await self._button(1)
        self.clock.ahead_us += 600_000
        await self._button(1)
        self._mark()
        await self._button(0)
        self.clock.ahead_us += 60_000_000
        await self._button(0)
        self._mark()
        alarm = self.now.alarm
        for event in (
            Delivered(alarm),
            Acked(alarm, "wang", "c1"),
            Order("dispatch", RescueOrder(alarm=alarm, team="A", tier=1), "wang", "c2"),
            Badged(READER, LIU.badge or "", self.clock.now()),
            Order("release", RescueOrder(alarm=alarm, persons=1), "wang", "c3"),
        ):
            await self._happens(event)
            self._mark()

    async def _button(self, value: int) -> None:
        at = self.clock.now()
        await self._happens(PointInput(BUTTON_BOARD, BUTTON_POINT, value, "1", Quality.GOOD, at))

    async def _happens(self, event: Input) -> None:
        await self.pipeline.book(self.rule, event)

    def _mark(self) -> None:
        mark(msgspec.json.encode(self.now))


@asynccontextmanager
async def opened(directory: Path, *, rebooted: bool) -> AsyncIterator[Story]:
    """Started, with nothing done yet."""
    clock = HeldClock()
    clock.ahead_us = 1_000_000_000
    clock.boot = "later" if rebooted else "boot"
    journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
    try:
        rule = LiftBench().rule
        assert isinstance(rule, LiftRule)
        pipeline = Pipeline(
            journal,
            clock,
            {rule: []},
            on_signals=lambda _: None,
            on_urgent=_never,
            on_observation=lambda _: None,
            on_alarms=lambda: None,
        )
        pipeline.start(rebooted=rebooted)
        yield Story(pipeline, rule, clock)
    finally:
        await journal.close()


async def _never(kind: str, body: AlarmBody, at: Stamp) -> None:
    raise AssertionError("it is durable in time")


async def main(directory: Path) -> None:
    async with opened(directory, rebooted=False) as story:
        await story.tell()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
