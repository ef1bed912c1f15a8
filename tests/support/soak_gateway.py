"""A gateway's journal and uplink, with small files, as a process to be killed: `URL PASSWORD_FILE DIRECTORY FIRST`.

It says past every buffer, a line each: "open", "durable STREAM SEQ N", "acknowledged STREAM UPTO"; the bodies' numbers N
count from FIRST on. After SIGTERM it captures no more and ends once the centre has settled all.
"""

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

from model.record import STREAMS, Stream
from model.time import Stamp, TimeQuality
from support.journals import GW, drafts
from support.source import new_id
from sync.contract.messages import CommandResult
from sync.journal.journal import Journal
from sync.mqtt import MqttSettings
from sync.uplink import Uplink

SEGMENT_BYTES = 160 * 1024
DIAG_SEGMENTS = 1
"""More of them are dropped, acknowledged or not."""
PACE = {
    Stream.ALARM: (1, 0.1, 0),
    Stream.EVENT: (1, 0.05, 0),
    Stream.AUDIT: (1, 0.1, 300),
    Stream.READING: (4, 0.05, 300),
    Stream.DIAG: (1, 0.1, 10_000),
}
"""How many write at once, the longest pause between two records of one of them, and how many bytes each is longer than need be."""


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


async def produce(journal: Journal, stream: Stream, count: "itertools.count[int]", boot: str) -> None:
    _, pause, padding = PACE[stream]
    while True:
        n = next(count)
        (seq,) = await journal.append(drafts(stream, [n], boot=boot, padding=padding))
        say(f"durable {stream} {seq} {n}")
        await asyncio.sleep(random.uniform(0, pause))


async def _no_command(payload: bytes) -> CommandResult | None:
    return None


async def main(url: str, password: str, directory: str, first: str) -> None:
    stop, changed, boot = asyncio.Event(), asyncio.Event(), new_id()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    journal = await Journal.open(Path(directory), GW, group_s=0.02, segment_max_bytes=SEGMENT_BYTES)
    say("open")

    def now() -> Stamp:
        mono = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return Stamp(boot, time.time_ns() // 1000, TimeQuality("ntp", 12), mono)

    uplink = Uplink(
        MqttSettings(url, GW, Path(password)),
        GW,
        journal,
        version="0.0.0",
        now=now,
        devices=list,
        on_command=_no_command,
        on_progress=lambda stream, upto: say(f"acknowledged {stream} {upto}"),
        on_change=changed.set,
    )

    async def drop() -> None:
        """A store that is always full: what the gateway keeps of diag is what is written to, and one segment more."""
        while True:
            await asyncio.sleep(0.2)
            diag = [one for one in await journal.inventory() if one.series == "diag" and one.closed]
            for one in diag[:-DIAG_SEGMENTS]:
                await journal.drop(one, {Stream.DIAG: uplink.lanes[Stream.DIAG].upto}, "pressure", now())

    async with asyncio.TaskGroup() as group:
        count = itertools.count(int(first))
        sending = group.create_task(uplink.run())
        writing = [
            group.create_task(produce(journal, stream, count, boot))
            for stream in STREAMS
            for _ in range(PACE[stream][0])
        ]
        writing.append(group.create_task(drop()))
        await stop.wait()
        for task in writing:
            task.cancel()
        await journal.flush()
        while any(uplink.counts(stream).waiting for stream in STREAMS):
            changed.clear()
            await changed.wait()
        sending.cancel()
    await journal.close()


asyncio.run(main(*sys.argv[1:]))
