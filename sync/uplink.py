"""The way to the centre: sends each stream's batches, alarms first, and believes nobody but the centre that they arrived.

The journal is the queue. A connection starts clean, and whatever is not acknowledged by the centre is sent again.
"""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Literal

from model.errors import ContractError, DoorpostError, LinkError, StoreError
from model.record import KINDS, STREAMS, Stream
from model.time import Stamp
from sync.contract import topics
from sync.contract.messages import (
    Ack,
    Birth,
    CentralStatus,
    CommandResult,
    DeviceState,
    Hashes,
    StoreState,
    StreamState,
    Urgent,
    Will,
    decode,
    encode,
)
from sync.journal.journal import Journal
from sync.journal.view import StoreView
from sync.lane import Counts, Lane
from sync.mqtt import CONNECT_TIMEOUT_S, MqttLink, MqttSettings
from sync.parting import Parting
from sync.sender import Sender

RETRY_S = 1.5
"""In the first minute the next try comes within this; the bound doubles at each try after that."""
SOON_S = 60.0
RETRY_MAX_S = 60.0
GOODBYE_S = 1.0
IGNORED_LOG_S = 60.0
"""How often one reason for ignoring messages is logged: who floods us must not fill the disk."""

log = logging.getLogger("doorpost.uplink")

LinkState = Literal["connecting", "online", "offline"]
CentralState = Literal["up", "down", "unknown"]
OnCommand = Callable[[bytes], Coroutine[Any, Any, CommandResult | None]]


class Uplink:
    """One gateway's connection for ever: `run()` until cancelled."""

    def __init__(
        self,
        settings: MqttSettings,
        gw: str,
        journal: Journal,
        *,
        version: str,
        now: Callable[[], Stamp],
        devices: Callable[[], list[DeviceState]],
        on_command: OnCommand,
        on_progress: Callable[[Stream, int], None],
        on_change: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._gw = gw
        self._journal = journal
        self._version = version
        self._now = now
        self._devices = devices
        self._on_command = on_command
        self._on_progress = on_progress
        self._on_change = on_change
        self._sender = Sender(gw, journal, now, lambda problem: self._became(self.state, problem))
        self._link: MqttLink | None = None
        self._session = ""
        self._central_session: str | None = None
        self._era = 0
        """Another one after each word of the centre itself: no acknowledgement from before it is a sign of life after it."""
        self._in_order = asyncio.Lock()
        self._central_epoch = 0
        self._told_epoch = 0
        """The highest that our last birth has named."""
        self._parting = Parting(
            gw,
            journal,
            self._sender,
            on_problem=lambda why: self._became(self.state, why),
            believe=self._believe,
            central_up=lambda: self.central == "up",
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.state: LinkState = "connecting"
        self.since = time.time_ns() // 1000
        self.problem: DoorpostError | None = None
        self.central: CentralState = "unknown"
        self._ignored_at: dict[str, float] = {}
        self.ignored_messages = 0
        """Downlink messages that broke the contract, were stale or not for us."""
        journal.on_fork(self._forked)

    @property
    def lanes(self) -> dict[Stream, Lane]:
        """Of the current store."""
        return self._sender.current

    def lanes_of(self, store: str) -> dict[Stream, Lane]:
        """Of a store that is there. Raises KeyError."""
        lanes = self._sender.of(store)
        if lanes is None:
            raise KeyError(store)
        return lanes

    def counts(self, stream: Stream) -> Counts:
        """Of the current store."""
        return self.lanes[stream].counts()

    async def run(self) -> None:
        """Connect, send, and connect again; only cancellation ends it."""
        since, cap = time.monotonic(), RETRY_S
        try:
            while True:
                started = time.monotonic()
                try:
                    await self._connection()
                except LinkError as err:
                    self._became("offline", err)
                except Exception as err:  # a bug on the way to the centre must not stop capturing
                    log.exception("the uplink failed")
                    self._became("offline", LinkError("link_lost", why=f"{type(err).__name__}: {err}"))
                now = time.monotonic()
                if now - started > SOON_S:  # a connection that held: it begins anew
                    since, cap = now, RETRY_S
                elif now - since > SOON_S:
                    cap = min(RETRY_MAX_S, 2 * cap)
                await asyncio.sleep(random.uniform(0.1, 1.0) * cap)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _connection(self) -> None:
        self._session = str(uuid.uuid4())
        will = (topics.up_status(self._gw), encode(Will(v=1, state="down", session=self._session)))
        link = MqttLink(
            self._settings,
            client_id=self._gw,
            clean_start=True,
            will=will,
            on_message=self._on_message,
            on_retained=partial(self._on_message, retained=True),
        )
        await link.connect()
        try:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await link.subscribe(topics.all_down(self._gw), topics.CENTRAL_STATUS)
                    await self._say_birth(link)
            except TimeoutError as err:
                raise LinkError("broker_silent", url=self._settings.url) from err
            self._link = link
            self._became("online", None)
            self._sender.connected()
            self._spawn(self._parting.run(link))
            sender = asyncio.ensure_future(self._sender.run(link))
            closed = asyncio.ensure_future(link.closed())
            try:
                await asyncio.wait([sender, closed], return_when=asyncio.FIRST_COMPLETED)
                if sender.done():
                    sender.result()
                raise closed.result()
            finally:
                sender.cancel()
                closed.cancel()
                self._link = self._parting.link = None
        except asyncio.CancelledError:
            farewell = encode(Will(v=1, state="down", session=self._session, orderly=True))
            goodbye = link.publish(topics.up_status(self._gw), farewell, retain=True)
            await asyncio.wait([goodbye], timeout=GOODBYE_S)
            raise
        finally:
            self._era += 1
            self.central = "unknown"
            await link.close()

    async def _say_birth(self, link: MqttLink) -> None:
        self._told_epoch = max(lane.epoch for lane in self._sender.lanes)
        birth = Birth(
            v=1,
            state="up",
            session=self._session,
            version=self._version,
            boot=self._now().boot,
            sent=self._now().t,
            kinds=sorted(KINDS),
            encodings=["json", "zstd"],
            stores=[self._store_state(store) for store in (*self._journal.sealed, self._journal.current)],
            devices=self._devices(),
        )
        await link.publish(topics.up_status(self._gw), encode(birth), retain=True)

    def _store_state(self, store: StoreView) -> StoreState:
        lanes = self.lanes_of(store.id)
        streams: dict[Any, StreamState] = {
            s.value: StreamState(
                last=store.last(s),
                upto=lanes[s].upto,
                low=store.low(s),
                head=store.head(s).hash.hex(),
                ingest=lanes[s].epoch,
            )
            for s in STREAMS
        }
        return StoreState(store=store.id, sealed=store.sealed, streams=streams)

    def _became(self, state: LinkState, problem: DoorpostError | None) -> None:
        """Note a change of state; told once, not at every try."""
        if state != self.state or (problem and not self.problem):
            log.info("link %s %s", state, problem or "")
        if state != self.state:
            self.since = time.time_ns() // 1000
        self.state, self.problem = state, problem
        self._on_change()

    async def urgent(self, message: Urgent) -> None:
        """Send an alarm that could not be made durable. Raises LinkError when there is no link."""
        if self._link is None:
            raise LinkError("link_lost", why="not connected")
        await self._link.publish(topics.up_urgent(self._gw), encode(message))

    # receiving

    def _on_message(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """A message that breaks the contract is counted and changes nothing. `retained`: it is from before we subscribed."""
        try:
            if topic == topics.CENTRAL_STATUS:
                self._on_central(decode(payload, CentralStatus), retained=retained)
            elif topic == topics.down_command(self._gw):
                self._spawn(self._command(payload))
            elif topic == topics.down_hashes(self._gw):
                self._parting.on_hashes(decode(payload, Hashes))
            else:
                of = topics.parse_ack(self._gw, topic)
                lanes = self._sender.of(of.store)
                if lanes is None:
                    raise ContractError("ack_of_other_store", store=of.store)
                era = None if retained else self._era
                self._spawn(self._on_ack(topic, lanes[of.stream], decode(payload, Ack), era))
        except ContractError as err:
            self._ignore(topic, err)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ignore(self, topic: str, why: ContractError) -> None:
        self.ignored_messages += 1
        now = time.monotonic()
        if now - self._ignored_at.get(why.code, float("-inf")) > IGNORED_LOG_S:
            log.warning("ignored %s: %s", topic, why)
            self._ignored_at[why.code] = now
        self._on_change()

    def _on_central(self, status: CentralStatus, *, retained: bool) -> None:
        if status.state == "down":
            # else it is the late will of an earlier session; but what was retained is the last word, of whichever it is
            if retained or self._central_session in (None, status.session):
                self._era += 1
                self._central_is("down")
        else:
            self._era += 1
            self._central_is("up")
            self._central_epoch = status.epoch
            self._sender.encoding = "zstd" if "zstd" in status.encodings else "json"
            if status.session != self._central_session:
                self._central_session = status.session
                self._sender.revived()
                if self._link is not None:  # it may have forgotten: our watermarks tell it
                    self._spawn(self._say_birth_again(self._link))
        self._on_change()
        self._sender.wake()

    def _central_is(self, state: CentralState) -> None:
        self.central = state
        self._sender.central_down = state == "down"

    async def _on_ack(self, topic: str, lane: Lane, ack: Ack, era: int | None) -> None:
        """`era` None: it tells nothing of the centre as it is now."""
        async with self._in_order:  # a hash may have to be read from the disk first
            head = await self._hash_at(lane, ack.upto)
            if not self._sender.owns(lane):
                return  # another store has taken its place meanwhile, and is told the same again
            verdict = lane.acknowledged(ack, head, time.monotonic(), self._central_epoch)
        if verdict == "stale":
            self._ignore(topic, ContractError("ack_stale", upto=ack.upto, known=lane.upto))
            if ack.ingest < lane.epoch > self._told_epoch and self._link is not None:
                await self._say_birth_again(self._link)  # or it would stay below what we believe for ever
            return
        if verdict == "unproven":
            self._ignore(topic, ContractError("ack_unproven", upto=ack.upto, stream=lane.stream))
            return
        if verdict == "fork":
            self._spawn(self._parting.dispute(lane, ack))
            return
        if era == self._era:
            self._central_is("up")
            self._sender.heard()
        if verdict == "progress":
            if not any(each.forked for each in self.lanes.values()):
                self.problem = None
            if not lane.store.sealed:
                self._on_progress(lane.stream, lane.upto)
        self._on_change()
        self._sender.wake()

    async def _believe(self, lane: Lane, ack: Ack) -> None:
        """It came some time ago."""
        await self._on_ack(topics.down_ack(self._gw, lane.store.id, lane.stream), lane, ack, None)

    async def _hash_at(self, lane: Lane, seq: int) -> str | None:
        """Our own hash at a watermark, None where it is not held: an acknowledgement must agree with it."""
        if (head := lane.head_in_flight(seq)) is not None:
            return head
        if not lane.store.low(lane.stream) - 1 <= seq <= lane.store.last(lane.stream):
            return None
        try:
            return (await lane.store.hash_at(lane.stream, seq)).hex()
        except StoreError:
            return None

    async def _command(self, payload: bytes) -> None:
        result = await self._on_command(payload)
        if result is None:
            self.ignored_messages += 1
            self._on_change()
        elif self._link is not None:
            try:
                await self._link.publish(topics.up_result(self._gw), encode(result))
            except LinkError:
                return  # the centre asks again, and the result is stored

    def _forked(self) -> None:
        self.problem = None
        if self._link is not None:
            self._spawn(self._say_birth_again(self._link))
        self._on_change()

    async def _say_birth_again(self, link: MqttLink) -> None:
        try:
            await self._say_birth(link)
        except LinkError:
            return  # it is said at the next connection
