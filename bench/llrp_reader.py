"""An LLRP reader that reports so many reads a second, so many in a message: `python -m bench.llrp_reader READS_PER_S READS_PER_MESSAGE`.

It prints its port, serves one client, and answers `count` on standard input with how many reads it has sent, `stop` with the
same once it sends no more.
"""

import socket
import struct
import sys
import threading
import time
from itertools import cycle

from firmware_sim import llrp_facts
from firmware_sim.llrp_wire import (
    CLOSE_CONNECTION,
    ENABLE_EVENTS_AND_REPORTS,
    ENABLE_ROSPEC,
    GET_CAPABILITIES,
    GET_CONFIG,
    KEEPALIVE,
    KEEPALIVE_ACK,
    RO_ACCESS_REPORT,
    Said,
    message,
    status,
    take,
    tlv,
)

TAGS, ANTENNAS = 200, 2
STEPS_PER_S = 1000
KEEPALIVE_S = 5.0
_GREETING = message(63, 1, bytes.fromhex("00F60016 0080000C 0005A9E4BEF862E0 01000006 0000"))


class Reader:
    def __init__(self, reads_per_s: int, per_message: int) -> None:
        self.messages = reads_per_s // STEPS_PER_S // per_message
        self.per_message = per_message
        self.sent = 0
        self.stopping = threading.Event()
        self.stopped = threading.Event()

    def serve(self, listening: socket.socket) -> None:
        client, _ = listening.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(_GREETING)
        buffer = b""
        while data := client.recv(4096):
            buffer += data
            while found := take(buffer):
                said, buffer = found
                if answer := _answer(said):
                    client.sendall(answer)
                if said.kind == ENABLE_ROSPEC:
                    threading.Thread(target=self._report, args=(client,), daemon=True).start()

    def _report(self, client: socket.socket) -> None:
        """Each tag at each antenna in turn. What is late is sent at once, and the rate holds."""
        pairs = cycle([(tag, antenna) for tag in range(TAGS) for antenna in range(1, 1 + ANTENNAS)])
        due, alive = time.monotonic(), 0.0
        while not self.stopping.is_set():
            now = time.time_ns() // 1000
            for _ in range(self.messages):  # each in a segment of its own
                tags = [_tag(*next(pairs), now) for _ in range(self.per_message)]
                client.sendall(message(RO_ACCESS_REPORT, 9, *tags))
            self.sent += self.messages * self.per_message
            due += 1 / STEPS_PER_S
            if due > alive:
                client.sendall(message(KEEPALIVE, 9))
                alive = due + KEEPALIVE_S
            time.sleep(max(0.0, due - time.monotonic()))
        self.stopped.set()


def _tag(tag: int, antenna: int, now: int) -> bytes:
    """All that our ROSpec asks for, in the standard's order."""
    epc = bytes.fromhex("3034257BF7194E40") + tag.to_bytes(4, "big")
    told = struct.pack(
        ">BHBbBHBQBQBHBH", 0x81, antenna, 0x86, -50, 0x87, 3, 0x82, now, 0x84, now, 0x88, 1, 0x8C, 0x3000
    )
    return tlv(240, b"\x8d", epc, told)


def _answer(said: Said) -> bytes:
    if said.kind in (KEEPALIVE_ACK, ENABLE_EVENTS_AND_REPORTS):
        return b""
    body = status()
    if said.kind == GET_CAPABILITIES:
        body = llrp_facts.capabilities(ANTENNAS, 0, 0)
    elif said.kind == GET_CONFIG:
        body = llrp_facts.config({1: True, 2: True}, {1: 1, 2: 1}, {}, 0, holds=False)
    return message(4 if said.kind == CLOSE_CONNECTION else said.kind + 10, said.number, body)


def main(reads_per_s: int, per_message: int) -> None:
    reader = Reader(reads_per_s, per_message)
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=reader.serve, args=(listening,), daemon=True).start()
    print(listening.getsockname()[1], flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            reader.stopping.set()
            reader.stopped.wait()
        print(reader.sent, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
