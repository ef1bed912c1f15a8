"""Short messages that the rules' states want sent: through whichever modem takes them, again and again while they are wanted."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from gateway.rules.base import Message, Rule, Sent
from gateway.supervisor import Supervised
from model.errors import DriverError, PermanentError, TransientError
from model.ports import Messaging

PAUSES_S = (5.0, 10.0, 20.0, 30.0)
"""Between tries in which no modem took it; the last for ever."""

log = logging.getLogger("doorpost.messenger")


class Taken(NamedTuple):
    """By which device, and the network's reference."""

    device: str
    ref: int


class _Job:
    """One message. It is `gone` when nobody wants it any more: then it is not sent, unless a modem has it already."""

    def __init__(self, rule: Rule, message: Message) -> None:
        self.rule = rule
        self.message = message
        self.gone = asyncio.Event()
        self.problem: str | None = None


class Messenger:
    """`devices` are those of the settings, in their order. `tell` is told once of each message what came of it.

    It is told only when the network took the message: killed in between, the next run sends it again. One message at a time
    per modem. Without a modem all of them wait.
    """

    def __init__(self, devices: Mapping[str, Supervised], tell: Callable[[Rule, Sent], None]) -> None:
        self._devices = devices
        self._tell = tell
        self._wanted: Sequence[tuple[Rule, Message]] = ()
        self._changed = asyncio.Event()
        self._jobs: dict[tuple[str, str], _Job] = {}
        self._busy: dict[str, asyncio.Lock] = {}

    def want(self, messages: Sequence[tuple[Rule, Message]]) -> None:
        """All that is wanted now."""
        self._wanted = messages
        self._changed.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                for job in self._new():
                    group.create_task(self._deliver(job), name=f"message {job.rule.id} {job.message.key}")

    async def send(self, number: str, text: str, gone: asyncio.Event | None = None) -> Taken | None:
        """Through the first modem that takes it; one that is free comes before one that is busy. None: it was gone before.

        Raises PermanentError where each of them says that it never will be taken; TransientError, `sms_no_modem` too.
        """
        failed: list[DriverError] = []
        for modem in sorted(self._modems(), key=lambda one: self._lock(one).locked()):
            async with self._lock(modem):
                if gone and gone.is_set():
                    return None
                try:
                    return Taken(modem.device, await _sent(modem, number, text))
                except DriverError as err:
                    failed.append(err)
        passing = [err for err in failed if not isinstance(err, PermanentError)]
        raise next(iter(passing or failed), TransientError("sms_no_modem"))

    def _modems(self) -> list[Supervised]:
        return [one for one in self._devices.values() if isinstance(one.driver, Messaging)]

    def _lock(self, modem: Supervised) -> asyncio.Lock:
        return self._busy.setdefault(modem.device, asyncio.Lock())

    def _new(self) -> list[_Job]:
        """What was not wanted before; one that is done stays until it is wanted no more, so that it is sent once."""
        wanted = {(rule.id, message.key): (rule, message) for rule, message in self._wanted}
        for key in self._jobs.keys() - wanted.keys():
            self._jobs.pop(key).gone.set()
        new = {key: _Job(rule, message) for key, (rule, message) in wanted.items() if key not in self._jobs}
        self._jobs |= new
        return list(new.values())

    async def _deliver(self, job: _Job) -> None:
        for pause in chain(PAUSES_S, repeat(PAUSES_S[-1])):
            if sent := await self._tried(job):
                self._tell(job.rule, sent)
            if sent or job.gone.is_set():
                return
            await self._rest(job, pause)

    async def _rest(self, job: _Job, seconds: float) -> None:
        """Less where it is gone, or a modem comes back: after a start the modems are there a moment later than the rules."""
        away = [one.online for one in self._modems() if not one.online.is_set()]
        waits = [asyncio.ensure_future(event.wait()) for event in (job.gone, *away)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _tried(self, job: _Job) -> Sent | None:
        """None where it has to wait, or is gone."""
        key, number, text = job.message
        try:
            taken = await self.send(number, text, job.gone)
        except PermanentError as err:
            return Sent(key, str(err.params.get("device", "")), None, err.code)
        except DriverError as err:
            if str(err) != job.problem:
                job.problem = str(err)
                log.warning("message %s of %s waits: %s", key, job.rule.id, err)
            return None
        return taken and Sent(key, taken.device, taken.ref)


async def _sent(modem: Supervised, number: str, text: str) -> int:
    assert isinstance(modem.driver, Messaging)
    try:
        return await modem.driver.send(number, text)
    except DriverError:
        raise
    except Exception as err:  # a bug of one driver must not silence the other modems
        log.exception("%s crashed on a message", modem.device)
        raise TransientError("driver_crashed", why=f"{type(err).__name__}: {err}") from err
