"""Where our history of a store and the centre's part: after a restored backup, on a cloned card, with a disk that lied."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from model.errors import ContractError, DoorpostError, LinkError, StoreError
from model.record import STREAMS, Stream
from sync.contract import topics
from sync.contract.messages import HASHES_MAX, Ack, Hashes, HashRequest, encode
from sync.journal.journal import Journal
from sync.journal.segment import Head
from sync.journal.view import StoreView
from sync.lane import Lane
from sync.mqtt import MqttLink
from sync.sender import Sender

ANSWER_TIMEOUT_S = 10.0
TRIES = 3
RETRY_S = 30.0
LINK_RETRY_S = 1.0
FORK_PAUSE_S = 600.0
"""A second fork of the store that takes records so soon after the first would be somebody's mischief, not another history."""

log = logging.getLogger("doorpost.parting")

T = TypeVar("T")
Ask = Callable[[Stream, list[int]], Awaitable[dict[int, str]]]
"""The centre's hashes (hex) at these numbers of the store, as far as it has them. Raises TimeoutError when it does not answer."""


async def parting(store: StoreView, ask: Ask, disputed: Mapping[Stream, int]) -> dict[Stream, Head]:
    """Per stream the last record that both have. What the centre cannot show counts as not shared: it is sent once more then.

    `disputed` are numbers at which it is known to have another. Raises TimeoutError, StoreError.
    """
    return {stream: await _shared(store, stream, ask, disputed.get(stream)) for stream in STREAMS}


async def _shared(store: StoreView, stream: Stream, ask: Ask, disputed: int | None) -> Head:
    low, last = store.low(stream) - 1, store.last(stream)
    high = last if disputed is None else min(last, disputed - 1)  # shared up to low, not above high
    while low < high:
        step = -(-(high - low) // HASHES_MAX)
        numbers = sorted({*range(high, low, -step)})
        theirs = await ask(stream, numbers)
        ours = {number: await _ours(store, stream, number) for number in numbers}
        other = any(ours.get(number) not in (None, hash_) for number, hash_ in theirs.items())
        if high in theirs and theirs[high] == ours[high] and not other:
            return Head(high, await store.hash_at(stream, high))  # also where what is below was lost here
        for number in numbers:
            if number not in theirs or theirs[number] != ours[number]:
                high = number - 1
                break
            low = number
    return Head(low, await store.hash_at(stream, low))


async def _ours(store: StoreView, stream: Stream, number: int) -> str | None:
    try:
        return (await store.hash_at(stream, number)).hex()
    except StoreError:
        return None


class Dispute(NamedTuple):
    ack: Ack
    not_before: float


class Parting:
    """Settles acknowledgements that our history does not explain."""

    def __init__(
        self,
        gw: str,
        journal: Journal,
        sender: Sender,
        on_problem: Callable[[DoorpostError], None],
        believe: Callable[[Lane, Ack], Awaitable[None]],
        central_up: Callable[[], bool],
    ) -> None:
        """`believe` takes an acknowledgement in that has been explained."""
        self._gw = gw
        self._journal = journal
        self._sender = sender
        self._on_problem = on_problem
        self._believe = believe
        self._central_up = central_up
        self._disputes: dict[Lane, Dispute] = {}
        self._more = asyncio.Event()
        self._questions: dict[tuple[str, str, str], asyncio.Future[Hashes]] = {}
        self._forked_at = float("-inf")
        self._running = False
        self.link: MqttLink | None = None
        """None while there is none: what is disputed waits for the next."""

    async def run(self, link: MqttLink) -> None:
        """Settle over this link what is left from another."""
        self.link = link
        await self._settle()

    async def dispute(self, lane: Lane, ack: Ack) -> None:
        """Find out whether the histories part, and where they do go on in a new store from there."""
        known = self._disputes.get(lane)
        self._disputes[lane] = Dispute(ack, known.not_before if known else float("-inf"))
        await self._settle()

    def on_hashes(self, answer: Hashes) -> None:
        """Raises ContractError where nobody has asked for it."""
        question = self._questions.get((answer.id, answer.store, answer.stream))
        if question is None:
            raise ContractError("hashes_unasked", id=answer.id)
        if not question.done():
            question.set_result(answer)

    async def _settle(self) -> None:
        self._more.set()
        if self._running:
            return
        self._running = True
        try:
            while self.link is not None and self._disputes:
                lane = min(self._disputes, key=lambda lane: self._disputes[lane].not_before)
                if (wait := self._disputes[lane].not_before - time.monotonic()) > 0:
                    await self._pause(wait)
                    continue
                ack = self._disputes.pop(lane).ack
                if wait := await self._tried(lane, ack):
                    self._disputes.setdefault(lane, Dispute(ack, time.monotonic() + wait))
        finally:
            self._running = False

    async def _pause(self, seconds: float) -> None:
        """Until another dispute comes."""
        self._more.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._more.wait()
        except TimeoutError:
            return

    async def _tried(self, lane: Lane, ack: Ack) -> float:
        """In how many seconds it is to be tried again; 0 where it is settled."""
        if not self._sender.owns(lane):
            return 0
        try:
            return await self._settled(lane, ack)
        except LinkError:
            return LINK_RETRY_S
        except StoreError as err:
            self._on_problem(err)
        except Exception:  # a bug here must not hold a lane for ever
            log.exception("a dispute about store %s", lane.store.id)
        return RETRY_S

    async def _settled(self, lane: Lane, ack: Ack) -> float:
        """As of `_tried`. Raises LinkError, StoreError."""
        store = lane.store
        if store.sealed and await self._asked(partial(self._shares_end, lane)):
            lane.prove()
            await self._believe(lane, ack)
            return 0
        self._on_problem(ContractError("store_forked", stream=lane.stream, upto=ack.upto))
        if not store.sealed and (wait := self._forked_at + FORK_PAUSE_S - time.monotonic()) > 0:
            return wait
        ends = await self._asked(partial(parting, store, partial(self._ask, store.id), {lane.stream: ack.upto}))
        if ends is None and not self._central_up():
            return RETRY_S  # it is silent because it is not there
        log.warning("the centre has another history of store %s", store.id)
        await self._journal.fork(store.id, ends or await self._known_ends(store))
        if not store.sealed:
            self._forked_at = time.monotonic()
        return 0

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T | None:
        """None where the centre does not answer. Raises LinkError when the link went, StoreError."""
        for _ in range(TRIES):
            try:
                return await question()
            except TimeoutError:
                continue
            except LinkError as err:
                if err.code == "link_lost":
                    raise
        return None

    async def _shares_end(self, lane: Lane) -> bool:
        """Whether the centre knows the last record that a damaged store has left. Raises TimeoutError, LinkError."""
        end = lane.store.head(lane.stream)
        return end.seq == 0 or (await self._ask(lane.store.id, lane.stream, [end.seq])).get(end.seq) == end.hash.hex()

    async def _ask(self, store: str, stream: Stream, numbers: list[int]) -> dict[int, str]:
        """The centre's hashes at these numbers, as far as it has them. Raises TimeoutError, LinkError."""
        if self.link is None:
            raise LinkError("link_lost", why="not connected")
        question = HashRequest(v=1, id=str(uuid.uuid4()), store=store, stream=stream.value, at=numbers)
        answered: asyncio.Future[Hashes] = asyncio.get_running_loop().create_future()
        asked = (question.id, question.store, question.stream)
        self._questions[asked] = answered
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self.link.publish(topics.up_hash_request(self._gw), encode(question))
                answer = await answered
        finally:
            del self._questions[asked]
        return dict(answer.hashes)

    async def _known_ends(self, store: StoreView) -> dict[Stream, Head]:
        """For a centre that tells no hashes: what it acknowledged before. Raises StoreError."""
        ends: dict[Stream, Head] = {}
        for stream, lane in (self._sender.of(store.id) or {}).items():
            low = store.low(stream) - 1
            seq = max(low, min(lane.upto, store.last(stream)))
            if await _ours(store, stream, seq) is None:
                seq = low  # all of it comes again
            ends[stream] = Head(seq, await store.hash_at(stream, seq))
        return ends
