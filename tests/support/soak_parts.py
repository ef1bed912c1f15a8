"""Gateway, broker and centre as processes that are killed and started again, and what each of them takes."""

import asyncio
import os
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.demo.broker import Broker, BrokerFailed
from gateway.demo.processes import leashed
from support import centre
from support.centre import USERS, password
from support.journals import GW

TESTS = str(Path(centre.__file__).parents[1])


class Takes(NamedTuple):
    """Resident memory in bytes, open file descriptors, threads."""

    rss: int
    fds: int
    threads: int


def takes(pid: int) -> Takes | None:
    """None once the process is gone."""
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        fds = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Takes(int(status["VmRSS"].split()[0]) * 1024, fds, int(status["Threads"]))
    except (OSError, KeyError):  # a process that has ended but was not waited for has no memory
        return None


class Part(Protocol):
    """`start` returns once the process runs; `ready` once it can be used."""

    name: str

    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def ready(self) -> None: ...
    async def kill(self) -> None: ...


class Child:
    """A Python module as a process. `heard` gets each line of its standard output; the first line says that it is ready."""

    def __init__(self, name: str, log: Path, heard: Callable[[str], None]) -> None:
        self.name = name
        self.lives = 0
        self._log = log
        self._heard = heard
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def argv(self) -> list[str]:
        """Module and arguments of the next life."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        self._ready = asyncio.Event()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *leashed(sys.executable, "-m", *self.argv()),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
                env=os.environ | {"PYTHONPATH": TESTS, "PYTHONUNBUFFERED": "1"},
            )
        self.lives += 1
        self._listening = asyncio.create_task(self._listen(self._process))

    async def ready(self) -> None:
        """AssertionError when it has ended instead."""
        assert self._listening
        said = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({said, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        said.cancel()
        assert self._ready.is_set(), f"{self.name} has ended: {self._log.read_text(errors='replace')[-2000:]}"

    async def kill(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
        await self.ended()

    def terminate(self) -> None:
        assert self._process
        self._process.terminate()

    async def ended(self) -> int:
        """All that it said has been heard. Its exit code."""
        if self._process is None or self._listening is None:
            return 0
        await self._listening
        return await self._process.wait()

    async def _listen(self, process: Process) -> None:
        assert process.stdout
        async for line in process.stdout:
            if line.endswith(b"\n"):  # a line that the kill has cut was not said
                self._ready.set()
                self._heard(line.decode().strip())


class Centre(Child):
    def __init__(self, broker: Broker, data: Path) -> None:
        super().__init__("centre", data.with_suffix(".log"), lambda line: None)
        self._broker, self._data = broker, data

    def argv(self) -> list[str]:
        said = ["--broker", self._broker.url, "--password-file", str(password(self._broker, "central"))]
        return ["central", "run", "--data", str(self._data), *said]


class Gateway(Child):
    """`support.soak_gateway`: each life counts from its own million on."""

    def __init__(self, broker: Broker, stores: Path, heard: Callable[[str], None]) -> None:
        super().__init__("gateway", stores.with_suffix(".log"), heard)
        self._broker, self._stores = broker, stores

    def argv(self) -> list[str]:
        first = (self.lives + 1) * 1_000_000
        return [
            "support.soak_gateway",
            self._broker.url,
            str(password(self._broker, GW)),
            str(self._stores),
            str(first),
        ]


class Forgetful(Broker):
    """A mosquitto that keeps what it holds on its disk in one life, as it was a second ago, and in another only in memory."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        super().__init__(USERS, directory, program="mosquitto")
        self._chance = chance
        self.persistent_lives = 0

    def _mosquitto(self, port: int) -> list[str]:
        command = super()._mosquitto(port)
        conf = Path(command[-1])
        said = conf.read_text()
        assert "persistence true\n" in said
        if self._chance.random() < 0.5:
            self.persistent_lives += 1
            conf.write_text(f"{said}autosave_interval 1\n")
        else:
            conf.write_text(said.replace("persistence true\n", "persistence false\n"))
        return command


class BrokerPart:
    """`Broker` as a part: it listens when it has started."""

    name = "broker"

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    @property
    def pid(self) -> int | None:
        try:
            return self.broker.pid
        except BrokerFailed:
            return None

    async def start(self) -> None:
        await asyncio.to_thread(self.broker.start)

    async def ready(self) -> None:
        return

    async def kill(self) -> None:
        await asyncio.to_thread(self.broker.kill)
