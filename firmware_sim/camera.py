"""A network camera: MJPEG over HTTP (multipart/x-mixed-replace), showing QR codes as boxes on a belt would.

The symbols are drawn from segno's matrix, which shares nothing with any decoder; OpenCV only compresses the JPEG."""

import argparse
import asyncio
import itertools
import os
import time
from typing import Any, NamedTuple

import cv2
import numpy as np
import segno

from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import WireLog

KINDS = {"camera": "network camera: MJPEG over HTTP, a QR code every few seconds"}

WIDTH, HEIGHT = 640, 480
BACKGROUND = 150
NOISE = 8  # standard deviation in grey values, of a cheap sensor by day
MODULE_PX = 5
QUIET_ZONE = 4  # modules, ISO/IEC 18004
BOUNDARY = b"frame"


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001
    parser.add_argument("--every", type=float, default=5, metavar="S", help="a new code every S seconds; 0: on command")
    parser.add_argument("--hold", type=float, default=2, metavar="S", help="how long a code stays in view (2)")
    parser.add_argument("--fps", type=float, default=10, help="pictures per second (10)")
    parser.add_argument("--text", help="show this code from the start, until commanded otherwise")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:  # noqa: ARG001
    camera = Camera(log, args.fps)
    host, _, port = (args.listen or "127.0.0.1:0").rpartition(":")
    server = await asyncio.start_server(camera.serve, host, int(port))
    host, port = server.sockets[0].getsockname()[:2]
    if args.text:
        camera.show(args.text)
    work = [camera.film()]
    if args.every and not args.text:
        work.append(belt(camera, args.every, args.hold))
    async with server:
        await serve({"endpoint": f"http://{host}:{port}/stream.mjpg"}, commands(camera), *work)
        await camera.unplug()


async def belt(camera: "Camera", every: float, hold: float) -> None:
    """Codes that nobody has shown before, with an empty belt between them."""
    run_id = f"{time.time_ns() // 1_000_000:x}"
    for number in itertools.count(1):
        camera.show(f"CAM-{run_id}-{number:06d}")
        await asyncio.sleep(hold)
        camera.blank()
        await asyncio.sleep(max(0.0, every - hold))


Code = dict[str, Any] | None


class Picture(NamedTuple):
    """`code` is what the log says of it; two showings of one text are two objects."""

    number: int
    jpeg: bytes
    code: Code


class Camera:
    def __init__(self, log: WireLog, fps: float) -> None:
        self._log = log
        self._fps = fps
        self._mode = "live"
        self._plugged = True
        self._scene = self._empty()
        self._code: Code = None  # in the scene
        self._picture = Picture(0, b"", None)
        self._sent = self._picture  # the newest that any client got
        self._taken = asyncio.Condition()
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    @command
    def show(self, text: str, id: str | int | None = None) -> None:  # noqa: A002
        """A QR code comes into view. `id` goes into the log with it."""
        matrix = np.array(segno.make_qr(text).matrix, np.uint8)
        symbol = np.kron(np.pad(1 - matrix, QUIET_ZONE, constant_values=1), np.ones((MODULE_PX, MODULE_PX), np.uint8))
        size = symbol.shape[0]
        if size > HEIGHT:
            raise ValueError(f"{len(text)} characters do not fit into the picture")
        self._scene = self._empty()
        top, left = (HEIGHT - size) // 2, (WIDTH - size) // 2
        self._scene[top : top + size, left : left + size] = 30 + 190 * symbol.astype(np.int16)
        self._code = {"text": text, "symbology": "]Q1"} | ({} if id is None else {"id": id})

    @command
    def blank(self) -> None:
        """Nothing is in view any more."""
        self._scene = self._empty()
        self._code = None

    @command
    def live(self) -> None:
        """Good pictures again."""
        self._mode = "live"

    @command
    def freeze(self) -> None:
        """Send one picture over and over."""
        self._mode = "freeze"

    @command
    def garbage(self) -> None:
        """Send pictures that are no JPEG."""
        self._mode = "garbage"

    @command
    def stall(self) -> None:
        """Stay connected, but say nothing."""
        self._mode = "stall"

    @command
    async def unplug(self) -> None:
        """Clients are cut off; new ones are refused."""
        self._plugged = False
        for writer in self._clients:
            writer.transport.abort()
        async with self._taken:
            self._taken.notify_all()
        await asyncio.gather(*filter(None, self._clients.values()))

    @command
    def replug(self) -> None:
        """Clients are served again."""
        self._plugged = True

    async def film(self) -> None:
        noise = [np.random.default_rng(seed).normal(0, NOISE, (HEIGHT, WIDTH)).astype(np.int16) for seed in range(4)]
        for number, grain in enumerate(itertools.cycle(noise), 1):
            if self._mode == "live":
                pixels = (self._scene + grain).clip(0, 255).astype(np.uint8)
                jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
                self._picture = Picture(number, jpeg, self._code)
            elif self._mode == "garbage":
                self._picture = Picture(number, b"\xff\xd8" + os.urandom(4000) + b"\xff\xd9", None)
            if self._mode != "stall":
                async with self._taken:
                    self._taken.notify_all()
            await asyncio.sleep(1 / self._fps)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._plugged:
            writer.transport.abort()
            return
        self._clients[writer] = asyncio.current_task()
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.0 200 OK\r\nCache-Control: no-cache\r\n"
                b"Content-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY + b"\r\n\r\n"
            )
            while self._plugged:
                async with self._taken:
                    await self._taken.wait()
                picture = self._picture
                size = len(picture.jpeg)
                writer.write(b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (BOUNDARY, size))
                writer.write(picture.jpeg + b"\r\n")
                await writer.drain()
                self._note(picture)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            del self._clients[writer]
            writer.close()

    def _note(self, picture: Picture) -> None:
        """A slower client's older picture says nothing new."""
        if picture.number <= self._sent.number:
            return
        before, self._sent = self._sent, picture
        if before.code is not picture.code:
            if before.code:
                self._log("gone", **before.code)
            if picture.code:
                self._log("scan", **picture.code)

    @staticmethod
    def _empty() -> Any:
        return np.full((HEIGHT, WIDTH), BACKGROUND, np.int16)


COMMANDED = {"camera": Camera}
