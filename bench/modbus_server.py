"""Modbus TCP devices that count, `python -m bench.modbus_server N`: unit n is reached at 127.0.0.n.

Each read of registers is answered with the next number in its first two registers.

It prints the port, then obeys one line at a time and answers each: `count`, `silence` (no unit answers from its next read of
register 0 on: what is half polled is polled to the end), `press UNIT BIT` (a contact closes). Reads of discrete inputs tell
the contacts and are not counted.
"""

import asyncio
import random
import struct
import sys

_REQUEST = struct.Struct(">HHHBBHH")
_HEADER = struct.Struct(">HHHBBB")
_NUMBER = struct.Struct(">I")
READ_DISCRETE_INPUTS = 2
TAILS = 64


class Server:
    """What all connections share."""

    def __init__(self) -> None:
        chance = random.Random(1)
        self._tails = [chance.randbytes(250) for _ in range(TAILS)]
        self.answered = 0
        self.silent = False
        self._ended: set[int] = set()
        self.contacts: dict[int, int] = {}

    def answer(self, request: bytes) -> bytes:
        transaction, protocol, _, unit, function, address, count = _REQUEST.unpack(request)
        if unit in self._ended or (self.silent and address == 0):
            self._ended.add(unit)
            return b""
        if function == READ_DISCRETE_INPUTS:
            data = self.contacts.get(unit, 0).to_bytes((count + 7) // 8, "little")
        elif count == 1:  # not a poll: by such a read the line is found again
            data = bytes(2)
        else:
            self.answered += 1
            data = _NUMBER.pack(self.answered) + self._tails[self.answered % TAILS][: 2 * count - 4]
        return _HEADER.pack(transaction, protocol, 3 + len(data), unit, function, len(data)) + data

    def obey(self, command: str) -> int:
        verb, *arguments = command.split()
        if verb == "press":
            unit, bit = map(int, arguments)
            self.contacts[unit] = self.contacts.get(unit, 0) | 1 << bit
        self.silent = self.silent or verb == "silence"
        return self.answered


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= _REQUEST.size:
            request, self._data = self._data[: _REQUEST.size], self._data[_REQUEST.size :]
            self._transport.write(self._server.answer(request))


async def main(units: int) -> None:
    state = Server()
    loop = asyncio.get_running_loop()
    first = await loop.create_server(lambda: _Connection(state), "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    if units > 1:
        await loop.create_server(lambda: _Connection(state), [f"127.0.0.{unit}" for unit in range(2, units + 1)], port)
    print(port, flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        print(state.obey(line.decode()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
