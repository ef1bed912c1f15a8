"""The desk's listening socket: whoever has not logged in holds few connections, and not for long."""

import asyncio
import contextlib
import socket
from typing import Any

STRANGERS_MAX = 128
STRANGERS_PER_HOST = 64
PER_TURN = 8
"""Of the event loop: when all screens come back at once, they are listened to before the next ones push them out."""
STRANGER_S = 20.0
"""To send a whole request and to get its answer; a browser opens another connection for the next."""

Address = tuple[str, int]


class Lines(socket.socket):
    """Where a stranger's connection is one too many, the oldest of them is closed, so that the newest is served.

    It counts from the first packet on, before TLS. One that is `known` is left alone.
    """

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(fileno=listening.detach())
        self._strangers: dict[Address, socket.socket] = {}
        self._taken = 0

    def accept(self) -> tuple[socket.socket, Any]:
        if self._taken >= PER_TURN:
            raise BlockingIOError
        conn, peer = super().accept()
        self._taken += 1
        address = peer[:2]
        self._strangers = {who: one for who, one in self._strangers.items() if one.fileno() != -1}
        self._strangers[address] = conn
        mine = [who for who in self._strangers if who[0] == address[0]]
        if len(mine) > STRANGERS_PER_HOST:
            self._end(mine[0])
        elif len(self._strangers) > STRANGERS_MAX:
            self._end(next(iter(self._strangers)))
        loop = asyncio.get_running_loop()
        loop.call_soon(self._next_turn)
        loop.call_later(STRANGER_S, self._too_long, address, conn)
        return conn, peer

    def known(self, address: Address) -> None:
        """Who is there has logged in."""
        self._strangers.pop(address, None)

    def _next_turn(self) -> None:
        self._taken = 0

    def _too_long(self, address: Address, conn: socket.socket) -> None:
        if self._strangers.get(address) is conn:
            self._end(address)

    def _end(self, address: Address) -> None:
        with contextlib.suppress(OSError):
            self._strangers.pop(address).shutdown(socket.SHUT_RDWR)
