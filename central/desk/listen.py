"""The desk's port, and its server until it is told to end."""

import asyncio
import os
import re
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from central.desk.app import application
from central.desk.lines import Lines
from central.desk.watch import Watch
from central.settings import load
from central.store import reader
from model.errors import SettingsError

_PORT_MAX = 65535
_CONNECTIONS_MAX = 512  # each open screen holds one; what comes above is answered with 503


@dataclass(frozen=True)
class Tls:
    cert: Path
    key: Path


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are `serve`'s: open streams have to be ended first."""
        yield


def bound(listen: str) -> Lines:
    """A listening socket. Raises SettingsError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > _PORT_MAX:
        raise SettingsError("desk_listen", listen=listen, why="no_host_port")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return Lines(socket.create_server((host, int(port)), family=family))
    except (OSError, ValueError) as err:
        number = getattr(err, "errno", None) or -1  # what a resolver says has negative ones
        raise SettingsError(
            "desk_listen", listen=listen, why=os.strerror(number) if number > 0 else "host_unknown"
        ) from err


async def serve(data: Path, listen: str, lang: str, tls: Tls | None, on_ready: Callable[[str, str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` is told host and address. Raises SettingsError, and DoorpostError without a database."""
    targets = load(data / "central.toml", required=False).rescue
    reader(data).close()
    with bound(listen) as sock:
        stop, watch = asyncio.Event(), Watch(data, targets)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        host, port = sock.getsockname()[:2]
        named = f"{listen.rpartition(':')[0]}:{port}"
        desk = application(data, targets, named, lang, watch, stop, sock.known, secure=tls is not None)
        server = _Server(_config(desk, tls))
        watching, first = asyncio.create_task(watch.run()), asyncio.create_task(watch.after(watch.seen))
        await asyncio.wait(
            (watching, first), return_when=asyncio.FIRST_COMPLETED
        )  # nobody is shown an empty list by mistake
        serving = asyncio.create_task(server.serve([sock]))
        stopping = asyncio.create_task(stop.wait())
        on_ready(host, f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}/")
        await asyncio.wait((watching, serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        server.should_exit = True
        watching.cancel()
        await asyncio.wait((watching, serving))
        if not watching.cancelled():
            watching.result()
        serving.result()


def _config(desk: ASGIApp, tls: Tls | None) -> uvicorn.Config:
    config = uvicorn.Config(
        desk,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody may say that he is somebody else
        limit_concurrency=_CONNECTIONS_MAX,
        timeout_graceful_shutdown=1,
        ssl_certfile=str(tls.cert) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )
    try:
        config.load()
    except OSError as err:
        why = "not_a_pair" if isinstance(err, ssl.SSLError) else err.strerror
        raise SettingsError("desk_tls", cert=tls and tls.cert, key=tls and tls.key, why=why) from err
    return config
