"""The demo's programs, each a process of its own, as a user would start them."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

READY_S = 60.0
STOP_S = 30.0
DEVICE_AWAY = 3
"""Exit code of an answer that is whole, but tells of a device that cannot be reached."""


class ProgramFailed(Exception):
    """A program did not come up, or refused a command; the text says what it printed."""


def leashed(*argv: str) -> list[str]:
    """The same program, killed by the kernel when the thread that started it is gone (util-linux, prctl(2))."""
    return ["setpriv", "--pdeathsig", "KILL", *argv]


class Program:
    """`python -m MODULE ARGS...` with its standard error in `log`. It dies with us; a terminal's Ctrl-C is for us alone."""

    def __init__(self, name: str, module: str, args: Sequence[str], log: Path) -> None:
        self.name = name
        self._argv = leashed(sys.executable, "-m", module, *args)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    async def ready(self) -> dict[str, Any]:
        """The one JSON line that it prints when it is ready. Raises ProgramFailed."""
        assert self._process and self._process.stdout
        try:
            async with asyncio.timeout(READY_S):
                line = await self._process.stdout.readline()
            answer: dict[str, Any] = json.loads(line)
        except (TimeoutError, ValueError) as err:
            raise ProgramFailed(f"{self.name} did not come up:\n{self._tail()}") from err
        return answer

    async def command(self, do: str, **arguments: Any) -> None:
        """Give a simulator a command and wait for its answer. Raises ProgramFailed when it refuses."""
        assert self._process and self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()
        answer = json.loads(await self._process.stdout.readline() or b'{"why": "it has ended"}')
        if not answer.get("ok"):
            raise ProgramFailed(f"{self.name}: {do}: {answer.get('why')}")

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, signum: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(signum)
            try:
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        return self._process.returncode or 0

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""


async def output_of(module: str, *args: str, good: Collection[int] = (0, DEVICE_AWAY)) -> Any:
    """Run `python -m MODULE ARGS --json` to its end and give its JSON document. Raises ProgramFailed where its exit code is
    not `good`.
    """
    (line,) = await lines_of(module, *args, good=good)
    return json.loads(line)


async def lines_of(module: str, *args: str, good: Collection[int] = (0, DEVICE_AWAY)) -> list[str]:
    """As `output_of`, for a command that prints a document per line: the lines as they are."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *args, "--json", stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    if process.returncode not in good:
        raise ProgramFailed(f"{module} {' '.join(args)}: {(err or out).decode(errors='replace')[-2000:]}")
    return out.decode().rstrip("\n").split("\n") if out else []
