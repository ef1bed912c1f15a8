"""Ports as they fail on site: a peer that vanishes without a word, a node that is there before its rights are."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

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
        transport = await open_transport(f"tcp://{address[0]}:{address[1]}")
        with connected_to(address) as ours:
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            tcp = {
                name: ours.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            }
        assert tcp == {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
        await transport.close()


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
