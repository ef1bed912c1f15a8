"""Where the time of a running process goes: py-spy's samples, condensed to what fits on half a page."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Self

RATE = 100
TOP = 12
WAITING = (":EpollSelector.select", "futures/thread.py:_worker", ":Condition.wait", ":Semaphore.acquire", "?")
"""Where a thread stands that has nothing to do: py-spy does not always know it for idle."""


class Profiler:
    """Samples a process inside the block. `text` is empty where py-spy is not there or not allowed to look."""

    def __init__(self, program: Path | None, pid: int, raw: Path) -> None:
        self._raw = raw
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [program, "record", "--pid", str(pid), "--format", "raw", "--rate", str(RATE)]
        self._command += ["--nonblocking", "--threads", "--duration", "86400", "--output", raw]
        self._there = program is not None
        self.text = ""

    def __enter__(self) -> Self:
        if self._there:
            self._process = subprocess.Popen(
                [str(part) for part in self._command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.send_signal(2)
            self._process.wait()
        if self._raw.exists():
            self.text = condensed(self._raw.read_text(encoding="utf-8"))


def condensed(folded: str) -> str:
    """Per thread: its share of all samples, and the functions that stand on top of it and anywhere on it most often."""
    leaves: dict[str, Counter[str]] = {}
    anywhere: dict[str, Counter[str]] = {}
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        count = int(samples)
        thread, *frames = stack.split(";")
        name = thread.rpartition(": ")[2]
        places = [_function(frame) for frame in frames] or ["?"]
        if places[-1].endswith(WAITING):
            continue
        leaves.setdefault(name, Counter())[places[-1]] += count
        for place in set(places):
            anywhere.setdefault(name, Counter())[place] += count
    whole = sum(sum(counter.values()) for counter in leaves.values())
    lines = []
    for name in sorted(leaves, key=lambda each: -sum(leaves[each].values())):
        of_thread = sum(leaves[name].values())
        if of_thread * 50 < whole:
            continue
        lines.append(f"{name}: {of_thread / whole:.0%} of the samples at work; itself, and with what it calls:")
        for place, count in leaves[name].most_common(TOP):
            lines.append(f"  {count / whole:6.1%} {anywhere[name][place] / whole:6.1%}  {place}")
    return "\n".join(lines)


def _function(frame: str) -> str:
    """`segment.py:write` of `write (sync/journal/segment.py:187)`."""
    function, _, place = frame.partition(" (")
    return f"{'/'.join(place.rpartition(':')[0].split('/')[-3:])}:{function}"
