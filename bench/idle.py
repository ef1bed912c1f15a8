"""What a gateway costs that has little to do, and how soon after its start the first reading is durable."""

import asyncio
import sqlite3
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from bench.modbus import ModbusServer, devices
from bench.options import Options
from bench.process import Process, python, until
from bench.report import Line, Report, Target, ratios
from bench.site import Site

DEVICES = 20
EVERY_S = 10.0
RSS_MAX_MIB = 60


async def bare_loop(port: int, wakeups_per_s: float) -> None:
    """The child to compare with: asks each device as often, sleeps as often, and does nothing else."""

    async def ask(unit: int) -> None:
        reader, writer = await asyncio.open_connection(f"127.0.0.{unit}", port)
        request = bytes((0, 0, 0, 0, 0, 6, unit, 3, 0, 0, 0, 20))
        due = time.monotonic()
        while True:
            writer.write(request)
            await reader.read(4096)
            due += EVERY_S  # all at the same time, as the gateway asks them
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def wake() -> None:
        while wakeups_per_s:  # noqa: ASYNC110  # to wake is all that is wanted
            await asyncio.sleep(1 / wakeups_per_s)

    print("ready", flush=True)
    await asyncio.gather(wake(), *(ask(unit) for unit in range(1, DEVICES + 1)))


def _bare(options: Options, server: ModbusServer, wakeups_per_s: float) -> Process:
    argv = python("-m", "bench.idle", str(server.port), str(wakeups_per_s))
    process = Process(argv, options.directory / "bare.log")
    process.line()
    return process


def _samples(process: Process, windows: int, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU per second, and wake-ups per second, window by window."""
    cpu, woken = [], []
    for _ in range(windows):
        before = process.cpu_ns(), process.wakeups()
        time.sleep(seconds)
        cpu.append((process.cpu_ns() - before[0]) / 1e6 / seconds)
        woken.append((process.wakeups() - before[1]) / seconds)
    return cpu, woken


def _start(options: Options, number: int, server: ModbusServer) -> tuple[float, float]:
    """Seconds from the start of the process to the commit of its first reading, and MiB of memory once it is online."""
    site = Site(options.directory / f"start-{number}")
    with ExitStack() as stack:
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        process = stack.enter_context(site.gateway(devices(server.port, DEVICES, "bench-20", EVERY_S)))
        seen = until(lambda: _has_reading(site.data()), "the first reading", poll_s=0.002)
        site.wait_online()
        return seen - process.started_at, process.rss() / 2**20


def _has_reading(data: Path) -> bool:
    try:
        for file in data.glob("stores/*/reading-*.db"):
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
                return db.execute("SELECT 1 FROM record LIMIT 1").fetchone() is not None
    except (FileNotFoundError, sqlite3.OperationalError):  # it is only just being made
        pass
    return False


def run(options: Options) -> Report:
    windows, seconds = options.pick((5, 10.0), (1, 1.0))
    with ExitStack() as stack:
        server = stack.enter_context(ModbusServer(DEVICES, options.directory / "modbus.log"))
        started = [_start(options, number, server) for number in range(options.pick(5, 1))]
        site = Site(options.directory / "site")
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        gateway = stack.enter_context(site.gateway(devices(server.port, DEVICES, "bench-20", EVERY_S)))
        site.wait_online()
        time.sleep(options.pick(5.0, 0.5))
        cpu, woken = _samples(gateway, windows, seconds)
        with _bare(options, server, 0) as asking:
            own = _samples(asking, 1, seconds)[1][0]
        bare = stack.enter_context(_bare(options, server, max(0.0, median(woken) - own)))
        bare_cpu, bare_woken = _samples(bare, windows, seconds)
        fullest = [*(rss for _, rss in started), gateway.rss() / 2**20]
        rss = Line("RSS at its fullest, idle", "MiB", fullest)
    return Report(
        name="idle",
        title=f"Idle: {DEVICES} devices at one poll per {EVERY_S:.0f} s",
        method=(
            "CPU by the scheduler's own count (schedstat), window by window, then the same for a bare asyncio loop that asks the same "
            "devices as often and, by timers, wakes as often as the gateway did.\n"
            "The start counts from the start of the process to when the reading can be read from its file by another."
        ),
        targets=[
            Target(ratios("CPU / bare asyncio loop with the same wake-ups", cpu, bare_cpu), "at most", 3),
            Target(rss, "at most", RSS_MAX_MIB),
            Target(Line("start to first durable reading", "s", [s for s, _ in started]), "at most", 1.0),
        ],
        lines=[
            Line("CPU of the gateway", "ms/s", cpu),
            Line("CPU of the bare loop", "ms/s", bare_cpu),
            Line("wake-ups of the gateway", "1/s", woken),
            Line("wake-ups of the bare loop", "1/s", bare_woken),
        ],
    )


if __name__ == "__main__":
    asyncio.run(bare_loop(int(sys.argv[1]), float(sys.argv[2])))
