"""The TCP side of the simulated LLRP reader: one client at a time, which is told so; how messages go out."""

import asyncio
import struct
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from firmware_sim import faults
from firmware_sim.faults import Piece
from firmware_sim.llrp_wire import EVENT_NOTIFICATION, START_ROSPEC, Said, message, status, take, tlv
from firmware_sim.rfid_field import Field
from firmware_sim.steering import command
from firmware_sim.wire import Unusable, WireLog

ACCEPTED, IN_USE, ATTEMPTED = 0, 2, 4
SOUND = ("late", "split", "glued", "exception")
NOBODY_ASKED = message(START_ROSPEC + 10, 0xFFFF, status())
_CONNECTION_ATTEMPT, _CONNECTION_CLOSE = 256, 257

Tags = Sequence[dict[str, Any]]
"""What the wire log says of the tags in a message."""


class OneClient(Field):
    """Subclasses say what they answer. While it is silent it neither hears nor says anything: the connection is half-open."""

    def __init__(self, log: WireLog) -> None:
        super().__init__()
        self.endpoint = ""
        self._log = log
        self._fault: faults.Fault | None = None
        self._plugged = True
        self._silent = False
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._number = 0
        self._clear_at = 0.0

    @abstractmethod
    def obey(self, said: Said) -> None:
        """What the client has said."""

    @abstractmethod
    def timestamp(self) -> bytes:
        """The reader's clock as a parameter."""

    @abstractmethod
    def left(self) -> None:
        """There is no client any more."""

    async def start(self, host: str, port: int) -> None:
        """Raises Unusable."""
        try:
            self._server = await asyncio.start_server(self._serve, host, port)
        except OSError as err:
            raise Unusable(f"{host}:{port}: {err.strerror}") from err
        host, port = self._server.sockets[0].getsockname()[:2]
        self.endpoint = f"tcp://{host}:{port}"

    @property
    def served(self) -> bool:
        return self._writer is not None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._plugged:
            writer.transport.abort()
            return
        if self._writer:
            self._log("refused")
            writer.write(self.event(tlv(_CONNECTION_ATTEMPT, struct.pack(">H", IN_USE))))
            self.notify(tlv(_CONNECTION_ATTEMPT, struct.pack(">H", ATTEMPTED)))
            writer.close()
            return
        self._writer = writer
        self._log("connected")
        self.notify(tlv(_CONNECTION_ATTEMPT, struct.pack(">H", ACCEPTED)))
        try:
            await self._listen(reader)
        except (ConnectionError, ValueError):  # ValueError: it speaks something else
            pass
        except asyncio.CancelledError:
            pass  # the simulator ends, which Python 3.11 would report here as a fault
        finally:
            self._drop(writer)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        buffer = b""
        while data := await reader.read(65536):
            buffer += data
            while found := take(buffer):
                said, buffer = found
                if not self._silent:
                    self.obey(said)

    def _drop(self, writer: asyncio.StreamWriter | None, *, orderly: bool = False) -> None:
        if writer:
            writer.close()
        if writer and self._writer is writer:
            self._writer = None
            self._log("disconnected", orderly=orderly)
            self.left()

    def event(self, *happened: bytes) -> bytes:
        """A READER_EVENT_NOTIFICATION."""
        self._number += 1
        return message(EVENT_NOTIFICATION, self._number, tlv(246, self.timestamp(), *happened))

    def notify(self, *happened: bytes) -> None:
        self.send(self.event(*happened))

    def say(self, kind: int, *body: bytes) -> None:
        """A message that nobody has asked for."""
        self._number += 1
        self.send(message(kind, self._number, *body))

    def send(self, frame: bytes, tags: Tags = ()) -> None:
        """Put a message on the wire as the fault of the moment has it. It is logged first: whoever has it finds it there."""
        if self._writer is None or self._silent:
            return
        fault = self._fault
        if fault and fault.left is not None:
            fault.left -= 1
            self._fault = fault if fault.left else None
        for tag in tags:
            if fault is None or fault.kind in SOUND:
                self._log("tag", **tag)
            else:
                self._log("bad_tag", what=fault.kind, **tag)
        sent = (
            faults.pieces(fault, frame + NOBODY_ASKED if fault.kind == "glued" else frame)
            if fault
            else [Piece(0, frame)]
        )
        for piece in sent:
            self._in_turn(piece.pause_s, self._write, self._writer, piece.data)

    def _in_turn(self, pause_s: float, do: Callable[..., None], *args: Any) -> None:
        """After all that still waits for its time, so that a message in pieces stays in one row."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._clear_at = max(now, self._clear_at + 1e-6) + pause_s
        if self._clear_at <= now:
            do(*args)
        else:
            loop.call_at(self._clear_at, do, *args)

    @staticmethod
    def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)

    def close(self) -> None:
        """Orderly, by the reader."""
        self._in_turn(0, partial(self._drop, self._writer, orderly=True))

    def cut(self) -> None:
        writer = self._writer
        if writer:
            writer.transport.abort()
        self._drop(writer)

    @command
    def noise(self, hex: str) -> None:  # noqa: A002  the name of the command's argument
        """Send these bytes."""
        self._log("fault", what="noise", hex=hex)
        if self._writer:
            self._writer.write(bytes.fromhex(hex))

    @command
    def silent(self) -> None:
        """Half-open: the connection stays, but the reader neither says nor hears anything, until `reboot`."""
        self._silent = True
        self._log("fault", what="silent")

    @command
    def hang_up(self) -> None:
        """The reader says that it closes the connection, and does."""
        self._log("fault", what="hang_up")
        self.notify(tlv(_CONNECTION_CLOSE))
        self.close()

    @command
    def unplug(self) -> None:
        """Pull the network plug: clients are cut off, new ones are refused."""
        self._plugged = False
        self.cut()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        self._plugged = True
