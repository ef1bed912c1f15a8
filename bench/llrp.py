"""Tag reads from an LLRP reader, gathered in windows: what the driver costs, whether it loses any, whether its memory grows."""

import time
from dataclasses import dataclass, field

from bench.llrp_reader import ANTENNAS, TAGS
from bench.options import Options
from bench.process import Process, python, until
from bench.report import Line, Report, Target, ratios

READS_PER_S = 5000
CPU_MAX_PERCENT = 25
SIZES = (5, 1)
"""Reads in a message: as readers put them together, and each for itself."""
_WARM_UP_S = 3.0


@dataclass
class Found:
    """Sample by sample: % of a core, reads and windows per second, MiB; and reads that were lost or told twice."""

    cpu: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    windows: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    settled: float = 0.0
    wrong: int = 0


def _told(client: Process) -> tuple[int, int]:
    reads, windows = client.ask("count").split()
    return int(reads), int(windows)


def _measured(options: Options, per_message: int) -> Found:
    found, log = Found(), options.directory / "llrp.log"
    samples, seconds = options.pick((6, 10.0), (1, 1.0))
    with Process(python("-m", "bench.llrp_reader", str(READS_PER_S), str(per_message)), log) as reader:
        port = reader.line().decode().strip()
        with Process(python("-m", "bench.llrp_client", port), log) as client:
            until(lambda: _told(client)[0], "the first read")
            time.sleep(options.pick(_WARM_UP_S, 0.5))
            found.settled = client.rss() / 2**20
            for _ in range(samples):
                before, at = (client.cpu_ns(), *_told(client)), time.monotonic()
                time.sleep(seconds)
                after, took = (client.cpu_ns(), *_told(client)), time.monotonic() - at
                used, reads, windows = (b - a for a, b in zip(before, after, strict=True))
                found.cpu.append(used / 1e7 / took)
                found.reads.append(reads / took)
                found.windows.append(windows / took)
                found.rss.append(client.rss() / 2**20)
            sent = int(reader.ask("stop"))
            until(lambda: _told(client)[0] >= sent, "all reads", 10)
            found.wrong = _told(client)[0] - sent
    return found


def run(options: Options) -> Report:
    found = {size: _measured(options, size) for size in SIZES}
    several, single = (found[size] for size in SIZES)
    what = f"CPU of the LLRP driver at {READS_PER_S} reads/s, %d in a message"
    return Report(
        name="llrp",
        title=f"LLRP: {READS_PER_S} tag reads/s",
        method=(
            f"A reader in a process of its own reports {TAGS} tags at {ANTENNAS} antennas in turn over a local socket, each message "
            "in a segment of its own. The driver runs under the supervisor in its own process and hands its windows (0.5 s) to "
            "a counter.\n"
            "CPU by the scheduler's own count. Lost are reads that the reader has sent and that stand in no window's count: the "
            "benchmark waits for all of them and fails without."
        ),
        targets=[
            *(
                Target(Line(what % size, "% of a core", one.cpu), "at most", CPU_MAX_PERCENT, every=True)
                for size, one in found.items()
            ),
            Target(
                Line("tag reads lost or told twice", "reads", [float(one.wrong) for one in found.values()]),
                "at most",
                0,
            ),
            Target(
                ratios(
                    "memory at the end / after the warm-up",
                    [one.rss[-1] for one in found.values()],
                    [one.settled for one in found.values()],
                ),
                "at most",
                1.05,
                every=True,
            ),
        ],
        lines=[
            Line("reads told", "1/s", several.reads + single.reads),
            Line("windows emitted", "1/s", several.windows + single.windows),
            Line("RSS of the driver's process", "MiB", several.rss + single.rss),
        ],
    )
