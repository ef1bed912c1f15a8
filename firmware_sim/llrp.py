"""A fixed UHF RFID reader that speaks LLRP 1.0.1 on TCP, with tags passing its antennas.

By itself it brings a new tag through the field every `--every` seconds.
"""

import argparse
import asyncio
import random
import struct
import time

from firmware_sim import faults, llrp_spec
from firmware_sim.llrp_answers import Answering
from firmware_sim.llrp_spec import ACTIVE, INACTIVE, RoSpec, Seen
from firmware_sim.llrp_wire import KEEPALIVE, RO_ACCESS_REPORT, message, text, tlv
from firmware_sim.rfid_reader import add_every
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Unusable, WireLog

KINDS = {"llrp": "fixed UHF RFID reader, LLRP 1.0.1 on TCP"}
SPOILS = ("silent", "late", "half", "split", "glued", "noise", "garbage", "exception")
FAULTS = {kind: faults.FAULTS[kind] for kind in SPOILS}

GPI, ROSPEC, EXCEPTION, ANTENNA = 1, 2, 4, 8
"""Kinds of event that a client switches on."""
BEGAN, ENDED = 0, 1


class Reader(Answering):
    def __init__(self, log: WireLog, *, antennas: int, gpis: int, rate: float, uptime: bool) -> None:
        self._rate = rate
        self._uptime = uptime
        self._behind_us = 0
        self._turn = 0
        super().__init__(log, antennas, gpis)

    def clock_us(self) -> int:
        now = time.monotonic_ns() if self._uptime else time.time_ns()
        return now // 1000 - self._behind_us

    def timestamp(self) -> bytes:
        return tlv(129 if self._uptime else 128, struct.pack(">Q", self.clock_us()))

    def begin(self, spec: RoSpec) -> None:
        spec.state = ACTIVE
        spec.turns, spec.reads = spec.turns + 1, 0
        self._powers |= spec.powers
        self._happened(ROSPEC, tlv(249, struct.pack(">BII", BEGAN, spec.id, 0)))
        if spec.ends_s is not None:
            asyncio.get_running_loop().call_later(spec.ends_s, self._done, spec, spec.turns)

    def end(self, spec: RoSpec, state: int) -> None:
        if spec.state == ACTIVE:
            self.report(spec)
            self._happened(ROSPEC, tlv(249, struct.pack(">BII", ENDED, spec.id, 0)))
        spec.state = state

    def _done(self, spec: RoSpec, turn: int) -> None:
        """Its own stop trigger says so. One that starts immediately does."""
        if spec.state == ACTIVE and spec.turns == turn:
            self.end(spec, INACTIVE)
            if spec.immediate:
                self.begin(spec)

    def report(self, spec: RoSpec) -> None:
        gathered, spec.gathered = spec.gathered, []
        if not gathered:
            return
        access = [one for one in self._accessspecs.values() if one.enabled and one.rospec in (0, spec.id)]
        told = [llrp_spec.report(one, spec, access, uptime=self._uptime, unknown=self._unknown) for one in gathered]
        tags = [
            {
                "epc": one.tag.epc.hex().upper(),
                "pc": one.tag.pc.hex().upper(),
                "rssi": one.rssi,
                "antenna": one.antenna,
                "reads": one.count,
            }
            for one in gathered
        ]
        self._number += 1
        self.tell(message(RO_ACCESS_REPORT, self._number, *told), tags)

    def _happened(self, kind: int, happened: bytes) -> None:
        if kind in self._events:
            self.tell(self.event(happened))

    def _round(self, spec: RoSpec) -> None:
        """One read of one tag, at each antenna in turn."""
        antennas = [antenna for antenna in spec.antennas if self._antennas[antenna]]
        if not antennas or not self.tags:
            return
        self._turn += 1
        tag = self.tags[self._turn % len(self.tags)]
        antenna = antennas[self._turn // len(self.tags) % len(antennas)]
        now = self.clock_us()
        for one in spec.gathered:
            if one.tag is tag and one.antenna == antenna:
                one.last, one.count = now, one.count + 1
                break
        else:
            rssi, channel = random.randint(-62, -48), random.randint(1, 16)
            spec.gathered.append(Seen(tag, antenna, rssi, channel, now, now))
        if spec.every and len(spec.gathered) >= spec.every:
            self.report(spec)
        spec.reads += 1
        if spec.after and spec.reads >= spec.after:
            self._done(spec, spec.turns)

    @command
    def antenna(self, number: int, there: bool) -> None:
        """Antenna `number` is connected, or not."""
        if number not in self._antennas:
            raise ValueError(f"antennas: {', '.join(map(str, self._antennas))}")
        self._antennas[number] = there
        self._happened(ANTENNA, tlv(255, struct.pack(">BH", there, number)))

    @command
    def gpi(self, port: int, high: bool) -> None:
        """The level of an input changes."""
        if port not in self._gpis:
            raise ValueError(f"inputs: {', '.join(map(str, self._gpis))}")
        self._gpis[port] = int(high)
        self._log("contact", contact=f"gpi{port}", on=high)
        self._happened(GPI, tlv(248, struct.pack(">HB", port, high << 7)))

    @command
    def exception(self, why: str) -> None:
        """The reader tells that something is wrong with it."""
        self._happened(EXCEPTION, tlv(252, text(why)))

    @command
    def overflow(self) -> None:
        """The reader tells that its memory was full and reads were lost."""
        self.tell(self.event(tlv(251)))

    @command
    def forget_time(self) -> None:
        """Its clock stands at the beginning of 1970 and goes on from there."""
        self._behind_us += self.clock_us()

    @command
    def unknown(self, on: bool = True) -> None:
        """All that it says has parameters and messages in it that the standard does not know."""
        self._unknown = on

    @command
    def end_inventory(self) -> None:
        """The inventory ends by itself and begins only when it is started again."""
        for spec in self._rospecs.values():
            self.end(spec, INACTIVE)

    @command
    def reboot(self) -> None:
        """The connection breaks off, and all that clients have set is forgotten."""
        self._log("reboot")
        self.cut()
        self._silent = False
        self.forget()

    @command
    def fault(self, kind: str, count: int | None = 1, seconds: float | None = None) -> None:
        """Spoil the next `count` messages; the kinds of fault are below."""
        if kind not in FAULTS:
            raise ValueError(f"faults: {', '.join(FAULTS)}")
        self._fault = faults.Fault.of(kind, count, seconds)
        self._log("fault", kind=kind)

    async def work(self, every: float) -> None:
        await asyncio.gather(self._inventory(), self._live(), self.traffic(every))

    async def _inventory(self) -> None:
        while True:
            await asyncio.sleep(1 / self._rate)
            for spec in list(self._rospecs.values()):
                if spec.state == ACTIVE:
                    self._round(spec)

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._keepalive_ms / 1000 or 0.05)
            if self._keepalive_ms:
                self.say(KEEPALIVE)


COMMANDED = {"llrp": Reader}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument("--antennas", type=int, default=4, metavar="N", help="how many it has, all connected")
    parser.add_argument("--gpis", type=int, default=4, metavar="N", help="how many inputs it has")
    parser.add_argument("--rate", type=float, default=20, metavar="N", help="reads per second")
    parser.add_argument("--uptime", action="store_true", help="it has no clock, and tells how long it has been running")
    add_every(parser)


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    if args.port:
        raise Unusable("this reader is on the network: it has --listen, and no --port")
    host, _, port = (args.listen or "127.0.0.1:0").rpartition(":")
    reader = Reader(log, antennas=args.antennas, gpis=args.gpis, rate=args.rate, uptime=args.uptime)
    await reader.start(host or "127.0.0.1", int(port))
    await serve({"sim": kind, "endpoint": reader.endpoint}, commands(reader), reader.work(args.every))
