"""A gateway's stream, written down by hand: records in their chain, and messages made of them."""

import uuid
from collections.abc import Sequence

from model.record import Draft, Record, Stream, chain, genesis
from model.time import Stamp, TimeQuality
from sync.contract.batch import build
from sync.contract.messages import (
    Birth,
    Encoding,
    LostReason,
    StoreState,
    StreamName,
    StreamState,
    Will,
    encode,
)
from sync.contract.topics import up_status, up_stream

BOOT = "0b6f4c1e-1111-4222-8333-444455556666"
STORE = "5a1d0c7e-aaaa-4bbb-8ccc-ddddeeeeffff"
T0 = 1_790_000_000_000_000


def at(t: int = T0) -> Stamp:
    return Stamp(BOOT, t, TimeQuality("ntp", 12), 5_000_000)


def new_id() -> str:
    return str(uuid.uuid4())


class Source:
    """Record n of the stream has the body `{"n":n}` unless others are given."""

    def __init__(
        self,
        stream: Stream = Stream.READING,
        count: int = 0,
        *,
        kind: str = "reading.poll/1",
        gw: str = "gw-1",
        store: str = STORE,
    ) -> None:
        self.gw, self.store, self.stream = gw, store, stream
        self.records: list[Record] = []
        self.write(*((kind, b'{"n":%d}' % (i + 1)) for i in range(count)))

    @property
    def topic(self) -> str:
        return up_stream(self.gw, self.stream)

    def write(self, *bodies: tuple[str, bytes]) -> None:
        """Append (kind, body) each."""
        first = len(self.records) + 1
        drafts = [Draft(kind, body, at(T0 + (first + i) * 1000)) for i, (kind, body) in enumerate(bodies)]
        self.records += chain(self.hash(first - 1), self.gw, self.store, self.stream, first, drafts)

    def hash(self, seq: int) -> bytes:
        return self.records[seq - 1].hash if seq else genesis(self.store)

    def batch(
        self,
        first: int = 1,
        last: int | None = None,
        *,
        lost: Sequence[tuple[int, int, LostReason]] = (),
        sent: int = T0,
        encoding: Encoding = "json",
    ) -> tuple[str, bytes]:
        """Topic and payload."""
        records = self.records[first - 1 : last]
        batch = build(
            self.gw, self.store, self.stream, records, prev=self.hash(first - 1), low=first, lost=lost, sent=sent
        )
        return self.topic, encode(batch, encoding)


def birth(gw: str, session: str, marks: dict[StreamName, StreamState], store: str = STORE) -> tuple[str, bytes]:
    message = Birth(
        v=1,
        state="up",
        session=session,
        version="0.1.0",
        boot=BOOT,
        sent=T0,
        kinds=["reading.poll/1"],
        encodings=["json", "zstd"],
        stores=[StoreState(store=store, streams=marks)],
        devices=[],
    )
    return up_status(gw), encode(message)


def will(gw: str, session: str) -> tuple[str, bytes]:
    return up_status(gw), encode(Will(v=1, state="down", session=session))
