"""The running centre: connected for ever, one thread that writes, every answer after its commit."""

import asyncio
import logging
import random
import signal
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

import apsw

from central.commands import Outbox
from central.inbox import Inbox
from central.ingest import Ingest
from central.settings import USER
from central.store import Store
from model.errors import ContractError, LinkError, StoreError
from sync.contract.messages import CentralStatus, decode, encode
from sync.contract.signing import private_key
from sync.contract.topics import ALL_ACKS, ALL_UP, CENTRAL_STATUS
from sync.mqtt import MqttLink, MqttSettings

ECHO_TIMEOUT_S = 10.0
"""Until our own status must have come back: what the broker retained has then come too."""
GOODBYE_TIMEOUT_S = 2.0
OUTBOX_POLL_S = 0.3
BACKOFF_S = 0.5
BACKOFF_DOUBLINGS = 6
"""At most 32 s between two tries."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Server:
    """`on_ready` is called when it is connected and subscribed for the first time."""

    def __init__(self, data: Path, mqtt: MqttSettings, on_ready: Callable[[], None]) -> None:
        self._data = data
        self._mqtt = mqtt
        self._on_ready = on_ready
        self._link: MqttLink | None = None
        self._session = ""
        self._heard = asyncio.Event()
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
        self._store = Store(self._data)
        self._ingest = Ingest(self._store)
        self._outbox = Outbox(self._store, private_key(self._data / "central.key"))
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with ThreadPoolExecutor(1, "writer") as self._writer:
            async with asyncio.TaskGroup() as tasks:
                loops = (self._connections(), self._ingesting(), self._commanding())
                running = [tasks.create_task(each) for each in loops]
                await stop.wait()
                for task in running:
                    task.cancel()
        self._store.close()

    async def _write(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, call, *args)

    # the connection

    async def _connections(self) -> None:
        failures = 0
        while True:
            try:
                await self._connection()
            except LinkError as err:
                log.warning("%s", err)
                failures = 0 if self._heard.is_set() else min(failures + 1, BACKOFF_DOUBLINGS)
            await asyncio.sleep(BACKOFF_S * 2**failures * random.uniform(0.5, 1))

    async def _connection(self) -> None:
        """One connection from beginning to end. Raises LinkError."""
        self._session = str(uuid.uuid4())
        self._heard.clear()
        will = (CENTRAL_STATUS, self._status("down"))
        link = MqttLink(self._mqtt, client_id=USER, clean_start=False, will=will, on_message=self._on_message)
        await link.connect()
        try:
            # our acknowledgements first: what comes back tells whether this database is older than they are
            await link.subscribe(ALL_ACKS, CENTRAL_STATUS, ALL_UP)
            self._link = link
            self._say_up()
            await self._echo(link)
            if not self._ready.is_set():
                self._ready.set()
                self._on_ready()
            unsaid, self._unsaid = self._unsaid, set()
            self._publish(await self._write(self._ingest.acks_on, unsaid))
            raise await link.closed()
        finally:
            self._link = None
            try:
                async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                    await link.publish(CENTRAL_STATUS, self._status("down"), retain=True)
            except (LinkError, TimeoutError):
                pass  # then the will says it
            await link.close()

    async def _echo(self, link: MqttLink) -> None:
        """Until our own status has come back. Raises LinkError."""
        heard, lost = asyncio.create_task(self._heard.wait()), asyncio.create_task(link.closed())
        try:
            await asyncio.wait((heard, lost), timeout=ECHO_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                raise lost.result()
            if not heard.done():
                raise LinkError("status_unheard", topic=CENTRAL_STATUS)
        finally:
            heard.cancel()
            lost.cancel()

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic != CENTRAL_STATUS:
            self._inbox.put(topic, payload)
            return
        try:
            said = decode(payload, CentralStatus)
        except ContractError as err:
            log.warning("%s: %s", topic, err)
            return
        if said.session == self._session:
            self._heard.set()
        elif said.state == "down" and self._heard.is_set():
            self._say_up()  # the late will of an earlier connection

    def _status(self, state: Literal["up", "down"]) -> bytes:
        return encode(
            CentralStatus(v=1, state=state, session=self._session, epoch=self._store.epoch, encodings=["json", "zstd"])
        )

    def _say_up(self) -> None:
        self._send(CENTRAL_STATUS, self._status("up"), retain=True)

    # in and out

    async def _ingesting(self) -> None:
        """Not before the first echo: an acknowledgement of ours would overwrite what the broker retained."""
        await self._ready.wait()
        while True:
            group = await self._inbox.group()
            epoch = self._store.epoch
            outcome = await self._write(self._ingest.take, group.messages, group.dropped)
            self._publish(outcome.acks)
            if outcome.epoch != epoch:
                self._say_up()
            if outcome.born:
                await self._command(outcome.born)

    async def _commanding(self) -> None:
        """The outbox is filled by other processes too: look for what is new."""
        while True:
            await self._command(())
            await asyncio.sleep(OUTBOX_POLL_S)

    async def _command(self, born: Collection[str]) -> None:
        if self._link is None:
            return
        for topic, payload in await self._write(self._outbox.due, born):
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
