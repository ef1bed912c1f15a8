"""A GSM modem with AT commands and a SIM card in it: SIM800, EC20 and their like.

As it comes out of a restart it echoes, announces nothing and is in text mode. By itself a message comes every `--every` seconds.
"""

import argparse
import asyncio
import itertools
import time

from firmware_sim.modem_at import FAULTS, AtModem
from firmware_sim.modem_pdu import delivers
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import WireLog, open_wire

__all__ = ["FAULTS"]

KINDS = {"modem": "GSM modem with AT commands: short messages both ways"}

DRAFT = bytes.fromhex("00 01 00 0D 91 68 31 08 10 83 00 F0 00 08 08 51 B7 5E 93 8D 85 6E 29")
_numbers = itertools.count(time.time_ns() // 1_000_000_000 & 0xFF)


class Modem(AtModem):
    @command
    def sms_in(self, number: str, text: str, without: int = 0) -> None:
        """A message comes from this number (a word too), in as many parts as it needs, but for part `without`."""
        pdus = delivers(number, text, next(_numbers) & 0xFF)
        self._log("sms_in", number=number, text=text, parts=len(pdus))
        for n, pdu in enumerate(pdus, start=1):
            if n != without:
                self.pdu_in(pdu.hex())

    @command
    def pdu_in(self, hex: str) -> None:  # noqa: A002  the name of the command's argument
        """A message comes as this PDU, its centre's address in front."""
        self._arrived(self._card.come(bytes.fromhex(hex)))

    @command
    def drafts(self, count: int) -> None:
        """So many of the card's places hold messages that somebody wrote and never sent."""
        self._card.drafts(count, DRAFT)

    @command
    def signal(self, rssi: int) -> None:
        """The signal as AT+CSQ tells it: 0 to 31, 99 for none."""
        self._rssi = rssi

    @command
    def network(self, status: int | None = None) -> None:
        """The registration as AT+CREG tells it: 0 none, 1 home, 2 searching, 3 denied, 5 roaming; left out: by itself again."""
        self._status = status

    @command
    def sim(self, state: str) -> None:
        """The card is READY, absent, or wants something, such as "SIM PIN"."""
        self._sim = state

    @command
    def says(self, text: str, count: int = 1) -> None:
        """The modem says this line by itself, so many times."""
        for _ in range(count):
            self._say(text)

    @command
    def prompt(self, text: str) -> None:
        """What asks for a message's text: some modems have no space in it, or end its line."""
        self._prompt = text

    @command
    def fault(self, kind: str, count: int = 1, seconds: float = 0) -> None:
        """Spoil `count` messages or answers; the kinds of fault are below."""
        if kind not in FAULTS:
            raise ValueError(f"faults: {', '.join(FAULTS)}")
        self._fault = kind, count, seconds

    @command
    def reboot(self, quiet: bool = False) -> None:
        """As after a brown-out: it has forgotten how it was set; `quiet`: without the word RDY.

        It is in text mode then, and takes whatever number AT+CMGS has for a telephone's.
        """
        self._boot()
        self._log("fault", what="reboot")
        if not quiet:
            self._say("RDY")

    @command
    def unplug(self) -> None:
        """Pull the USB plug, which is its power too: the port vanishes."""
        self._boot()
        super().unplug()

    async def work(self, every: float) -> None:
        await asyncio.gather(self._listen(), self._visits(every))

    async def _visits(self, every: float) -> None:
        while every > 0:
            await asyncio.sleep(every)
            self.sms_in("+8613900000000", f"Test {int(time.time())}")


COMMANDED = {"modem": Modem}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument(
        "--every", type=float, default=60, metavar="S", help="a message comes by itself; 0: only on command"
    )
    parser.add_argument("--register", type=float, default=2, metavar="S", help="in the network so long after a start")
    parser.add_argument("--network", type=float, default=1, metavar="S", help="so long the network takes for a message")
    parser.add_argument("--places", type=int, default=10, metavar="N", help="places for messages on the SIM card")
    parser.add_argument("--sim", default="READY", metavar="STATE", help='READY, absent, or what it wants: "SIM PIN"')


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    modem = Modem(wire, log, register=args.register, network=args.network, places=args.places, sim=args.sim)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(modem), modem.work(args.every))
