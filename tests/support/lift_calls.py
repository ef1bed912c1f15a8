"""Lifts that call, as their gateways would write it down: records of the contract, given to the centre's own ingest."""

import time
from pathlib import Path
from typing import Any

from central.ingest import Ingest
from central.store import Store
from model.bodies import AlarmBody, Car, LiftFile, LiftTest, Rescue, TimeAnchor
from model.record import Draft, Stream, chain
from model.time import Stamp, TimeQuality
from support.source import Source, birth, new_id, will
from sync.contract.messages import encode

BOOT = "0b6f4c1e-1111-4222-8333-444455556666"
MINUTE = 60_000_000


def stamp(age_us: int = 0) -> Stamp:
    t = time.time_ns() // 1000 - age_us
    return Stamp(BOOT, t, TimeQuality("ntp", 12), t)


class Gateway:
    """One gateway's streams at the centre; each `say` is committed when it returns."""

    def __init__(self, ingest: Ingest, gw: str) -> None:
        self._ingest = ingest
        self._session = new_id()
        self._streams = {s: Source(s, gw=gw, store=new_id()) for s in (Stream.ALARM, Stream.AUDIT)}
        self.gw = gw
        ingest.take([birth(gw, self._session, {}, self._streams[Stream.ALARM].store)])
        at = stamp()
        self.say("time.anchor/1", TimeAnchor(boot=BOOT, mono=at.mono, utc=at.t, source="ntp", err_ms=12))

    def say(self, kind: str, body: Any, age_us: int = 0) -> None:
        draft = Draft(kind, encode(body), stamp(age_us))
        source = self._streams[draft.stream]
        first = len(source.records) + 1
        source.records += chain(source.hash(first - 1), source.gw, source.store, draft.stream, first, [draft])
        self._ingest.take([source.batch(first)])

    def file(self, lift: str, **more: Any) -> None:
        self.say("lift.file/1", LiftFile(lift=lift, state="active", **more))

    def test(self, lift: str, phase: Any, age_us: int = 0) -> None:
        body = LiftTest(test=new_id(), rule="test", lift=lift, profile="lift-default@1", phase=phase)
        self.say("lift.test/1", body, age_us)

    def gone(self) -> None:
        self._ingest.take([will(self.gw, self._session)])

    def call(self, lift: str, *, age_us: int = 0, car: Car | None = None, **more: Any) -> "Call":
        call = Call(self, lift)
        call.step("raised", "raised", age_us=age_us, car=car, **more)
        return call


class Call:
    """One alarm of a lift."""

    def __init__(self, gateway: Gateway, lift: str) -> None:
        self._gateway = gateway
        self.lift = lift
        self.id = new_id()

    def step(
        self, kind: str, state: Any, *, by: str | None = None, n: int | None = None, age_us: int = 0, **more: Any
    ) -> None:
        """A transition: `alarm.KIND/1`, after which the alarm is in `state`."""
        suspected = more.get("suspected")
        body = AlarmBody(
            alarm=self.id,
            rule=self.lift,
            what="entrapment" if suspected else "lift_alarm",
            device="board",
            point="di2",
            profile="lift-default@1",
            by=by,
            n=n,
            rescue=Rescue(lift=self.lift, state=state, **more),
        )
        self._gateway.say(f"alarm.{kind}/1", body, age_us)


class Lifts:
    """The database of a centre in `data`, with lifts of the city."""

    def __init__(self, data: Path) -> None:
        self._store = Store(data)
        self._ingest = Ingest(self._store)

    def gateway(self, gw: str) -> Gateway:
        return Gateway(self._ingest, gw)

    def close(self) -> None:
        self._store.close()
