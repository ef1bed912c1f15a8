"""A gateway's uplink as a process, to be killed: `python -m support.uplink_child URL PASSWORD_FILE DIRECTORY`."""

import asyncio
import sys
from pathlib import Path

from model.record import Stream
from support.journals import GW
from support.uplinks import Gateway
from sync.mqtt import MqttSettings


async def main(url: str, password: str, directory: str) -> None:
    async with Gateway(MqttSettings(url, GW, Path(password)), Path(directory)) as gateway:
        while True:
            await gateway.write(Stream.EVENT)
            await gateway.write(Stream.READING)


asyncio.run(main(*sys.argv[1:]))
