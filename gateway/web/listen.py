"""The page's door: the port is open from the start, the web server comes with the first visitor."""

import asyncio
import errno
import importlib
import socket
from collections.abc import Callable
from ipaddress import ip_address

from gateway.status import Backend
from gateway.web.access import Gate, is_loopback
from model.errors import SettingsError


class WebServer:
    """Serves the page at `listen` (HOST:PORT), in `lang` where the visitor has not chosen.

    `announce` is told the address to open, and again, where it carries a one-time code, each time that code was used.
    """

    def __init__(self, backend: Backend, listen: str, lang: str, announce: Callable[[str], None]) -> None:
        self._backend = backend
        self._listen = listen
        self._lang = lang
        self._announce = announce

    async def run(self) -> None:
        """Serve until cancelled, and then end at once. Raises SettingsError where the address cannot be had."""
        with _bound(self._listen) as sock:
            host, port = sock.getsockname()[:2]
            gate = Gate(lambda code: self._announce(f"{_url(host, port)}?code={code}"))
            if is_loopback(host):
                self._announce(_url(host, port))
            else:
                gate.issue()
            await _visited(sock)
            # in a thread, so that capturing goes on meanwhile: it takes 0.4 s on a PC and seconds on a Raspberry Pi
            await asyncio.to_thread(importlib.import_module, "gateway.web.app")
            from gateway.web.app import serve  # not before the first visitor

            await serve(sock, self._backend, self._lang, gate)


def _bound(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
    except (OSError, ValueError) as err:
        raise SettingsError("web_listen", listen=listen, why=err) from err
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen()
        sock.setblocking(False)
    except OSError as err:
        sock.close()
        if err.errno == errno.EADDRINUSE:
            raise SettingsError("web_port_in_use", listen=listen, port=port) from err
        raise SettingsError("web_listen", listen=listen, why=err.strerror) from err
    return sock


def _url(host: str, port: int) -> str:
    """What to type in a browser: for the wildcard address that is the machine's own one."""
    if ip_address(host).is_unspecified:
        host = _own_address()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _own_address() -> str:
    """The address of the interface that leads out, or the machine's name while it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1: only the route is looked up, nothing is sent
        except OSError:
            return socket.gethostname()
        address: str = probe.getsockname()[0]
        return address


async def _visited(sock: socket.socket) -> None:
    """Return when somebody has connected; the connection stays in the backlog for the server."""
    loop = asyncio.get_running_loop()
    visitor = asyncio.Event()
    loop.add_reader(sock, visitor.set)
    try:
        await visitor.wait()
    finally:
        loop.remove_reader(sock)
