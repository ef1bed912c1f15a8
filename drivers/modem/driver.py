"""A modem with AT commands as a driver: short messages both ways in PDU mode, and how SIM card and network are."""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from itertools import count
from secrets import randbelow
from typing import Any

from drivers.common.line import Condition
from drivers.common.transport import open_line
from drivers.modem.at import Said
from drivers.modem.config import ModemConfig
from drivers.modem.inbox import Inbox, Stored
from drivers.modem.link import Answer, Link
from drivers.modem.pdu import Submit, submit
from drivers.modem.state import look
from model.errors import DriverError, PermanentError, TransientError
from model.observation import Point, PointMap, Poll, Quality, TextMessage
from model.ports import Context, Health, Probed

POINTS = (
    Point("signal", "dBm", quiet=True, label={"en": "Signal", "zh": "信号强度"}),
    Point("registered", label={"en": "Registered", "zh": "已注册网络"}),
    Point("sim_ready", label={"en": "SIM card ready", "zh": "SIM 卡就绪"}),
)
HEARTBEAT_S = 600.0
DURABLE_S = 2.0
"""A disk that takes longer keeps no modem waiting."""

_RECEIVED = {"0", "1"}
"""Unread, read. The others are somebody's own."""
_PLACE = re.compile(r"\+CMGL: *(\d+), *(\d+)")
_PDU_MODE = "AT+CMGF=0"
_CENTRE = r'\+CSCA: *"([^"]*)"'
_USAGE = r'\+CPMS: *"?\w+"?, *(\d+), *(\d+)'
_NEVER = {"CMS 1", "CMS 30", "CMS 50"}
"""Unassigned number, unknown subscriber, facility not subscribed (27.005, 3.2.5; 24.011). All else may pass."""
_RESTARTED = {"RDY", "NORMAL POWER DOWN", "POWERED DOWN"}


class ModemDevice:
    """Gives a `Poll` per look and a `TextMessage` per message, which is deleted from the modem's store when it is durable.
    Of one whose parts do not all come, those that came stand in it with a mark at the gaps, and it is told.

    It is `Messaging`. Without a SIM card, or with a locked one, its health is FAULT, and it is looked after all the same.
    """

    Config = ModemConfig

    def __init__(self, config: ModemConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._inbox = Inbox(config.id)
        self._news = asyncio.Event()
        self._link: Link | None = None
        self._problem: DriverError | None = None
        self._ready = False
        self._references = count(randbelow(256))
        self._handed: set[asyncio.Future[int]] = set()

    @staticmethod
    def point_map(config: ModemConfig) -> PointMap:
        return PointMap(config.id, "modem", 1, POINTS, record="change", heartbeat_s=HEARTBEAT_S)

    async def run(self) -> None:
        async with open_line(self._config) as line:
            link = Link(line, self._config, self._heard)
            self._ready = False
            try:
                await _first_of(link.listen(), link.ended(), self._work(link))
            finally:
                self._link = None
                link.end(self._away())

    async def send(self, number: str, text: str) -> int:
        """Each has another reference in its parts than those before it: no telephone puts parts of two messages together."""
        link = self._link
        if link is None:
            raise self._away()
        if self._problem:
            raise self._problem
        try:
            parts = submit(number, text, next(self._references) & 0xFF)
        except ValueError as err:
            raise PermanentError("sms_too_long", device=self._config.id) from err
        answers = [await self._part(link, part) for part in parts]
        return answers[-1]

    async def probe(self) -> Probed:
        link = self._link
        if link is None:
            raise self._context.problem or self._away()
        began = self._context.clock.mono()
        poll = await self._look(link)
        return Probed((self._context.clock.mono() - began) / 1e6, poll, True, self._context.problem)

    def _away(self) -> TransientError:
        return TransientError("modem_away", device=self._config.id)

    def _heard(self, said: Said) -> None:
        """By itself. All but messages and a restart is nothing to us: calls, registrations, what no document names."""
        if said.line in _RESTARTED:
            raise TransientError("modem_restarted", port=self._config.port)
        if said.line.startswith("+CMT:") and said.pdu:
            self._inbox.hold(said.pdu)
        if said.line.startswith(("+CMT:", "+CMTI:")):
            self._news.set()

    async def _work(self, link: Link) -> None:
        await link.wake()
        loop = asyncio.get_running_loop()
        while True:
            for command in ("ATE0", "AT+CMEE=2"):
                await link.ask(command)
            self._context.emit(await self._look(link))
            self._link = link
            due = loop.time() + self._config.every_s
            while await self._news_until(due):
                await self._tend(link)

    async def _news_until(self, due: float) -> bool:
        try:
            async with asyncio.timeout(due - asyncio.get_running_loop().time()):
                await self._news.wait()
        except TimeoutError:
            return False
        return asyncio.get_running_loop().time() < due

    async def _look(self, link: Link) -> Poll:
        """How SIM card and network are; what has come is taken on the way."""
        state = await look(link)
        self._ready = self._ready and state.ready
        fault = state.fault(self._config.id)
        trouble = await self._tend(link) if state.ready else None
        self._problem = fault or (trouble if not self._ready else None)
        told = fault or trouble or self._reminder()
        if not state.ready:
            self._context.health(Health.FAULT, told)
        else:
            self._condition.heard(told)
        quality = None if state.quality is Quality.GOOD else [state.quality, Quality.GOOD, Quality.GOOD]
        values = [state.signal, int(state.registered), int(state.ready)]
        return Poll(self._config.id, self.point_map(self._config), values, self._context.clock.now(), quality)

    async def _tend(self, link: Link) -> DriverError | None:
        """Take what has come; what is wrong with that."""
        self._news.clear()
        try:
            await self._prepare(link)
            return await self._collect(link)
        except _Refused as err:
            self._ready = False
            return err

    async def _prepare(self, link: Link) -> None:
        """PDU mode, one store for all, a word for each message that comes; each time, as a modem may have restarted without a
        word. One without a choice of stores keeps its own.
        """
        await _done(link, _PDU_MODE)
        await link.ask('AT+CPMS="SM","SM","SM"')
        await _done(link, "AT+CNMI=2,1,0,0,0")
        self._ready = True

    async def _collect(self, link: Link) -> DriverError | None:
        """A message is deleted only when it is durable, or nothing else could come: else the next look deletes it."""
        centre = await _done(link, "AT+CSCA?", _CENTRE)
        usage = await _done(link, "AT+CPMS?", _USAGE)
        listed = await link.list("AT+CMGL=4", r"\+CMGL:")
        if listed.error:
            raise _Refused("modem_refused", command="AT+CMGL=4", reason=listed.error)
        used, places = (int(one) for one in usage)
        taken = self._inbox.take([*_stored(listed)], self._context.clock.now(), full=used >= places)
        if await self._durable(taken.messages) or used >= places:
            for place in taken.places:
                await _done(link, f"AT+CMGD={place}")
        for error in taken.wrong:
            self._condition.wrong(error)
        if taken.wrong:
            return taken.wrong[-1]
        if used - len(taken.places) >= places > 0:
            return TransientError("modem_store_full", device=self._config.id, places=places)
        return None if centre[0] else TransientError("modem_no_centre", device=self._config.id)

    async def _durable(self, messages: list[TextMessage]) -> bool:
        """Hand over; whether all that was handed over so far is on the disk, or never will be."""
        self._handed |= {asyncio.ensure_future(self._context.commit(message)) for message in messages}
        if self._handed:
            done, self._handed = await asyncio.wait(self._handed, timeout=DURABLE_S)
            for one in done:
                one.exception()  # what found no room is counted where it was lost
        return not self._handed

    def _reminder(self) -> TransientError | None:
        until = self._config.valid_until
        if until is None:
            return None
        left = until - datetime.fromtimestamp(self._context.clock.now().t / 1e6, tz=UTC).date()
        return TransientError("sim_expires", date=until) if left.days <= self._config.remind_days else None

    async def _part(self, link: Link, part: Submit) -> int:
        """In text mode, in which a restart may have left it, the modem would take the length for a telephone number."""
        await _done(link, _PDU_MODE)
        answer = await link.submit(part)
        if answer.error is None:
            reference = answer.said[0].line.partition(":")[2].partition(",")[0]  # a report may follow
            return int(reference)
        if answer.error in _NEVER:
            raise PermanentError("sms_refused", device=self._config.id, reason=answer.error)
        raise TransientError("sms_not_taken", device=self._config.id, reason=answer.error)


class _Refused(TransientError):
    """The modem does not obey: perhaps it was restarted and has forgotten how it was set."""


async def _done(link: Link, command: str, wanted: str | None = None) -> tuple[str, ...]:
    """What the pattern's groups found in the answer. Raises _Refused."""
    answer = await link.ask(command, wanted)
    if answer.error:
        raise _Refused("modem_refused", command=command, reason=answer.error)
    found = re.match(wanted, answer.said[0].line) if wanted else None
    return found.groups() if found else ()


def _stored(listed: Answer) -> Iterator[Stored]:
    """Messages that were received: the rest in the store is somebody's own."""
    for said in listed.said:
        found = _PLACE.match(said.line)
        if found and said.pdu and found[2] in _RECEIVED:
            yield Stored(int(found[1]), said.pdu)


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends, which is always an error; the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
