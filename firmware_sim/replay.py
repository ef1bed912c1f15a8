"""Plays a recording of `doorpost device record`: what a device somewhere really said.

A recording is JSON lines: a header with `doorpost_recording`, then `{"us", "to", "hex"}` for each stretch of bytes to the
`device` or to the `gateway`, in microseconds since the beginning. What came before anything was asked, the device says on
its own, over TCP to each client that connects; what came behind a request belongs to that request.
"""

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Pty, Tcp, Unusable, WireLog, open_wire

KINDS = {"replay": "a device as it was recorded: replay FILE answers each request as that device did"}

FORMAT = 1
_RESYNC_S = 0.05
"""What has not become a request that is known is forgotten in a silence this long."""


class Stretch(NamedTuple):
    """Bytes that went over the line at some second of the recording."""

    at: float
    to_device: bool
    data: bytes


class Said(NamedTuple):
    """Bytes of the device, so many seconds after it was asked or after the beginning."""

    after_s: float
    data: bytes


Reply = tuple[Said, ...]
"""() where the device was silent."""


class Exchanges(NamedTuple):
    """What the device said on its own, and its replies to each request in their order."""

    alone: Reply
    replies: dict[bytes, list[Reply]]


class Asking(Protocol):
    """How requests are told apart."""

    def exchanges(self, recorded: list[Stretch]) -> Exchanges: ...

    def find(self, data: bytes, known: dict[bytes, list[Reply]]) -> tuple[int, int] | None:
        """Where in `data` the first whole request begins and ends."""
        ...

    def key(self, request: bytes) -> bytes:
        """What makes two requests the same."""
        ...

    def reply(self, request: bytes, said: bytes) -> bytes:
        """What the device would have said to this very request."""
        ...


class Bytes:
    """Only time tells which reply belongs to which request."""

    def exchanges(self, recorded: list[Stretch]) -> Exchanges:
        alone: list[Said] = []
        replies: dict[bytes, list[Reply]] = defaultdict(list)
        since, said = 0.0, alone
        asked: list[tuple[bytes, list[Said]]] = []
        for at, to_device, data in recorded:
            if to_device:
                since, said = at, []
                asked.append((data, said))
            else:
                said.append(Said(at - since, data))
        for request, answered in asked:
            replies[request].append(tuple(answered))
        return Exchanges(tuple(alone), replies)

    def find(self, data: bytes, known: dict[bytes, list[Reply]]) -> tuple[int, int] | None:
        places = ((data.find(request), -len(request)) for request in known)
        at, negated = min((place for place in places if place[0] >= 0), default=(0, 0))
        return (at, at - negated) if negated else None

    def key(self, request: bytes) -> bytes:
        return request

    def reply(self, request: bytes, said: bytes) -> bytes:
        return said


class ModbusTcp:
    """The transaction number, in the first two bytes, is another each time and tells whose a reply is."""

    def exchanges(self, recorded: list[Stretch]) -> Exchanges:
        replies: dict[bytes, list[Reply]] = defaultdict(list)
        asked: list[tuple[float, bytes, list[Said]]] = []
        unread = {True: b"", False: b""}
        for at, to_device, data in recorded:
            unread[to_device] += data
            while place := self.find(unread[to_device], {}):
                frame, unread[to_device] = unread[to_device][: place[1]], unread[to_device][place[1] :]
                if to_device:
                    asked.append((at, frame, []))
                    continue
                for since, request, said in reversed(asked):
                    if request[:2] == frame[:2]:
                        said.append(Said(at - since, frame))
                        break
        for _, request, answered in asked:
            replies[self.key(request)].append(tuple(answered))
        return Exchanges((), replies)

    def find(self, data: bytes, known: dict[bytes, list[Reply]]) -> tuple[int, int] | None:
        end = 6 + int.from_bytes(data[4:6], "big")
        return (0, end) if 6 < end <= len(data) else None

    def key(self, request: bytes) -> bytes:
        return request[2:]

    def reply(self, request: bytes, said: bytes) -> bytes:
        return request[:2] + said[2:]


class Player:
    """The recorded device. A request that comes more often than it was recorded begins again with its first reply.

    Over TCP the recording begins anew with each connection; of a serial port nobody knows when somebody opens it.
    """

    def __init__(self, wire: Pty | Tcp, log: WireLog, protocol: Asking, exchanges: Exchanges) -> None:
        self._wire = wire
        self._log = log
        self._protocol = protocol
        self._alone, self._replies = exchanges
        self._turn: dict[bytes, int] = defaultdict(int)
        self._saying: set[asyncio.TimerHandle] = set()

    def _begin(self) -> None:
        for one in self._saying:
            one.cancel()
        self._saying.clear()
        self._turn.clear()
        self.play()

    async def work(self) -> None:
        if isinstance(self._wire, Tcp):
            self._wire.connected = self._begin
        else:
            self._begin()
        data = b""
        while True:
            try:
                async with asyncio.timeout(_RESYNC_S if data else None):
                    data += await self._wire.read()
            except TimeoutError:
                self._unknown(data)
                data = b""
            while place := self._protocol.find(data, self._replies):
                at, end = place
                if at:
                    self._unknown(data[:at])
                self._answer(data[at:end])
                data = data[end:]

    def _answer(self, request: bytes) -> None:
        key = self._protocol.key(request)
        replies = self._replies.get(key)
        if replies is None:
            self._unknown(request)
            return
        reply = replies[self._turn[key] % len(replies)]
        self._turn[key] += 1
        self._log("asked", hex=request.hex(" "), silent=not reply)
        self._say((after_s, self._protocol.reply(request, data)) for after_s, data in reply)

    def _unknown(self, request: bytes) -> None:
        self._log("unknown", hex=request.hex(" "))
        print(f"not in the recording, left unanswered: {request.hex(' ')}", file=sys.stderr, flush=True)

    def _say(self, reply: Iterable[tuple[float, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        self._saying = {one for one in self._saying if one.when() > loop.time()}
        for after_s, data in reply:
            self._saying.add(loop.call_later(after_s, self._put, data))

    def _put(self, data: bytes) -> None:
        self._log("said", hex=data.hex(" "))
        self._wire.write(data)

    @command
    def play(self) -> None:
        """Say once more what the device said on its own, before it was asked anything."""
        self._say(self._alone)

    @command
    def unplug(self) -> None:
        """Pull the plug: the port vanishes."""
        self._log("unplug")
        self._wire.unplug()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        self._wire.replug()
        self._log("replug")


COMMANDED: dict[str, type[Player]] = {"replay": Player}


def read(path: Path) -> tuple[dict[str, Any], list[Stretch]]:
    """Header and what went over the line. Raises Unusable."""
    try:
        with open(path, encoding="utf-8") as file:
            header, *lines = map(json.loads, file)
        if header["doorpost_recording"] != FORMAT:
            raise Unusable(f"{path}: recorded by a newer doorpost ({header['version']})")
        _ = header["line"]["driver"], header["device"]["id"]
        recorded = [
            Stretch(line["us"] / 1e6, {"device": True, "gateway": False}[line["to"]], bytes.fromhex(line["hex"]))
            for line in lines
        ]
    except OSError as err:
        raise Unusable(f"{path}: {err.strerror}") from err
    except (ValueError, KeyError, TypeError) as err:
        raise Unusable(f"{path} is no recording: {type(err).__name__}: {err}") from err
    return header, recorded


def arguments(parser: argparse.ArgumentParser, _kind: str) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="written by `doorpost device record`")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    header, recorded = read(args.file)
    protocol: Asking = ModbusTcp() if header["line"]["driver"] == "modbus_tcp" else Bytes()
    exchanges = protocol.exchanges(recorded)
    wire = await open_wire(args.port, args.listen)
    player = Player(wire, log, protocol, exchanges)
    ready = {
        "sim": kind,
        "endpoint": wire.endpoint,
        "device": header["device"]["id"],
        "requests": len(exchanges.replies),
    }
    await serve(ready, commands(player), player.work())
