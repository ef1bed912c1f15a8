"""A process that is measured: what the kernel says of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from gateway.demo.processes import leashed

WAIT_S = 60.0
_POLL_S = 0.005


class Stuck(Exception):
    """What was waited for did not come."""


_living: "set[Process]" = set()


def until(true: Callable[[], object], what: str, seconds: float = WAIT_S, poll_s: float = _POLL_S) -> float:
    """Wait until it is true; the time at which it was seen to be, of the monotonic clock.

    Raises Stuck, at once where one of the processes has ended that nobody stopped.
    """
    give_up = time.monotonic() + seconds
    while not true():
        for process in _living:
            process.check()
        if time.monotonic() > give_up:
            raise Stuck(what)
        time.sleep(poll_s)
    return time.monotonic()


class Watched:
    """What the kernel counts of a process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_s(self) -> float:
        """User and system time of all its threads."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_ns(self) -> int:
        """The same to the nanosecond, of the threads that live."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def written(self) -> int:
        """Bytes that it caused to be written to a disk."""
        return self._counted("io", "write_bytes")

    def rss(self) -> int:
        """Bytes of memory at its fullest."""
        return 1024 * self._counted("status", "VmHWM")

    def wakeups(self) -> int:
        """How often its first thread went to sleep of its own accord."""
        return self._counted(f"task/{self.pid}/status", "voluntary_ctxt_switches")

    def _counted(self, file: str, key: str) -> int:
        (value,) = (line.split()[1] for line in self._proc(file).splitlines() if line.startswith(f"{key}:"))
        return int(value)

    def _proc(self, file: str) -> str:
        return Path(f"/proc/{self.pid}/{file}").read_text()


class Process(Watched):
    """A program with its standard error in `log`. It dies with us; the end of the block stops it in order."""

    def __init__(
        self, argv: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.log = log
        self.started_at = time.monotonic()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                leashed(*map(str, argv)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        super().__init__(self._process.pid)
        _living.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """SIGTERM and wait."""
        _living.discard(self)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.communicate()

    def check(self) -> None:
        """Raises Stuck when it has ended."""
        if self._process.poll() is not None:
            raise Stuck(f"{self._process.args!r} has ended:\n{self.log.read_text(errors='replace')[-3000:]}")

    def line(self) -> bytes:
        """The next line that it prints. Raises Stuck when it has ended."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self.check()
        return line

    def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, line: str) -> bytes:
        """Write a line to it and return the next that it prints."""
        self.tell(line)
        return self.line()


def python(*args: str | Path) -> list[str]:
    return [sys.executable, *map(str, args)]
