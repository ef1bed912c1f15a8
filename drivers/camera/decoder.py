"""The parent's side of a decoder child: started, held to its deadline, killed. Loads none of the child's libraries."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from drivers.camera.protocol import LINE_MAX, Line, Task, decoder
from model.errors import DriverError, TransientError

START_S = 30.0
"""Until the child has loaded its libraries: a second on a PC, up to ten on a cold SD card."""

KILLED_S = 5.0
"""So long a killed child is waited for."""


class Decoder:
    """A running child. `shown` is what error texts call its source."""

    def __init__(self, process: Process, shown: str) -> None:
        self._process = process
        self._shown = shown

    async def line(self, deadline_s: float) -> Line | None:
        """Its next line; None where it has ended in order. Raises TransientError `camera_hung`, `camera_decoder_died`."""
        assert self._process.stdout
        try:
            async with asyncio.timeout(deadline_s):
                line = await self._process.stdout.readline()
                if not line:
                    code = await self._process.wait()
                    if code:
                        raise self._died(f"exit code {code}")
                    return None
            return decoder.decode(line)
        except TimeoutError as err:
            raise TransientError("camera_hung", source=self._shown, seconds=f"{deadline_s:g}") from err
        except (ValueError, msgspec.DecodeError) as err:
            raise self._died(str(err)) from err

    def _died(self, why: str) -> DriverError:
        return TransientError("camera_decoder_died", source=self._shown, why=why)


@asynccontextmanager
async def decoding(task: Task, shown: str) -> AsyncIterator[Decoder]:
    """A child with this task; it is gone when the block is left, whatever it hangs in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "drivers.camera.child", stdin=PIPE, stdout=PIPE, limit=LINE_MAX
    )
    try:
        assert process.stdin
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        yield Decoder(process, shown)
    finally:
        if process.returncode is None:
            process.kill()
        with suppress(TimeoutError):  # the kernel holds it, in a driver of its own: it ends when that lets go
            async with asyncio.timeout(KILLED_S):
                await process.communicate()  # to the end: that also closes the pipes
