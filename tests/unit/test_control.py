"""The control socket against a backend in memory, over real sockets."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.client import DaemonAbsent, ask
from gateway.datadir import SOCKET, claimed
from model.errors import DoorpostError, SettingsError
from support.cold_room import ColdRoom
from support.control import connect, request, serving


class Daemon(ColdRoom):
    """Watching room1 gives what stands in `observations`; the tail is endless where it is followed."""

    def __init__(self) -> None:
        super().__init__()
        self.observations: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.watching = 0

    async def watch(self, device: str) -> AsyncIterator[dict[str, Any]]:
        if device != "room1":
            raise KeyError(device)
        self.watching += 1
        try:
            while True:
                yield await self.observations.get()
        finally:
            self.watching -= 1
            self.observations.put_nowait({"ended": device})

    async def tail(self, stream: str | None, count: int, follow: bool) -> AsyncIterator[dict[str, Any]]:
        while follow or count:
            yield {"stream": stream, "count": count, "filling": "x" * 65536}
            count -= 1


async def test_ops_that_answer_once(tmp_path: Path) -> None:
    """A snapshot and a series are one line of data and an end."""
    async with serving(tmp_path, Daemon()):
        data, end = await request(tmp_path, b'{"op":"snapshot"}\n')
        assert data["data"]["gateway"] == "gw-demo-1"
        assert end == {"end": True}
        data, end = await request(tmp_path, b'{"op":"series","device":"room1","point":"temperature"}\n')
        assert len(data["data"]) == 360
        assert end == {"end": True}
        asked = b'{"op":"plot","device":"room1","point":"temperature","since":0,"until":60000000}\n'
        data, end = await request(tmp_path, asked)
        assert [minute["t"] for minute in data["data"]["minutes"]] == [0]
        assert end == {"end": True}


async def test_a_tail_ends(tmp_path: Path) -> None:
    """Without `follow` the tail has an end, and its parameters reach the backend."""
    async with serving(tmp_path, Daemon()):
        *records, end = await request(tmp_path, b'{"op":"tail","stream":"alarm","count":3}\n')
        assert [(one["data"]["stream"], one["data"]["count"]) for one in records] == [("alarm", n) for n in (3, 2, 1)]
        assert end == {"end": True}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\n", "request_malformed"),
        (b"hello\n", "request_malformed"),
        (b"\xff\xfe\n", "request_malformed"),
        (b"[" * 50_000 + b"\n", "request_malformed"),
        (b'{"op":"reboot"}\n', "request_malformed"),
        (b'{"op":"snapshot","more":1}\n', "request_malformed"),
        (b'{"op":"tail","count":-1}\n', "request_malformed"),
        (b'{"op":"tail","stream":"alarms"}\n', "request_malformed"),
        (b'{"op":"watch"}\n', "request_malformed"),
        (b'{"op":"watch","device":"room9"}\n', "device_unknown"),
        (b'{"op":"series","device":"room1","point":"colour"}\n', "series_unknown"),
        (b'{"op":"plot","device":"room1","point":"colour","since":0,"until":1}\n', "series_unknown"),
        (b'{"op":"plot","device":"room1","point":"temperature","since":-1,"until":1}\n', "request_malformed"),
    ],
)
async def test_a_bad_request_gets_an_error(tmp_path: Path, line: bytes, code: str) -> None:
    """Whatever is asked, the answer is an error with its code, and the next request is served."""
    async with serving(tmp_path, Daemon()):
        (answer,) = await request(tmp_path, line)
        assert answer["error"]["code"] == code
        assert len(await request(tmp_path, b'{"op":"snapshot"}\n')) == 2


async def test_a_line_without_an_end_is_dropped(tmp_path: Path) -> None:
    """A request longer than the server's buffer is not answered and hurts nobody."""
    async with serving(tmp_path, Daemon()):
        reader, writer = await connect(tmp_path)
        writer.write(b"x" * 200_000)
        with suppress(ConnectionError):
            await writer.drain()
            assert await reader.read() == b""
        writer.close()
        assert len(await request(tmp_path, b'{"op":"snapshot"}\n')) == 2


async def test_a_slow_client_hurts_nobody(tmp_path: Path) -> None:
    """While one client does not read its endless tail, others are served at once."""
    async with serving(tmp_path, Daemon()):
        reader, writer = await connect(tmp_path)
        writer.write(b'{"op":"tail","follow":true}\n')
        await reader.readline()
        for _ in range(3):
            assert len(await request(tmp_path, b'{"op":"snapshot"}\n')) == 2
        writer.close()


async def test_a_client_that_vanishes_ends_its_watch(tmp_path: Path) -> None:
    """The backend is told when nobody watches any more, though nothing happens on the device."""
    daemon = Daemon()
    async with serving(tmp_path, daemon):
        reader, writer = await connect(tmp_path)
        writer.write(b'{"op":"watch","device":"room1"}\n')
        daemon.observations.put_nowait({"device": "room1"})
        assert json.loads(await reader.readline()) == {"data": {"device": "room1"}}
        writer.close()
        await writer.wait_closed()
        assert await daemon.observations.get() == {"ended": "room1"}
        assert daemon.watching == 0


async def test_the_end_of_the_daemon_ends_its_clients(tmp_path: Path) -> None:
    """A stopping daemon closes watches, removes its socket and does not wait for anybody."""
    daemon = Daemon()
    async with serving(tmp_path, daemon):
        reader, writer = await connect(tmp_path)
        writer.write(b'{"op":"watch","device":"room1"}\n')
        daemon.observations.put_nowait({"device": "room1"})
        await reader.readline()
    assert await reader.read() == b""
    writer.close()
    assert not (tmp_path / SOCKET).exists()


async def test_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The socket's mode lets nobody else in."""
    async with serving(tmp_path, Daemon()):
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600


async def test_a_dead_daemons_socket_is_replaced(tmp_path: Path) -> None:
    """What kill -9 leaves behind is in nobody's way."""
    (tmp_path / SOCKET).touch()
    async with serving(tmp_path, Daemon()):
        assert len(await request(tmp_path, b'{"op":"snapshot"}\n')) == 2


async def test_a_deep_directory_works(tmp_path: Path) -> None:
    """A path longer than the 107 bytes that fit a socket's address is no obstacle, on both ends."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    with claimed(deep):
        async with serving(deep, Daemon()):
            (snapshot,) = await asyncio.to_thread(list, ask(deep, "snapshot"))
            assert snapshot["gateway"] == "gw-demo-1"


def test_one_daemon_per_directory(tmp_path: Path) -> None:
    """A second daemon is refused while the first lives, and let in after it."""
    with claimed(tmp_path / "data"), pytest.raises(SettingsError, match="data_in_use"):
        claimed(tmp_path / "data").__enter__()
    with claimed(tmp_path / "data"):
        pass


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    """A file in the place of the directory is told as such."""
    (tmp_path / "data").touch()
    with pytest.raises(SettingsError, match="data_unwritable"):
        claimed(tmp_path / "data").__enter__()


async def test_the_client_raises_what_the_daemon_says(tmp_path: Path) -> None:
    """Nobody there, a refusal, and a daemon that dies in mid-answer are three different errors."""
    with pytest.raises(DaemonAbsent, match="daemon_absent"):
        list(ask(tmp_path / "nowhere", "snapshot"))
    daemon = Daemon()
    async with serving(tmp_path, daemon):
        with pytest.raises(DoorpostError, match="device_unknown"):
            await asyncio.to_thread(list, ask(tmp_path, "watch", device="room9"))
        watch = ask(tmp_path, "watch", device="room1")
        daemon.observations.put_nowait({"device": "room1"})
        assert await asyncio.to_thread(next, watch) == {"device": "room1"}
    with pytest.raises(DoorpostError, match="daemon_gone"):
        await asyncio.to_thread(next, watch)
