"""A network camera: MJPEG over HTTP (multipart/x-mixed-replace), showing codes as boxes on a belt would."""

import argparse
import asyncio
import itertools
import time
from typing import Any, NamedTuple

import cv2

from firmware_sim.camera_scene import Code, Scene, code, spoilt
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import WireLog

KINDS = {"camera": "network camera: MJPEG over HTTP, a QR code every few seconds"}

BOUNDARY = b"frame"


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001
    parser.add_argument("--every", type=float, default=5, metavar="S", help="a new code every S seconds; 0: on command")
    parser.add_argument("--hold", type=float, default=2, metavar="S", help="how long a code stays in view (2)")
    parser.add_argument("--fps", type=float, default=10, help="pictures per second (10)")
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="pixels of a picture (640x480)")
    parser.add_argument("--text", help="show this code from the start, until commanded otherwise")


def _size(given: str) -> tuple[int, int]:
    width, _, height = given.partition("x")
    return int(width), int(height)


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:  # noqa: ARG001
    camera = Camera(log, args.fps, *args.size)
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


class Picture(NamedTuple):
    number: int
    jpeg: bytes
    codes: tuple[Code, ...]


class Camera:
    def __init__(self, log: WireLog, fps: float, width: int = 640, height: int = 480) -> None:
        self._log = log
        self._fps = fps
        self._mode = "live"
        self._spoiling = ""
        self._plugged = True
        self._scene = Scene(width, height)
        self._picture = Picture(0, b"", ())
        self._sent = self._picture  # the newest that any client got
        self._taken = asyncio.Condition()
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    @command
    def show(self, text: str, id: str | int | None = None, symbology: str = "qr") -> None:  # noqa: A002
        """A code comes into view, alone. `id` goes into the log with it; what is no `qr` needs zint."""
        self._scene.put((code(text, symbology, id),))

    @command
    def add(self, text: str, id: str | int | None = None, symbology: str = "qr") -> None:  # noqa: A002
        """A code comes into view beside those that are there."""
        self._scene.put((*self._scene.codes, code(text, symbology, id)))

    @command
    def blank(self) -> None:
        """Nothing is in view any more."""
        self._scene.put(())

    @command
    def live(self) -> None:
        """Good pictures again."""
        self._mode, self._scene.light = "live", None

    @command
    def freeze(self) -> None:
        """Send one picture over and over."""
        self._mode = "freeze"

    @command
    def blind(self, light: int = 0) -> None:
        """Pictures of one grey value: 0 is a covered lens, 255 the sun."""
        self._scene.light = light

    @command
    def noise(self, sigma: float = 8) -> None:
        """The sensor's noise: standard deviation in grey values."""
        self._scene.grain(sigma)

    @command
    def move(self, on: bool = True) -> None:
        """A dark thing without a code goes through the view, again and again."""
        self._scene.moving = on

    @command
    def garbage(self, how: str = "rubbish") -> None:
        """Send pictures that are no JPEG: rubbish, cut in the middle, or of huge dimensions."""
        spoilt(how, self._picture.jpeg or b"\xff\xc0")
        self._mode, self._spoiling = "garbage", how

    @command
    def slow(self, fps: float = 1) -> None:
        """So many pictures a second from now on."""
        self._fps = fps

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
        for number in itertools.count(1):
            if self._mode in ("live", "garbage"):
                pixels = self._scene.picture(number)
                jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
                seen = self._scene.codes if self._scene.light is None else ()
                if self._mode == "garbage":
                    jpeg, seen = spoilt(self._spoiling, jpeg), ()
                self._picture = Picture(number, jpeg, seen)
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
        for one in before.codes:
            if one not in picture.codes:
                self._log("gone", **one.said)
        for one in picture.codes:
            if one not in before.codes:
                self._log("scan", **one.said)


COMMANDED = {"camera": Camera}
