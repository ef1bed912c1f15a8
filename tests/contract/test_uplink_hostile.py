"""Whatever comes down: it is counted, and changes nothing that it may not change."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.demo.broker import Broker
from model.record import STREAMS, Stream
from support.centre import USERS
from support.journals import GW
from support.memory import memory_directory
from support.small_centre import SmallCentre
from support.source import new_id
from support.uplinks import Gateway
from support.uplinks import settings as uplink_settings
from sync.contract.messages import MESSAGE_MAX_BYTES, Ack, encode
from sync.contract.topics import CENTRAL_STATUS, down_ack, down_command

RECORDS = 10


class World:
    """A gateway that has sent all its records, and its centre, on an event loop of their own."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self._open = AsyncExitStack()
        self._directory = memory_directory()
        self.runner.run(self._start())

    async def _start(self) -> None:
        directory = Path(self._directory.name)
        self._broker = Broker(USERS, directory / "broker", program="mosquitto")
        await asyncio.to_thread(self._broker.start)
        self.centre = await self._open.enter_async_context(SmallCentre(self._broker))
        self.gateway = await self._open.enter_async_context(Gateway(uplink_settings(self._broker), directory))
        for stream in STREAMS:
            await self.gateway.write(stream, RECORDS)
        await self.gateway.settled(*STREAMS)
        self.session = await self.centre.status("up")
        await self.gateway.until(lambda: self.gateway.uplink.central == "up")

    async def _end(self) -> None:
        await self._open.aclose()
        await asyncio.to_thread(self._broker.kill)

    def close(self) -> None:
        self.runner.run(self._end())
        self.runner.close()
        self._directory.cleanup()

    def say_bad(self, messages: list[tuple[str, bytes]]) -> None:
        """Say these, none of which may be believed: each is counted, and all watermarks stay."""
        self.runner.run(self._say_bad(messages))

    async def _say_bad(self, messages: list[tuple[str, bytes]]) -> None:
        uplink = self.gateway.uplink
        expected = uplink.ignored_messages + len(messages)
        for topic, payload in messages:
            await self.centre.say(topic, payload)
        await self.gateway.until(lambda: uplink.ignored_messages >= expected)
        assert uplink.ignored_messages == expected
        assert [lane.upto for lane in uplink.lanes.values()] == [RECORDS] * len(STREAMS)
        assert not any(lane.forked for lane in uplink.lanes.values())
        assert (uplink.state, uplink.central) == ("online", "up")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def test_arbitrary_bytes(world: World) -> None:
    """On every topic that a gateway listens to, and on some that it does not know."""
    store = world.gateway.journal.store
    topic = st.sampled_from(
        [
            *(down_ack(GW, store, s) for s in STREAMS),
            down_command(GW),
            CENTRAL_STATUS,
            f"v1/gw/{GW}/down/config",
            f"v1/gw/{GW}/down/ack/{store}",
            f"v1/gw/{GW}/down/ack/{store}/nothing",
            f"v1/gw/{GW}/down/list/recalls",
        ]
    )
    broken = st.binary(max_size=80) | st.binary(max_size=80).map(lambda b: b"\x28\xb5\x2f\xfd" + b)
    # a command of these tests begins with a brace; a message of the contract is never a list
    payload = broken.filter(lambda b: not b.startswith(b"{")) | st.just(b"[" * 5000)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(topic, payload), min_size=1, max_size=20))
    def check(messages: list[tuple[str, bytes]]) -> None:
        world.say_bad(messages)

    check()


def test_messages_that_nearly_fit(world: World) -> None:
    """One field missing, of another type or out of its bounds."""
    good = {
        "ack": {"ingest": 1, "upto": RECORDS, "head": "00" * 32, "missing": [[1, 2]], "refused": [[1, 2, "x"]]},
        "status": {"v": 1, "state": "down", "session": world.session, "epoch": 1, "encodings": ["json"]},
    }
    required = {"ack": ["ingest", "upto"], "status": list(good["status"])}
    topics = {"ack": down_ack(GW, world.gateway.journal.store, Stream.READING), "status": CENTRAL_STATUS}
    wrong = [None, -1, "", "x" * 70, [], {}, [[0]], 2.5, True, {"a": 1}]
    messages = []
    for name, fields in good.items():
        for field in fields:
            if field in required[name]:
                messages.append((topics[name], {k: v for k, v in fields.items() if k != field}))
            messages += [(topics[name], fields | {field: w}) for w in wrong if not _fits(field, w)]
    world.say_bad([(topic, msgspec.json.encode(fields)) for topic, fields in messages])


def _fits(field: str, value: object) -> bool:
    return (field == "head" and value is None) or (field in ("missing", "refused", "encodings") and value == [])


def test_stale_foreign_and_oversized(world: World) -> None:
    """Lower than known, of an older epoch, of another store, too large to be read: counted and ignored."""
    store = world.gateway.journal.store
    topic = down_ack(GW, store, Stream.EVENT)
    world.say_bad(
        [
            (topic, encode(Ack(ingest=1, upto=RECORDS - 1))),
            (topic, encode(Ack(ingest=1, upto=0))),
            (down_ack(GW, new_id(), Stream.EVENT), encode(Ack(ingest=9, upto=5))),
            (down_ack(GW, "no-store", Stream.EVENT), encode(Ack(ingest=9, upto=5))),
            (topic, encode(Ack(ingest=9, upto=5)) + b" " * MESSAGE_MAX_BYTES),
            (down_command(GW), b""),
        ]
    )


def test_late_will_of_an_old_centre(world: World) -> None:
    """A "down" of another session than the one that is up is not believed; its own is."""
    world.runner.run(_late_will(world))


async def _late_will(world: World) -> None:
    uplink = world.gateway.uplink
    await world.centre.status("down", session=new_id())
    await world.gateway.write(Stream.EVENT)
    await world.gateway.settled(Stream.EVENT)
    assert uplink.central == "up"
    await world.centre.status("down", session=world.session)
    await world.gateway.until(lambda: uplink.central == "down")
    await world.centre.status("up", session=world.session)
    await world.gateway.until(lambda: uplink.central == "up")
