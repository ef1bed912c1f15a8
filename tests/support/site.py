"""A pipeline on a real journal: rules as a settings file would name them, and all that it tells the rest of the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.pipeline import Pipeline
from gateway.rules import site as rules_site
from gateway.rules.base import Acked, Rule
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.temperature import TemperatureConfig, TemperatureRule
from model.bodies import AlarmBody, CommandResultBody, RuleState
from model.observation import Observation, Point, PointMap, Poll, Quality, Scan
from model.record import Stream, draft
from model.time import Stamp
from support.context import HANG_S, SystemClock
from support.journals import GW, verified
from support.source import BOOT, new_id
from sync.journal.journal import Journal
from sync.journal.reserve import RESERVE_BYTES

NEVER_S = 1000.0
"""A group that does not come to its time within a test: what is durable before was committed at once."""

ROOM = PointMap("room1", "xy-md02", 1, (Point("temperature", "Cel", 0.1), Point("humidity", "%", 0.1)))
BOARD = PointMap(
    "io1",
    "waveshare-io-8ch",
    1,
    (Point("di1", urgent=True), Point("di2", urgent=True), Point("relay1"), Point("beat", quiet=True)),
    record="change",
    heartbeat_s=60,
)
PEOPLE = rules_site.Site((rules_site.Person(name="wang", phone="+8613800000001", tier=3),))
"""Somebody who may answer by short message, and is told of nothing."""


def rules() -> dict[Rule, Sequence[str]]:
    """A cold room by GSP, and a lift whose button and key are contacts of the board."""
    room = TemperatureConfig(id="cold", rule="temperature", point="room1.temperature", profile="gsp-cold-2-8")
    lift = LiftConfig(id="lift", rule="lift", alarm=["io1.di1"], end="io1.di2", profile="lift-default")
    return {TemperatureRule(room): room.points(), LiftRule(lift, PEOPLE): lift.points()}


class Site:
    """`urgent` is what went past the journal; `sending` runs before that and may wait or raise."""

    def __init__(
        self, journal: Journal, clock: SystemClock, rules_: Mapping[Rule, Sequence[str]] | None = None
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.signals: list[frozenset[str]] = []
        self.urgent: list[tuple[str, AlarmBody]] = []
        self.seen: list[Observation] = []
        self.sending: Callable[[], Any] | None = None
        self._changed = asyncio.Event()
        self.rules = rules() if rules_ is None else rules_
        self.pipeline = Pipeline(
            journal,
            clock,
            self.rules,
            on_signals=self._signals,
            on_urgent=self._urgent,
            on_observation=self.seen.append,
            on_alarms=self._changed.set,
        )
        journal.on_commit(self._changed.set)

    # what happens

    def poll(self, points: PointMap, *values: int | None, quality: list[Quality] | None = None) -> None:
        """A device was polled: raw values."""
        self.pipeline.emit(Poll(points.device, points, list(values), self.clock.now(), quality))

    def room(self, celsius: float | None, quality: Quality = Quality.SENSOR_FAULT) -> None:
        if celsius is None:
            self.poll(ROOM, None, 500, quality=[quality, Quality.GOOD])
        else:
            self.poll(ROOM, round(celsius * 10), 500)

    def board(self, *, button: int = 0, key: int = 0, relay: int = 0, beat: int = 0) -> None:
        self.poll(BOARD, button, key, relay, beat)

    def later(self, seconds: float) -> None:
        self.clock.ahead_us += round(seconds * 1e6)

    async def press(self) -> str:
        """The lift's button, long enough; the id of the alarm once its record is durable."""
        before = self.journal.last(Stream.ALARM)
        self.board(button=1)
        self.later(0.6)
        self.board(button=1)
        await self.until(lambda: self.journal.last(Stream.ALARM) > before)
        self.board(button=0)
        return self.alarm("lift_alarm")

    def scan(self, text: bytes, *, repeated: bool = False) -> Scan:
        return Scan("scan1", text, self.clock.now(), "]E0", repeated)

    async def answer(self, alarm: str, person: str = "wang") -> None:
        """A person at the centre acknowledges it, as a command does; returns once durable."""
        command = new_id()
        body = CommandResultBody(id=command, name="alarm.ack", issuer=person, result="done")
        result = draft("command.result/1", body, self.clock.now())
        await self.pipeline.obey(Acked(alarm, person, command), [result], {f"cmd/{command}": result.body})

    # what came of it

    def alarm(self, what: str) -> str:
        """The id of the open alarm of that sort."""
        (found,) = [a.id for a, _ in self.pipeline.alarms() if a.what == what]
        return found

    async def records(self, stream: Stream, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """Kind and body of all that is durable in a stream, its chain verified."""
        found = [(r.kind, msgspec.json.decode(r.body)) for r in await verified(self.journal, stream)]
        return [(kind, body) for kind, body in found if not kinds or kind in kinds]

    async def until(self, true: Callable[[], object], seconds: float = HANG_S) -> None:
        """Wait until something that was committed or told makes it true. TimeoutError."""
        async with asyncio.timeout(seconds):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    def _signals(self, signals: Mapping[str, frozenset[str]]) -> None:
        self.signals.append(frozenset().union(*signals.values()))
        self._changed.set()

    async def _urgent(self, kind: str, body: AlarmBody, at: Stamp) -> None:
        if self.sending:
            await self.sending()
        self.urgent.append((kind, body))
        self._changed.set()


async def opened(
    directory: Path,
    *,
    group_s: float = NEVER_S,
    clock: SystemClock | None = None,
    reserve_bytes: int = RESERVE_BYTES,
    rules_: Mapping[Rule, Sequence[str]] | None = None,
) -> Site:
    """Not started. With other rules than those above if there are any."""
    clock = clock or SystemClock()
    clock.boot = BOOT
    return Site(await Journal.open(directory, GW, group_s=group_s, reserve_bytes=reserve_bytes), clock, rules_)


@asynccontextmanager
async def running(
    directory: Path,
    *,
    rebooted: bool = False,
    group_s: float = NEVER_S,
    clock: SystemClock | None = None,
    reserve_bytes: int = RESERVE_BYTES,
    rules_: Mapping[Rule, Sequence[str]] | None = None,
) -> AsyncIterator[Site]:
    """Started and running inside the block, stopped in order at its end."""
    site = await opened(directory, group_s=group_s, clock=clock, reserve_bytes=reserve_bytes, rules_=rules_)
    try:
        site.pipeline.start(rebooted=rebooted)
        task = asyncio.create_task(site.pipeline.run())
        try:
            yield site
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
    finally:
        await site.journal.close()


async def assert_whole(journal: Journal) -> None:
    """Each rule's stored state says of its alarms what the alarm records say, and is the newest of its state records."""
    alarms: dict[str, set[str]] = {}
    acked: set[str] = set()
    for record in await verified(journal, Stream.ALARM):
        body = msgspec.json.decode(record.body, type=AlarmBody)
        open_ = alarms.setdefault(body.rule, set())
        match record.kind:
            case "alarm.raised/1":
                assert body.alarm not in open_
                open_.add(body.alarm)
            case "alarm.cleared/1" | "alarm.ended/1":
                open_.remove(body.alarm)
            case "alarm.acked/1":
                acked.add(body.alarm)
            case _:
                assert body.alarm in open_
    newest = {
        body["rule"]: record.body
        for record in await verified(journal, Stream.AUDIT)
        if record.kind == "rule.state/1" and (body := msgspec.json.decode(record.body))
    }
    for rule in rules():
        stored = journal.state(f"rule/{rule.id}")
        assert stored == newest.get(rule.id)
        state = rule.initial()
        if stored is not None:
            state = msgspec.convert(msgspec.json.decode(stored, type=RuleState).state, rule.state_type)
        told = rule.alarms(state)
        assert {a.id for a in told} == alarms.get(rule.id, set())
        assert all((a.id in acked) == (a.acked_by is not None) for a in told)
