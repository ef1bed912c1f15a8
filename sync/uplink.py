"""The way to the centre: sends each stream's batches, alarms first, and believes nobody but the centre that they arrived.

The journal is the queue. A connection starts clean, and whatever is not acknowledged by the centre is sent again.
"""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from model.errors import ContractError, DoorpostError, LinkError, StoreError
from model.record import KINDS, STREAMS, Stream
from sync.contract import topics
from sync.contract.batch import BATCH_MAX_BYTES, BATCH_MAX_RECORDS, build
from sync.contract.messages import (
    Ack,
    Batch,
    Birth,
    CentralStatus,
    CommandResult,
    DeviceState,
    Encoding,
    StoreState,
    StreamState,
    Urgent,
    Will,
    decode,
    encode,
)
from sync.flow import Flow
from sync.journal.journal import Journal
from sync.lane import PATIENCE_S, Counts, Lane
from sync.mqtt import CONNECT_TIMEOUT_S, MqttLink, MqttSettings

ALARM_SLOTS = 4
"""Publishes that only alarms may have under way, of those that the broker allows."""
PROBE_S = 60.0
"""How often one batch asks a centre that seems down whether it is there."""
RETRY_MIN_S = 1.0
RETRY_MAX_S = 60.0
GOODBYE_S = 1.0

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
        boot: str,
        devices: Callable[[], list[DeviceState]],
        on_command: OnCommand,
        on_progress: Callable[[Stream, int], None],
        on_change: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._gw = gw
        self._journal = journal
        self._version = version
        self._boot = boot
        self._devices = devices
        self._on_command = on_command
        self._on_progress = on_progress
        self._on_change = on_change
        self._flow = Flow()
        self.lanes = {s: Lane(journal, s, None if s is Stream.ALARM else self._flow) for s in STREAMS}
        self._link: MqttLink | None = None
        self._wake = asyncio.Event()
        self._central_session: str | None = None
        self._encoding: Encoding = "json"
        self._in_order = asyncio.Lock()
        self._silent = False
        self._heard_at = float("-inf")
        self._probed_at = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()
        self.state: LinkState = "connecting"
        self.since = time.time_ns() // 1000
        self.problem: DoorpostError | None = None
        self.central: CentralState = "unknown"
        self.ignored_messages = 0
        """Downlink messages that broke the contract, were stale or not for us."""
        journal.on_commit(self._wake.set)

    def counts(self, stream: Stream) -> Counts:
        return self.lanes[stream].counts()

    async def run(self) -> None:
        """Connect, send, and connect again; only cancellation ends it."""
        pause = RETRY_MIN_S
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
                if time.monotonic() - started > RETRY_MAX_S:
                    pause = RETRY_MIN_S
                await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
                pause = min(RETRY_MAX_S, 2 * pause)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _connection(self) -> None:
        session = str(uuid.uuid4())
        will = (topics.up_status(self._gw), encode(Will(v=1, state="down", session=session)))
        link = MqttLink(self._settings, client_id=self._gw, clean_start=True, will=will, on_message=self._on_message)
        await link.connect()
        try:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await link.subscribe(topics.all_down(self._gw), topics.CENTRAL_STATUS)
                    await link.publish(topics.up_status(self._gw), encode(self._birth(session)), retain=True)
            except TimeoutError as err:
                raise LinkError("broker_silent", url=self._settings.url) from err
            self._silent = False
            self._probed_at = float("-inf")
            self._link = link
            self._became("online", None)
            for lane in self.lanes.values():
                lane.rewind()
            sender = asyncio.ensure_future(self._send_forever(link))
            closed = asyncio.ensure_future(link.closed())
            try:
                await asyncio.wait([sender, closed], return_when=asyncio.FIRST_COMPLETED)
                if sender.done():
                    sender.result()
                raise closed.result()
            finally:
                sender.cancel()
                closed.cancel()
                self._link = None
        except asyncio.CancelledError:
            farewell = encode(Will(v=1, state="down", session=session, orderly=True))
            goodbye = link.publish(topics.up_status(self._gw), farewell, retain=True)
            await asyncio.wait([goodbye], timeout=GOODBYE_S)
            raise
        finally:
            self.central = "unknown"
            await link.close()

    def _birth(self, session: str) -> Birth:
        streams: dict[Any, StreamState] = {
            s.value: StreamState(
                last=self._journal.last(s),
                upto=self.lanes[s].upto,
                low=self._journal.low(s),
                head=self._journal.head(s).hash.hex(),
                ingest=self.lanes[s].epoch,
            )
            for s in STREAMS
        }
        return Birth(
            v=1,
            state="up",
            session=session,
            version=self._version,
            boot=self._boot,
            sent=time.time_ns() // 1000,
            kinds=sorted(KINDS),
            encodings=["json", "zstd"],
            stores=[StoreState(store=self._journal.store, streams=streams)],
            devices=self._devices(),
        )

    def _became(self, state: LinkState, problem: DoorpostError | None) -> None:
        """Note a change of state; told once, not at every try."""
        if state != self.state or (problem and not self.problem):
            log.info("link %s %s", state, problem or "")
        if state != self.state:
            self.since = time.time_ns() // 1000
        self.state, self.problem = state, problem
        self._on_change()

    # sending

    async def _send_forever(self, link: MqttLink) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            for lane in self.lanes.values():
                if lane.impatient(now) and now - self._heard_at > PATIENCE_S:
                    self._silent = True
            chosen = self._choose(link, now)
            if chosen is None:
                await self._pause(link)
            else:
                await self._send(link, chosen)

    def _choose(self, link: MqttLink, now: float) -> Lane | None:
        """The first stream in order that has something to send and may send it."""
        for lane in self.lanes.values():
            if not lane.ready(now):
                continue
            if lane.stream is Stream.ALARM:
                if link.free > 0:
                    return lane
            elif link.free > min(ALARM_SLOTS, link.window - 1) and not link.unsent and self._may_send(now):
                return lane
        return None

    def _may_send(self, now: float) -> bool:
        """Whether the streams below alarms may send: the centre is there and the link not full, or it is time to ask."""
        if self.central == "down" or self._silent:
            return self._flow.in_flight == 0 and now - self._probed_at >= PROBE_S
        return self._flow.in_flight < self._flow.budget

    async def _pause(self, link: MqttLink) -> None:
        """Until something was committed or acknowledged, or some patience ends."""
        deadlines = [d for lane in self.lanes.values() if (d := lane.deadline()) is not None]
        wait = min([1.0, *(max(0.01, d - time.monotonic()) for d in deadlines)])
        if link.unsent:
            wait = min(wait, 0.02)
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, link: MqttLink, lane: Lane) -> None:
        first = lane.next
        try:
            batch = await self._batch(lane)
        except StoreError as err:
            self._became(self.state, err)
            lane.refused_by_broker(time.monotonic())
            return
        if lane.next != first or lane.held:
            return  # an acknowledgement came while the disk was read
        payload = encode(batch, self._encoding)
        now = time.monotonic()
        if lane.stream is not Stream.ALARM:
            self._probed_at = now
        lane.sent(batch.first, batch.last, batch.head, len(payload), now)
        published = link.publish(topics.up_stream(self._gw, lane.stream), payload)
        published.add_done_callback(lambda done: self._published(lane, done))

    async def _batch(self, lane: Lane) -> Batch:
        """The next batch; without records where all that was next can no longer be sent."""
        stream = lane.stream
        low = self._journal.low(stream)
        lost: list[Any] = lane.gaps()
        first = max(lane.next, low)
        sent = time.time_ns() // 1000
        if first > self._journal.last(stream):
            head = (await self._journal.hash_at(stream, first - 1)).hex()
            return Batch(
                v=1,
                gw=self._gw,
                store=self._journal.store,
                stream=stream.value,
                boot=self._boot,
                first=first,
                last=first - 1,
                low=low,
                prev=head,
                head=head,
                sent=sent,
                recs=[],
                lost=lost,
            )
        found = await self._journal.read(stream, first, BATCH_MAX_RECORDS, BATCH_MAX_BYTES)
        return build(
            self._gw, self._journal.store, stream, found.records, prev=found.prev, low=low, lost=lost, sent=sent
        )

    def _published(self, lane: Lane, done: "asyncio.Future[int]") -> None:
        """A PUBACK proves nothing; only a refusal tells us something."""
        error = done.exception()
        if isinstance(error, LinkError) and error.code == "publish_refused":
            self._became(self.state, error)
            lane.refused_by_broker(time.monotonic())
        self._wake.set()

    async def urgent(self, message: Urgent) -> None:
        """Send an alarm that could not be made durable. Raises LinkError when there is no link."""
        if self._link is None:
            raise self.problem or LinkError("link_lost", why="not connected")
        await self._link.publish(topics.up_urgent(self._gw), encode(message))

    # receiving

    def _on_message(self, topic: str, payload: bytes) -> None:
        """A message that breaks the contract is counted and changes nothing."""
        try:
            if topic == topics.CENTRAL_STATUS:
                self._on_central(decode(payload, CentralStatus))
            elif topic == topics.down_command(self._gw):
                self._spawn(self._command(payload))
            else:
                of = topics.parse_ack(self._gw, topic)
                if of.store != self._journal.store:
                    raise ContractError("ack_of_other_store", store=of.store)
                # before we are online it is what the broker had retained, which tells nothing of the centre as it is now
                now = self._link is not None
                self._spawn(self._on_ack(topic, self.lanes[of.stream], decode(payload, Ack), fresh=now))
        except ContractError as err:
            self._ignore(topic, err)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ignore(self, topic: str, why: ContractError) -> None:
        self.ignored_messages += 1
        log.warning("ignored %s: %s", topic, why)
        self._on_change()

    def _on_central(self, status: CentralStatus) -> None:
        if status.state == "down":
            if status.session == self._central_session or self._central_session is None:
                self.central = "down"
        else:
            self.central = "up"
            self._encoding = "zstd" if "zstd" in status.encodings else "json"
            if status.session != self._central_session:
                self._central_session = status.session
                self._silent = False
                for lane in self.lanes.values():
                    lane.revive()
        self._on_change()
        self._wake.set()

    async def _on_ack(self, topic: str, lane: Lane, ack: Ack, *, fresh: bool) -> None:
        async with self._in_order:  # a hash may have to be read from the disk first
            verdict = lane.acknowledged(ack, await self._hash_at(lane, ack.upto), time.monotonic())
        if verdict == "stale":
            self._ignore(topic, ContractError("ack_stale", upto=ack.upto, known=lane.upto))
            return
        if verdict == "fork":
            self._became(self.state, ContractError("store_forked", stream=lane.stream, upto=ack.upto))
            return
        if fresh:
            self._heard()
        if verdict == "progress":
            if not any(each.forked for each in self.lanes.values()):
                self.problem = None
            self._on_progress(lane.stream, lane.upto)
        self._on_change()
        self._wake.set()

    def _heard(self) -> None:
        """The centre has acknowledged something just now: it is up."""
        self._heard_at = time.monotonic()
        self.central = "up"
        if self._silent:
            self._silent = False
            for lane in self.lanes.values():
                lane.revive()

    async def _hash_at(self, lane: Lane, seq: int) -> str | None:
        """Our own hash at a watermark, None where it is not held: an acknowledgement must agree with it."""
        if (head := lane.head_in_flight(seq)) is not None:
            return head
        if not self._journal.low(lane.stream) - 1 <= seq <= self._journal.last(lane.stream):
            return None
        try:
            return (await self._journal.hash_at(lane.stream, seq)).hex()
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
