"""Whatever comes down, to a real uplink over a real broker: nothing raises, and a record is only what the contract makes it.

A watermark goes only where an acknowledgement proves it. A fork is only seen where another history is claimed, and only
moves records; none is lost, whatever is answered to the gateway's question.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.demo.broker import Broker
from model.errors import ContractError
from model.record import STREAMS, Record, Stream
from support import uplinks
from support.centre import USERS, password
from support.journals import GW, numbers, verified
from support.memory import memory_directory
from support.odd_json import odd_json
from support.source import new_id
from support.uplinks import Gateway
from sync.contract.messages import (
    EPOCH_STEP_MAX,
    Ack,
    CentralStatus,
    CommandResult,
    Hashes,
    HashRequest,
    decode,
    encode,
)
from sync.contract.topics import (
    CENTRAL_STATUS,
    down_ack,
    down_command,
    down_hashes,
    up_hash_request,
)
from sync.mqtt import MqttLink, MqttSettings

HEARD: list[Stream] = [stream for stream in STREAMS if stream is not Stream.DIAG]
"""Streams to which anything is said. An honest acknowledgement of diag then tells that all before it was heard."""

STUCK_S = 20.0


class Deaf(Gateway):
    """It takes nothing for a command."""

    async def _on_command(self, payload: bytes) -> CommandResult | None:
        return None


WRITTEN_MAX = 200
"""No example writes so many: what is refused beyond is of no account."""


class Mark(NamedTuple):
    upto: int = 0
    epoch: int = 0
    refused: frozenset[int] = frozenset()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with memory_directory() as directory:
        broker = Broker(USERS, Path(directory), program="mosquitto")
        broker.start()
        yield broker
        broker.kill()


class Wire:
    """A gateway on an event loop of its own, and the end of the wire where anybody may speak. Say nothing that is retained."""

    def __init__(self, broker: Broker) -> None:
        self.runner = asyncio.Runner()
        self.raised: list[Any] = []
        self.runner.get_loop().set_exception_handler(lambda _, context: self.raised.append(context))
        self._directory = memory_directory()
        self._broker = broker
        self.asked: asyncio.Queue[HashRequest] = asyncio.Queue()
        self.runner.run(self._open())

    async def _open(self) -> None:
        by = MqttSettings(self._broker.url, "central", password(self._broker, "central"))
        self.link = MqttLink(by, client_id="central", clean_start=True, will=None, on_message=self._heard)
        await self.link.connect()
        await self.link.subscribe(up_hash_request(GW))
        self.gateway = Deaf(uplinks.settings(self._broker), Path(self._directory.name))
        await self.start()

    def _heard(self, _topic: str, payload: bytes) -> None:
        self.asked.put_nowait(decode(payload, HashRequest))

    async def start(self) -> None:
        await self.gateway.open()
        self.gateway.connect()
        await self.gateway.until(lambda: self.gateway.uplink.state == "online")

    async def restart(self) -> None:
        await self.gateway.__aexit__()
        await self.start()

    async def say(self, topic: str, payload: bytes) -> None:
        await self.link.publish(topic, payload)

    async def hash_at(self, stream: Stream, seq: int) -> str:
        return (await self.gateway.journal.current.hash_at(stream, seq)).hex()

    async def all_heard(self) -> None:
        """All that was said so far has been taken."""
        journal = self.gateway.journal
        await self.gateway.write(Stream.DIAG)
        last = journal.last(Stream.DIAG)
        ack = Ack(ingest=1, upto=last, head=await self.hash_at(Stream.DIAG, last))
        await self.say(down_ack(GW, journal.store, Stream.DIAG), encode(ack))
        async with asyncio.timeout(STUCK_S):
            await self.gateway.until(lambda: self.gateway.uplink.lanes[Stream.DIAG].upto == last)

    def close(self) -> None:
        self.runner.run(self._close())
        self.runner.close()
        self._directory.cleanup()
        assert not self.raised

    async def _close(self) -> None:
        await self.gateway.__aexit__()
        await self.link.close()


class Downlink(RuleBasedStateMachine):
    """What the contract says of each message is done again here, and must be what the gateway does."""

    broker: Broker

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire(self.broker)
        self.marks: dict[Stream, Mark] = dict.fromkeys(HEARD, Mark())
        self.forked: set[Stream] = set()
        self.ignored = 0
        self.written: dict[Stream, list[int]] = {stream: [] for stream in HEARD}

    def run(self, work: Any) -> Any:
        return self.wire.runner.run(work)

    @initialize()
    def some_records(self) -> None:
        for stream in HEARD:
            self.write(stream, 3)

    @rule(stream=st.sampled_from(HEARD), count=st.integers(1, 5))
    def write(self, stream: Stream, count: int) -> None:
        self.run(self.wire.gateway.write(stream, count))
        self.written[stream] += range(count)

    @rule(
        stream=st.sampled_from(HEARD),
        ingest=st.integers(1, 3),
        back=st.integers(-1, 4),
        head=st.sampled_from(["own", "own", "own", "other", "none"]),
        refused=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), st.just("why")), max_size=2),
        missing=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=2),
    )
    def acknowledge(
        self,
        stream: Stream,
        ingest: int,
        back: int,
        head: str,
        refused: list[tuple[int, int, str]],
        missing: list[tuple[int, int]],
    ) -> None:
        upto = max(0, len(self.written[stream]) - back)
        own = self._own(stream, upto)
        said = {"own": own, "other": "00" * 32, "none": None}[head]
        ack = Ack(ingest=ingest, upto=upto, head=said, refused=refused, missing=missing)
        self._say([(down_ack(GW, self.wire.gateway.journal.store, stream), encode(ack))])

    @rule(data=st.data())
    def say_anything(self, data: st.DataObject) -> None:
        store = self.wire.gateway.journal.store
        topics = [
            *(down_ack(GW, store, stream) for stream in HEARD),
            down_ack(GW, new_id(), Stream.ALARM),
            down_ack(GW, "..", Stream.ALARM),
            down_command(GW),
            down_hashes(GW),
            CENTRAL_STATUS,
            f"v1/gw/{GW}/down/ack/{store}",
            f"v1/gw/{GW}/down/config",
            f"v1/gw/{GW}/down/list/recalls",
        ]
        payloads = (
            st.binary(max_size=60)
            | st.just(b'{"x":' + b"[" * 5000)
            | odd_json(Ack)
            | odd_json(CentralStatus)
            | odd_json(Hashes)
        )
        self._say(data.draw(st.lists(st.tuples(st.sampled_from(topics), payloads), min_size=1, max_size=8)))

    @rule()
    def restart(self) -> None:
        """What was acknowledged is remembered; that a lane was forked is told by the next acknowledgement."""
        self.run(self.wire.restart())
        self.forked.clear()
        self.ignored = 0

    def _say(self, messages: list[tuple[str, bytes]]) -> None:
        for topic, payload in messages:
            self._expect(topic, payload)
            self.run(self.wire.say(topic, payload))
        self.run(self.wire.all_heard())

    def _own(self, stream: Stream, seq: int) -> str | None:
        return self.run(self.wire.hash_at(stream, seq)) if seq <= len(self.written[stream]) else None

    def _expect(self, topic: str, payload: bytes) -> None:
        prefix = f"v1/gw/{GW}/down/ack/{self.wire.gateway.journal.store}/"
        try:
            if topic == CENTRAL_STATUS:
                decode(payload, CentralStatus)
            elif topic.startswith(prefix):
                self._expect_ack(Stream(topic.removeprefix(prefix)), decode(payload, Ack))
            else:  # nothing was asked, commanded or stored that it could be for
                self.ignored += 1
        except ContractError:
            self.ignored += 1

    def _expect_ack(self, stream: Stream, ack: Ack) -> None:
        mark, own = self.marks[stream], self._own(stream, ack.upto)
        near = mark.epoch <= ack.ingest <= mark.epoch + EPOCH_STEP_MAX
        stale = not near or (ack.ingest == mark.epoch and ack.upto < mark.upto)
        settled = any(a <= ack.upto <= b for a, b, _ in ack.refused)
        if stale:
            self.ignored += 1
        elif own is None or ack.head not in (None, own):
            self.forked.add(stream)
        elif ack.head is None and ack.upto > mark.upto and not settled:
            self.ignored += 1
        else:
            refused = {n for a, b, _ in ack.refused for n in range(a, min(b, WRITTEN_MAX) + 1)}
            if ack.upto >= mark.upto:  # what was acknowledged is not refused later
                refused = {n for n in refused if n > mark.upto} | mark.refused
            self.marks[stream] = Mark(ack.upto, ack.ingest, frozenset(refused))

    @invariant()
    def it_did_what_the_contract_says(self) -> None:
        uplink, journal = self.wire.gateway.uplink, self.wire.gateway.journal
        assert not self.wire.raised
        assert (uplink.state, uplink.ignored_messages) == ("online", self.ignored)
        assert not journal.sealed
        for stream, mark in self.marks.items():
            lane, captured = uplink.lanes[stream], len(self.written[stream])
            refused = sum(n <= mark.upto for n in mark.refused)
            assert (lane.upto, lane.epoch, lane.forked) == (mark.upto, mark.epoch, stream in self.forked)
            assert lane.counts() == (captured, mark.upto - refused, captured - mark.upto, 0, refused)

    def teardown(self) -> None:
        for stream in HEARD:
            assert self.run(numbers(self.wire.gateway.journal, stream)) == self.written[stream]
        self.wire.close()


def test_anything_is_heard(broker: Broker) -> None:
    machine = type("OnThisBroker", (Downlink,), {"broker": broker})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=8, stateful_step_count=15, phases=[Phase.generate], deadline=None)
    )


def test_odd_answers_to_the_question_where_histories_part(broker: Broker) -> None:
    """Each record stays below the end of the sealed store or is written again, with where it was; never neither."""

    @settings(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(
        shared=st.fixed_dictionaries({stream: st.integers(0, 9) for stream in HEARD}),
        odd=st.lists(st.sampled_from(["bytes", "id", "stream", "store", "more", "order", "gone"]), max_size=4),
        junk=st.binary(max_size=30) | odd_json(Hashes),
    )
    def check(shared: dict[Stream, int], odd: list[str], junk: bytes) -> None:
        wire = Wire(broker)
        try:
            wire.runner.run(_part(wire, shared, odd, junk))
        finally:
            wire.close()

    check()


async def _part(wire: Wire, shared: dict[Stream, int], odd: list[str], junk: bytes) -> None:
    gateway, journal = wire.gateway, wire.gateway.journal
    for stream in HEARD:
        await gateway.write(stream, 8)
    old = journal.current
    before: dict[Stream, list[Record]] = {stream: await verified(journal, stream) for stream in HEARD}
    await wire.say(down_ack(GW, old.id, Stream.EVENT), encode(Ack(ingest=1, upto=8, head="00" * 32)))
    changed = asyncio.Event()
    journal.on_fork(changed.set)
    journal.on_commit(changed.set)

    async def answer() -> None:
        while True:
            asked = await wire.asked.get()
            for payload in _answers(asked, before, shared, odd, junk):
                await wire.say(down_hashes(GW), payload)

    answering = asyncio.create_task(answer())
    ends = {stream: min(8, shared[stream]) for stream in HEARD}
    ends[Stream.EVENT] = min(7, shared[Stream.EVENT])  # the acknowledgement says that 8 is another
    async with asyncio.timeout(STUCK_S):
        while not journal.sealed or any(journal.last(stream) < 8 - ends[stream] for stream in HEARD):
            await changed.wait()
            changed.clear()
    answering.cancel()
    (sealed,) = journal.sealed
    for stream, end in ends.items():
        assert sealed.last(stream) == end
        moved = [json.loads(record.body)["was"] for record in await verified(journal, stream)]
        assert moved == [[old.id, r.seq, r.hash.hex()] for r in before[stream][end:]]


def _answers(
    asked: HashRequest, before: dict[Stream, list[Record]], shared: dict[Stream, int], odd: list[str], junk: bytes
) -> Iterator[bytes]:
    """Some that are none of the right question's, and the right one at last. Of diag the centre has nothing."""
    stream = Stream(asked.stream)
    ours = {record.seq: record.hash.hex() for record in before.get(stream, [])}
    theirs = {n: ours[n] if n <= shared[stream] else "11" * 32 for n in asked.at}
    hashes = [(n, h) for n, h in theirs.items() if n <= shared[stream] or "gone" not in odd]
    right = Hashes(v=1, id=asked.id, store=asked.store, stream=asked.stream, hashes=hashes)
    other = "diag" if asked.stream == "alarm" else "alarm"
    lies = [(n, "22" * 32) for n in asked.at]
    for what in odd:
        match what:
            case "bytes":
                yield junk
            case "id":
                yield encode(msgspec.structs.replace(right, id=new_id(), hashes=lies))
            case "stream":
                yield encode(msgspec.structs.replace(right, stream=other, hashes=lies))
            case "store":
                yield encode(msgspec.structs.replace(right, store=new_id(), hashes=lies))
    if "more" in odd:
        hashes = [*hashes, (900, "33" * 32)]
    if "order" in odd:
        hashes = hashes[::-1]
    yield encode(msgspec.structs.replace(right, hashes=hashes))
