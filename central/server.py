"""The running centre: says that it is there, takes what gateways send, commands. With workers beside it, it coordinates."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import IO, Any, Literal

from central import standing
from central.ingest import Outcome
from central.intake import Intake
from central.locks import coordinate
from central.publishing import Outbox
from central.settings import USER
from central.store import Store
from model.errors import ContractError, LinkError
from sync.contract.messages import CentralStatus, decode, encode
from sync.contract.signing import private_key
from sync.contract.topics import ALL_ACKS, ALL_STATUS, ALL_UP, CENTRAL_STATUS, SHARED_UP
from sync.mqtt import MqttLink, MqttSettings

ECHO_TIMEOUT_S = 10.0
"""Until our own status must have come back: what the broker retained has then come too."""
GOODBYE_TIMEOUT_S = 2.0
OUTBOX_POLL_S = 0.3
TIDY_S = 1.0

log = logging.getLogger(__name__)


class Server(Intake):
    """Owns the status, the epoch and the outbox. `shared`: workers take their part of what gateways send."""

    def __init__(self, data: Path, mqtt: MqttSettings, on_ready: Callable[[], None], *, shared: bool) -> None:
        super().__init__(data, mqtt, on_ready)
        self._shared = shared
        self._session = ""
        self._epoch = 0
        self._heard = asyncio.Event()
        self._up_unsaid = False
        self._acks: dict[str, bytes] = {}
        self._coordinating: IO[str] | None = None

    def _open(self) -> Store:
        store = super()._open()
        standing.cut_off(store)
        self._outbox = Outbox(store, private_key(self._data / "central.key"))
        return store

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        return [*super()._loops(), self._commanding(), *([self._tidying()] if self._shared else [])]

    # the connection

    def _new_link(self) -> MqttLink:
        self._session = str(uuid.uuid4())
        self._heard.clear()
        return MqttLink(
            self._mqtt,
            client_id=USER,
            # in a group the broker would keep its part for one that is away, while the others could take it
            clean_start=self._shared,
            will=(CENTRAL_STATUS, self._status("down")),
            on_message=self._on_message,
        )

    async def _greet(self, link: MqttLink) -> None:
        # our acknowledgements first: what comes back tells whether this database is older than they are
        up = (SHARED_UP, ALL_STATUS) if self._shared else (ALL_UP,)
        await link.subscribe(ALL_ACKS, CENTRAL_STATUS, *up)
        _ = link.publish(CENTRAL_STATUS, self._status("up"), retain=True)
        await self._echo(link)
        if not self._shared:
            await link.unsubscribe(ALL_ACKS)
        standing.connected(self._store)

    def _catch_up(self) -> None:
        super()._catch_up()
        if self._up_unsaid:
            self._say_up()
        self._outbox.forget()
        self._command(())

    async def _farewell(self, link: MqttLink) -> None:
        standing.cut_off(self._store)
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await link.publish(CENTRAL_STATUS, self._status("down"), retain=True)
        except (LinkError, TimeoutError):
            pass  # then the will says it
        await super()._farewell(link)

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
        if self._coordinating and "/down/ack/" in topic:
            self._acks[topic] = payload
            return
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
        self._epoch = self._store.epoch
        return encode(
            CentralStatus(v=1, state=state, session=self._session, epoch=self._epoch, encodings=["json", "zstd"])
        )

    def _say_up(self) -> None:
        """Once more: at once, or as soon as the greeting is over."""
        self._up_unsaid = self._link is None
        self._send(CENTRAL_STATUS, self._status("up"), retain=True)

    # out

    def _answer(self, outcome: Outcome) -> None:
        super()._answer(outcome)
        if outcome.epoch != self._epoch:
            self._say_up()
        if outcome.born:
            self._command(outcome.born)

    async def _commanding(self) -> None:
        """The outbox is filled by other processes too: look for what is new."""
        while True:
            self._command(())
            await asyncio.sleep(OUTBOX_POLL_S)

    def _command(self, born: Collection[str]) -> None:
        if self._link is not None:
            for topic, payload in self._outbox.due(born):
                self._send(topic, payload)

    async def _tidying(self) -> None:
        """Acknowledgements of two workers may overtake each other: in the end what is retained must be what is committed."""
        await self._ready.wait()
        while True:
            await asyncio.sleep(TIDY_S)
            if not self._coordinating and not self._inbox.short:  # what was retained in it might have raised the epoch
                self._coordinating = coordinate(self._data)
            retained, self._acks = self._acks, {}
            self._publish(
                {topic: ack for topic, ack in self._ingest.acks_on(retained).items() if ack != retained[topic]}
            )
