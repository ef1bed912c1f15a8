"""Journal, uplink, broker and centre as they are killed: what the gateway promised, and whether the centre holds it."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from central import queries
from central.store import reader
from model.record import STREAMS, Stream
from support.journals import GW, number, verified
from support.soak_parts import BrokerPart, Centre, Forgetful, Gateway, Part, Takes, takes
from sync.journal.journal import Journal

Moment = Literal["any", "start-up", "rotation", "acknowledgement"]

START_UP_S = 0.6
"""Somewhere in it a part that has just been started is killed again."""
SIGHT_S = 20.0
"""Until a new file or an acknowledgement must have come; else something is stuck."""
SETTLE_S = 180.0


@dataclass
class Wait:
    """Time without a sign of life, from a kill to the next sign."""

    since: float | None = None
    longest: float = 0.0

    def begins(self) -> None:
        if self.since is None:
            self.since = time.monotonic()

    def ends(self) -> None:
        if self.since is not None:
            self.longest = max(self.longest, time.monotonic() - self.since)
            self.since = None


@dataclass
class Tally:
    """What a run has done so far."""

    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    capturing: Wait = field(default_factory=Wait)
    acknowledging: Wait = field(default_factory=Wait)
    taken: dict[str, list[Takes]] = field(default_factory=dict)


class Site:
    """`start` first; then `shoot` any number of times, `settle`, and `judge`."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        self.tally = Tally()
        self.promised: dict[Stream, dict[int, int]] = {stream: {} for stream in STREAMS}
        self._chance = chance
        self.stores = directory / "stores"
        self.centre_data = directory / "centre"
        self.broker = Forgetful(directory / "broker", chance)
        self.gateway = Gateway(self.broker, self.stores, self._heard)
        self.parts: list[Part] = [BrokerPart(self.broker), Centre(self.broker, self.centre_data), self.gateway]
        self._signs: Counter[str] = Counter()
        self._sign = asyncio.Event()

    def _heard(self, line: str) -> None:
        match line.split():
            case ["durable", stream, seq, n]:
                self.promised[Stream(stream)][int(seq)] = int(n)
                self.tally.capturing.ends()
            case ["acknowledged", *_]:
                self.tally.acknowledging.ends()
        self._signs[line.partition(" ")[0]] += 1
        self._sign.set()

    async def start(self) -> None:
        for part in self.parts:
            await part.start()
            await part.ready()

    async def sign(self, what: str) -> None:
        """The next line of that sort. TimeoutError."""
        seen = self._signs[what]
        async with asyncio.timeout(SIGHT_S):
            while self._signs[what] == seen:
                self._sign.clear()
                await self._sign.wait()

    # killing

    async def shoot(self, moment: Moment, victims: list[Part]) -> None:
        """Kill these, as nearly at that moment as can be, and start them again in any order."""
        match moment:
            case "any":
                await asyncio.sleep(self._chance.uniform(0, 1))
            case "rotation":
                await asyncio.to_thread(self._new_file)
            case "acknowledgement":
                await self.sign("acknowledged")
        self.tally.moments[moment] += 1
        await self._kill(victims)
        if moment == "start-up":
            for part in victims:
                await part.start()
            await asyncio.sleep(self._chance.uniform(0, START_UP_S))
            await self._kill(victims)
        self._chance.shuffle(victims)
        for part in victims:
            await part.start()
        for part in victims:
            await part.ready()

    async def _kill(self, victims: list[Part]) -> None:
        for part in self.parts:
            if part.pid and (used := takes(part.pid)):
                self.tally.taken.setdefault(part.name, []).append(used)
        for part in victims:
            await part.kill()
            self.tally.kills[part.name] += 1
            (self.tally.capturing if part is self.gateway else self.tally.acknowledging).begins()

    def _new_file(self) -> None:
        """Return as soon as a segment is being made, or has just been. TimeoutError."""
        known = self._segments()
        until = time.monotonic() + SIGHT_S
        while self._segments() <= known:
            if time.monotonic() > until:
                raise TimeoutError("no segment")
            time.sleep(0.0005)

    def _segments(self) -> set[str]:
        """Their names; one that is being made has `.new` in it."""
        return {
            name.removesuffix("-journal") for name in _names(self.stores) if "-wal" not in name and "-shm" not in name
        }

    # the end

    async def settle(self) -> None:
        """No more is captured; all that was goes to the centre. AssertionError where it does not."""
        self.gateway.terminate()
        async with asyncio.timeout(SETTLE_S):
            code = await self.gateway.ended()
        assert code == 0, f"the gateway ended with {code}"
        self.tally.acknowledging.ends()

    async def stop(self) -> None:
        for part in reversed(self.parts):
            await part.kill()

    async def judge(self) -> list[dict[str, object]]:
        """A row of counts per stream. AssertionError where the centre does not hold what was promised."""
        journal = await Journal.open(self.stores, GW)
        try:
            held = {stream: await verified(journal, stream) for stream in STREAMS}
            heads = {stream: journal.head(stream) for stream in STREAMS}
            given_up = {stream: journal.current.lost(stream) for stream in STREAMS}
            store = journal.store
        finally:
            await journal.close()
        db = reader(self.centre_data)
        counted = queries.counts(db)
        audit = queries.audit(db)
        assert (audit["broken"], audit["unaccounted"]) == (0, 0)
        assert (counted["quarantine"], counted["refused_messages"], counted["epoch"]) == (0, 0, 1), counted["problems"]
        assert list(counted["gateways"][GW]["stores"]) == [store], "a kill makes no second store"
        rows = []
        for stream in STREAMS:
            found: dict[int, tuple[int, bytes]] = {
                seq: (number(body), hash_)
                for seq, body, hash_ in db.execute(
                    "SELECT seq, body, hash FROM records WHERE (gw, store, stream) = (?, ?, ?)", (GW, store, stream)
                )
            }
            declared = [range(a, b + 1) for a, b, _ in given_up[stream]]
            for seq, n in self.promised[stream].items():
                if seq in found:
                    assert found[seq][0] == n, f"{stream}/{seq} is another record"
                else:
                    assert any(seq in lost for lost in declared), f"{stream}/{seq} is missing"
            numbers = Counter(n for n, _ in found.values() if n >= 0)
            assert not numbers or max(numbers.values()) == 1, f"twice: {numbers.most_common(3)}"
            for record in held[stream]:
                assert record.seq not in found or found[record.seq][1] == record.hash, f"{stream}/{record.seq}"
            lane = counted["gateways"][GW]["stores"][store][stream]
            captured, head = heads[stream]
            assert lane["upto"] == captured and (captured not in found or found[captured][1] == head)
            rows.append(
                {
                    "stream": stream,
                    "captured": captured,
                    "at the centre": lane["rows"],
                    "declared lost": lane["lost"],
                    "refused": lane["refused"],
                    "missing": captured - lane["rows"] - lane["lost"] - lane["refused"],
                    "duplicates removed": lane["duplicates_removed"],
                }
            )
        return rows


def _names(stores: Path) -> list[str]:
    return [path.name for path in stores.glob("*/*")]
