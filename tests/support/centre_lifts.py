"""Lifts as their gateways tell the centre of them, written down by hand: transitions, files, tests, each in its own batch."""

import json
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Raw

from model.bodies import AlarmBody, LiftFile, LiftTest, Rescue, StreamHead, TimeAnchor
from model.record import Draft, Stream, chain, genesis
from model.time import Stamp, TimeQuality
from support.source import BOOT, STORE, T0, Source
from sync.contract.checkpoint import signed
from sync.contract.messages import Urgent, encode
from sync.contract.topics import up_urgent

SECOND = 1_000_000
NEW_STORE = "6b2e1d8f-aaaa-4bbb-8ccc-ddddeeeeffff"
STATE = {
    "raised": "raised", "repeated": "sent", "reemit": "sent", "escalated": "sent", "acked": "acked", "overdue": "acked",
    "dispatched": "dispatched", "arrived": "on_site", "released": "released", "ended": "closed", "cleared": "closed",
}  # fmt: skip
Message = tuple[str, bytes]


class LiftGateway:
    """What it says lies `s` seconds after T0, where its anchor puts the boot; by its own clock it is 1970."""

    def __init__(self, gw: str = "gw-1", lift: str = "L1", boot: str = BOOT, store: str = STORE) -> None:
        self.gw, self.lift, self.boot, self.store = gw, lift, boot, store
        self.streams: dict[Stream, Source] = {}
        self.urgent: list[Message] = []

    def say(self, kind: str, body: msgspec.Struct, s: float) -> Message:
        """A record; its batch."""
        at = Stamp(self.boot, int(s * SECOND), TimeQuality("unknown"), int(s * SECOND))
        draft = Draft(kind, encode(body), at)
        return self.give(draft, draft.stream)

    def give(self, draft: Draft, stream: Stream = Stream.ALARM) -> Message:
        """Any record, also one that no gateway of this version writes; its batch."""
        source = self.streams.setdefault(stream, Source(stream, gw=self.gw, store=self.store))
        source.records += chain(
            source.hash(len(source.records)), self.gw, self.store, stream, len(source.records) + 1, [draft]
        )
        return source.batch(len(source.records))

    def alarm(self, kind: str, s: float, alarm: str, *, what: str = "lift_alarm", **more: Any) -> Message:
        """A transition, as a record and as an urgent message. `more` are fields of the body, else of its rescue."""
        own = {name: more.pop(name) for name in ("by", "command", "n", "limit", "unjournalled") if name in more}
        rescue = Rescue(lift=self.lift, state=STATE[kind], **more)  # type: ignore[arg-type]
        body = AlarmBody(
            alarm=alarm, rule="lift-1", what=what, device="board", point="di2", profile="lift-default@1",
            raised=0, rescue=rescue, **own,
        )  # fmt: skip
        mono = int(s * SECOND)
        urgent = Urgent(
            v=1, alarm=alarm, boot=self.boot, t=mono, tq=TimeQuality("unknown"), mono=mono,
            kind=f"alarm.{kind}/1", body=Raw(encode(msgspec.structs.replace(body, unjournalled=True))),
        )  # fmt: skip
        self.urgent.append((up_urgent(self.gw), encode(urgent)))
        return self.say(f"alarm.{kind}/1", body, s)

    def anchored(self) -> Message:
        return self.say("time.anchor/1", TimeAnchor(boot=self.boot, mono=0, utc=T0, source="ntp", err_ms=5), 0)

    def file(self, s: float = 0, *, state: str = "active", **more: Any) -> Message:
        return self.say("lift.file/1", LiftFile(lift=self.lift, state=state, **more), s)  # type: ignore[arg-type]

    def test(self, phase: str, s: float, test: str, **more: Any) -> Message:
        body = LiftTest(test=test, rule="lift-1-test", lift=self.lift, profile="p@1", phase=phase, **more)  # type: ignore[arg-type]
        return self.say("lift.test/1", body, s)

    def checkpoint(self, s: float, key: Ed25519PrivateKey) -> Message:
        """Of what it has said so far."""
        heads = [
            StreamHead(
                stream=of, count=len(one.records), first=1, last=len(one.records), head=one.records[-1].hash.hex()
            )
            for of, one in self.streams.items()
        ]
        at = Stamp(self.boot, int(s * SECOND), TimeQuality("unknown"), int(s * SECOND))
        return self.say("checkpoint/1", signed(self.gw, self.store, at, heads, key), s)

    def batches(self) -> list[Message]:
        """Of all that was said, a batch per record."""
        return [s.batch(n, n) for s in self.streams.values() for n in range(1, len(s.records) + 1)]

    def again(self) -> list[Message]:
        """Its alarms given once more in a new store, as after a fork."""
        old, found = self.streams[Stream.ALARM], Source(Stream.ALARM, gw=self.gw, store=NEW_STORE)
        prev, messages = genesis(NEW_STORE), []
        for record in old.records:
            was = json.dumps([STORE, record.seq, record.hash.hex()], separators=(",", ":")).encode()
            draft = Draft(record.kind, record.body[:-1] + b',"was":' + was + b"}", record.at)
            found.records += chain(prev, self.gw, NEW_STORE, Stream.ALARM, record.seq, [draft])
            prev = found.records[-1].hash
            messages.append(found.batch(record.seq))
        return messages

    def other_history(self) -> Message:
        """The same store, as another one had it: whatever this one says on `alarm` from now on is in conflict."""
        source = Source(Stream.ALARM, gw=self.gw)
        body = LiftTest(test="other", rule="r", lift="elsewhere", profile="p@1", phase="passed")
        source.write(*[("lift.test/1", encode(body))] * len(self.streams[Stream.ALARM].records))
        return source.batch()
