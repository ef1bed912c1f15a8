"""What a serial line allows: the same requests by a bare loop that does nothing else.

`python -m bench.wire PORT BAUDRATE COUNT`: frames are made before, replies are not looked at, the silence between them is
waited for to the microsecond by a busy processor. It prints the seconds that it took.
"""

import os
import select
import sys
import termios
import time
import tty

REQUEST = bytes.fromhex("01 04 00 01 00 02 20 0B")
REPLY_BYTES = 9


def main(port: str, baudrate: int, count: int) -> None:
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    termios.tcflush(line, termios.TCIOFLUSH)
    silence_s = 3.5 * 11 / baudrate if baudrate <= 19200 else 0.00175
    began = time.perf_counter()
    for _ in range(count):
        os.write(line, REQUEST)
        left = REPLY_BYTES
        while left:
            select.select([line], [], [])
            left -= len(os.read(line, left))
        until = time.perf_counter() + silence_s
        while time.perf_counter() < until:
            pass
    print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
