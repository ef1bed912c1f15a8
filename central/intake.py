"""The centre's end of the wire: connected for ever, and what arrives is ingested, committed, and only then answered.

One thread for all. An interpreter runs one at a time anyway, and a second one would wait for the first at every turn; what
arrives while the disk is busy waits in the socket.
"""

import asyncio
import logging
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw

from central.inbox import Inbox
from central.ingest import Ingest, Outcome
from central.store import Store
from model.errors import LinkError, StoreError
from sync.mqtt import MqttLink, MqttSettings

BACKOFF_S = 0.5
BACKOFF_DOUBLINGS = 1
"""At most 1 s between two tries: all gateways wait for the few that a broker has of us."""

log = logging.getLogger(__name__)


class Intake(ABC):
    """What a server of the centre does whatever its role. `on_ready` is called when it takes messages for the first time."""

    def __init__(self, data: Path, mqtt: MqttSettings, on_ready: Callable[[], None]) -> None:
        self._data = data
        self._mqtt = mqtt
        self._on_ready = on_ready
        self._link: MqttLink | None = None
        self._greeted = False
        self._ready = asyncio.Event()
        self._inbox = Inbox()
        self._unsaid: set[str] = set()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises StoreError when the database fails: nothing uncommitted has been answered."""
        try:
            await self._run()
        except (ExceptionGroup, apsw.Error) as err:
            first = err.exceptions[0] if isinstance(err, ExceptionGroup) else err
            if isinstance(first, apsw.Error):
                raise StoreError("central_store", data=self._data, why=str(first)) from first
            raise first from None

    async def _run(self) -> None:
        self._store = self._open()
        self._ingest = Ingest(self._store)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each) for each in self._loops()]
            await stop.wait()
            for task in running:
                task.cancel()
        self._store.close()

    def _open(self) -> Store:
        return Store(self._data)

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        return [self._connections(), self._ingesting()]

    # the connection

    @abstractmethod
    def _new_link(self) -> MqttLink: ...

    @abstractmethod
    async def _greet(self, link: MqttLink) -> None:
        """What comes first on a new connection. Raises LinkError."""

    async def _farewell(self, link: MqttLink) -> None:
        await link.close()

    async def _connections(self) -> None:
        failures = 0
        while True:
            self._greeted = False
            try:
                await self._connection()
            except LinkError as err:
                log.warning("%s", err)
                failures = 0 if self._greeted else min(failures + 1, BACKOFF_DOUBLINGS)
            await asyncio.sleep(BACKOFF_S * 2**failures * random.uniform(0.5, 1))

    async def _connection(self) -> None:
        """One connection from beginning to end. Raises LinkError."""
        link = self._new_link()
        await link.connect()
        try:
            await self._greet(link)
            self._greeted = True
            self._link = link
            if not self._ready.is_set():
                self._ready.set()
                self._on_ready()
            self._catch_up()
            raise await link.closed()
        finally:
            self._link = None
            await self._farewell(link)

    def _catch_up(self) -> None:
        """The greeting is over: say what could not be said since the last link was there."""
        unsaid, self._unsaid = self._unsaid, set()
        self._publish(self._ingest.acks_on(unsaid))

    # in and out

    async def _ingesting(self) -> None:
        await self._ready.wait()
        while True:
            await self._inbox.some()
            for _ in range(2):  # a turn of the loop to look at the socket, one to read it: an alarm may have come
                await asyncio.sleep(0)
            group = self._inbox.group(self._store.commit_s)
            outcome = self._ingest.take(group, self._inbox.dropped())
            self._answer(outcome)

    def _answer(self, outcome: Outcome) -> None:
        self._publish(outcome.acks)
        for topic, payload in outcome.answers:
            self._send(topic, payload)

    def _publish(self, acks: dict[str, bytes]) -> None:
        for topic, payload in acks.items():
            self._send(topic, payload, retain=True, again=True)

    def _send(self, topic: str, payload: bytes, *, retain: bool = False, again: bool = False) -> None:
        """`again`: what does not reach the broker is said anew, as it then stands, at the next connection."""

        def done(future: asyncio.Future[int]) -> None:
            if not future.cancelled() and (err := future.exception()):
                if again:
                    self._unsaid.add(topic)
                else:
                    log.warning("%s: %s", topic, err)

        if self._link:
            self._link.publish(topic, payload, retain=retain).add_done_callback(done)
        elif again:
            self._unsaid.add(topic)
