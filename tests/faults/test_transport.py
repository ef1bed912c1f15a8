"""Ports as they fail on site: a peer that vanishes without a word, a node that is there before its rights are."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.common import transport
from drivers.common.transport import open_transport
from model.errors import TransientError
from support.driver_bench import nobody
from support.sims import StartSim


def connected_to(address: tuple[str, int]) -> socket.socket:
    """This process' end of its connection to `address`, as the kernel has it."""
    for fd in [int(path.name) for path in Path("/proc/self/fd").iterdir() if path.is_socket()]:
        found = socket.socket(fileno=os.dup(fd))
        try:
            if found.getpeername() == address:
                return found
        except OSError:
            pass  # not connected
        found.close()
    raise AssertionError(f"nothing is connected to {address}")


async def test_a_dead_tcp_peer_is_noticed() -> None:
    """A serial server whose power was cut sends no FIN: the kernel asks for it, and gives up within 25 s."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(served, "127.0.0.1") as server:
        address = server.sockets[0].getsockname()
        line = await open_transport(f"tcp://{address[0]}:{address[1]}")
        with connected_to(address) as ours:
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            tcp = {
                name: ours.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            }
        assert tcp == {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
        await line.close()


async def test_a_port_without_rights_may_yet_get_them(sim: StartSim) -> None:
    """A node belongs to root alone until udev has seen it: the driver is run again, and then it is open to us."""
    node = Path((await sim("scanner", "--every", "0")).endpoint)
    await (await open_transport(str(node))).close()  # imports the rest of serialx, which root alone may be able to read
    node.chmod(0)
    with nobody(), pytest.raises(TransientError, match="port_denied"):
        await open_transport(str(node))
    node.chmod(0o666)
    await (await open_transport(str(node))).close()


@pytest.mark.parametrize("node", ["/dev/null", "/", __file__])
async def test_what_is_no_serial_port(node: str) -> None:
    """It is said so, rather than what the kernel says to it."""
    with pytest.raises(TransientError, match="port_not_serial"):
        await open_transport(node)


def resolving(patch: pytest.MonkeyPatch, resolve: Callable[[], list[str]]) -> None:
    """From now on `resolve` says which IPv4 addresses the names of .invalid have."""
    real: Callable[..., object] = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *how: int, **named: int) -> object:
        if not host.endswith(".invalid"):
            return real(host, port, *how, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)) for address in resolve()]

    patch.setattr(socket, "getaddrinfo", getaddrinfo)


async def hung_up_on(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_resolver_that_hangs_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up beside the threads that all share, once at a time, and found when the resolver is back."""
    gate = threading.Event()
    asked: list[None] = []

    def resolve() -> list[str]:
        asked.append(None)
        gate.wait()
        return ["127.0.0.1"]

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    resolving(monkeypatch, resolve)
    async with await asyncio.start_server(hung_up_on, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        try:
            with monkeypatch.context() as patch:
                patch.setattr(transport, "CONNECT_TIMEOUT_S", 0.05)
                for _ in range(3):
                    with pytest.raises(TransientError, match="port_unreachable") as err:
                        await open_transport(f"tcp://hangs.invalid:{port}")
                    assert err.value.params["why"] == "no_answer"
            async with asyncio.timeout(20):
                await asyncio.to_thread(len, asked)
            assert len(asked) == 1
        finally:
            gate.set()
        thread = transport._resolver("hangs.invalid", port)._thread
        assert thread
        thread.join()
        await (await open_transport(f"tcp://hangs.invalid:{port}")).close()


async def test_all_addresses_of_a_name_are_tried_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["127.0.0.2", "127.0.0.1", "127.0.0.3"]
    resolving(monkeypatch, lambda: addresses)
    async with await asyncio.start_server(hung_up_on, "127.0.0.1") as server:
        name = f"tcp://several.invalid:{server.sockets[0].getsockname()[1]}"
        async with await asyncio.start_server(hung_up_on, "127.0.0.3", server.sockets[0].getsockname()[1]):
            line = await open_transport(name)
            assert line._transport.get_extra_info("peername") == server.sockets[0].getsockname()
            await line.close()
    with pytest.raises(TransientError, match="port_unreachable") as err:
        await open_transport(name)
    assert all(address in str(err.value.params["why"]) for address in addresses)


async def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve() -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolving(monkeypatch, resolve)
    with pytest.raises(TransientError, match="port_unreachable") as err:
        await open_transport("tcp://unknown.invalid:5084")
    assert "Name or service not known" in str(err.value.params["why"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_number_is_not_looked_up(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with await asyncio.start_server(hung_up_on, host) as server:
        monkeypatch.setattr(threading.Thread, "start", refused)
        port = server.sockets[0].getsockname()[1]
        await (await open_transport(f"tcp://{f'[{host}]' if ':' in host else host}:{port}")).close()
