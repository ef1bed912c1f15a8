"""The daemon's Unix socket: what command line tools ask and what they are answered.

A connection carries one request, a JSON line `{"op": ...}`. The answer is any number of lines `{"data": ...}` and then
`{"end": true}` or `{"error": {"code", "params"}}`. A client that closes its side ends the answer.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

from gateway.datadir import socket_address
from gateway.lift_deeds import Deed
from gateway.status import Backend, Problem
from gateway.tags import Words
from model.errors import ContractError, DoorpostError
from model.time import Micros
from sync.contract.messages import StreamName

PATIENCE_S = 10.0
"""How long a client may take to ask, or to read a line, before it is dropped."""


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op"):
    pass


class AskSnapshot(_Request, frozen=True, tag="snapshot"):
    pass


class AskSeries(_Request, frozen=True, tag="series"):
    device: str
    point: str


class AskPlot(_Request, frozen=True, tag="plot"):
    device: str
    point: str
    since: Micros
    until: Micros


class AskRebuild(_Request, frozen=True, tag="rebuild"):
    pass


class AskWatch(_Request, frozen=True, tag="watch"):
    device: str


class AskRecord(_Request, frozen=True, tag="record"):
    device: str
    seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class AskTest(_Request, frozen=True, tag="test"):
    device: str


class AskTag(_Request, frozen=True, tag="tag"):
    device: str
    words: Words


class AskScan(_Request, frozen=True, tag="scan"):
    device: str
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 20


class AskLifts(_Request, frozen=True, tag="lifts"):
    pass


class AskLift(_Request, frozen=True, tag="lift"):
    lift: str
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    deed: Deed
    pin: str | None = None


class AskSms(_Request, frozen=True, tag="sms"):
    person: str


class AskTail(_Request, frozen=True, tag="tail"):
    stream: StreamName | None = None
    count: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 20
    follow: bool = False


_decoder = msgspec.json.Decoder(
    AskSnapshot
    | AskSeries
    | AskPlot
    | AskRebuild
    | AskWatch
    | AskRecord
    | AskTest
    | AskScan
    | AskTag
    | AskTail
    | AskLifts
    | AskLift
    | AskSms
)


class ControlServer:
    """Serves `backend` to the user who runs the daemon, and to root. The caller holds `datadir.claimed(data)`."""

    def __init__(self, backend: Backend, data: Path) -> None:
        self._backend = backend
        self._data = data
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled; leaves no socket behind, and replaces one that a dead daemon has left."""
        with socket_address(self._data) as address:
            server = await asyncio.start_unix_server(self._connected, sock=_listening(address))
            try:
                await asyncio.Event().wait()  # serve_forever() would wait for the clients before it lets us end them
            finally:
                server.close()
                for client in self._clients:
                    client.cancel()
                await asyncio.gather(*self._clients, return_exceptions=True)
                _remove(address)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer), name="control-client")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await reader.readline()
            answering = asyncio.create_task(self._answer(line, writer))
            leaving = asyncio.create_task(reader.read(1))
            try:
                await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if answering.cancel():
                    await asyncio.wait((answering,))
            if not answering.cancelled():
                answering.result()
        except (OSError, ValueError):
            pass  # gone, too slow, or a line without an end: nobody is left to be told
        finally:
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            async for item in self._items(line):
                await _send(writer, {"data": item})
        except DoorpostError as err:
            params = {name: str(value) for name, value in err.params.items()}
            await _send(writer, {"error": Problem(err.code, params)})
        else:
            await _send(writer, {"end": True})

    async def _items(self, line: bytes) -> AsyncIterator[Any]:
        try:
            request = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            raise ContractError("request_malformed", why=str(err)) from err
        match request:
            case AskSnapshot():
                yield self._backend.snapshot()
            case AskSeries() | AskPlot():
                yield await self._of_point(request)
            case AskWatch(device) | AskRecord(device) | AskTest(device) | AskScan(device) | AskTag(device):
                try:
                    async for item in self._of_device(request):
                        yield item
                except KeyError as err:
                    raise ContractError("device_unknown", device=device) from err
            case AskSms(person):
                yield await self._backend.sms(person)
            case AskTail() | AskRebuild() | AskLifts() | AskLift():
                async for item in self._told(request):
                    yield item

    async def _of_point(self, ask: AskSeries | AskPlot) -> Any:
        try:
            if isinstance(ask, AskSeries):
                return self._backend.series(ask.device, ask.point)
            return await self._backend.plot(ask.device, ask.point, ask.since, ask.until)
        except KeyError as err:
            raise ContractError("series_unknown", device=ask.device, point=ask.point) from err

    def _of_device(self, ask: AskWatch | AskRecord | AskTest | AskScan | AskTag) -> AsyncIterator[Any]:
        match ask:
            case AskWatch():
                return self._backend.watch(ask.device)
            case AskRecord():
                return self._backend.record(ask.device, ask.seconds)
            case AskScan():
                return self._backend.scan(ask.device, ask.seconds)
            case AskTag():
                return self._backend.tag(ask.device, ask.words)
        return self._backend.test(ask.device)

    def _told(self, ask: AskTail | AskRebuild | AskLifts | AskLift) -> AsyncIterator[Any]:
        match ask:
            case AskTail():
                return self._backend.tail(ask.stream, ask.count, ask.follow)
            case AskRebuild():
                return self._backend.rebuild()
        return self._of_lifts(ask)

    async def _of_lifts(self, ask: AskLifts | AskLift) -> AsyncIterator[Any]:
        if isinstance(ask, AskLift):
            yield await self._backend.lift(ask.lift, ask.by, ask.pin, ask.deed)
        else:
            for lift in self._backend.lifts():
                yield lift


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(msgspec.json.encode(message) + b"\n")
    async with asyncio.timeout(PATIENCE_S):
        await writer.drain()


def _listening(address: str) -> socket.socket:
    """A socket of ours alone, in the place of one that a dead daemon has left."""
    _remove(address)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.fchmod(listening.fileno(), 0o600)  # before the name is there, so that it is never open to others
    listening.bind(address)
    return listening


def _remove(address: str) -> None:
    Path(address).unlink(missing_ok=True)
