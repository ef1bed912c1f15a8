"""Simulators as processes, for tests: `sim = await start_sim("scanner", "--every", "0")`."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Protocol


class Sim:
    """A running simulator. `ready` is its first line, `endpoint` what a driver opens."""

    def __init__(self, process: Process, ready: dict[str, Any], log: Path) -> None:
        self.process = process
        self.ready = ready
        self.endpoint: str = ready["endpoint"]
        self.log_path = log
        self._killed = False

    async def command(self, do: str, **arguments: Any) -> None:
        """Steer it; returns once it has obeyed. AssertionError with its answer when it did not."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        answer = json.loads(await self.process.stdout.readline())
        assert answer["ok"], answer

    def log(self) -> list[dict[str, Any]]:
        """All that went out on the wire so far."""
        lines = self.log_path.read_text(encoding="utf-8").splitlines() if self.log_path.exists() else []
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """As when its power is cut."""
        self._killed = True
        self.process.kill()

    async def stop(self) -> None:
        """End it. AssertionError when it crashed before or did not end cleanly."""
        if self.process.returncode is None and not self._killed:
            self.process.terminate()
        # reading to the end closes the pipes too
        await self.process.communicate()
        assert self._killed or self.process.returncode == 0, f"simulator ended with {self.process.returncode}"


class StartSim(Protocol):
    """The fixture `sim`: start a simulator of that kind with these options; it is ended with the test."""

    async def __call__(self, kind: str, *options: str) -> Sim: ...


async def start(kind: str, *options: str, log: Path) -> Sim:
    """Returns when the simulator is ready. AssertionError when it ended instead."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "firmware_sim", kind, "--log", str(log), *options, stdin=PIPE, stdout=PIPE
    )
    assert process.stdout
    line = await process.stdout.readline()
    if not line:
        raise AssertionError(f"simulator {kind} ended with {await process.wait()} before it was ready")
    return Sim(process, json.loads(line), log)
