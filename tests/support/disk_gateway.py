"""A gateway's journal and uplink as a process that does what it is told.

`python -m support.disk_gateway URL PASSWORD_FILE DIRECTORY`. Lines in, each with a number N behind it: `write STREAM`,
`rotate STREAM`, `drop STREAM`, `settle`. Lines out, each once it is so: `online`, `STREAM SEQ N` when durable,
`acknowledged STREAM UPTO`, `rotated`, `dropped`, and `settled` when the centre has acknowledged everything.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from model.record import SERIES, STREAMS, Stream
from support.journals import GW, drafts, drop_oldest
from support.uplinks import Gateway
from sync.mqtt import MqttSettings


def say(*words: object) -> None:
    """Past every buffer: what the parent reads was said before the kill."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def obey(gateway: Gateway, line: str) -> None:
    match line.split():
        case ["write", stream, n]:
            (seq,) = await gateway.journal.append(drafts(Stream(stream), [int(n)]))
            say(stream, seq, n)
        case ["rotate", stream, _]:
            await gateway.journal.rotate(SERIES[Stream(stream)])
            say("rotated")
        case ["drop", stream, _]:
            await drop_oldest(gateway.journal, SERIES[Stream(stream)], {})
            say("dropped")
        case ["settle", _]:
            await gateway.settled(*STREAMS)
            say("settled")


async def watch(gateway: Gateway) -> None:
    for told in itertools.count():
        await gateway.until(lambda told=told: len(gateway.progress) > told)  # type: ignore[misc]
        say("acknowledged", *gateway.progress[told])


async def main(url: str, password: str, directory: str) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Gateway(MqttSettings(url, GW, Path(password)), Path(directory)) as gateway:
        watching = asyncio.create_task(watch(gateway))
        await gateway.until(lambda: gateway.uplink.state == "online")
        say("online")
        async for line in reader:
            await obey(gateway, line.decode())
        watching.cancel()


asyncio.run(main(*sys.argv[1:]))
