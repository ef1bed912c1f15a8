"""A centre of a few lines, written by hand from the contract: it takes batches, keeps them in memory, acknowledges."""

import asyncio
from collections.abc import Callable
from typing import Literal, Self

import msgspec

from gateway.demo.broker import Broker
from model.errors import LinkError
from model.record import STREAMS, Record, Stream, genesis
from support.centre import password
from support.journals import GW
from support.source import new_id
from sync.contract import topics
from sync.contract.batch import verify
from sync.contract.messages import (
    Ack,
    Batch,
    Birth,
    CentralStatus,
    CommandResult,
    Encoding,
    HashRequest,
    Urgent,
    Will,
    decode,
    encode,
)
from sync.mqtt import MqttLink, MqttSettings


class SmallCentre:
    """`async with`: connected, and connecting again by itself. `acks` False: it hears all and says nothing."""

    def __init__(self, broker: Broker, *, acks: bool = True, settings: MqttSettings | None = None) -> None:
        self.gw = GW
        self.acks = acks
        self.epoch = 1
        self.batches: list[Batch] = []
        self.payloads: list[bytes] = []
        self.records: dict[Stream, dict[int, Record]] = {s: {} for s in STREAMS}
        self.lost: dict[Stream, dict[int, str]] = {s: {} for s in STREAMS}
        self.statuses: list[Birth | Will] = []
        self.results: list[CommandResult] = []
        self.urgent: list[Urgent] = []
        self.questions: list[HashRequest] = []
        self._settings = settings or MqttSettings(broker.url, "central", password(broker, "central"))
        self._heard = asyncio.Event()
        self._store = ""

    async def __aenter__(self) -> Self:
        await self._connect()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        await self.link.close()

    async def _connect(self) -> None:
        self.link = MqttLink(
            self._settings, client_id="central", clean_start=True, will=None, on_message=self._on_message
        )
        await self.link.connect()
        await self.link.subscribe(topics.ALL_UP)

    async def _keep(self) -> None:
        while True:
            await self.link.closed()
            while True:
                try:
                    await self._connect()
                    break
                except LinkError:
                    await asyncio.sleep(0.05)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until what was heard so far fulfils the condition; the test's time limit ends it otherwise."""
        while not condition():
            self._heard.clear()
            await self._heard.wait()

    async def status(
        self, state: Literal["up", "down"], *, session: str | None = None, encodings: list[Encoding] | None = None
    ) -> str:
        """Publish the centre's status; its session."""
        session = session or new_id()
        said = CentralStatus(v=1, state=state, session=session, epoch=self.epoch, encodings=encodings or ["json"])
        await self.link.publish(topics.CENTRAL_STATUS, encode(said), retain=True)
        return session

    async def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        await self.link.publish(topic, payload, retain=retain)

    async def acknowledge(self, stream: Stream, ack: Ack, *, store: str | None = None) -> None:
        await self.say(topics.down_ack(self.gw, store or self._store, stream), encode(ack), retain=True)

    async def acknowledge_all(self) -> None:
        """Say for each stream what has come, as when acknowledgements had been lost."""
        for stream in STREAMS:
            if self.records[stream] or self.lost[stream]:
                await self.acknowledge(stream, self.ack(stream))

    def ack(self, stream: Stream) -> Ack:
        """What the contract lets a centre say now: contiguous, with the hash there, and the holes above."""
        settled = self.records[stream].keys() | self.lost[stream].keys()
        upto = next(n for n in range(len(settled) + 1) if n + 1 not in settled)
        record = self.records[stream].get(upto)
        head = record.hash.hex() if record else None if upto else genesis(self._store).hex()
        above = [n for n in settled if n > upto]
        missing = [(upto + 1, min(above) - 1)] if above else []
        return Ack(ingest=self.epoch, upto=upto, head=head, missing=missing)

    def of(self, stream: Stream) -> list[Batch]:
        return [b for b in self.batches if b.stream == stream]

    def has(self, stream: Stream, last: int) -> bool:
        """Whether all up to `last` has come."""
        return all(n in self.records[stream] or n in self.lost[stream] for n in range(1, last + 1))

    def _on_message(self, topic: str, payload: bytes) -> None:
        gw, what = topics.parse_up(topic)
        if gw != self.gw:
            return
        if what == "status":
            down = msgspec.json.decode(payload)["state"] == "down"
            self.statuses.append(decode(payload, Will) if down else decode(payload, Birth))
        elif what == "cmdres":
            self.results.append(decode(payload, CommandResult))
        elif what == "urgent":
            self.urgent.append(decode(payload, Urgent))
        elif what == "hashreq":
            self.questions.append(decode(payload, HashRequest))
        elif what in STREAMS:
            self._on_batch(Stream(what), payload)
        self._heard.set()

    def _on_batch(self, stream: Stream, payload: bytes) -> None:
        batch = decode(payload, Batch)
        self._store = batch.store
        for record in verify(batch):
            known = self.records[stream].setdefault(record.seq, record)
            assert known.hash == record.hash
        for a, b, why in batch.lost:
            self.lost[stream].update(dict.fromkeys(range(a, b + 1), str(why)))
        self.batches.append(batch)
        self.payloads.append(payload)
        if self.acks:
            topic = topics.down_ack(self.gw, batch.store, stream)
            _ = self.link.publish(topic, encode(self.ack(stream)), retain=True)
